r"""Sharpness: how steeply the loss rises around the weights, at most and on average.

Papers   Yao, Gholami, Lei, Keutzer, Mahoney, "Hessian-based analysis of large batch training and
         robustness to adversaries", NeurIPS 2018, arXiv:1802.08241: "Yao 2018".  Li, Xu, Taylor,
         Studer, Goldstein, "Visualizing the loss landscape of neural nets", NeurIPS 2018,
         arXiv:1712.09913: "Li 2018", official code: tomgoldstein/loss-landscape.  Dinh, Pascanu,
         Bengio, Bengio, "Sharp minima can generalize for deep nets", ICML 2017, arXiv:1703.04933:
         "Dinh 2017".
Where    The d parameters of a network that are trained, around their values of now; no noise, and
         batch norm uses its running statistics.
Symbols  $J$ mean loss over the data, $H$ the matrix of its second derivatives, $\lambda_k$ its
         eigenvalues, $v$ a direction of length 1, $s$ shift, $\mu$ Rayleigh's quotient, $\delta$ a
         step, $r$ radius, $g$ Gaussian, $\theta_i$ the weights of one filter, or of one unit,
         $W_1$, $W_2$ and $b_1$ weights and biases of two layers.

By definition: the largest curvature, along any direction
$$ \lambda_{\max} = \max_{\lVert v \rVert = 1} v^\top H v                  \tag{sharpness.1} $$
Yao 2018, in words (s = 0): power iteration, where a shift keeps the largest in front
$$ v \leftarrow \frac{H v + s v}{\lVert H v + s v \rVert}, \qquad
   \mu = v^\top H v \le \lambda_{\max}                                     \tag{sharpness.2} $$
From (sharpness.2), as H is symmetric: what remains bounds the distance to an eigenvalue
$$ \min_k | \lambda_k - \mu | \le \lVert H v - \mu v \rVert                \tag{sharpness.3} $$
By definition: rise of the loss in random directions of one length, on average, each both ways
$$ R = \mathrm{E} \, \tfrac12 \big( J(\theta + \delta) + J(\theta - \delta) \big) - J(\theta),
   \qquad \delta = r \, g / \lVert g \rVert                               \tag{sharpness.4} $$
From (sharpness.4), for a quadratic loss: the mean curvature of all directions
$$ R = \frac{r^2}{2 d} \sum_k \lambda_k                                    \tag{sharpness.5} $$
Li 2018, in words: filter normalisation; biases and the parameters of norms stay
$$ \delta_i = r \, \lVert \theta_i \rVert \, g_i / \lVert g_i \rVert       \tag{sharpness.6} $$
Dinh 2017, in words: between two layers of a ReLU network the scale is free, for every $\alpha > 0$
$$ W_2 \max(0, W_1 x + b_1)
   = \frac{W_2}{\alpha} \max(0, \alpha W_1 x + \alpha b_1)                 \tag{sharpness.7} $$

Of a step and its opposite the slopes cancel, so that (sharpness.4) varies less from direction to
direction; its mean is that of single steps.

(sharpness.7) changes (sharpness.1) and (sharpness.4), though the function stays: sharpness of that
kind compares a network with itself over time, not two networks.  With the steps of (sharpness.6)
the rise R is the same before and after.

Power iteration finds the eigenvalue that is largest in size.  Where that is below 0, s is its size,
and the iteration starts again: no shifted eigenvalue is then below 0, and the largest wins.  Two of
one size and opposite signs never part: much remains after half the iterations, and s is |H v|.

Differs
- From Li 2018: here the radius is a share of each filter's length and not an axis of a plot.
  [test_sharpness_6_is_as_long_as_the_filters]
- Units with an alpha each in (sharpness.7), in place of one for the layer, leave the function, too,
  as it is, but not the rise under (sharpness.6).
  [test_sharpness_7_of_single_units_is_seen_by_filter_normalisation]
"""

import copy
import math
from typing import Any, NamedTuple

