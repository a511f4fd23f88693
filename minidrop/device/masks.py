"""Products with masks on a GPU: `x * mask * scale` in one launch; ops.fused.masked is the twin.

Why it is fast.  x is read once and y written once, in the order in which x lies in memory; of the
mask one byte is read an entry, or fewer where entries share it.
"""

from ..xp import array_module, inverse, memory_order, on_host
from .launch import LAID, Kernel, fits, flat, laid

SOURCE = LAID + """
extern "C" __global__ void masked(T* y, const T* x, const bool* mask, long long n, long long size,
                                  long long inner, double scale) {
    EACH(i, n) y[i] = x[i] * (T)mask[place(i, n, size, inner)] * (T)scale;
}

extern "C" __global__ void masked_by(T* y, const T* x, const bool* mask, long long n,
                                     long long size, long long inner, const T* scale) {
    EACH(i, n) y[i] = x[i] * (T)mask[place(i, n, size, inner)] * scale[0];
}
"""
MASKED, MASKED_BY = Kernel(SOURCE, "masked"), Kernel(SOURCE, "masked_by")


def runs(x, mask, scale):
    """Whether the kernel takes these: a boolean mask that spreads over x, one number as scale."""
    number = type(scale) in (int, float) or getattr(scale, "size", 0) == 1 and fits(scale, x)
    spread = mask.ndim <= x.ndim and all(
        m in (1, n) for m, n in zip(mask.shape[::-1], x.shape[::-1], strict=False))
    boolean = mask.dtype == bool and not on_host(mask)      # a host's mask () may stand beside x
    return x.ndim > 0 and number and spread and boolean and fits(x)


def masked(x, mask, scale):
    """As ops.fused.masked, in the memory order of x."""
    xp, order = array_module(x, mask), memory_order(x)
    x = flat(x.transpose(order))
    mask = mask.reshape((1,) * (x.ndim - mask.ndim) + mask.shape).transpose(order)
    shares = laid(mask.shape, x.shape)
    if not shares:                                # the mask is written out
        mask, shares = xp.broadcast_to(mask, x.shape), (x.size, 1)
    y, given = xp.empty(x.shape, x.dtype), type(scale) in (int, float)
    kernel, scale = (MASKED, float(scale)) if given else (MASKED_BY, scale)
    kernel.each(x.size, y, x, flat(mask), x.size, *shares, scale, dtype=x.dtype)
    return y.transpose(inverse(order))
