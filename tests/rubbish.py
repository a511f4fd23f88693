"""What stands in the place of a right value, and what must come of it.

`instead_of(value, default)` yields (what it is, the rubbish, what is due), where due is one of

    SAME     the result of the right value, of which this is another form
    EITHER   that result, or a refusal
    REFUSED  a refusal: a ValueError or TypeError of one sentence that names the argument
    SOUND    a refusal, or a result without nan: what is allowed is the callable's to say
    SHAPED   a refusal, or a result of another shape: nothing is broadcast in silence

`fault(call, argument, thing, due, right)` is "" or what is wrong with what came.
"""

import contextlib
import decimal
import fractions
import math
import re
import traceback
import warnings
from pathlib import Path

import numpy as np

import minidrop
from minidrop import Tensor, nn
from tests import odd_entries
from tests.limits import TooLong, limited

SAME, EITHER, REFUSED, SOUND, SHAPED = "the same", "either", "a refusal", "sound", "a shape"
PACKAGE = Path(minidrop.__file__).parent
SECONDS = 5                                       # then a call hangs
THINGS = {"None": None, "text": "rubbish", "bytes": b"3", "complex": 1j, "object": object(),
          "class": object, "list of None": [None], "dict": {"a": 1}, "nan": math.nan}
ODD_NUMBERS = {"-1": -1, "-0.1": -0.1, "0": 0, "1": 1, "2": 2, "inf": math.inf, "-inf": -math.inf,
               "1e308": 1e308, "5e-324": 5e-324, "10^400": 10**400}
HUGE = {"2^39": 2**39, "2^62": 2**62, "10^30": 10**30}        # no machine has so many entries
WHOLE = (np.int8, np.int16, np.uint8, np.uint64, np.int64)


def instead_of(value, default):
    """(what it is, rubbish, what is due), for a right value of an argument with this default."""
    for what, thing in THINGS.items():
        if not (thing is None and default is None):
            yield what, thing, REFUSED
    if isinstance(value, np.ndarray):
        yield from _forms(value)
        yield from _kinds(value)
        yield from _shapes(value)
    elif isinstance(value, bool):
        yield from _flags(value)
    elif isinstance(value, int):
        yield from _whole(value)
    elif isinstance(value, float):
        yield from _numbers(value)
    elif isinstance(value, tuple | list):
        yield from _several(value)
    elif isinstance(value, dict):
        yield from _by_name(value)
    else:
        yield from ((what, thing, REFUSED) for what, thing in _others(value).items())


def _forms(a):
    """The same numbers in other arrays."""
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    still = a.copy()
    still.flags.writeable = False
    yield "strided", wide[..., ::2], SAME
    yield "in columns", np.asfortranarray(a), SAME
    yield "backwards", np.flip(np.flip(a).copy()), SAME
    yield "read only", still, SAME
    yield "other byte order", a.astype(a.dtype.newbyteorder()), EITHER
    yield "list", a.tolist(), EITHER
    yield "objects", a.astype(object), EITHER
    yield "masked array", np.ma.masked_array(a, np.zeros(a.shape, bool)), EITHER
    if a.ndim == 2:
        yield "matrix", a.view(np.matrix), EITHER
    if a.dtype.kind in "fb":
        yield "Tensor", Tensor(a.copy()), EITHER


def _kinds(a):
    """Arrays of the same shape and of other kinds."""
    yield "complex numbers", a + 0j, REFUSED
    yield "texts", a.astype("U8"), REFUSED
    yield "times", np.zeros(a.shape, "M8[s]"), REFUSED
    yield "records", np.zeros(a.shape, [("a", "f4")]), REFUSED
    whole = ["int8", "int32", "int64"] + ["uint8", "uint64"] * bool(a.min() >= 0)
    if a.dtype.kind == "f":
        yield "float64", a.astype("float64"), SAME
        yield from ((kind, a.astype(kind), EITHER) for kind in ("float16", "longdouble"))
        if (a == a.round()).all() and abs(a).max() < 100:
            yield from ((kind, a.astype(kind), EITHER) for kind in whole)
        yield "booleans", a > 0, EITHER if (a == (a > 0)).all() else REFUSED
        yield from odd_entries.odd(a)
        return
    yield "nans", a * math.nan, REFUSED
    yield "halves", a + 0.5, REFUSED
    if a.dtype.kind == "i":
        yield from ((kind, a.astype(kind), SAME) for kind in whole)
        yield "floats", a.astype("float32"), EITHER
        yield "huge numbers", a + 2**40, REFUSED
        yield "below 0", a - 100, REFUSED
        yield "booleans", a > 0, REFUSED
    else:
        yield from ((kind, a.astype(kind), EITHER) for kind in ("int8", "uint8", "float32"))
        yield "twos", 2 * a, REFUSED


