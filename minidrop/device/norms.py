"""Norms on a GPU: statistics, what is made with them, and their gradients, one launch for each.

The twins are in ops.normal and ops.channels.

Why it is fast.  Array code takes ten launches forward and twenty back, each through all of x.  Here
a block has all entries that share a statistic, wherever they lie: those of a token are neighbours,
those of a channel come in runs, one for every image.  The gradients of weights are sums over the
entries that share a weight, so that a second kernel makes them, and no two blocks add to one place.
"""

from ..xp import array_module
from .launch import LAID, TOGETHER, Kernel, fits, flat, laid

SOURCE = LAID + TOGETHER + """
// There are `stats` statistics, each shared by `near` neighbours, and `ws` weights likewise.
#define PLACE(i) place(i, n, stats, near)
#define WEIGHT(i) place(i, n, ws, near_w)

struct Moments { T mean, var; };              // an entry goes first: a large mean costs no digits

__device__ Moments moments_of(const T* x, long long s, long long n, long long stats,
                              long long near) {
    T first = x[entry(0, s, n, stats, near)], rest = 0, square = 0;
    ALONG(j, n / stats) rest += x[entry(j, s, n, stats, near)] - first;
    rest = together(rest, false) / (n / stats);
    ALONG(j, n / stats) {
        T d = x[entry(j, s, n, stats, near)] - first - rest;
        square += d * d;
    }
    Moments found = {first + rest, together(square, false) / (n / stats)};
    return found;
}

extern "C" __global__ void moments(T* mean, T* var, const T* x, long long n, long long stats,
                                   long long near) {
    ROWS(s, stats) {
        Moments found = moments_of(x, s, n, stats, near);
        if (threadIdx.x == 0) {
            mean[s] = found.mean;
            var[s] = found.var;
        }
    }
}

extern "C" __global__ void normed(T* y, T* mean, T* r, const T* x, const T* w, const T* b,
                                  LAYOUT, double eps) {
    ROWS(s, stats) {
        Moments found = moments_of(x, s, n, stats, near);
        T rate = 1 / sqrt(found.var + (T)eps);                              // Eq. (normalise.1)
        ALONG(j, n / stats) {
            long long i = entry(j, s, n, stats, near);
            y[i] = (x[i] - found.mean) * rate * w[WEIGHT(i)] + b[WEIGHT(i)];
        }
        if (threadIdx.x == 0) {
            mean[s] = found.mean;
            r[s] = rate;
        }
    }
}

extern "C" __global__ void scaled(T* y, const T* x, const T* mean, const T* r, const T* w,
                                  const T* b, LAYOUT) {
    EACH(i, n)
        y[i] = (x[i] - mean[PLACE(i)]) * (r[PLACE(i)] * w[WEIGHT(i)]) + b[WEIGHT(i)];
}

extern "C" __global__ void slopes(T* gx, const T* g, const T* x, const T* mean, const T* r,
                                  const T* w, LAYOUT) {
    ROWS(s, stats) {
        T h = 0, product = 0;                     // means of w g and of w g (x - mean) r
        ALONG(j, n / stats) {
            long long i = entry(j, s, n, stats, near);
            h += w[WEIGHT(i)] * g[i];
            product += w[WEIGHT(i)] * g[i] * ((x[i] - mean[s]) * r[s]);
        }
        h = together(h, false) / (n / stats);
        product = together(product, false) / (n / stats);
        ALONG(j, n / stats) {
            long long i = entry(j, s, n, stats, near);
            gx[i] = r[s] * (w[WEIGHT(i)] * g[i] - h                         // Eq. (normalise.3)
                            - (x[i] - mean[s]) * r[s] * product);
        }
    }
}

extern "C" __global__ void of_weights(T* gw, T* gb, const T* g, const T* x, const T* mean,
                                      const T* r, LAYOUT) {
    ROWS(k, ws) {
        T of_w = 0, of_b = 0;
        ALONG(j, n / ws) {
            long long i = entry(j, k, n, ws, near_w);
            of_w += g[i] * ((x[i] - mean[PLACE(i)]) * r[PLACE(i)]);
            of_b += g[i];
        }
        of_w = together(of_w, false);
        of_b = together(of_b, false);
        if (threadIdx.x == 0) {
            gw[k] = of_w;
            gb[k] = of_b;
        }
    }
}
"""
SOURCE = SOURCE.replace("LAYOUT", "long long n, long long stats, long long near, "
                        "long long ws, long long near_w")
MOMENTS, NORMED, SCALED, SLOPES, OF_WEIGHTS = (
    Kernel(SOURCE, name) for name in ("moments", "normed", "scaled", "slopes", "of_weights"))


