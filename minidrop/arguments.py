"""What may come in: every check names the argument, what was given and what is allowed."""

import contextlib
import difflib
import inspect
import math
import operator
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any

from .doubts import must


def probability(p, name="p"):
    """`p` as a Python float; ValueError outside [0, 1] or for NaN, TypeError for no number."""
    if isinstance(p, bool) or not isinstance(p, (float, Real)):     # a float is told sooner
        raise TypeError(f"{name} must be a number in [0, 1], got {describe(p)}")
    value = float(p)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a probability and must lie in [0, 1], got {p!r}")
    return value


def number(value, name, least=0.0, most=math.inf):
    """`value` as a finite Python float in [least, most]."""
    if isinstance(value, bool) or not isinstance(value, (float, Real)):
        raise TypeError(f"{name} must be a number, got {describe(value)}")
    if not (math.isfinite(value) and least <= value <= most):
        allowed = (f" and in [{least:g}, {most:g}]" if most < math.inf
                   else f" and at least {least:g}" if least > -math.inf else "")
        raise ValueError(f"{name} must be finite{allowed}, got {value!r}")
    return float(value)


def below_one(value, name):
    """`value` as a Python float in [0, 1)."""
    if number(value, name, most=1.0) == 1.0:
        raise ValueError(f"{name} must be below 1, got {value!r}")
    return float(value)


def count(value, name, least=1):
    """`value` as a Python int that is at least `least`."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {describe(value)}") from None
    if isinstance(value, bool) or whole < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return whole


def shape_of(shape, name="shape"):
    """`shape` as a tuple of ints; an int n means (n,)."""
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(count(size, name, least=0) for size in sizes)


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
    """`value` itself, if it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def flag(value, name):
    """`value` itself, if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {describe(value)}")
    return value


def floating(x, name="x"):
    """`x` itself, if it is an array or Tensor of a floating dtype."""
    dtype: Any = x.dtype if hasattr(type(x), "dtype") else None
    if not hasattr(dtype, "kind") or not hasattr(x, "ndim"):
        raise TypeError(f"{name} must be a NumPy or CuPy array or a Tensor, got {describe(x)}")
    if dtype.kind != "f":
        raise TypeError(f"{name} must hold floats, got {dtype}; convert it with .astype('float32')")
    return x


def wide_enough(x, name="x"):
    """The floating `x`, if it is no float16, in which the square of 256 is infinite."""
    if floating(x, name).dtype.itemsize < 4:
        raise TypeError(f"{name} must be float32 or float64, since squares overflow in {x.dtype}; "
                        "convert it with .astype('float32')")
    return x


def iterable(value, name, wanted):
    """`value` itself, if one can go through it and it is no text and no dict."""
    if isinstance(value, str | bytes | dict) or not hasattr(value, "__iter__"):
        raise TypeError(f"{name} must be {wanted}, got {describe(value)}")
    return value


def several(things, name="params"):
    """`things` as a list of floating arrays or Tensors, not empty; one alone is a list of one."""
    if hasattr(type(things), "dtype"):
        things = [things]
    if hasattr(things, "parameters"):
        raise TypeError(f"{name} must be arrays or Tensors, got a {type(things).__name__}; give "
                        "its .parameters()")
    iterable(things, name, "a list of arrays or Tensors")
    found = [floating(thing, f"{name}[{i}]") for i, thing in enumerate(things)]
    if not found:
        raise ValueError(f"{name} must hold at least one array")
    return found


def alike(first, second, name, other):
    """The pairs of two arrays or Tensors, or of two lists of them, shape for shape.

    The second of each pair comes in the dtype of the first.
    """
    firsts, seconds = several(first, name), several(second, other)
    if [a.shape for a in firsts] != [b.shape for b in seconds]:
        raise ValueError(f"{other} must have the shapes of {name}, {[a.shape for a in firsts]}, "
                         f"got {[b.shape for b in seconds]}")
    return [(a, b if b.dtype == a.dtype else b.astype(a.dtype))
            for a, b in zip(firsts, seconds, strict=True)]


def axes_of(axes, shape):
    """`axes`, an int or several, as a sorted tuple of axes of `shape`, none of them empty."""
    given = axes if isinstance(axes, tuple | list) else (axes,)
    whole = [count(axis, "axes", least=-len(shape)) for axis in given]
    if not whole or max(whole) >= len(shape) or len({a % len(shape) for a in whole}) < len(whole):
        raise ValueError(f"axes must be different axes of an array of shape {shape}, got {axes!r}")
    found = tuple(sorted(axis % len(shape) for axis in whole))
    if any(shape[axis] == 0 for axis in found):
        raise ValueError(f"x of shape {shape} has nothing to average along axes {axes!r}")
    return found


def fitting(v, x, name):
    """The array or Tensor `v` in x's dtype, if it broadcasts to x's shape; None stays None."""
    if v is None:
        return None
    shape: Any = getattr(v, "shape", None)
    lead = -1 if shape is None else len(x.shape) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:], strict=True)):
        raise ValueError(f"{name} must broadcast to x's shape {x.shape}, got {describe(v)}")
    return v if floating(v, name).dtype == x.dtype else v.astype(x.dtype)


def has_channels(x, channels):
    """The floating array or Tensor x, if it is (N, `channels`, ...)."""
    if floating(x).ndim < 2 or x.shape[1] != channels:
        raise ValueError(f"x must have {channels} channels on its axis 1, got shape {x.shape}")
    return x


def per_channel(v, x, name):
    """`v`, None or one number for each channel of x (N, C, ...), as (1, C, 1, ...) in x's dtype."""
    if v is None:
        return None
    if getattr(v, "shape", None) != x.shape[1:2]:
        raise ValueError(f"{name} must be an array of shape {x.shape[1:2]}, got {describe(v)}")
    return fitting(v.reshape(1, -1, *[1] * (x.ndim - 2)), x, name)