def _shapes(a):
    one = a.ravel()[0]
    shapes = {"one axis more": a[None], "one axis more at the end": a[..., None],
              "one axis less": a[0], "0-d": one.reshape(()), "a NumPy number": one,
              "a number": one.item(), "64 axes": one.reshape((1,) * 64)}
    for axis, n in enumerate(a.shape):
        shapes[f"axis {axis} of 0"] = a.take(range(0), axis)
        if n > 1:
            shapes |= {f"axis {axis} of 1": a.take([0], axis),
                       f"axis {axis} shorter": a.take(range(n - 1), axis),
                       f"axis {axis} longer": np.concatenate([a, a.take([0], axis)], axis)}
    yield from ((what, thing, SHAPED) for what, thing in shapes.items())


def _flags(value):
    yield "NumPy's", np.bool_(value), EITHER
    yield "a number", int(value), EITHER
    yield from ((f"text {text!r}", text, REFUSED) for text in ("True", "False", ""))
    yield "2", 2, REFUSED
    yield "array", np.ones(2), REFUSED


def _whole(value):
    yield from ((kind.__name__, kind(value), SAME) for kind in WHOLE
                if np.iinfo(kind).min <= value <= np.iinfo(kind).max)
    yield "0-d", np.array(value), EITHER
    yield "as a float", float(value), EITHER
    yield "as text", str(value), REFUSED
    yield "in a list", [value], EITHER
    yield "array", np.array([value, value]), REFUSED
    yield "True", True, REFUSED
    yield "one half more", value + 0.5, REFUSED
    yield "inf", math.inf, REFUSED
    yield from ((str(n), n, SOUND) for n in (0, -1, -2**63))
    yield from ((what, n, SOUND) for what, n in HUGE.items())


def _numbers(value):
    yield from ((kind.__name__, kind(value), SAME)
                for kind in (np.float32, np.float64, np.longdouble, fractions.Fraction))
    yield from ((kind.__name__, kind(value), EITHER)
                for kind in (decimal.Decimal, np.float16, np.array, Tensor))
    yield "as text", str(value), REFUSED
    yield "in a list", [value], REFUSED
    yield "array", np.array([value, value]), REFUSED
    yield "True", True, REFUSED
    yield "NumPy's nan", np.float32("nan"), REFUSED
    yield from ((what, n, SOUND) for what, n in ODD_NUMBERS.items())


def _several(value):
    kind, other = type(value), list if isinstance(value, tuple) else tuple
    yield other.__name__, other(value), EITHER
    yield "twice", value + value, SOUND
    yield from (("empty", kind(), REFUSED), ("within itself", kind([value]), REFUSED),
                ("3", 3, REFUSED))
    for i, part in enumerate(value):
        if isinstance(part, np.ndarray) and part.dtype.kind == "f":
            for what, thing, due in odd_entries.odd(part, lambda a, i=i: kind(
                    [*value[:i], a, *value[i + 1:]])):
                yield f"{what}, at {i}", thing, due
        for what in ("None", "nan", "text", "complex"):
            yield f"{what} at {i}", kind([*value[:i], THINGS[what], *value[i + 1:]]), REFUSED


