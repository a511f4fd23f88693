"""How a kernel meets its arrays.

Rules that all kernels keep, since a launch checks nothing: arrays are contiguous, whole numbers are
`long long`, other numbers `double`, and T is the type of the arrays' numbers.  Loops stride over
the grid, so that any number of blocks does.  Nothing is launched for no entries.
"""

import math
import os

from ..xp import array_module, kernel, on_host

THREADS = 256                                     # in a block, at most
WARP = 32                                         # at least: so many run together
BLOCKS = 1 << 16                                  # in a grid, at most
TYPES = {"float32": "float", "float64": "double"}
NUMBERS = {int: array_module().int64, float: array_module().float64}
HEADER = """
#define EACH(i, n) for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; \\
                        i < (n); i += gridDim.x * (long long)blockDim.x)
#define ROWS(i, n) for (long long i = blockIdx.x; i < (n); i += gridDim.x)
#define ALONG(j, n) for (long long j = threadIdx.x; j < (n); j += blockDim.x)
typedef unsigned long long word;
"""
TOGETHER = """
// What the threads of a block have together: the largest value, or the sum.
__device__ T together(T value, bool largest) {
    __shared__ T part[256];
    __syncthreads();                              // others may still read what was there
    part[threadIdx.x] = value;
    for (unsigned int half = blockDim.x / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            T mine = part[threadIdx.x], other = part[threadIdx.x + half];
            part[threadIdx.x] = !largest ? mine + other : other > mine ? other : mine;
        }
    }
    __syncthreads();
    return part[0];
}
"""
LAID = """
// Of the `size` numbers that a smaller array has, the one that belongs to entry i of n; each is
// shared by `inner` neighbours, and all of them are repeated to the end.
__device__ long long place(long long i, long long n, long long size, long long inner) {
    return size == n ? i : i / inner % size;      // a division takes as long as a read
}

// Of the entries to which number k belongs, the j-th.
__device__ long long entry(long long j, long long k, long long n, long long size, long long inner) {
    return size * inner == n ? k * inner + j : (j / inner * size + k) * inner + j % inner;
}
"""
KERNELS: list = []                                # all there are, for their tests


class Kernel:
    """The function `name` of some CUDA C, compiled for the `types` that T may be."""

    def __init__(self, source, name, types=tuple(TYPES)):
        self.source, self.name, self.types = HEADER + source, name, types
        self._texts: dict = {}
        KERNELS.append(self)

    def each(self, n, *args, dtype=None):
        """Launch a thread for each of n entries; every one takes several where there are more."""
        self._launch(-(-n // THREADS), THREADS, args, dtype)

    def rows(self, n, width, *args, dtype=None):
        """Launch a block for each of n rows; its threads share the `width` entries of a row."""
        threads = WARP
        while threads < min(width, THREADS):
            threads *= 2
        self._launch(n, threads, args, dtype)

    def text(self, dtype):
        """The source for one type of numbers."""
        asked = dtype, self.source
        if asked not in self._texts:              # one object, whose hash is found once
            head = "" if dtype is None else f"typedef {TYPES[str(dtype)]} T;\n"
            self._texts[asked] = head + self.source
        return self._texts[asked]

    def _launch(self, blocks, threads, args, dtype):
        if blocks:
            compiled = kernel(self.text(dtype), self.name)
            compiled((min(blocks, BLOCKS),), (threads,), tuple(map(_argument, args)))


def _argument(value):
    """Python's numbers as the rules above say; arrays and NumPy's numbers as they are."""
    kind = NUMBERS.get(type(value))
    return kind(value) if kind else value


def wanted():
    """Whether kernels run on a GPU; ValueError where MINIDROP_KERNELS is neither on nor off."""
    asked = os.environ.get("MINIDROP_KERNELS") or "on"
    if asked not in ("on", "off"):
        raise ValueError(f"MINIDROP_KERNELS must be 'on' or 'off', got {asked!r}")
    return asked == "on"


def fits(x, *others):
    """Whether kernels take these arrays: on a GPU, with numbers of one type that T can be."""
    return (not on_host(x) and x.dtype.name in TYPES
            and all(getattr(other, "dtype", None) == x.dtype for other in others) and wanted())


def laid(shape, full):
    """(size, inner), as LAID says, of an array of `shape` beside one in C order of shape `full`.

    None where the axes that both have are not side by side.
    """
    if any(m not in (1, n) for m, n in zip(shape, full, strict=True)):
        return None
    both = [i for i, n in enumerate(shape) if n > 1] or [len(full)]
    first, end = both[0], both[-1] + 1
    if shape[first:end] != full[first:end]:
        return None
    return math.prod(shape), math.prod(full[end:])


def entrywise(kernel, *arrays, numbers=()):
    """A new array that kernel(y, *arrays, n, *numbers) fills, in the memory order of the first."""
    x, axes = arrays[0], range(arrays[0].ndim)
    order = sorted(axes, key=lambda i: -abs(x.strides[i]))
    lying = [flat(array.transpose(order)) for array in arrays]
    y = array_module(x).empty(lying[0].shape, x.dtype)
    kernel.each(x.size, y, *lying, x.size, *numbers, dtype=x.dtype)
    return y.transpose(sorted(axes, key=order.__getitem__))


def flat(x):
    """x in C order, copied where it is not."""
    return array_module(x).ascontiguousarray(x)
