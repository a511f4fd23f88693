"""Numbers, sizes, words and flags that come in: what was given, and what is allowed."""

import math
import operator
import os
from numbers import Integral, Real

LARGEST = 3.4028234663852886e38                   # the largest float32
COUNTED = 2**40                                   # nothing is counted further


def _memory():
    """The memory of this machine in bytes, where it tells."""
    try:
        size, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):             # Windows
        return COUNTED
    return size * pages if min(size, pages) > 0 else COUNTED  # -1 where the system does not tell


MEMORY = min(_memory(), COUNTED)
MOST = MEMORY // 8                                # so many numbers, steps or examples fit
DEEPEST = MEMORY // 4096                          # so many layers
NAMESAKES = {"torch", "keras", "tensorflow", "jax"}           # whose Tensor, SGD, Linear are others


def probability(p, name="p"):
    """`p` as a Python float; ValueError outside [0, 1] or for NaN, TypeError for no number."""
    if isinstance(p, bool) or not isinstance(p, (float, Real)):     # a float is told sooner
        raise TypeError(f"{name} must be a number in [0, 1], got {describe(p)}")
    value = _float(p)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a probability and must lie in [0, 1], got {shown(p)}")
    return value


def _float(value):
    try:
        return float(value)
    except OverflowError:                         # an int of more than 308 digits
        return math.inf if value > 0 else -math.inf


def number(value, name, least=0.0, most=LARGEST):
    """`value` as a Python float in [least, most], and finite in float32 unless `most` says more."""
    if isinstance(value, bool) or not isinstance(value, (float, Real)):
        raise TypeError(f"{name} must be a number, got {describe(value)}")
    found = value if type(value) is float else _float(value)
    if not least <= found <= most or -found > LARGEST == most:
        allowed = (f" and in [{least:g}, {most:g}]" if most != LARGEST
                   else f" and at least {least:g}" if least > -math.inf else "")
        within = " in float32" if math.isfinite(found) and abs(found) > LARGEST else ""
        raise ValueError(f"{name} must be finite{within}{allowed}, got {shown(value)}")
    return found


def below_one(value, name):
    """`value` as a Python float in [0, 1)."""
    if number(value, name, most=1.0) == 1.0:
        raise ValueError(f"{name} must be below 1, got {value!r}")
    return float(value)


def count(value, name, least=1, most=MOST):
    """`value` as a Python int from `least` to `most`: what is made of as many fits into memory.

    For a seed `most` is math.inf, and COUNTED for what is counted alone.
    """
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {describe(value)}") from None
    if isinstance(value, bool) or whole < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {shown(value)}")
    if whole > most:
        reason = ", for which this machine has memory" * (most in (MOST, DEEPEST))
        raise ValueError(f"{name} must be a whole number of at most {most}{reason}, got "
                         f"{shown(value)}")
    return whole


def room(n, name, each):
    """`n` itself, if so many entries of `each` so many bytes fit into this machine's memory."""
    if n * each > MEMORY:
        raise ValueError(f"{name} must leave at most {MEMORY // each} entries, for which this "
                         f"machine has memory, and not {n}")
    return n


def shape_of(shape, name="shape"):
    """`shape` as a tuple of ints; an int n means (n,)."""
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    found = tuple(count(size, name, least=0) for size in sizes)
    if len(found) > 64:
        raise ValueError(f"{name} must have at most 64 axes, got {shown(shape)}")
    room(math.prod(found), name, each=1)
    return found


def pair(value, name, least=1):
    """`value` as two ints, rows and columns, each at least `least`; one int n means (n, n).

    >>> pair(3, "size")
    (3, 3)
    """
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise ValueError(f"{name} must be one whole number or two, got {describe(value)}")
    return tuple(count(part, name, least) for part in both)


def option(value, name, allowed):
    """`value` itself, if it is one of `allowed`, in kind too: True is not 1."""
    if not isinstance(value, str | Integral) or isinstance(value, bool) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got "
                         f"{shown(value)}")
    return value


def flag(value, name):
    """`value` itself, if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {describe(value)}")
    return value


def shown(value):
    """`value` as it is written, or its type, where that is long."""
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__


def describe(value):
    """A short picture of a wrong value for an error message."""
    own, home = type(value).__name__, type(value).__module__.partition(".")[0]
    kind = f"{home}.{own}" if home in NAMESAKES else own
    if getattr(value, "ndim", 0):
        return f"{kind} of shape {value.shape}, {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = " ".join(repr(value).split())
    if len(text) > 60:
        return kind
    return kind + text[len(own):] if text.startswith(f"{own}(") else f"{kind} {text}"