def images(x):
    """`x` itself, if it is a floating array or Tensor (N, C, H, W) and not empty."""
    if floating(x).ndim != 4 or 0 in x.shape:
        cure = "; for one image give x[None]" if x.ndim == 3 else ""
        raise ValueError(f"x must be images (N, C, H, W) and not empty, got shape {x.shape}{cure}")
    return x


def order_of(order, n):
    """`order` itself, if it is an array of `n` whole numbers in 0..n-1: a partner for each row."""
    if getattr(order, "shape", None) != (n,) or order.dtype.kind not in "iu":
        raise ValueError(f"order must be whole numbers of shape ({n},), got {describe(order)}")
    must(n == 0 or (order.min() >= 0) & (order.max() < n), lambda: ValueError(
        f"order must lie in 0..{n - 1}, got {int(order.min())} to {int(order.max())}"))
    return order


def examples(pair, name="data"):
    """The two arrays of a pair (x, y) with a row for each example, x floating and not empty."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"{name} must be a pair (x, y), got {describe(pair)}")
    x, y = (part.data if hasattr(part, "requires_grad") else part for part in pair)
    for value, what in ((x, "x"), (y, "y")):
        if getattr(value, "ndim", 0) == 0:
            raise TypeError(f"{what} of {name} must be an array with a row for each example, got "
                            f"{describe(value)}")
    floating(x, f"x of {name}")
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"{name} must hold as many x as y and not be empty, got {len(x)} and "
                         f"{len(y)}")
    return x, y


def share_rows(y, n):
    """`y` itself, if it is a floating array or Tensor of `n` rows, one share for each class."""
    if getattr(getattr(y, "dtype", None), "kind", None) != "f" or y.ndim != 2 or len(y) != n:
        raise TypeError(f"y must be {n} rows of floats, (N, classes), got {describe(y)}; labels "
                        "become rows by one_hot(labels, classes)")
    return y


def member_probabilities(probs):
    """`probs` itself, if it is an array or Tensor (m, N, K), not empty, of rows that sum to 1."""
    if floating(probs, "probs").ndim != 3 or 0 in probs.shape:
        raise ValueError("probs must have shape (m, N, K), members on axis 0, and not be empty, "
                         f"got {probs.shape}")
    p = probs.data if hasattr(probs, "requires_grad") else probs
    if not bool((p >= 0).all() and (abs(p.sum(-1) - 1) <= 1e-3).all()):   # float16 rounds by 5e-4
        raise ValueError("probs must be probabilities, at least 0 and with rows that sum to 1; "
                         f"logits become such by softmax(logits), got {describe(probs)}")
    return probs


def keep_mask(mask, shape, name="mask"):
    """A boolean array that broadcasts to `shape` (and not beyond); 0/1 numbers are converted."""
    mask = mask.data if hasattr(mask, "requires_grad") else mask
    if not hasattr(getattr(mask, "dtype", None), "kind"):
        raise TypeError(f"{name} must be a boolean array (True keeps), got {describe(mask)}")
    if mask.dtype.kind != "b":
        keeps = mask == 1
        if mask.dtype.kind not in "iuf" or not bool((keeps | (mask == 0)).all()):
            raise TypeError(f"{name} must be boolean (True keeps), got {mask.dtype} "
                            "with values other than 0 and 1")
        mask = keeps
    if mask.shape != shape:
        lead = len(shape) - mask.ndim
        if lead < 0 or any(m not in (1, s) for m, s in zip(mask.shape, shape[lead:], strict=True)):
            raise ValueError(f"{name} has shape {mask.shape}, which does not fit an input of "
                             f"shape {shape}")
    return mask


def describe(value):
    """A short picture of a wrong value for an error message."""
    kind = type(value).__name__
    if getattr(value, "ndim", 0):
        return f"{kind} of shape {value.shape}, {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = " ".join(repr(value).split())
    if len(text) > 60:
        return kind
    return text if text.startswith(f"{kind}(") else f"{kind} {text}"


def matching(pattern, paths, name="pattern", what="name"):
    """Those of `paths` that a pattern names, whole or from a dot on; ValueError for none.

    >>> matching("conv*.weight", ["stage1.conv1.weight", "stage1.conv1.bias"])
    ['stage1.conv1.weight']
    """
    if not isinstance(pattern, str):
        raise TypeError(f"{name} must be a string, got {describe(pattern)}")
    paths = list(paths)
    found = [path for path in paths
             if fnmatchcase(path, pattern) or fnmatchcase(path, f"*.{pattern}")]
    if not found:
        near = paths
        if len(paths) > 8:
            near = difflib.get_close_matches(pattern.lower(), paths, n=8, cutoff=0.4) or near
            near = [*near[:8], f"and {len(paths) - len(near[:8])} more"]
        raise ValueError(f"{name} {pattern!r} matches no {what}; there are "
                         f"{', '.join(near) or 'none'}")
    return found


def takes(function, name, *given):
    """`function` itself, None or callable with what `given` names; TypeError where it is not."""
    if function is None:
        return None
    call = f"{name}({', '.join(given)})"
    if isinstance(function, type):
        raise TypeError(f"{name} must be a function, called as {call}, got {describe(function)}; "
                        "give an instance of it")
    if not callable(function):
        raise TypeError(f"{name} must be a function, called as {call}, got {describe(function)}")
    with contextlib.suppress(ValueError):         # of some built-in functions nothing is known
        try:
            inspect.signature(function).bind(*given)
        except TypeError as error:
            raise TypeError(f"{name} is called as {call}, and "
                            f"{getattr(function, '__name__', 'what was given')} does not take that "
                            f"({error})") from None
    return function
