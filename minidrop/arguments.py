"""What may come in: every check names the argument, what was given and what is allowed."""

import contextlib
import difflib
import inspect
from fnmatch import fnmatchcase
from typing import Any

from .doubts import must
from .entries import (  # noqa: F401 (all checks are found here)
    arrays_of,
    inside,
    not_below_zero,
    shares,
    varied,
    without_nan,
)
from .scalars import (  # noqa: F401 (all checks are found here)
    COUNTED,
    DEEPEST,
    below_one,
    count,
    describe,
    flag,
    number,
    option,
    pair,
    probability,
    room,
    shape_of,
    shown,
)

NOT_PLAIN = {"matrix", "MaskedArray"}


def floating(x, name="x"):
    """`x` itself, if it is an array or Tensor of a floating dtype."""
    dtype: Any = x.dtype if hasattr(type(x), "dtype") else None
    if not hasattr(dtype, "kind") or not hasattr(x, "ndim"):
        raise TypeError(f"{name} must be a NumPy or CuPy array or a Tensor, got {describe(x)}")
    if dtype.kind != "f":
        raise TypeError(f"{name} must hold floats, got {dtype}; convert it with .astype('float32')")
    return x if type(x).__name__ not in NOT_PLAIN else plain(x, name)


def plain(x, name):
    """`x` itself, if it is no np.matrix, whose product is another, and no masked array."""
    if type(x).__name__ in NOT_PLAIN:
        raise TypeError(f"{name} must be a plain array, got a {type(x).__name__}; convert it with "
                        "np.array(x)")
    return x


def float_type(dtype, xp):
    """`dtype` itself, if the array module `xp` knows it as one of floats; None is none."""
    try:
        kind = "" if dtype is None else xp.dtype(dtype).kind
    except TypeError:
        kind = ""
    if kind != "f":
        raise TypeError(f"dtype must be floating, got {shown(dtype)}")
    return dtype


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
    plain(order, "order")
    must(n == 0 or (order.min() >= 0) & (order.max() < n), lambda: ValueError(
        f"order must lie in 0..{n - 1}, got {int(order.min())} to {int(order.max())}"))
    return order


def examples(both, name="data"):
    """The two arrays of a pair (x, y) with a row for each example, x floating and not empty."""
    if not isinstance(both, tuple | list) or len(both) != 2:
        raise TypeError(f"{name} must be a pair (x, y), got {describe(both)}")
    x, y = (part.data if hasattr(part, "requires_grad") else part for part in both)
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
    return plain(y, "y")


def member_probabilities(probs):
    """`probs` itself, if it is an array or Tensor (m, N, K), not empty, of rows that sum to 1."""
    if floating(probs, "probs").ndim != 3 or 0 in probs.shape:
        raise ValueError("probs must have shape (m, N, K), members on axis 0, and not be empty, "
                         f"got {probs.shape}")
    shares(probs.data if hasattr(probs, "requires_grad") else probs, "probs")
    return probs


def keep_mask(mask, shape, name="mask"):
    """A boolean array that broadcasts to `shape` (and not beyond); 0/1 numbers are converted."""
    mask = mask.data if hasattr(mask, "requires_grad") else mask
    if not hasattr(getattr(mask, "dtype", None), "kind"):
        raise TypeError(f"{name} must be a boolean array (True keeps), got {describe(mask)}")
    if mask.dtype.kind != "b":
        if mask.dtype.kind not in "iuf" or not bool(((mask == 1) | (mask == 0)).all()):
            raise TypeError(f"{name} must be boolean (True keeps), got {mask.dtype} "
                            "with values other than 0 and 1")
        mask = mask == 1
    plain(mask, name)
    if mask.shape != shape:
        lead = len(shape) - mask.ndim
        if lead < 0 or any(m not in (1, s) for m, s in zip(mask.shape, shape[lead:], strict=True)):
            raise ValueError(f"{name} has shape {mask.shape}, which does not fit an input of "
                             f"shape {shape}")
    return mask


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


def called(function, name, *given):
    """`function` itself, if it is callable with what `given` names; None is none."""
    if takes(function, name, *given) is None:
        raise TypeError(f"{name} must be a function, called as {name}({', '.join(given)}), got "
                        "None")
    return function


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