from .arguments import COUNTED, called, count, describe, examples, number, option
from .curvature import hessian_product
from .functional import cross_entropy
from .gradients import flat, unflat
from .intervals import Interval, mean_interval
from .nn import Module
from .noise import as_stream, gaussian
from .placement import beside, home
from .train import evaluate
from .xp import array_module, backend_of, to_backend

ROUNDING = 1e-12            # of the largest |H v|: what float64 leaves
MIXED = 0.02                # eigenvalues of one sign leave less of |mu| after many iterations


class Curvature(NamedTuple):
    """The largest curvature, how well it is known, and where it is.

    >>> Curvature(value=2.0, residual=1e-4, iterations=12, direction=[1.0, 0.0]).value
    2.0
    """

    value: float                # the largest eigenvalue of H
    residual: float             # some eigenvalue is within this of it
    iterations: int             # products with H that were needed
    direction: Any              # its eigenvector, (d,), float64


class RandomSharpness(NamedTuple):
    """The rise of the loss in random directions.

    >>> print(RandomSharpness(rise=mean_interval([0.02, 0.05, 0.02, 0.03]), rises=None).rise)
    0.030 +- 0.023
    """

    rise: Interval              # the mean over the directions, and half its 95 % interval
    rises: Any                  # (draws,), on the host


def largest_curvature(net, data, loss=cross_entropy, batch_size=256, tolerance=1e-3,
                      iterations=200, rng=0):
    """The largest eigenvalue of the second derivatives of the loss, by power iteration.

    `data` is a pair (x, y), of which all is taken, in mini-batches, for each product with H; `loss`
    must be a mean over examples.  A copy of the network computes, in evaluation and in float64.
    `rng`, a `Stream` or an int seed, draws the first direction.  Gives a `Curvature`, whose
    residual is at most `tolerance` times the size of its value; ValueError where so many
    `iterations` do not get there, and for a network that draws in evaluation, as DropConnect with
    its inference "gaussian" does.  The eigenvalue has its sign: below 0 at a maximum of the loss.

    Source: Yao 2018.

    >>> import numpy as np
    >>> from minidrop.functional import mse_loss
    >>> from minidrop.nn import Linear
    >>> x = np.array([[1.0, 0.0], [0.0, 3.0]])                     # H = 2 x^T x / 2
    >>> net = Linear(2, 1, bias=False).init(0)
    >>> found = largest_curvature(net, (x, np.zeros((2, 1))), loss=mse_loss, tolerance=1e-6)
    >>> round(found.value, 6), abs(found.direction).round(3)
    (9.0, array([0., 1.]))
    """
    other, params, (x, y) = _prepared(net, data, loss)
    batch_size = count(batch_size, "batch_size", most=COUNTED)
    iterations = count(iterations, "iterations")
    tolerance, rng = number(tolerance, "tolerance"), as_stream(rng)

    def product(v):
        direction, total = unflat(v, params), 0.0
        for i in range(0, len(x), batch_size):
            xb, yb = x[i:i + batch_size], y[i:i + batch_size]
            part = flat(hessian_product(loss(other(xb), yb), params, direction))
            total = total + part * (len(xb) / len(x))
        return total

    v, shift, stretch, value, rest = _start(rng, params), 0.0, 0.0, 0.0, math.inf
    for taken in range(1, iterations + 1):
        hv = product(v)
        value = float(v @ hv)                                              # Eq. (sharpness.2)
        rest = _length(hv - value * v)                                     # Eq. (sharpness.3)
        if not math.isfinite(rest):
            raise ValueError("net and data must give finite second derivatives under loss, got "
                             f"{value}")
        stretch = max(stretch, _length(hv))
        done = rest <= tolerance * abs(value) + ROUNDING * stretch
        if done and (shift or value >= 0):
            return Curvature(value, rest, taken, v)                        # Eq. (sharpness.1)
        if done:                                  # the largest in size, and below 0
            v, shift = _start(rng, params), stretch
            continue
        if not shift and taken >= iterations // 2 and rest > MIXED * abs(value):
            shift = stretch
        v = hv + shift * v                                                 # Eq. (sharpness.2)
        v = v / _length(v)
    raise ValueError(f"iterations must be more than {iterations}, or tolerance larger than "
                     f"{tolerance:g}: at a curvature of {value:.3g} the residual is {rest:.1g}")


