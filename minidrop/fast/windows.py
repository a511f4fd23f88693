"""Windows of images in rows of a matrix, a block of images at a time, in memory that stays warm."""

import itertools
import math
import threading

from ..xp import array_module, par
from .products import one_blas_thread

CACHED = 1 << 19            # numbers in the windows of a block: 2 MB of float32
KEPT = 1 << 22              # bytes of a scratch array that its thread keeps for the next time
PARTS = 8                   # the parts of a sweep have partial sums of their own: a fixed number
SUMS = 1 << 20              # numbers in all of these, if there are more than two parts


class Windows:
    """Windows (kh, kw) of images in a `frame` (H, W), every `stride`; a row holds `run` of them.

    A run is kh times (kw + (run - 1) stride) C numbers of the image.  `places` is (OH, OW), and
    `bands` are the slices of OH that are gathered at once: one, unless an image is large.

    >>> image = array_module().arange(9.0).reshape(1, 1, 3, 3)
    >>> windows = Windows(1, (3, 3), size=(2, 2), stride=(1, 1), run=2)
    >>> windows.over(image, offset=(0, 0))(slice(0, 1), slice(0, 2))
    array([[0., 1., 2., 3., 4., 5.],
           [3., 4., 5., 6., 7., 8.]])
    """

    def __init__(self, channels, frame, size, stride, run):
        self.frame, self.size, self.stride, self.channels = frame, size, stride, channels
        oh, ow = ((n - k) // s + 1 for n, k, s in zip(frame, size, stride, strict=True))
        self.places, self.run = (oh, ow), math.gcd(run, ow)
        self.width = size[1] + (self.run - 1) * stride[1]
        self.columns = size[0] * self.width * channels
        self.numbers = max(1, oh * ow // self.run * self.columns)
        self.block = max(1, round(CACHED / self.numbers))
        self.bands = slices(0, oh, max(1, oh * CACHED // self.numbers) if self.block == 1 else oh)

    def over(self, x, offset, gap=(1, 1)):
        """A function of slices (images, lines) that gives their rows, valid until it runs again.

        The images x (N, C, H, W) lie in zeros from `offset` on, with `gap` - 1 zeros between their
        pixels.  Where there are none the windows are taken from x itself.
        """
        (n, c, height, width), pixels = x.shape, x.transpose(0, 2, 3, 1)
        as_is = self.frame == (height, width) and pixels.flags.c_contiguous
        frame, block, before = pixels, min(n, self.block), None
        if not as_is:
            frame = scratch("frame", (block, *self.frame, c), x.dtype)
            frame[...] = 0
            (top, left), (down, right) = offset, gap
            inside = frame[:, top:top + height * down:down, left:left + width * right:right]
        windows = self.of(frame)
        if as_is and self.size == self.stride == (1, 1):           # a window is a pixel
            return lambda images, lines: windows[images, lines].reshape(-1, self.columns)
        rows = scratch("rows", windows[:block, self.bands[0]].shape, x.dtype)

        def gather(images, lines):
            nonlocal before
            count = images.stop - images.start
            if not as_is and images != before:
                put(inside[:count], pixels[images])
                before = images
            some = rows[:count, :lines.stop - lines.start]
            put(some, windows[images if as_is else slice(count), lines])
            return some.reshape(-1, self.columns)

        return gather

    def of(self, frames):
        """A view (N, OH, OW / run, kh, width C) of the runs in contiguous frames (N, H, W, C).

        sliding_window_view makes the same in some twenty times the time, holding up other threads.
        """
        (n, height, width, c), number, (down, right) = frames.shape, frames.itemsize, self.stride
        (oh, ow), line = self.places, width * c * number
        return array_module(frames).ndarray(
            (n, oh, ow // self.run, self.size[0], self.width * c), frames.dtype, frames,
            strides=(height * line, down * line, self.run * right * c * number, line, number))

    def band(self, filters):
        """Filters (kh, kw, C, O) for every window of a run: (columns, run O)."""
        xp, (kh, kw, c, o), step = array_module(filters), filters.shape, self.stride[1]
        band = xp.zeros((kh, self.width, c, self.run, o), filters.dtype)
        for i in range(self.run):
            band[:, i * step:i * step + kw, :, i] = filters
        return band.reshape(self.columns, self.run * o)

    def along(self, band):
        """The sum (kh, kw, C, O) of what a band (columns, run O) holds for every window of a run.
        """
        (kh, kw), step = self.size, self.stride[1]
        band = band.reshape(kh, self.width, self.channels, self.run, -1)
        return sum(band[:, i * step:i * step + kw, :, i] for i in range(self.run))

    def parts(self, n, sums=1):
        """The blocks of n images, as lists of slices, each with partial sums of `sums` numbers."""
        blocks = 1 << (-(-n // self.block) - 1).bit_length()       # to share out evenly
        return share_out(n, min(PARTS, blocks, SUMS // sums), self.block)

    def sweep(self, part, parts):
        """part([(k, images), ...]) for the blocks of all parts k, on all cores."""
        def some(lo, hi):
            part([(k, images) for k in range(lo, hi) for images in parts[k]])

        n = parts[-1][-1].stop if parts else 0
        with one_blas_thread:
            par(some, len(parts), each=self.numbers * n // max(1, len(parts)))


def share_out(n, parts, block):
    """n images in `parts` lists of slices, in two where fewer are asked for; `block` is the most
    images of a slice, and those of a part are about equal.
    """
    count = min(n, max(2, parts))
    ends = [n * k // count for k in range(count + 1)] if n else []
    return [slices(lo, hi, -(-(hi - lo) // -(-(hi - lo) // block)))
            for lo, hi in itertools.pairwise(ends)]


def slices(lo, hi, step):
    """lo..hi-1, `step` at a time."""
    return [slice(i, min(i + step, hi)) for i in range(lo, hi, step)]


def put(out, x):
    """out[...] = x, in half the time where the numbers of the last axis lie side by side.

    They are then copied as one entry, and NumPy's loops run over the axis before.
    """
    if x.dtype == out.dtype and x.strides[-1] == out.strides[-1] == x.itemsize:
        out, x = (a.view(f"V{x.shape[-1] * x.itemsize}") for a in (out, x))
    out[...] = x


class _Kept(threading.local):
    def __init__(self):
        self.arrays = {}


_kept = _Kept()


def scratch(name, shape, dtype):
    """Memory of this thread that the next call with the same name gets again, in any state.

    It is in the cache already, and the system need not provide it afresh.  What has at most KEPT
    bytes stays until its thread ends, about 5 MB in all for the networks of `minidrop bench`.
    """
    xp = array_module()
    size = math.prod(shape) * dtype.itemsize
    memory = _kept.arrays.get(name)
    if memory is None or memory.size < size:
        memory = xp.empty(size, xp.uint8)
        if size <= KEPT:
            _kept.arrays[name] = memory
    return memory[:size].view(dtype).reshape(shape)
