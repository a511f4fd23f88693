"""Moving numbers without changing them.  Linear maps come in adjoint pairs:

    reshape / reshape,   transpose / inverse transpose,   broadcast_to / sum_to,   getitem / scatter
"""

from ..arguments import shown
from ..tape import data_of, primitive
from ..xp import array_module, inverse, memory_order, scatter_add


@primitive
def reshape(x, shape):
    """The same numbers in C order under another shape."""
    return x.reshape(shape)


reshape.vjps(lambda g, _y, _x, shape: reshape(g, shape=_x.shape))


@primitive
def transpose(x, axes=None):
    """Axes in another order, reversed by default: y.shape[i] = x.shape[axes[i]]."""
    return x.transpose(axes)


transpose.vjps(lambda g, _y, _x, axes=None: transpose(g, axes=_inverse(axes)))


def _inverse(axes):
    if axes is None:
        return None
    return inverse([axis % len(axes) for axis in axes])


@primitive
def broadcast_to(x, shape):
    """Repeat x along new axes and along axes of size 1 (a read-only view)."""
    try:
        return array_module(x).broadcast_to(x, shape)
    except (TypeError, ValueError):
        raise ValueError(f"shape must be one to which the shape {getattr(x, 'shape', ())} of x "
                         f"broadcasts, got {shown(shape)}") from None


broadcast_to.vjps(lambda g, _y, _x, shape: back(g, _x))


@primitive
def sum_to(x, shape):
    """Sum x down to `shape`, which broadcasts to x.shape: the adjoint of broadcast_to."""
    lead = x.ndim - len(shape)
    repeated = (i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    return x.sum((*range(lead), *repeated), keepdims=True).reshape(shape)


sum_to.vjps(lambda g, _y, _x, shape: broadcast_to(g, shape=_x.shape))


def back(g, x):
    """Sum a cotangent back to the shape of the argument x it belongs to: undo broadcasting."""
    return g if g.shape == x.shape else sum_to(g, shape=x.shape)


@primitive
def getitem(x, index):
    """x[index], with NumPy's basic and advanced indices."""
    return x[_plain(index)]


getitem.vjps(lambda g, _y, _x, index: scatter(g, index=index, shape=_x.shape))


@primitive
def scatter(g, index, shape):
    """Zeros of `shape` with g added at `index`: the adjoint of getitem."""
    out = _zeros(shape, g)
    index = _plain(index)
    if _basic(index):
        out[index] = g                            # no place occurs twice
    else:
        scatter_add(out, index, g)
    return out


def _zeros(shape, g):
    """Zeros in g's memory order, if g has as many axes: what follows then need not turn it."""
    natural = list(range(len(shape)))
    order = memory_order(g) if g.ndim == len(shape) else natural
    if order == natural:
        return array_module(g).zeros(shape, g.dtype)
    return array_module(g).zeros([shape[i] for i in order], g.dtype).transpose(inverse(order))


scatter.vjps(lambda g, _y, _x, index, shape: getitem(g, index=index))


def _plain(index):
    return tuple(map(data_of, index)) if isinstance(index, tuple) else data_of(index)


def _basic(index):
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in parts)


@primitive
def astype(x, dtype):
    """x in another floating dtype."""
    return x.astype(dtype)


astype.vjps(lambda g, _y, _x, dtype: astype(g, dtype=_x.dtype))