def _by_name(value):
    """Dicts with a name too many, and with what is no array of their own shapes and kinds."""
    yield "3", 3, REFUSED
    yield "one name more", value | {"another": np.ones(2)}, REFUSED
    yield "a name of no text", value | {3: np.ones(2)}, REFUSED
    for name, array in value.items():
        for what in ("None", "text", "dict"):
            yield f"{what} as {name}", value | {name: THINGS[what]}, REFUSED
        yield f"more axes as {name}", value | {name: np.zeros((1, 2, 3, 4))}, REFUSED
        if isinstance(array, np.ndarray):
            yield f"complex as {name}", value | {name: array + 1j}, REFUSED
            yield f"texts as {name}", value | {name: array.astype("U8")}, REFUSED
            yield f"nan as {name}", value | {name: array * math.nan}, REFUSED
            yield f"1e300 as {name}", value | {name: np.full(array.shape, 1e300)}, SOUND


def _others(value):
    """What is wrong for a word, a network and a function."""
    if isinstance(value, str):
        return {"another word": f"Z{value}!", "no word": "", "3": 3, "True": True,
                "list of it": [value]}
    if isinstance(value, nn.Module):
        return {"its class": type(value), "3": 3, "array": np.ones((4, 3), "float32"),
                "list of it": [value]}
    return {"3": 3, "array": np.ones(3), "True": True} if callable(value) else {}


# --- what came -----------------------------------------------------------------------------------

def fault(call, argument, thing, due, right):
    """What is wrong with the outcome of `call` with `thing` as `argument`, "" for nothing.

    `right()` is `outcome` of the clean call.
    """
    arguments = call.fresh() | {argument: thing}
    try:
        if isinstance(due, odd_entries.Odd):
            return _fault_of_entry(call, argument, arguments, due, right)
        came = outcome(call, arguments)
    except (ValueError, TypeError) as error:
        others = () if due == REFUSED else arguments
        return ("refused, though it is right" if due == SAME else
                _of_refusal(error, call, argument, others))
    except (Exception, TooLong) as error:
        return f"{type(error).__name__}: {error}"
    if due == REFUSED:
        return "accepted"
    if due in (SAME, EITHER):
        return "" if alike(came, right()) else f"gives {came!r}, and {right()!r} is right"
    if due == SHAPED:
        return "broadcast in silence" if _shape(came) == _shape(right()) else ""
    return "nan" if _has_nan(came) and not _has_nan(right()) else ""


def _fault_of_entry(call, argument, arguments, due, right):
    def other(thing):
        with contextlib.suppress(ValueError, TypeError):
            return _loud(call, call.fresh() | {argument: thing})[0]

    came, told = _loud(call, arguments)
    if due.rule == odd_entries.WIDE and odd_entries.squares(f"{call.name}.{argument}", told):
        return ""
    return odd_entries.fault(came, told, due, right(), other)


