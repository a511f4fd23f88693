"""Subtract the mean, divide by the standard deviation, scale and shift, in few passes over memory.

Statistics over the batch (batch norm) are those of `channels`, which on the host are swept by
`fast.channels`.  Statistics of each sample (layer, instance, group norm) are made by
`fast.samples` or here: samples are finished one after the other, in cache.  Those of a row, such as
a token's, are made by `fast.rows`.
"""

from ..device import norms
from ..fast import channels, rows, samples
from ..tape import primitive
from ..xp import array_module, on_host, par, pieces
from .channels import average, back_to, centred, moments, scaled
from .elementwise import sqrt
from .shape import back

__all__ = ["moments", "normal", "rescale"]

PASSES = 8                                        # over each sample, forward; backward some more
MANY = 1 << 16                                    # numbers that are made again rather than kept


@primitive(keeps=True, twice=False)
def normal(x, w, b, axes, eps, known=None):
    """w (x - mean) / sqrt(var + eps) + b, with the mean and the biased variance of x over `axes`.

    w and b broadcast to x; `known` is `moments(x, axes)` where it was computed before.  Kept are
    the mean and 1 / sqrt(var + eps).
    """
    if (flat := rows.rows_of(x, axes, w, b)) is not None:
        y, *kept = rows.normed(flat, w, b, eps)
        return y.reshape(x.shape), tuple(v.reshape(*x.shape[:-1], 1) for v in kept)
    if (each := samples.samples_of(x, axes, w, b)) is not None:
        y, *kept = samples.normed(x, w, b, eps, each)
        return y, tuple(kept)
    if known is None and norms.runs(x, axes, w, b):
        return norms.normed(x, w, b, axes, eps)
    if 0 not in axes:
        return _samples(x, w, b, axes, eps)
    mean, var = known or moments(x, axes)
    r = 1 / array_module(x).sqrt(var + eps)                                 # Eq. (normalise.1)
    return scaled(x, mean, r, w, b), (mean, r)


def _gradients(wanted, g, _y, x, w, b, axes, eps, kept, known=None):
    """Those of x, w and b, which share their sums."""
    (mean, r), matrix = kept, channels.matrix_of(x, axes, w, b)
    if (flat := rows.rows_of(x, axes, w, b)) is not None:
        columns = (v.reshape(-1, 1) for v in kept)
        gx, *rest = rows.gradients(g.reshape(flat.shape), flat, w, *columns)
        made = gx.reshape(x.shape), *(v.reshape(w.shape) for v in rest)
    elif (each := samples.samples_of(x, axes, w, b)) is not None:
        gx, gw, gb = samples.gradients(g, x, w, mean, r, each)
        made = gx, back_to(gw, w), back_to(gb, b)
    elif norms.runs(x, axes, w, b, g, mean, r):
        made = norms.gradients(g, x, w, b, axes, mean, r)
    elif matrix is None:
        made = _samples_back(g, x, w, b, axes, mean, r)
    else:
        gx, gw, gb = channels.gradients(g, x, w, mean, r, matrix)
        made = gx, back_to(gw, w), back_to(gb, b)
    return dict(enumerate(made))


def _composite(x, w, b, axes, eps, known=None):
    d = x - x.mean(axes, keepdims=True)                                     # Eq. (normalise.1)
    return d / sqrt((d * d).mean(axes, keepdims=True) + eps) * w + b        # Eq. (normalise.1)


def _again(x, w, b, axes, eps, kept, known=None):
    """How the rows that were normed are made again, without their statistics."""
    flat = rows.rows_of(x, axes, w, b)
    if flat is None or x.size < MANY:
        return None
    return lambda: rows.again(flat, w, b, *(v.reshape(-1, 1) for v in kept)).reshape(x.shape)


normal.vjps(joint=_gradients, twin=_composite, again=_again)


@primitive
def rescale(x, mean, var, w, b, eps):
    """w (x - mean) / sqrt(var + eps) + b for a mean and a variance that are given."""
    return scaled(x, mean, 1 / array_module(x).sqrt(var + eps), w, b)


rescale.vjps(
    lambda g, _y, _x, _mean, var, w, _b, eps: back(g * (w / sqrt(var + eps)), _x),
    lambda g, _y, _x, mean, var, w, _b, eps: back(-g * (w / sqrt(var + eps)), mean),
    lambda g, _y, x, mean, var, w, _b, eps:
        back(g * (x - mean) * (-0.5 * w * (var + eps) ** -1.5), var),
    lambda g, _y, x, mean, var, w, _b, eps: back(g * ((x - mean) / sqrt(var + eps)), w),
    lambda g, _y, _x, _mean, _var, _w, _b, eps: back(g, _b))


def _samples(x, w, b, axes, eps):
    xp, cut = array_module(x), _cut(x, w, b, axes)
    y = xp.empty_like(x)
    mean = xp.empty([1 if i in axes else n for i, n in enumerate(x.shape)], x.dtype)
    r = xp.empty_like(mean)

    def part(lo, hi):
        for s in cut[lo:hi]:
            mean[s], d = centred(x[s], axes, out=y[s])
            r[s] = 1 / xp.sqrt(average(d * d, axes) + eps)                  # Eq. (normalise.1)
            d *= r[s]                                                       # Eq. (normalise.1)
            d *= w                                                          # Eq. (normalise.1)
            d += b                                                          # Eq. (normalise.1)

    par(part, len(cut), each=PASSES * x.size // len(cut))
    return y, (mean, r)


def _samples_back(g, x, w, b, axes, mean, r):
    xp, cut = array_module(x), _cut(x, w, b, axes)
    gx = xp.empty_like(x)
    gw: list = [0] * len(cut)
    gb: list = [0] * len(cut)

    def part(lo, hi):
        for i in range(lo, hi):
            s = cut[i]
            normed = (x[s] - mean[s]) * r[s]
            gw[i], gb[i] = back_to(g[s] * normed, w), back_to(g[s], b)
            d = xp.multiply(g[s], w, out=gx[s])
            normed *= average(d * normed, axes)                             # Eq. (normalise.3)
            d -= average(d, axes)                                           # Eq. (normalise.3)
            d -= normed                                                     # Eq. (normalise.3)
            d *= r[s]                                                       # Eq. (normalise.3)

    par(part, len(cut), each=PASSES * x.size // len(cut))
    return gx, sum(gw), sum(gb)


def _cut(x, w, b, axes):
    """Equal pieces of the first axis, if no statistic runs over it nor a weight varies along it."""
    alike = all(getattr(v, "ndim", 0) < x.ndim or len(v) == 1 for v in (w, b))
    if 0 in axes or not alike or not on_host(x) or not x.size:
        return [slice(None)]
    return pieces(len(x), x.size // len(x))
