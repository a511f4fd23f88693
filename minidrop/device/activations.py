"""Activations on a GPU, each in one launch, and what their gradients are made of.

The twins are in ops.activations and ops.elementwise: ten launches for GELU, more for its slope.
"""

from ..xp import array_module
from .launch import TOGETHER, Kernel, entrywise, fits, flat

SOURCE = TOGETHER + """
__device__ T near_of(T x, T beyond) { return x > beyond ? beyond : x < -beyond ? -beyond : x; }

__device__ T minus_2u(T x, double slope, double cube) {
    return (x * x * (T)(-2 * cube * slope) - (T)(2 * slope)) * x;
}

extern "C" __global__ void gelu(T* y, const T* x, long long n, double slope, double cube,
                                double beyond) {
    EACH(i, n) {                                  // x / (1 + e^(-2u)), as (1 + tanh u) / 2
        T near = near_of(x[i], beyond);
        y[i] = (x[i] < near ? near : x[i]) / (1 + exp(minus_2u(near, slope, cube)));
    }
}

extern "C" __global__ void gelu_slope(T* gx, const T* x, const T* g, long long n, double slope,
                                      double cube, double beyond) {
    EACH(i, n) {                                  // (1 + w e / (1 + e)) / (1 + e),  w = 2u' x
        T near = near_of(x[i], beyond), minus = minus_2u(near, slope, cube), e = exp(minus);
        T w = -3 * minus - (T)(4 * slope) * near;
        gx[i] = (1 + e / (1 + e) * w) / (1 + e) * g[i];
    }
}

extern "C" __global__ void relu_slope(T* gx, const T* g, const T* y, long long n) {
    EACH(i, n) gx[i] = g[i] * (T)(y[i] > 0);
}

extern "C" __global__ void softmax(T* y, const T* x, long long n, long long k) {
    ROWS(i, n) {
        T largest = x[i * k], sum = 0;
        ALONG(j, k) largest = x[i * k + j] > largest ? x[i * k + j] : largest;
        largest = together(largest, true);
        ALONG(j, k) sum += exp(x[i * k + j] - largest);
        sum = together(sum, false);
        ALONG(j, k) y[i * k + j] = exp(x[i * k + j] - largest) / sum;
    }
}
"""
GELU, GELU_SLOPE, RELU_SLOPE, SOFTMAX = (
    Kernel(SOURCE, name) for name in ("gelu", "gelu_slope", "relu_slope", "softmax"))


def runs(x, *others):
    """Whether the kernels take x and other arrays of its shape."""
    return fits(x, *others) and x.ndim > 0 and all(other.shape == x.shape for other in others)


def gelu(x, *constants):
    """As ops.activations.gelu_tanh; `constants` are its SLOPE, CUBE and BEYOND."""
    return entrywise(GELU, x, numbers=constants)


def gelu_slope(x, g, *constants):
    """The gradient of `gelu` in x."""
    return entrywise(GELU_SLOPE, x, g, numbers=constants)


def relu_slope(g, y):
    """g where y is above 0, and g 0 elsewhere."""
    return entrywise(RELU_SLOPE, g, y)


def softmax(x):
    """As ops.activations.softmax, of at least one number in a row."""
    y, k = array_module(x).empty(x.shape, x.dtype), x.shape[-1]
    SOFTMAX.rows(x.size // k, k, y, flat(x), x.size // k, k, dtype=x.dtype)
    return y