def runs(x, axes, w, b, *others):
    """Whether the kernels take x, its statistics over `axes`, and weights of one shape.

    `others` must hold numbers of the same type.
    """
    if not fits(x, *others) or not x.size:
        return False
    weights = [v for v in (w, b) if hasattr(v, "shape")]
    if not fits(x, *weights) or len({v.shape for v in weights}) > 1:
        return False
    order = _order(x)
    return all(laid(_spread(shape, x, order), _sizes(x, order))
               for shape in (_kept(x, axes), *(v.shape for v in weights)) if len(shape) <= x.ndim)


class _Layout:
    """x in the order of its memory, and how its statistics and weights lie beside it."""

    def __init__(self, x, axes, w=1.0, b=0.0):
        self.order, self.kept = _order(x), _kept(x, axes)
        self.shape, self.dtype, self.xp = _sizes(x, self.order), x.dtype, array_module(x)
        self.shape_w = next((v.shape for v in (w, b) if hasattr(v, "shape")), ())
        of_stats, of_weights = (laid(_spread(shape, x, self.order), self.shape)
                                for shape in (self.kept, self.shape_w))
        self.stats, self.weights = of_stats[0], of_weights[0]
        self.numbers = x.size, *of_stats, *of_weights
        self.back = sorted(range(x.ndim), key=self.order.__getitem__)

    def laid(self, array):
        """An array of x's shape, as x lies."""
        return flat(array.transpose(self.order))

    def vector(self, v, count):
        """Statistics or weights, which may be one plain number, as they follow in memory."""
        if not hasattr(v, "shape"):
            return self.xp.full(count, v, self.dtype)
        return flat(v.reshape((1,) * (len(self.order) - v.ndim) + v.shape).transpose(self.order))

    def restored(self, vector, shape):
        """Statistics or weights as an array of `shape`."""
        full = (1,) * (len(self.order) - len(shape)) + shape
        return vector.reshape([full[i] for i in self.order]).transpose(self.back).reshape(shape)

    def empty(self, count=None):
        """Room for `count` numbers, or for what is of x's shape."""
        return self.xp.empty(self.shape if count is None else count, self.dtype)

    def launch(self, kernel, *args):
        """A launch of blocks, one for each statistic or weight."""
        rows = self.weights if kernel is OF_WEIGHTS else self.stats
        kernel.rows(rows, self.numbers[0] // rows, *args, dtype=self.dtype)


def moments(x, axes):
    """As ops.channels.moments."""
    layout = _Layout(x, axes)
    mean, var = layout.empty(layout.stats), layout.empty(layout.stats)
    layout.launch(MOMENTS, mean, var, layout.laid(x), *layout.numbers[:3])
    return layout.restored(mean, layout.kept), layout.restored(var, layout.kept)


def normed(x, w, b, axes, eps):
    """(y, (mean, r)) as ops.normal.normal."""
    layout = _Layout(x, axes, w, b)
    y, mean, r = layout.empty(), layout.empty(layout.stats), layout.empty(layout.stats)
    w, b = (layout.vector(v, layout.weights) for v in (w, b))
    layout.launch(NORMED, y, mean, r, layout.laid(x), w, b, *layout.numbers, float(eps))
    return y.transpose(layout.back), tuple(layout.restored(v, layout.kept) for v in (mean, r))


def scaled(x, mean, r, w, b, axes):
    """As ops.channels.scaled, for statistics over `axes`."""
    layout = _Layout(x, axes, w, b)
    y = layout.empty()
    stats = (layout.vector(v, layout.stats) for v in (mean, r))
    weights = (layout.vector(v, layout.weights) for v in (w, b))
    SCALED.each(x.size, y, layout.laid(x), *stats, *weights, *layout.numbers, dtype=x.dtype)
    return y.transpose(layout.back)


def gradients(g, x, w, b, axes, mean, r):
    """Those of w r (x - mean) + b in x, w and b; 0 for a plain number."""
    layout = _Layout(x, axes, w, b)
    gx, g, x = layout.empty(), layout.laid(g), layout.laid(x)
    stats = [layout.vector(v, layout.stats) for v in (mean, r)]
    layout.launch(SLOPES, gx, g, x, *stats, layout.vector(w, layout.weights), *layout.numbers)
    gw, gb = layout.empty(layout.weights), layout.empty(layout.weights)
    if hasattr(w, "shape") or hasattr(b, "shape"):
        layout.launch(OF_WEIGHTS, gw, gb, g, x, *stats, *layout.numbers)
    return gx.transpose(layout.back), *(layout.restored(of_v, v.shape) if hasattr(v, "shape") else 0
                                        for of_v, v in ((gw, w), (gb, b)))


def _order(x):
    return sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))


def _sizes(x, order):
    return tuple(x.shape[i] for i in order)


def _kept(x, axes):
    return tuple(1 if i in axes else n for i, n in enumerate(x.shape))


def _spread(shape, x, order):
    shape = (1,) * (x.ndim - len(shape)) + shape
    return tuple(shape[i] for i in order)