def _loud(call, arguments):
    """`outcome`, and what NumPy said of it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return _came(call, arguments), " ".join(str(one.message) for one in told)


def fault_of_pair(call, rubbish, dues):
    """What is wrong with the outcome of `call` with several arguments that are rubbish."""
    first, must_refuse = next(iter(rubbish)), REFUSED in dues
    told = any(isinstance(due, odd_entries.Odd) and due.rule != odd_entries.PLAIN for due in dues)
    try:
        (_loud if told else outcome)(call, call.fresh() | rubbish)
    except (ValueError, TypeError) as error:
        return _of_refusal(error, call, first, call.defaults)
    except (Exception, TooLong) as error:
        return f"{type(error).__name__}: {error}"
    return "accepted" * must_refuse


def fault_of_backend(call, argument, array, right):
    """What is wrong with the outcome of `call` with an array of one backend among others."""
    try:
        came = outcome(call, call.fresh() | {argument: array})
    except (ValueError, TypeError) as error:
        return "" if "\n" not in str(error) else f"a long message: {error}"
    return "" if alike(came, right) else f"gives {came!r}, and {right!r} is right"


def outcome(call, arguments):
    """What the call returns and does to its networks, as plain data; a warning is an error."""
    with warnings.catch_warnings(action="error"):
        return _came(call, arguments)


def _came(call, arguments):
    with limited(SECONDS, wall=True):
        result = _plain(call.run(arguments))
    networks = [value for value in arguments.values() if isinstance(value, nn.Module)]
    return [result, *map(_plain, networks)]


def _of_refusal(error, call, argument, others=()):
    """What is wrong with a refusal: raised elsewhere, more than a sentence, or not of `argument`.

    Where several do not fit together it may be of one of the `others`.
    """
    message, last = str(error), traceback.extract_tb(error.__traceback__)[-1]
    if "\n" in message or len(message) > 800:
        return f"a long message: {message}"
    if call.name in BY_NUMPY:
        return ""
    if "raise" not in last.line or not Path(last.filename).is_relative_to(PACKAGE):
        return f"raised inside, at {last.filename}:{last.lineno}: {message}"
    if not names(message, argument, call.name, others):
        return f"names nothing of {argument}: {message}"
    return ""


def names(message, argument, call="", others=()):
    """Whether a refusal is of an argument, or of one of `others` that do not fit with it.

    What it got is no name, though it may be spelt like one.

    >>> names("q must be a whole number", "a"), names("a must be a whole number", "a")
    (False, True)
    """
    told = _called(argument, call)
    about = message.partition(", got ")[0] if others else _subject(message)
    if any(_word(name, about) for name in told):
        return True
    return any(_word(name, _subject(message)) for other in others for name in _called(other, call))


def _called(argument, call):
    return {argument, *CALLED.get(argument, ()), *(LAYERS if call.endswith("()") else ())}


def _subject(message):
    """What a message is about: all before its "must", or all of it."""
    return message.partition(" must ")[0] if " must " in message else message


def _word(name, text):
    """Whether a name is a word of the text; the article a is no name."""
    text = re.sub(r"\ba (?!(and|or|must|is|has|of)\b)(?=\w)", "", text)
    return re.search(rf"\b{name}\b", text) is not None


BY_NUMPY = {"exp", "log", "relu", "sigmoid", "sqrt", "tanh"}      # one argument, and NumPy's rules
CALLED = {"target": ("labels", "probabilities"), "y": ("labels", "probabilities", "target"),
          "x": ("logits",), "xs": ("x",), "stream": ("rng",), "impl": ("implementation",)}
LAYERS = ("shape", "h", "logits", "members", "images")            # what a layer calls its input


def _plain(thing, depth=0):
    """What can be compared: numbers, arrays, words, and lists and dicts of those."""
    try:
        if isinstance(thing, nn.Module):
            return {path: np.array(array) for path, array in thing.state_dict().items()}
        if isinstance(thing, Tensor):
            return np.array(thing.data)
    except nn.NotInitialised:
        return repr(thing)
    if isinstance(thing, dict):
        return {name: _plain(part, depth + 1) for name, part in thing.items()}
    if isinstance(thing, tuple | list):
        return [_plain(part, depth + 1) for part in thing]
    if hasattr(thing, "get") and hasattr(thing, "dtype"):
        return thing.get()                        # from a GPU
    if isinstance(thing, np.ndarray | np.generic | int | float | str | None):
        return thing
    if depth < 4 and hasattr(thing, "__dict__") and not callable(thing):
        return {name: _plain(part, depth + 1) for name, part in vars(thing).items()
                if name[0] != "_"}
    return type(thing).__name__


def alike(a, b, tolerance=0.02):
    """The same numbers, up to what a float16 says, in the same places; words of any kind."""
    if isinstance(b, dict):
        return isinstance(a, dict) and a.keys() == b.keys() and all(alike(a[k], b[k]) for k in b)
    if isinstance(b, str | None):
        return type(a) is type(b)
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(map(alike, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not {a.dtype.kind, b.dtype.kind} <= set("biuf"):
        return False
    return np.allclose(a.astype(float), b.astype(float), tolerance, tolerance, equal_nan=True)


def _shape(came):
    if isinstance(came, dict):
        return {name: _shape(part) for name, part in came.items()}
    if isinstance(came, list):
        return [_shape(part) for part in came]
    return np.shape(came) if isinstance(came, np.ndarray | np.generic) else type(came)


def _has_nan(came):
    if isinstance(came, dict | list):
        return any(map(_has_nan, came.values() if isinstance(came, dict) else came))
    return isinstance(came, float | np.ndarray | np.generic) and (
        np.asarray(came).dtype.kind == "f" and bool(np.isnan(came).any()))
