"""One number in, one number out; two arguments broadcast against each other as in NumPy."""

import math

from ..device import activations as on_device
from ..fast import rectified
from ..tape import primitive
from ..xp import array_module, on_host
from .shape import back


@primitive
def add(a, b): return a + b


add.vjps(lambda g, _y, _a, _b: back(g, _a),
         lambda g, _y, _a, _b: back(g, _b))


@primitive
def sub(a, b): return a - b


sub.vjps(lambda g, _y, _a, _b: back(g, _a),
         lambda g, _y, _a, _b: back(-g, _b))


@primitive
def neg(x): return -x


neg.vjps(lambda g, _y, _x: -g)


@primitive
def mul(a, b): return a * b


mul.vjps(lambda g, _y, _a, b: back(g * b, _a),
         lambda g, _y, a, _b: back(g * a, _b))


@primitive
def div(a, b): return a / b


div.vjps(lambda g, _y, _a, b: back(g / b, _a),
         lambda g, y, _a, b: back(-g * y / b, b))


@primitive
def pow_(a, b):
    """a to the power b; the adjoint in b is for a >= 0."""
    return a ** b


pow_.vjps(lambda g, y, a, b: back(g * b * a ** (b - (b != 0)), a),     # b = 0: 0 a^0, also at a = 0
          lambda g, y, a, b: back(g * y * _log(a + (a == 0)), b))      # a = 0: 0 log 1


def _log(a):                                      # a Python number stays one, so float32 stays
    return log(a) if hasattr(a, "dtype") else math.log(a)


@primitive
def exp(x):
    """e^x."""
    return array_module(x).exp(x)


exp.vjps(lambda g, y, _x: g * y)


@primitive
def log(x):
    """The natural logarithm of x."""
    return array_module(x).log(x)


log.vjps(lambda g, _y, x: g / x)


@primitive
def sqrt(x):
    """The square root of x."""
    return array_module(x).sqrt(x)


sqrt.vjps(lambda g, y, _x: 0.5 * g / y)


@primitive
def abs_(x):
    """|x|, with the subgradient 0 at 0."""
    return abs(x)


abs_.vjps(lambda g, _y, x: g * (x > 0) - g * (x < 0))


@primitive
def tanh(x):
    """The hyperbolic tangent of x."""
    return array_module(x).tanh(x)


tanh.vjps(lambda g, y, _x: g * (1 - y * y))


@primitive
def sigmoid(x):
    """1 / (1 + e^-x), written so that it never overflows and keeps its digits near 0."""
    xp = array_module(x)
    small = xp.exp(xp.minimum(x, -1.0 * x))       # -|x|, of whole numbers of any kind too
    return xp.where(x >= 0, 1, small) / (1 + small)


sigmoid.vjps(lambda g, y, x: g * y * sigmoid(-x))


@primitive
def relu(x):
    """max(x, 0), with the subgradient 0 at 0."""
    return rectified.relu(x) if on_host(x) else array_module(x).maximum(x, 0)


def _relu_gradient(_wanted, g, y, _x):
    if on_host(g):
        return {0: rectified.gradient(g, y)}
    return {0: on_device.relu_slope(g, y) if on_device.runs(g, y) else g * (y > 0)}


relu.vjps(lambda g, y, _x: g * (y > 0), joint=_relu_gradient)


@primitive
def maximum(a, b):
    """The larger of a and b; a tie gives a half of the gradient to each."""
    return array_module(a, b).maximum(a, b)


maximum.vjps(lambda g, _y, a, b: back(g * (a > b) + 0.5 * g * (a == b), a),
             lambda g, _y, a, b: back(g * (b > a) + 0.5 * g * (a == b), b))


@primitive
def where(condition, a, b):
    """a where the array `condition` holds, elsewhere b."""
    return array_module(condition, a, b).where(condition, a, b)


where.vjps(None,
           lambda g, _y, condition, _a, _b: back(where(condition, g, 0), _a),
           lambda g, _y, condition, _a, _b: back(where(condition, 0, g), _b))
