"""How arguments and answers travel between process.py and runner.py: as JSON, never as pickle."""

import base64
import math
import numbers

import numpy as np

TYPES = {"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"}


def encode(value):
    """A value as JSON can hold it; TypeError for what is no number, array, text or list of them."""
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.array(value, order="C", subok=False))
    if isinstance(value, tuple | list | range):
        value = list(value)
        if value and all(type(one) in (int, float) and abs(one) < 2**53 for one in value):
            return {"numbers": value}
        return {"tuple": [encode(one) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(one)] for key, one in value.items()]}
    if value is None or isinstance(value, bool | str):
        return {"value": value}
    if isinstance(value, numbers.Real):
        return {"value": int(value) if isinstance(value, int) and abs(value) < 2**63
                else _float(value)}
    if isinstance(value, numbers.Complex):
        raise TypeError("a complex number, and real ones are due")
    if hasattr(value, "__next__"):
        raise TypeError(f"a {type(value).__name__}, which only promises numbers: return an array")
    kind = type(value).__name__
    raise TypeError(f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}, and numbers are due")


def _array(array):
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(float)
    if array.dtype.kind not in "biuf":
        raise TypeError({"O": "an array of objects: are all its rows of one length?",
                         "c": "an array of complex numbers, and real ones are due"}.get(
            array.dtype.kind, f"an array of {array.dtype}, and numbers are due"))
    shape, array = array.shape, np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {"array": base64.b64encode(array).decode(), "shape": [*shape], "type": array.dtype.str}


def _float(value):
    try:
        return float(value)
    except OverflowError:
        raise TypeError("a number that is larger than all floats") from None


def encode_all(values):
    """The answers of many calls: as one stack where they are arrays of one shape and type."""
    first = values[0]
    if len(values) > 1 and type(first) in (np.ndarray, bool, float) and all(
            type(one) is type(first) for one in values) and (
            not isinstance(first, np.ndarray) or all(
                one.shape == first.shape and one.dtype == first.dtype for one in values)):
        return {"stack": encode(np.stack(values))}
    return {"values": [encode(one) for one in values]}


def decode_all(answer, times):
    """The answers of `times` calls, as a list; ValueError where they are not what was asked for."""
    if "stack" in answer:
        values = [*decode(answer["stack"])]
    else:
        values = [decode(one) for one in answer["values"]]
    if len(values) != times:
        raise ValueError(f"{len(values)} answers to {times} calls")
    return values


def decode(message, rng=None, function=None):
    """The value of a message; ValueError (or TypeError, KeyError) for what encode never writes."""
    kind = next(key for key in (*message, "") if key not in ("shape", "type"))
    what = message.get(kind)
    if kind == "array":
        return _decoded(what, message["shape"], message["type"])
    if kind == "numbers" and all(type(one) in (int, float) for one in what):
        return tuple(what)
    if kind == "tuple":
        return tuple(decode(one, rng, function) for one in what)
    if kind == "dict":
        return {decode(key): decode(one, rng, function) for key, one in what}
    if kind == "value" and (what is None or isinstance(what, bool | int | float | str)):
        return what
    if kind == "rng" and rng:
        return rng(what)
    if kind == "function" and function:
        return function(what)
    raise ValueError(f"a message of the kind {kind!r}")


def _decoded(text, shape, kind):
    if kind not in TYPES or not all(type(one) is int and one >= 0 for one in shape):
        raise ValueError(f"an array of {kind} and the shape {shape}")
    flat = np.frombuffer(base64.b64decode(text, validate=True), kind)
    if len(shape) > 64 or math.prod(shape) != flat.size:
        raise ValueError(f"{flat.size} numbers for the shape {shape}")
    return flat.reshape(shape).copy()
