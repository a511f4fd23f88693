"""How minidrop checks itself, and how you can check your own code.

`gradcheck` holds a gradient against differences of the function, `all_masks` and `exact_moments`
replace sampling by enumeration, and three doubles take the place of a stream: `Replay` injects
noise, `Record` writes down what was drawn, `Forbid` proves that nothing is.
"""

import inspect
import math
from typing import Any

from .arguments import called, count, describe, floating, number, option, probability, shape_of
from .noise import Stream, as_stream, gaussian
from .tape import Tensor, data_of, grad
from .xp import array_module, asarray


class GradientError(AssertionError):
    """A gradient that the differences of its function do not confirm."""


def gradcheck(f, *inputs, order=1, step=1e-5, tolerance=1e-6, seed=0):
    """Compare f's gradient with central differences along random directions, in float64.

    For every input x the number <u, J v> is found twice: as <J^T u, v> from the tape and as
    (<u, f(x + h v)> - <u, f(x - h v)>) / 2h, h = `step`, for random u and v, so the cost does not
    depend on the size.  `f` maps Tensors to a Tensor, the inputs are floating arrays.  With
    `order` 2 the gradient itself is checked in the same way.  Returns the largest difference,
    relative to the larger of the numbers and 1; raises GradientError where it exceeds `tolerance`.

    >>> from minidrop.ops.elementwise import tanh
    >>> gradcheck(tanh, asarray([0.5, -1.0]), order=2) < 1e-6
    True
    """
    option(order, "order", (1, 2))
    step, tolerance = number(step, "step", least=2.0**-500), number(tolerance, "tolerance")
    points = [floating(data_of(x), f"inputs[{i}]").astype("float64") for i, x in enumerate(inputs)]
    if not points:
        raise ValueError("inputs must be at least one array")
    for i, x in enumerate(points):
        if not array_module(x).isfinite(x).all():
            raise ValueError(f"inputs[{i}] must hold finite numbers, got {describe(x)}")
    called(f, "f", *(f"x{i}" for i in range(len(points))))
    result = f(*map(Tensor, points))
    if not isinstance(result, Tensor):
        raise TypeError(f"f must map Tensors to a Tensor, got {describe(result)}")
    value = result.data
    u = _random(value, seed, "u")
    worst = _compare(f, points, u, step, tolerance, seed, "gradient")
    if order == 2:
        directions = [_random(x, seed, f"second {i}") for i, x in enumerate(points)]

        def slope(*xs):                           # sum_i <d<u, f>/dx_i, v_i>, a function of all x
            gradients = grad(f(*_leaves(xs)), xs, create_graph=True, g=Tensor(u))
            return sum((g * v).sum() for g, v in zip(gradients, directions, strict=True))

        slope.__name__ = _name(f)
        one = array_module(value).ones((), "float64")
        second = _compare(slope, points, one, step, 100 * tolerance, seed, "second order")
        worst = max(worst, second)
    return worst


def _compare(f, points, u, step, tolerance, seed, what):
    leaves = [Tensor(x, requires_grad=True) for x in points]
    y = f(*leaves)
    gradients = grad(y, leaves, g=u) if y.requires_grad else [x * 0 for x in points]
    worst = 0.0
    for i, (x, gradient) in enumerate(zip(points, gradients, strict=True)):
        if gradient.shape != x.shape:             # the products below would broadcast, and agree
            raise GradientError(
                f"{what} of {_name(f)}, argument {i} of shape {x.shape}: the tape gives a gradient "
                f"of shape {gradient.shape}; sum it over the axes that were broadcast")
        v = _random(x, seed, f"v {i}")
        up, down = (data_of(f(*_leaves([*points[:i], x + h * v, *points[i + 1:]])))
                    for h in (step, -step))
        expected = float((u * (up - down)).sum()) / (2 * step)
        got = float((gradient * v).sum())
        error = abs(got - expected) / max(1, abs(got), abs(expected))
        if not error <= tolerance:
            raise GradientError(
                f"{what} of {_name(f)}, argument {i} of shape {x.shape}: the tape says {got:.10g} "
                f"along a random direction, differences say {expected:.10g} (relative error "
                f"{error:.1e} > {tolerance:.1e}); look at that argument's adjoint, or for noise "
                "drawn anew at every call")
        worst = max(worst, error)
    return worst