def random_sharpness(net, data, radius, draws, rng, normalise="none", loss=cross_entropy,
                     batch_size=1024):
    """How much the loss rises on average at a distance, over both ways: a `RandomSharpness`.

    `data` is a pair (x, y), `draws` the number of directions, at least 2, `rng` a `Stream` or an
    int seed.  With `normalise="none"` all have the length `radius`, in weight space; with "filter"
    `radius` is the share of the length of each filter, which is a row (out, ...) of weights, and
    biases and norms stay as they are.  A copy of the network computes, in evaluation and float64.

    Source: Li 2018 for "filter".

    >>> from minidrop.data import digits
    >>> from minidrop.models import mlp
    >>> found = random_sharpness(mlp(64, 16, 10).init(0), digits().test, 0.5, draws=5, rng=1)
    >>> found.rises.shape, bool(found.rise.low < found.rises.mean() < found.rise.high)
    ((5,), True)
    """
    other, params, (x, y) = _prepared(net, data, loss)
    radius, draws = number(radius, "radius"), count(draws, "draws", least=2)
    option(normalise, "normalise", ("none", "filter"))
    batch_size, rng = count(batch_size, "batch_size", most=COUNTED), as_stream(rng)
    theta, rises = [w.data for w in params], []
    before = evaluate(other, (x, y), loss, batch_size).loss
    if not math.isfinite(before):
        raise ValueError(f"net and data must give a finite loss, got {before}")
    for _ in range(draws):
        g = _gaussian(rng, params)
        step = (_filter_normalised(unflat(g, theta), theta, radius) if normalise == "filter"
                else unflat(radius * g / _length(g), theta))               # Eq. (sharpness.4)
        after = []
        for sign in (1, -1):
            for w, start, part in zip(params, theta, step, strict=True):
                w.data = start + sign * part
            after.append(evaluate(other, (x, y), loss, batch_size).loss)
        rises.append(sum(after) / 2 - before)                              # Eq. (sharpness.4)
    return RandomSharpness(mean_interval(rises), array_module().asarray(rises))


def _filter_normalised(g, theta, radius):
    """Steps as long as `radius` times each row of `theta`; none for what has one axis or none."""
    steps = []
    for direction, w in zip(g, theta, strict=True):
        if w.ndim < 2:
            steps.append(0 * w)
            continue
        lengths = [_lengths(part.reshape(len(w), -1)) for part in (w, direction)]
        scale = radius * lengths[0] / lengths[1]
        steps.append(direction * scale.reshape(-1, *[1] * (w.ndim - 1)))   # Eq. (sharpness.6)
    return steps


def _prepared(net, data, loss):
    """(a copy of `net` in float64 and evaluation, what is trained in it, data in float64)."""
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    called(loss, "loss", "outputs", "y")
    x, y = beside(examples(data), home(net))
    other = copy.deepcopy(net).astype("float64").eval()
    for path, module in other.named_modules():
        if getattr(module, "rng", None) is not None:
            module.rng = _Silent(path)
    params = [w for w in other.parameters() if w.requires_grad]
    if not params:
        raise ValueError("net has no parameter that needs a gradient")
    return other, params, (x.astype("float64"), y)


class _Silent:
    """A stream that nothing may be drawn from: two losses would differ by noise."""

    def __init__(self, path):
        self.path = path

    def draw(self, transform, *args):
        raise ValueError(f"net must draw nothing in evaluation, and {self.path!r} does; give the "
                         "layer inference='mean'")


def _gaussian(rng, params):
    g = gaussian(rng, (sum(w.size for w in params),))
    return to_backend(g, backend_of(params[0].data)).astype("float64")


def _start(rng, params):
    g = _gaussian(rng, params)
    return g / _length(g)


def _length(vector):
    return math.sqrt(float(vector @ vector))


def _lengths(rows):
    return array_module(rows).sqrt((rows * rows).sum(1))
