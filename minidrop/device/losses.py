"""Softmax and cross-entropy of rows on a GPU; the twins are in ops.fused.

Why it is fast.  A block has one row: its threads find the largest logit and the sum together, and
nothing but the result is written.  Array code writes six arrays to make the loss or its gradient.

A label may be wrong when a kernel runs, since the check of it waits: its row is nan, and nothing is
read by it, which beyond an array would end all work on the GPU.
"""

from ..xp import array_module
from .launch import TOGETHER, Kernel, fits, flat

SOURCE = TOGETHER + """
struct Row { const T* z; T largest, sum; };       // of e^(z - largest)

__device__ Row read(const T* z, long long k) {
    Row row = {z, z[0], 0};
    ALONG(j, k) row.largest = z[j] > row.largest ? z[j] : row.largest;
    row.largest = together(row.largest, true);
    ALONG(j, k) row.sum += exp(z[j] - row.largest);
    row.sum = together(row.sum, false);
    return row;
}

__device__ bool among(long long label, long long k) { return label >= 0 && label < k; }

extern "C" __global__ void loss_of_labels(T* loss, const T* z, const long long* y, long long n,
                                          long long k) {
    ROWS(i, n) {
        Row row = read(z + i * k, k);
        if (threadIdx.x == 0)
            loss[i] = among(y[i], k) ? log(row.sum) - (row.z[y[i]] - row.largest) : (T)nan("");
    }
}

extern "C" __global__ void loss_of_shares(T* loss, const T* z, const T* y, long long n,
                                          long long k) {
    ROWS(i, n) {
        Row row = read(z + i * k, k);
        T shares = 0, product = 0;
        ALONG(j, k) {
            shares += y[i * k + j];
            product += (row.z[j] - row.largest) * y[i * k + j];
        }
        shares = together(shares, false);
        product = together(product, false);
        if (threadIdx.x == 0) loss[i] = log(row.sum) * shares - product;
    }
}

extern "C" __global__ void residual_of_labels(T* r, const T* z, const long long* y, long long n,
                                              long long k) {
    ROWS(i, n) {
        Row row = read(z + i * k, k);
        bool right = among(y[i], k);
        ALONG(j, k)
            r[i * k + j] = right ? exp(row.z[j] - row.largest) / row.sum - (T)(j == y[i])
                                 : (T)nan("");
    }
}

extern "C" __global__ void residual_of_shares(T* r, const T* z, const T* y, long long n,
                                              long long k) {
    ROWS(i, n) {
        Row row = read(z + i * k, k);
        T shares = 0;
        ALONG(j, k) shares += y[i * k + j];
        shares = together(shares, false);
        ALONG(j, k)
            r[i * k + j] = exp(row.z[j] - row.largest) / row.sum * shares - y[i * k + j];
    }
}
"""
LOSS = [Kernel(SOURCE, f"loss_of_{what}") for what in ("labels", "shares")]
RESIDUAL = [Kernel(SOURCE, f"residual_of_{what}") for what in ("labels", "shares")]


def runs(z, y):
    """Whether the kernels take logits z (N, K), K > 0, with labels (N,) or shares (N, K)."""
    if not fits(z) or z.ndim != 2 or not z.shape[1]:
        return False
    return y.dtype.kind in "iu" if y.ndim == 1 else y.shape == z.shape and fits(z, y)


def cross_entropies(z, y):
    """The cross-entropy of each row, (N,)."""
    return _launched(LOSS, array_module(z, y).empty(len(z), z.dtype), z, y)


def residual(z, y):
    """(sum_k y_k) softmax(z) - y: N times the gradient of the cross-entropy."""
    return _launched(RESIDUAL, array_module(z, y).empty(z.shape, z.dtype), z, y)


def _launched(kernels, out, z, y):
    n, k = z.shape
    y = y.astype("int64", copy=False) if y.ndim == 1 else y
    kernels[y.ndim - 1].rows(n, k, out, flat(z), flat(y), n, k, dtype=z.dtype)
    return out