def _name(f):
    return getattr(f, "name", getattr(f, "__name__", type(f).__name__))


def _leaves(xs):
    return [x if isinstance(x, Tensor) else Tensor(x, requires_grad=True) for x in xs]


def _random(x, seed, name):
    normal = gaussian(Stream(seed, f"gradcheck {name}"), x.shape).astype("float64")
    return array_module(x).asarray(normal)


# --- expectations without sampling ---------------------------------------------------------------

def all_masks(n):
    """Every boolean mask of n places: (2^n, n), for n up to 20.

    >>> all_masks(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    if (n := count(n, "n", least=0)) > 20:
        raise ValueError(f"n must be at most 20 (2^20 masks), got {n}")
    xp = array_module()
    return (xp.arange(2**n)[:, None] >> xp.arange(n) & 1).astype(bool)


def exact_moments(f, shape, p):
    """Mean and variance of f(mask) when each place of `shape` is dropped with probability `p`.

    The sum over all masks m, each with the weight q^(number kept) p^(number dropped): exact.

    >>> mean, variance = exact_moments(lambda mask: mask / 0.5, 2, p=0.5)
    >>> mean, variance
    (array([1., 1.]), array([1., 1.]))
    """
    p, shape = probability(p), shape_of(shape)
    called(f, "f", "mask")
    n = math.prod(shape)
    if n > 20:
        raise ValueError(f"shape must have at most 20 entries (2^20 masks), got {shape}")
    mean = second = 0.0
    for mask in all_masks(n):
        weight = (1 - p) ** int(mask.sum()) * p ** int((~mask).sum())
        value = data_of(f(mask.reshape(shape)))
        if getattr(getattr(value, "dtype", None), "kind", "O") not in "biuf":
            raise TypeError(f"f must give an array of numbers, got {describe(value)}")
        value = value.astype("float64")
        mean, second = mean + weight * value, second + weight * value * value
    return mean, second - mean * mean


# --- doubles that take the place of a stream -----------------------------------------------------

class Replay:
    """A stream that answers its draws with the given arrays, in order.

    >>> from minidrop.noise import bernoulli
    >>> bernoulli(Replay([True, False]), 0.5, 2)
    array([ True, False])
    """

    def __init__(self, *draws):
        self.left = [draw if isinstance(draw, float | int) else asarray(draw) for draw in draws]

    def draw(self, transform, *args):
        if not self.left:
            raise ValueError(f"Replay has no draw left for {transform.__name__}{args}")
        noise: Any = self.left.pop(0)
        if transform.__name__ == "bernoulli" and getattr(noise, "dtype", "bool") != "bool":
            raise TypeError(f"Replay was asked for booleans, its next draw is {describe(noise)}")
        names = list(inspect.signature(transform).parameters)[1:]
        asked = dict(zip(names, args, strict=False))
        shape = asked.get("shape", asked.get("n"))
        due = shape_of(shape) if isinstance(shape, tuple | list | int) else None
        if due is not None and getattr(noise, "shape", due) != due:
            raise ValueError(f"Replay was asked for {transform.__name__} of shape {shape}, its "
                             f"next draw has shape {noise.shape}")
        return noise


class Record:
    """A stream that passes draws on to `stream` and lists (name, args, noise) in `.draws`.

    >>> from minidrop.noise import bernoulli
    >>> record = Record(Stream(0))
    >>> mask = bernoulli(record, 0.5, (2, 3))
    >>> [(name, args) for name, args, noise in record.draws]
    [('bernoulli', (0.5, (2, 3)))]
    """

    def __init__(self, stream):
        self.stream, self.draws = as_stream(stream), []

    def draw(self, transform, *args):
        noise = self.stream.draw(transform, *args)
        self.draws.append((transform.__name__, args, noise))
        return noise


class Forbid:
    """A stream that may not be drawn from: proof that evaluation is deterministic.

    >>> from minidrop.noise import uniform
    >>> uniform(Forbid(), 3)
    Traceback (most recent call last):
    AssertionError: uniform(3,) was drawn where no noise is allowed
    """

    def draw(self, transform, *args):
        raise AssertionError(f"{transform.__name__}{args} was drawn where no noise is allowed")
