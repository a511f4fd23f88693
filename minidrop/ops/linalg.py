"""Products of matrices and vectors, batched over leading axes as in NumPy."""

from ..fast.products import product
from ..tape import primitive
from .shape import back


@primitive
def matmul(a, b): return product(a, b)


def _left(g, y, a, b):
    if b.ndim == 1:
        return back(g[..., None] * b, a)          # y_i = sum_k a_ik b_k
    if a.ndim == 1:
        return back((g[..., None, :] * b).sum(-1), a)
    return back(matmul(g, b.swapaxes(-1, -2)), a)


def _right(g, y, a, b):
    if b.ndim == 1:
        return back(g[..., None] * a, b)
    if a.ndim == 1:
        return back(a[:, None] * g[..., None, :], b)  # y_j = sum_k a_k b_kj
    return back(matmul(a.swapaxes(-1, -2), g), b)


matmul.vjps(_left, _right)
