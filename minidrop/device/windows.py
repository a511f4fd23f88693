"""Windows of images on a GPU: gathered into rows and added up again, in one launch each.

The twins are in ops.window: `fold`, and `unfold` with what makes rows of it.

Why it is fast.  Array code pads first, and adds up one entry of all windows at a time: kh kw
launches, each through all of x.  Here a thread gathers what belongs to its number, the windows that
hold its pixel, so that no two threads add to one place and the order of a sum is always the same.
"""

from ..xp import array_module
from .launch import Kernel, fits, flat

SHAPE = """long long n, long long groups, long long channels, long long height,
           long long width, long long oh, long long ow, long long kh, long long kw,
           long long sh, long long sw, long long ph, long long pw"""
SOURCE = """
// Images x (N, G channels, H, W) from rows u (G, N OH OW, channels kh kw): row h of an image is in
// window i its entry h + ph - i sh.
extern "C" __global__ void folded(T* x, const T* u, SHAPE) {
    EACH(at, n) {
        long long plane = at / (height * width), images = n / (height * width * groups * channels);
        long long image = plane / (groups * channels), c = plane % (groups * channels);
        long long h = at / width % height + ph, w = at % width + pw;
        const T* first = u + (c / channels * images + image) * oh * ow * channels * kh * kw
                         + c % channels * kh * kw;
        T total = 0;
        for (long long a = h % sh; a < kh && a <= h; a += sh)
            for (long long b = w % sw; b < kw && b <= w; b += sw) {
                long long i = (h - a) / sh, j = (w - b) / sw;
                if (i < oh && j < ow)
                    total += first[(i * ow + j) * channels * kh * kw + a * kw + b];
            }
        x[at] = total;
    }
}

extern "C" __global__ void gathered(T* u, const T* x, SHAPE) {
    EACH(at, n) {
        long long images = n / (groups * oh * ow * channels * kh * kw);
        long long b = at % kw, a = at / kw % kh, c = at / (kw * kh) % channels;
        long long window = at / (kw * kh * channels), j = window % ow, i = window / ow % oh;
        long long image = window / (ow * oh) % images, group = window / (ow * oh) / images;
        long long h = i * sh + a - ph, w = j * sw + b - pw;
        bool inside = h >= 0 && h < height && w >= 0 && w < width;
        long long plane = (image * groups + group) * channels + c;
        u[at] = inside ? x[(plane * height + h) * width + w] : (T)0;
    }
}
""".replace("SHAPE", SHAPE)
FOLDED, GATHERED = Kernel(SOURCE, "folded"), Kernel(SOURCE, "gathered")


def runs(array):
    """Whether the kernels take these images or windows."""
    return fits(array)


def fold(u, shape, stride, padding):
    """As ops.window.fold: every plane is a group of one image."""
    return images(u, (1, u.shape[0] * u.shape[1], *shape[2:]), u.shape[2:4], u.shape[4:], stride,
                  padding, u.shape[0] * u.shape[1]).reshape(shape)


def images(u, shape, places, size, stride, padding, groups):
    """Images of `shape` from rows (G, N OH OW, C / G kh kw) of windows at `places` (OH, OW)."""
    x = array_module(u).empty(shape, u.dtype)
    FOLDED.each(x.size, x, flat(u), x.size, groups, shape[1] // groups, *shape[2:], *places, *size,
                *stride, *padding, dtype=u.dtype)
    return x


def rows(x, size, stride, padding, groups):
    """The windows as rows (G, N OH OW, C / G kh kw), and (OH, OW)."""
    n, c, *lengths = x.shape
    oh, ow = places = tuple((length + 2 * p - k) // s + 1 for length, p, k, s in zip(
        lengths, padding, size, stride, strict=True))
    u = array_module(x).empty((groups, n * oh * ow, c // groups * size[0] * size[1]), x.dtype)
    GATHERED.each(u.size, u, flat(x), u.size, groups, c // groups, *lengths, *places, *size,
                  *stride, *padding, dtype=x.dtype)
    return u, places
