"""How arguments and answers travel between process.py and runner.py: as JSON, never as pickle."""

import base64
import math
import numbers
from typing import Any

import numpy as np

TYPES = {"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"}


class Streams:
    """The streams of many calls: first that of np.random.default_rng([seed, 0]), and then others,
    each independent of all, and made in a tenth of the time."""

    def __init__(self, seed, times):
        self.seed = seed
        words = np.random.SeedSequence([seed, 1]).generate_state(4 * times, np.uint64)
        self.words = words.reshape(-1, 4)

    def __call__(self, i):
        """The stream of the i-th call."""
        if not i:
            return np.random.default_rng([self.seed, 0])
        seed: Any = Seed(self.words[i])
        return np.random.Generator(np.random.PCG64(seed))


class Seed(np.random.bit_generator.ISpawnableSeedSequence):
    """A seed whose words are known; it may be spawned from, as any other."""

    def __init__(self, words):
        self.words, self.children = words, None

    def generate_state(self, n_words, dtype=np.uint32):
        """The words, which are those that PCG64 asks for: four of 64 bits."""
        return self.words

    def spawn(self, n_children):
        """Seeds that depend on this one, others for each call."""
        self.children = self.children or np.random.SeedSequence([*map(int, self.words)])
        return self.children.spawn(n_children)


def plain(value):
    """A copy of arrays, numbers, texts, and of lists and dicts of them; TypeError for others.

    >>> plain([range(2), True])
    ((0, 1), True)
    """
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.array(value, order="C", subok=False))
    if value is None or isinstance(value, bool | str) or type(value) is float:
        return value
    if isinstance(value, tuple | list | range):
        return tuple(plain(one) for one in value)
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, numbers.Real):
        return int(value) if isinstance(value, int) and abs(value) < 2**63 else _float(value)
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
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _float(value):
    try:
        return float(value)
    except OverflowError:
        raise TypeError("a number that is larger than all floats") from None


def encode(value):
    """A value as JSON can hold it; TypeError for what is no number, array, text or list of them."""
    return _written(plain(value))


def _written(value):
    if isinstance(value, np.ndarray):
        text = base64.b64encode(value.tobytes()).decode()
        return {"array": text, "shape": [*value.shape], "type": value.dtype.str}
    if isinstance(value, tuple):
        if value and all(type(one) in (int, float) for one in value):
            return {"numbers": value}
        return {"tuple": [_written(one) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[_written(key), _written(one)] for key, one in value.items()]}
    return {"value": value}


def encode_all(values):
    """The answers of many calls, plain ones: as one stack where they are arrays of one form."""
    first = values[0]
    alike = len(values) > 1 and all(type(one) is type(first) for one in values)
    if alike and (isinstance(first, bool | float) or isinstance(first, np.ndarray) and all(
            one.shape == first.shape and one.dtype == first.dtype for one in values)):
        return {"stack": _written(np.stack(values))}
    return {"values": [_written(one) for one in values]}


def decode_all(answer, times):
    """The answers of `times` calls, as a list; ValueError where they are not what was asked for."""
    if "stack" in answer:
        values = [*decode(answer["stack"])]
    else:
        values = [decode(one) for one in answer["values"]]
    if len(values) != times:
        raise ValueError(f"{len(values)} answers to {times} calls")
    return values


def decode(message, function=None):
    """The value of a message; ValueError (or TypeError, KeyError) for what encode never writes."""
    kind = next(key for key in (*message, "") if key not in ("shape", "type"))
    what = message.get(kind)
    if kind == "array":
        return _decoded(what, message["shape"], message["type"])
    if kind == "numbers" and all(type(one) in (int, float) for one in what):
        return tuple(what)
    if kind == "tuple":
        return tuple(decode(one, function) for one in what)
    if kind == "dict":
        return {decode(key): decode(one, function) for key, one in what}
    if kind == "value" and (what is None or isinstance(what, bool | int | float | str)):
        return what
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
