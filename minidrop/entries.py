"""What the arrays that come in hold: every check names the argument; values on a GPU may wait."""

import math

from .doubts import must
from .scalars import describe


def shares(rows, name):
    """The array `rows` itself, (..., K) floats, if each row is at least 0 and sums to 1."""
    within = 1e-3                                 # float16 rounds by 5e-4
    must(rows.size == 0 or (rows.min() >= 0) & (abs(rows.sum(-1) - 1).max() <= within),
         lambda: ValueError(f"{name} must be probabilities, at least 0 and with rows that sum to "
                            "1; logits become such by softmax(logits), got " + describe(rows)))
    return rows


def without_nan(x, name):
    """`x` itself, an array or Tensor that holds no nan."""
    values = x.data if hasattr(x, "requires_grad") else x
    must((values == values).all(), lambda: ValueError(f"{name} must not hold nan"))
    return x


def varied(x, axes):
    """`x` itself, if its variance along `axes` is nowhere 0, where there is no eps.

    An extent d among n entries gives a variance of d^2 / (2 n) at least, and below it underflows.
    """
    values = x.data if hasattr(x, "requires_grad") else x
    high, low = values.max(axes), values.min(axes)
    n, tiny = values.size // max(high.size, 1), 2.0**(-126 if values.dtype.itemsize == 4 else -1022)
    must(~(high <= low + math.sqrt(4 * n * tiny)).any(), lambda: ValueError(
        f"eps must be above 0 where all of x along axes {axes} is the same, or so near that its "
        "variance is 0, got 0"))
    return x


def inside(x, name):
    """`x` itself, an array or Tensor of numbers between 0 and 1, without both ends; nan
    stays."""
    values = x.data if hasattr(x, "requires_grad") else x
    must(~((values <= 0) | (values >= 1)).any(), lambda: ValueError(
        f"{name} must lie between 0 and 1, got {float(values.min()):g} to {float(values.max()):g}"))
    return x


def not_below_zero(x, name):
    """`x` itself, an array or Tensor of no number below 0; nan stays."""
    values = x.data if hasattr(x, "requires_grad") else x
    must(~(values < 0).any(), lambda: ValueError(
        f"{name} must be at least 0 everywhere, got {float(values.min()):g}"))
    return x


def arrays_of(state, *names):
    """The arrays of a state, a dict of arrays of numbers that holds these names and no others."""
    if not isinstance(state, dict) or state.keys() != set(names):
        raise ValueError(f"state must hold {' and '.join(names)}, got {describe(state)}")
    for name in names:
        array = state[name]
        if getattr(getattr(array, "dtype", None), "kind", "O") not in "iuf" or not array.ndim:
            raise TypeError(f"state must hold arrays of numbers, got {describe(array)} as {name}")
    return [state[name] for name in names]
