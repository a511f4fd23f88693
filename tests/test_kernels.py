"""Kernels in CUDA C compile for two GPUs and equal their twins, on a CPU that plays the GPU.

A grid of one block, of a few and of many must give the same.  Each kernel is broken on purpose too:
`BROKEN` lists slips, and each must be noticed by the check of its kernel.
"""

import importlib
import itertools
import os
import pkgutil

import numpy as np
import pytest

import minidrop as md
from minidrop import device
from minidrop.device import launch
from minidrop.fast import draws as host_draws
from minidrop.ops import fused
from tests import strict
from tests.strict import compiled, kernels

pytestmark = pytest.mark.strict
MODULES = {module.name: importlib.import_module(f"minidrop.device.{module.name}")
           for module in pkgutil.iter_modules(device.__path__)}
NEEDED = bool(os.environ.get("MINIDROP_NEEDS_COMPILERS"))
needs_gcc = pytest.mark.skipif(not NEEDED and not kernels.COMPILER, reason="g++ is not installed")
needs_nvrtc = pytest.mark.skipif(not NEEDED and not compiled.nvrtc(), reason="NVIDIA's compiler is "
                                 "not installed: pip install 'minidrop[kernels]'")
GRIDS = [(1, 1), (2, 3), (32, 65536), (256, 2), (256, 65536)]     # threads and blocks at most


def close(found, due, digits=4):
    """Equal up to some times the last digit of the largest entry; the same dtype and shape."""
    found, due = found.get(), np.asarray(due)
    assert (found.dtype, found.shape) == (due.dtype, due.shape)
    error = 10.0**digits * np.finfo(due.dtype).eps if due.dtype.kind == "f" else 0
    scale = np.abs(due[np.isfinite(due)]).max(initial=1e-30) if due.size else 1
    np.testing.assert_allclose(found, due, rtol=0, atol=error * scale)


def same(found, due):
    found = found.get()
    assert (found.dtype, found.shape) == (due.dtype, due.shape)
    np.testing.assert_array_equal(found, due)


@pytest.fixture(params=GRIDS, ids=str)
def grid(request, monkeypatch):
    monkeypatch.setattr(launch, "THREADS", request.param[0])
    monkeypatch.setattr(launch, "BLOCKS", request.param[1])


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


# --- the compiler ---------------------------------------------------------------------------------

