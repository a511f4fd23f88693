"""The convolution on the host, a block of images at a time: the same products as in `window`.

Why it is fast.  Images lie in memory as (N, H, W, C), so that a row of a window is one run of kw C
numbers and gathering is a copy of runs.  The windows of a block are multiplied while they are in
the cache.  Blocks go to all cores, each of which then multiplies alone.  Results do not depend on
the number of cores: the blocks are always the same, and partial sums are added in their order.
"""

from ..products import one_blas_thread
from ..xp import array_module, par

CACHED = 1 << 18            # numbers in the unfolded windows of a block: 1 MB of float32
PARTS = 8                   # partial sums of a gradient in the filters, on however many cores


class _Gather:
    """Windows of `size`, every `stride`, over images laid into zeros of `frame` (H, W).

    The images begin at `offset`, with `gap` - 1 zeros between their pixels.  Calling it with a
    slice of at most `block` images gives rows (images OH OW, kh kw C), valid until the next call.
    """

    def __init__(self, x, frame, offset, size, stride, block, gap=(1, 1)):
        xp, (n, c, height, width) = array_module(x), x.shape
        self.x = x.transpose(0, 2, 3, 1)
        zeros = xp.zeros((min(n, block), *frame, c), x.dtype)
        (top, left), (down, right) = offset, gap
        self.inside = zeros[:, top:top + height * down:down, left:left + width * right:right]
        windows = xp.lib.stride_tricks.sliding_window_view(zeros, size, axis=(1, 2))
        self.windows = windows[:, ::stride[0], ::stride[1]].transpose(0, 1, 2, 4, 5, 3)
        self.rows = xp.empty(self.windows.shape, x.dtype)

    def __call__(self, images):
        n = images.stop - images.start
        self.inside[:n] = self.x[images]
        self.rows[:n] = self.windows[:n]
        return self.rows[:n].reshape(-1, self.rows[0, 0, 0].size)


def conv2d(x, w, b, stride, padding):
    """As window.conv2d, for one group."""
    xp, n, (o, c, kh, kw) = array_module(x, w), len(x), w.shape
    frame, (oh, ow) = _geometry(x.shape, (kh, kw), stride, padding)
    filters = xp.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(-1, o)
    y = xp.empty((n, oh, ow, o), xp.result_type(x, w))
    block = _block(oh * ow * kh * kw * c)

    def part(blocks):
        gather = _Gather(x, frame, padding, (kh, kw), stride, block)
        for images in blocks:
            rows = y[images].reshape(-1, o)
            xp.matmul(gather(images), filters, out=rows)
            if b is not None:
                rows += b

    _on_all_cores(part, n, block)
    return y.transpose(0, 3, 1, 2)


def conv2d_dx(g, w, shape, stride, padding):
    """As window.conv2d_dx, for one group: a convolution of g with the filters turned round.

    With a stride, g has zeros between its pixels.  That copies H W kh kw O numbers of each image.
    Folding instead adds OH OW kh kw C numbers up, each at the price of about two copies.
    """
    (n, o, oh, ow), (_, c, kh, kw), (height, width) = g.shape, w.shape, shape[2:]
    offset = kh - 1 - padding[0], kw - 1 - padding[1]
    if min(offset) < 0 or 2 * oh * ow * c <= height * width * o:
        return _folded_dx(g, w, shape, stride, padding)
    xp, frame = array_module(g, w), (height + kh - 1, width + kw - 1)
    turned = xp.ascontiguousarray(w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)).reshape(-1, c)
    x = xp.empty((n, height, width, c), xp.result_type(g, w))
    block = _block(height * width * kh * kw * o)

    def part(blocks):
        gather = _Gather(g, frame, offset, (kh, kw), (1, 1), block, gap=stride)
        for images in blocks:
            xp.matmul(gather(images), turned, out=x[images].reshape(-1, c))

    _on_all_cores(part, n, block)
    return x.transpose(0, 3, 1, 2)


def _folded_dx(g, w, shape, stride, padding):
    """The gradient of all windows at once, added up where they lie, as `window.fold` does."""
    xp, (_, c, height, width), (sh, sw), (ph, pw) = array_module(g, w), shape, stride, padding
    (n, o, oh, ow), (kh, kw) = g.shape, w.shape[2:]
    frame, _ = _geometry(shape, (kh, kw), stride, padding)
    filters = xp.ascontiguousarray(w.transpose(0, 2, 3, 1)).reshape(o, -1)
    x = xp.empty((n, height, width, c), xp.result_type(g, w))
    block = _block(oh * ow * kh * kw * c)

    def part(blocks):
        framed = xp.empty((min(n, block), *frame, c), x.dtype)
        for images in blocks:
            rows = g[images].transpose(0, 2, 3, 1).reshape(-1, o) @ filters
            u, inside = rows.reshape(-1, oh, ow, kh, kw, c), framed[:images.stop - images.start]
            inside[...] = 0
            for i in range(kh):
                for j in range(kw):
                    inside[:, i:i + oh * sh:sh, j:j + ow * sw:sw] += u[:, :, :, i, j]
            x[images] = inside[:, ph:ph + height, pw:pw + width]

    _on_all_cores(part, n, block)
    return x.transpose(0, 3, 1, 2)


def conv2d_dw(g, x, size, stride, padding):
    """As window.conv2d_dw, for one group."""
    xp, (n, c, _, _), o, (kh, kw) = array_module(g, x), x.shape, g.shape[1], size
    frame, (oh, ow) = _geometry(x.shape, size, stride, padding)
    sums = xp.zeros((min(PARTS, n), kh * kw * c, o), xp.result_type(g, x))
    ends = [n * k // PARTS for k in range(PARTS + 1)] if n > PARTS else range(n + 1)
    block = _block(oh * ow * kh * kw * c)

    def part(lo, hi):
        gather = _Gather(x, frame, padding, size, stride, block)
        for k in range(lo, hi):
            for images in _slices(ends[k], ends[k + 1], block):
                sums[k] += gather(images).T @ g[images].transpose(0, 2, 3, 1).reshape(-1, o)

    with one_blas_thread:
        par(part, len(sums), each=CACHED * n // (block * PARTS))
    return sums.sum(0).reshape(kh, kw, c, o).transpose(3, 2, 0, 1)


def _geometry(shape, size, stride, padding):
    """(H, W) with the padding, and (OH, OW)."""
    frame = tuple(n + 2 * p for n, p in zip(shape[2:], padding, strict=True))
    return frame, tuple((n - k) // s + 1 for n, k, s in zip(frame, size, stride, strict=True))


def _block(unfolded):
    """How many images have about CACHED numbers together, if one has so many when unfolded."""
    return max(1, CACHED // max(1, unfolded))


def _slices(lo, hi, block):
    """Images lo..hi-1, `block` at a time."""
    return [slice(i, min(i + block, hi)) for i in range(lo, hi, block)]


def _on_all_cores(part, n, block):
    """part(slices) for all of n images in blocks, whose slices are shared out."""
    blocks = _slices(0, n, block)
    with one_blas_thread:
        par(lambda lo, hi: part(blocks[lo:hi]), len(blocks), each=CACHED)
