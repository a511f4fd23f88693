"""Many numbers to one, over all axes, one axis or a tuple of axes."""

from ..tape import primitive
from ..xp import array_module
from .elementwise import exp
from .shape import broadcast_to, reshape


def spread(g, x, axis, keepdims):
    """Repeat a reduced g over the axes that were reduced: the adjoint of a sum."""
    return broadcast_to(g if keepdims else kept(g, x, axis), shape=x.shape)


def kept(y, x, axis):
    """y with the reduced axes of x put back as size 1."""
    axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    reduced = {a % x.ndim for a in axes} if x.ndim else set()
    return reshape(y, shape=tuple(1 if i in reduced else n for i, n in enumerate(x.shape)))


@primitive
def sum_(x, axis=None, keepdims=False): return x.sum(axis, keepdims=keepdims)


sum_.vjps(lambda g, _y, _x, axis=None, keepdims=False: spread(g, _x, axis, keepdims))


@primitive
def mean(x, axis=None, keepdims=False): return x.mean(axis, keepdims=keepdims)


mean.vjps(lambda g, _y, _x, axis=None, keepdims=False:
          spread(g * (_y.size / max(1, _x.size)), _x, axis, keepdims))


@primitive
def max_(x, axis=None, keepdims=False):
    """The largest entry; equal largest entries share the gradient equally."""
    return x.max(axis, keepdims=keepdims)


def _largest(g, y, x, axis=None, keepdims=False):
    top = x == kept(y, x, axis)
    share = top / top.sum(axis, keepdims=True)
    return spread(g, x, axis, keepdims) * share.astype(x.dtype)


max_.vjps(_largest)


@primitive
def log_softmax(x):
    """x - ln sum_k e^x_k over the last axis; the largest x is taken out first and stays out."""
    xp = array_module(x)
    d = x - x.max(-1, keepdims=True)
    return d - xp.log(xp.exp(d).sum(-1, keepdims=True))


log_softmax.vjps(lambda g, y, _x: g - exp(y) * g.sum(-1, keepdims=True))