@needs_nvrtc
@pytest.mark.parametrize("architecture", ["compute_80", "compute_90"])
@pytest.mark.parametrize("kernel", launch.KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_compiles(kernel, architecture):
    for T in kernel.types or (None,):
        assert f".entry {kernel.name}(" in compiled.ptx(kernel.text(T), architecture)


@needs_nvrtc
def test_a_slip_does_not_compile():
    with pytest.raises(SyntaxError, match='"nothing" is undefined'):
        compiled.ptx('extern "C" __global__ void f(float* x) { x[0] = nothing; }', "compute_80")


def test_no_two_kernels_of_one_name():
    assert len({kernel.name for kernel in launch.KERNELS}) == len(launch.KERNELS)


# --- the machine that plays a GPU -----------------------------------------------------------------

HALVED = """
typedef float T;
extern "C" __global__ void halved(T* y, const T* x, long long n, double by) {
    for (long long i = threadIdx.x; i < n; i += blockDim.x) y[i] = x[i] / (T)by;
}"""
TWICE = """
extern "C" __global__ void twice(float* x) {
    __shared__ float part[64];
    part[threadIdx.x] = x[threadIdx.x];
    BARRIER
    x[threadIdx.x] = part[(threadIdx.x + 1) % blockDim.x];
}"""


@pytest.fixture
def stand_in():
    """It, even beside a GPU: what is launched wrongly here could harm other programs there."""
    yield strict.install()
    strict.uninstall()


@pytest.fixture
def halved(stand_in):
    x, y = stand_in.arange(6, dtype="float32"), stand_in.empty(6, "float32")
    return x, y, stand_in.RawKernel(HALVED, "halved")


@needs_gcc
def test_a_launch_that_is_right(halved):
    x, y, kernel = halved
    kernel((1,), (4,), (y, x, np.int64(6), np.float64(2)))
    assert y.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


@needs_gcc
@pytest.mark.parametrize("error, message, change", [
    (TypeError, "4 parameters, got 3", lambda y, x, n, by: (y, x, n)),
    (TypeError, "long long n is given int 6", lambda y, x, n, by: (y, x, 6, by)),
    (TypeError, "long long n is given int32", lambda y, x, n, by: (y, x, np.int32(6), by)),
    (TypeError, "double by is given float 2.0", lambda y, x, n, by: (y, x, n, 2.0)),
    (TypeError, "double by is given float32", lambda y, x, n, by: (y, x, n, np.float32(2))),
    (TypeError, "an array of float64", lambda y, x, n, by: (y, x.astype("f8"), n, by)),
    (TypeError, "gaps", lambda y, x, n, by: (y, x[::2], np.int64(3), by)),
    (TypeError, "no array on the device", lambda y, x, n, by: (y, x.get(), n, by)),
    (IndexError, "writes beyond T\\* y", lambda y, x, n, by: (y[:5].copy(), x, n, by)),
])
def test_a_launch_that_a_gpu_would_misread(halved, error, message, change):
    x, y, kernel = halved
    with pytest.raises(error, match=message):
        kernel((1,), (4,), change(y, x, np.int64(6), np.float64(2)))


@needs_gcc
@pytest.mark.parametrize("barrier, right", [("__syncthreads();", True), ("", False)])
def test_a_barrier_that_is_missing_shows(stand_in, barrier, right):
    x = stand_in.arange(32, dtype="float32")
    stand_in.RawKernel(TWICE.replace("BARRIER", barrier), "twice")((1,), (32,), (x,))
    assert (x.tolist() == [*range(1, 32), 0]) is right


@needs_gcc
def test_a_barrier_that_some_threads_never_reach(stand_in):
    kernel = stand_in.RawKernel(TWICE.replace("BARRIER", "if (threadIdx.x) __syncthreads();"), "twice")
    with pytest.raises(RuntimeError, match="wait at a barrier for ever"):
        kernel((1,), (32,), (stand_in.ones(32, "float32"),))


@needs_gcc
@pytest.mark.parametrize("grid, block", [((0,), (32,)), ((2**31,), (32,)), ((1,), (1025,))])
def test_sizes_that_cannot_be_launched(stand_in, grid, block):
    with pytest.raises(ValueError, match="cannot be launched"):
        stand_in.RawKernel(TWICE, "twice")(grid, block, (stand_in.ones(32, "float32"),))


# --- draws ----------------------------------------------------------------------------------------

BLOCKS = [0, 7, 2**32 - 1, 2**64 - 2, 2**64 + 5]
BOUNDS = [1, 2**15, 2**16, 2**16 + 1, 2**31, 2**31 + 12345, 3 * 2**30 + 2**15, 2**32 - 1]


def ties(key, n):
    """Bounds of which the high half is that of a number drawn, so that the low plane decides."""
    numbers = host_draws.bits(key, 5, 75, n)[::n // 7].tolist()
    return [number + more for number in numbers for more in (0, 1)]


def check_draws(cupy, n=1003):
    key, on_device = (2**63 + 12345, 2**64 - 9), MODULES["draws"]
    for m, block in itertools.product((0, 1, 3, 4, 15, 16, 17, n), BLOCKS):
        same(on_device.words(key, block, m), host_draws.words(key, block, m))
        same(on_device.bits(key, block, block + 70, m), host_draws.bits(key, block, block + 70, m))
    for bound in BOUNDS + ties(key, n):
        same(on_device.below(key, 5, 75, n, bound), host_draws.below(key, 5, 75, n, bound))


@needs_gcc
def test_draws_are_the_hosts_bit_by_bit(cupy, grid):
    check_draws(cupy)


def test_without_kernels_the_draws_are_the_same(cupy, monkeypatch):
    monkeypatch.setattr(kernels, "COMPILER", None)
    monkeypatch.setenv("MINIDROP_KERNELS", "off")
    here, there = md.noise.Stream(3, "a"), md.noise.Stream(3, "a", "cupy")
    for draw in (lambda s: s.words(9), lambda s: s.bits((3, 7)), lambda s: s.below(2**31, 99)):
        same(draw(there), draw(here))
    monkeypatch.setenv("MINIDROP_KERNELS", "perhaps")
    with pytest.raises(ValueError, match="MINIDROP_KERNELS must be 'on' or 'off', got 'perhaps'"):
        there.bits(3)


# --- masks ----------------------------------------------------------------------------------------

SHAPES = [((5,), (5,)), ((4, 6), (6,)), ((4, 6), (4, 1)), ((4, 6), (1, 1)), ((4, 6), ()),
          ((3, 4, 5, 2), (3, 4, 1, 1)), ((3, 4, 5, 2), (3, 1, 5, 2)), ((3, 4, 5, 2), (4, 5, 1)),
          ((3, 1, 5, 2), (3, 1, 1, 1)), ((0, 3), (0, 3)), ((2, 0), (1, 1)), ((33, 65), (33, 65))]


def check_masks(cupy, dtype="float32", orders=(lambda x: x,)):
    for (shape, of_mask), order, by_array in itertools.product(SHAPES, orders, (False, True)):
        x = np.random.default_rng(0).normal(size=shape).astype(dtype)
        mask = np.random.default_rng(1).random(of_mask) < 0.6
        scale = np.asarray(1 / 0.7, dtype) if by_array else 1 / 0.7
        due = x * mask * scale
        x_there, mask_there = order(cupy.asarray(x)), cupy.asarray(mask)
        scale_there = cupy.asarray(scale) if by_array else scale
        assert MODULES["masks"].runs(x_there, mask_there, scale_there)
        found = MODULES["masks"].masked(x_there, mask_there, scale_there)
        same(found, due)
        kept = [i for i, n in enumerate(shape) if n > 1 and x.size]
        assert [found.strides[i] for i in kept] == [x_there.strides[i] for i in kept]


def reversed_axes(x):
    return x.T.copy().T


@needs_gcc
def test_masks_are_products(cupy, grid, dtype):
    check_masks(cupy, dtype, [lambda x: x, reversed_axes])


@needs_gcc
def test_what_the_kernel_of_masks_leaves_to_array_code(cupy):
    runs, x, mask = MODULES["masks"].runs, cupy.ones((2, 3), "float32"), cupy.ones((2, 3), bool)
    assert runs(x, mask, 2.0) and runs(x, mask, 2) and runs(x, mask, cupy.ones((), "float32"))
    for others in ((x.astype("float16"), mask, 2.0), (x, mask.astype("float32"), 2.0),
                   (x, mask, np.float32(2)), (x, mask, cupy.ones(1)), (x, cupy.ones(2, bool), 2.0),
                   (x, cupy.ones((1, 2, 3), bool), 2.0), (x, mask, cupy.ones(3, "float32")),
                   (x[0, 0], mask[0, 0], 2.0), (np.ones(2), np.ones(2, bool), 2.0)):
        assert not runs(*others)


@needs_gcc
def test_a_dropped_inf_gives_nan_and_gaps_are_copied(cupy):
    x = cupy.asarray([np.inf, np.nan, 1.0, -2.0, 3.0, 9.0])
    mask = cupy.asarray([False, False, True, True, True, False])
    due = np.array([np.nan, np.nan, 2.0, -4.0, 6.0, 0.0])
    np.testing.assert_array_equal(fused.masked(x, mask, 2.0).get(), due)
    np.testing.assert_array_equal(fused.masked(x[::2], mask[::2], 2.0).get(), due[::2])


# --- the kernels, broken --------------------------------------------------------------------------

CHECKS = {"draws": check_draws, "masks": check_masks}
BROKEN = [
    ("draws", "start1 + (c0 < (word)(i + 1))", "start1"),
    ("draws", "high0 ^ c3 ^ k1", "high0 ^ c3"), ("draws", "r < ROUNDS", "r < 9"),
    ("draws", "4 * i + j < n) out", "true) out"), ("draws", "16 * i + j < n) out[16", "1) out[16"),
    ("draws", "half_of(high, j) << 16 | half_of(low, j)", "half_of(high, j) << 16"),
    ("draws", "tied |= half_of(high, j) == top", ""), ("draws", "half_of(low, j) < rest", "true"),
    ("draws", "half_of(high, j) < top", "half_of(high, j) <= top"),
    ("draws", "16 * i + 16 <= n", "true"), ("draws", "& 1;", "& 0;"),
    ("draws", "[2 * i + 1] = eight[1]", "[2 * i + 1] = eight[0]"),
    ("masks", "i / inner % size", "i % size"), ("masks", "i / inner % size", "i / inner"),
    ("masks", "* (T)scale", ""), ("masks", "* scale[0]", ""), ("masks", "(T)mask", "(T)!mask"),
    ("masks", "(i, n) y", "(i, n + 1) y"), ("masks", "(i, n) y", "(i, n - 1) y"),
]


@needs_gcc
@pytest.mark.parametrize("name, right, wrong", BROKEN)
def test_a_broken_kernel_is_noticed(stand_in, monkeypatch, name, right, wrong):
    of_module = [kernel for kernel in vars(MODULES[name]).values()
                 if isinstance(kernel, launch.Kernel)]
    assert any(right in kernel.source for kernel in of_module)
    for kernel in of_module:
        monkeypatch.setattr(kernel, "source", kernel.source.replace(right, wrong))
    monkeypatch.setattr(launch, "BLOCKS", 2)
    monkeypatch.setattr(launch, "THREADS", 32)
    with pytest.raises((AssertionError, IndexError)):
        CHECKS[name](stand_in)
