"""The convolution on the host, a block of images at a time: the same products as in `window`.

Why it is fast.  Images lie in memory as (N, H, W, C), so that a row of a window is one run of kw C
numbers and gathering is a copy of runs.  The windows of a block are multiplied while they are in
the cache.  Blocks go to all cores, each of which then multiplies alone.  Results do not depend on
the number of cores: the blocks are always the same, and partial sums are added in their order.
"""

from ..products import one_blas_thread
from ..xp import array_module, par

CACHED = 1 << 18            # numbers in the unfolded windows of a block: 1 MB of float32
PARTS = 8                   # partial sums of a gradient in the filters


class _Gather:
    """Windows of `size` over images laid into zeros of `frame` (H, W) at `offset`, every `step`.

    Calling it with a slice of images gives rows (images OH OW, kh kw C), valid until the next call.
    """

    def __init__(self, x, frame, offset, size, stride, most, step=(1, 1)):
        xp, (n, c, h, w) = array_module(x), x.shape
        self.x = x.transpose(0, 2, 3, 1)
        zeros = xp.zeros((min(n, most), *frame, c), x.dtype)
        (i, j), (si, sj) = offset, step
        self.inside = zeros[:, i:i + h * si:si, j:j + w * sj:sj]
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
    frame, (oh, ow) = _geometry(x.shape, w.shape[2:], stride, padding)
    filters = xp.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(-1, o)
    y = xp.empty((n, oh, ow, o), xp.result_type(x, w))

    def part(blocks, most):
        gather = _Gather(x, frame, padding, (kh, kw), stride, most)
        for images in blocks:
            rows = y[images].reshape(-1, o)
            xp.matmul(gather(images), filters, out=rows)
            if b is not None:
                rows += b

    _each_block(part, n, oh * ow * kh * kw * c)
    return y.transpose(0, 3, 1, 2)


def conv2d_dx(g, w, shape, stride, padding):
    """As window.conv2d_dx, for one group: a convolution of g with the filters turned round.

    With a stride, g has zeros between its entries.  Where that is more work, windows are folded.
    """
    (n, o, oh, ow), (_, c, kh, kw), (h, width) = g.shape, w.shape, shape[2:]
    offset = kh - 1 - padding[0], kw - 1 - padding[1]
    if min(offset) < 0 or 2 * oh * ow * c <= h * width * o:
        return _folded_dx(g, w, shape, stride, padding)
    xp = array_module(g, w)
    filters = xp.ascontiguousarray(w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)).reshape(-1, c)
    x = xp.empty((n, h, width, c), xp.result_type(g, w))
    frame = h + kh - 1, width + kw - 1

    def part(blocks, most):
        gather = _Gather(g, frame, offset, (kh, kw), (1, 1), most, step=stride)
        for images in blocks:
            xp.matmul(gather(images), filters, out=x[images].reshape(-1, c))

    _each_block(part, n, h * width * kh * kw * o)
    return x.transpose(0, 3, 1, 2)


def _folded_dx(g, w, shape, stride, padding):
    xp, (_, c, h, width), (sh, sw), (ph, pw) = array_module(g, w), shape, stride, padding
    n, o, oh, ow = g.shape
    kh, kw = w.shape[2:]
    filters = xp.ascontiguousarray(w.transpose(0, 2, 3, 1)).reshape(o, -1)
    frame, _ = _geometry(shape, (kh, kw), stride, padding)
    x = xp.empty((n, h, width, c), xp.result_type(g, w))

    def part(blocks, most):
        framed = xp.empty((min(n, most), *frame, c), x.dtype)
        for images in blocks:
            rows = g[images].transpose(0, 2, 3, 1).reshape(-1, o) @ filters
            u, inside = rows.reshape(-1, oh, ow, kh, kw, c), framed[:images.stop - images.start]
            inside[...] = 0
            for i in range(kh):
                for j in range(kw):
                    inside[:, i:i + oh * sh:sh, j:j + ow * sw:sw] += u[:, :, :, i, j]
            x[images] = inside[:, ph:ph + h, pw:pw + width]

    _each_block(part, n, oh * ow * kh * kw * c)
    return x.transpose(0, 3, 1, 2)


def conv2d_dw(g, x, size, stride, padding):
    """As window.conv2d_dw, for one group."""
    xp, (n, c, _, _), o = array_module(g, x), x.shape, g.shape[1]
    frame, (oh, ow) = _geometry(x.shape, size, stride, padding)
    work = oh * ow * size[0] * size[1] * c
    sums = xp.zeros((min(PARTS, n), size[0] * size[1] * c, o), xp.result_type(g, x))

    def part(lo, hi):
        gather = _Gather(x, frame, padding, size, stride, _most(work))
        for k in range(lo, hi):
            for images in _blocks(n * k // len(sums), n * (k + 1) // len(sums), work):
                sums[k] += gather(images).T @ g[images].transpose(0, 2, 3, 1).reshape(-1, o)

    with one_blas_thread:
        par(part, len(sums), each=n * work // max(1, len(sums)))
    return sums.sum(0).reshape(*size, c, o).transpose(3, 2, 0, 1)


def _geometry(shape, size, stride, padding):
    """(H, W) with the padding, and (OH, OW)."""
    frame = tuple(s + 2 * p for s, p in zip(shape[2:], padding, strict=True))
    places = zip(frame, size, stride, strict=True)
    return frame, tuple((s - k) // step + 1 for s, k, step in places)


def _most(work):
    """How many images unfold to about CACHED numbers, `work` each."""
    return max(1, CACHED // max(1, work))


def _blocks(lo, hi, work):
    """Slices that cut images lo..hi-1 into blocks."""
    most = _most(work)
    return [slice(i, min(i + most, hi)) for i in range(lo, hi, most)]


def _each_block(part, n, work):
    """part(blocks, most) on all cores, for n images; no block has more than `most`."""
    blocks, most = _blocks(0, n, work), _most(work)
    with one_blas_thread:
        par(lambda lo, hi: part(blocks[lo:hi], most), len(blocks), each=most * work)
