"""Kernels in CUDA C compile for two GPUs; the machine that plays a GPU refuses wrong launches."""

import numpy as np
import pytest

from minidrop.device import launch
from tests.compilers import needs_gcc, needs_nvrtc
from tests.strict import compiled

pytestmark = pytest.mark.strict


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
    source = TWICE.replace("BARRIER", "if (threadIdx.x) __syncthreads();")
    kernel = stand_in.RawKernel(source, "twice")
    with pytest.raises(RuntimeError, match="wait at a barrier for ever"):
        kernel((1,), (32,), (stand_in.ones(32, "float32"),))


@needs_gcc
@pytest.mark.parametrize("grid, block", [((0,), (32,)), ((2**31,), (32,)), ((1,), (1025,))])
def test_sizes_that_cannot_be_launched(stand_in, grid, block):
    with pytest.raises(ValueError, match="cannot be launched"):
        stand_in.RawKernel(TWICE, "twice")(grid, block, (stand_in.ones(32, "float32"),))


def test_the_source_for_a_type_is_made_once():
    kernel = next(kernel for kernel in launch.KERNELS if "float64" in kernel.types)
    for dtype in (*kernel.types, np.dtype("float32")):
        assert kernel.text(dtype) is kernel.text(dtype)
    assert kernel.text("float32") == kernel.text(np.dtype("float32")) != kernel.text("float64")
    assert kernel.text("float64").startswith("typedef double T;\n")
