r"""Activations: those that are more than one call of the array module, in cache-sized passes.

Symbols  $x$ input, $\Phi$ the distribution function of the standard normal, $\alpha$ and $\lambda$
         the constants of SELU, $z$ a standard normal number.

Hendrycks & Gimpel 2016 (arXiv:1606.08415), section 2: GELU, x times the chance that z < x
$$ \mathrm{gelu}(x) = x \, \Phi(x) = \tfrac{x}{2} \, (1 + \mathrm{erf}(x / \sqrt 2))
                                                                          \tag{activations.1} $$
Hendrycks & Gimpel 2016, section 2: its tanh form
$$ \mathrm{gelu}(x) \approx \tfrac{x}{2} \,
   (1 + \tanh(\sqrt{2 / \pi} \, (x + 0.044715 \, x^3)))                   \tag{activations.2} $$
Klambauer et al. 2017 (arXiv:1706.02515), section 2: SELU
$$ \mathrm{selu}(x) = \lambda x \ \ (x > 0), \qquad
   \mathrm{selu}(x) = \lambda \alpha (e^x - 1) \ \ (x \le 0)              \tag{activations.3} $$
Klambauer et al. 2017, section 2: alpha keeps the mean of a standard normal at 0
$$ \mathbb{E}[\mathrm{selu}(z)] = \lambda \left( \tfrac{1}{\sqrt{2 \pi}}
   + \alpha (e^{1/2} \, \Phi(-1) - \tfrac12) \right) = 0                  \tag{activations.4} $$
Klambauer et al. 2017, section 2: and lambda keeps its variance at 1
$$ \mathbb{E}[\mathrm{selu}(z)^2] = \lambda^2 \left( \tfrac12
   + \alpha^2 (e^2 \, \Phi(-2) - 2 e^{1/2} \, \Phi(-1) + \tfrac12) \right) = 1
                                                                          \tag{activations.5} $$
"""

import math

from ..device import activations as on_device
from ..fast.windows import scratch
from ..tape import primitive
from ..xp import array_module, chunks, on_host, par
from ..xp import erf as _erf
from .elementwise import exp, maximum, relu, tanh

SELU_ALPHA, SELU_LAMBDA = 1.6732632423543772, 1.0507009873554805
SLOPE, CUBE = math.sqrt(2 / math.pi), 0.044715
BEYOND = 10.0                                     # from here on tanh is 1, up to 1e-37
COST = 8                                          # a pass of exponentials takes as long as so many


def in_passes(fill, *arrays):
    """A new array that fill(out, *arrays) fills entry by entry, on pieces that stay in cache."""
    first = arrays[0]
    y = array_module(*arrays).empty_like(first)
    if first.ndim == 0 or not on_host(first):
        fill(y[None], *(array[None] for array in arrays))
        return y
    row = first.size // max(1, len(first))

    def part(lo, hi):
        for s in chunks(lo, hi, each=row):
            fill(y[s], *(array[s] for array in arrays))

    par(part, len(first), each=COST * row)
    return y


@primitive
def gelu_tanh(x):
    """GELU in its tanh form.

    Why it is fast: a pass stays in the cache and writes to the memory of its result.  The adjoint
    finds the exponential again from x alone, so that nothing more is kept; float32 slopes are off
    by at most 3e-7 (PyTorch's by 1.1e-6).
    """
    if on_device.runs(x):
        return on_device.gelu(x, SLOPE, CUBE, BEYOND)
    return in_passes(_gelu, x)


def _gelu(y, x):                                  # x / (1 + e^(-2u)), as (1 + tanh u) / 2
    xp, (near, square) = array_module(x), _squared(x, y)
    e = _exponential(square, near, square)
    e += 1
    xp.divide(x if near is x else xp.maximum(x, near), e, out=y)


def _gelu_slope(slope, x, g):                     # (1 + w e / (1 + e)) / (1 + e),  w = 2u' x
    xp, (near, minus) = array_module(x), _squared(x, _spare("minus", x))
    e = _exponential(minus, near, slope if near is x else None)
    minus *= -3                                   # -2u = -2 sqrt(2/pi) (x + c x^3), so that
    more = xp.multiply(near, 4 * SLOPE, out=_spare("more", near))
    minus -= more                                 # w = -3 (-2u) - 4 sqrt(2/pi) x
    xp.add(e, 1, out=more)
    e /= more
    e *= minus
    e += 1
    e /= more
    xp.multiply(e, g, out=slope)


def _squared(x, out):
    """(x, x^2), x cut where e^(-2u) might overflow; in `out` if a look finds nothing to cut."""
    xp = array_module(x)
    if on_host(x) and x.size and x.dtype.itemsize > 2:
        with xp.errstate(over="ignore"):
            square = xp.multiply(x, x, out=out)
        if square.max() <= BEYOND ** 2:
            return x, square
    near = xp.clip(x, -BEYOND, BEYOND).astype(xp.result_type(x, xp.float32), copy=False)
    return near, near * near


def _exponential(square, x, out):
    """e^(-2u), u = sqrt(2/pi) (x + c x^3); -2u is left in the memory of x^2."""
    square *= -2 * CUBE * SLOPE
    square -= 2 * SLOPE
    square *= x
    return array_module(x).exp(square, out=out)


def _spare(name, x):
    """An array like x that its thread keeps, with any numbers in it; None on a GPU."""
    return scratch(name, x.shape, x.dtype) if on_host(x) else None


def _gelu_composite(x):
    near = -maximum(-maximum(x, -BEYOND), -BEYOND)
    cubic = SLOPE * (near + CUBE * near * near * near)
    return 0.5 * x * (1 + tanh(cubic))                                    # Eq. (activations.2)


def _gelu_gradient(g, _y, x):
    if on_device.runs(x, g):
        return on_device.gelu_slope(x, g, SLOPE, CUBE, BEYOND)
    return in_passes(_gelu_slope, x, g)


gelu_tanh.vjps(_gelu_gradient, twin=_gelu_composite)


@primitive
def erf(x):
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return _erf(x)


def _erf_slope(x):
    near = maximum(-abs(x), -30.0)                # e^(-900) is 0, and the square stays finite
    return 2 / math.sqrt(math.pi) * exp(-near * near)


erf.vjps(lambda g, _y, x: g * _erf_slope(x))


@primitive
def selu(x):
    """lambda x above 0, lambda alpha (e^x - 1) below, with the slope of below at 0."""
    return in_passes(_selu, x)


def _selu(y, x):
    xp = array_module(x)
    below = SELU_ALPHA * xp.expm1(xp.minimum(x, 0))
    y[...] = SELU_LAMBDA * (xp.maximum(x, 0) + below)                     # Eq. (activations.3)


SATURATED = SELU_LAMBDA * SELU_ALPHA              # below 0 the slope is y + lambda alpha
selu.vjps(lambda g, y, x: g * (SATURATED - relu(-y)) - g * (x > 0) * (SATURATED - SELU_LAMBDA))


@primitive
def softmax(x):
    """e^x_k / sum_j e^x_j over the last axis; the largest x is taken out first."""
    if on_device.runs(x) and x.shape[-1]:
        return on_device.softmax(x)
    return in_passes(_softmax, x) if x.ndim > 1 else in_passes(_softmax, x[None])[0]


def _softmax(y, x):
    xp = array_module(x)
    xp.exp(xp.subtract(x, x.max(-1, keepdims=True), out=y), out=y)
    y /= y.sum(-1, keepdims=True)


softmax.vjps(lambda g, y, _x: y * (g - (y * g).sum(-1, keepdims=True)))
