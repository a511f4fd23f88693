"""Functions of rows of numbers: the linear map, activations, losses."""

import math

from ..arguments import (
    count,
    describe,
    float_type,
    floating,
    must,
    option,
    plain,
    probability,
    room,
    shares,
)
from ..ops.activations import erf, gelu_tanh
from ..ops.activations import selu as _selu
from ..ops.activations import softmax as _softmax
from ..ops.elementwise import exp, log, maximum, relu, sigmoid, sqrt, tanh, where
from ..ops.fused import linear as _linear
from ..ops.fused import masked, masked_linear, softmax_cross_entropy
from ..ops.reduce import log_softmax as _log_softmax
from ..tape import data_of
from ..xp import array_module

__all__ = ["accuracy", "cross_entropy", "exp", "gelu", "linear", "log", "log_softmax", "masked",
           "masked_linear", "maximum", "mse_loss", "one_hot", "relu", "selu", "sigmoid",
           "soft_targets", "softmax", "sqrt", "tanh", "where"]


def linear(x, weight, bias=None):
    """y = x W^T + b: x (..., in), weight (out, in), bias (out,) or None; y (..., out).

    >>> import numpy as np
    >>> linear(np.ones((2, 3)), np.ones((4, 3)), np.zeros(4)).shape
    (2, 4)
    """
    if len(getattr(weight, "shape", ())) != 2:    # known before init, unlike ndim
        raise ValueError(f"weight must be an array of shape (out, in), got {describe(weight)}")
    n_out, n_in = weight.shape
    if bias is not None and getattr(bias, "shape", None) != (n_out,):
        raise ValueError(f"bias must be an array of shape ({n_out},), got {describe(bias)}")
    if not hasattr(weight, "requires_grad"):      # a Tensor holds numbers
        floating(weight, "weight")
    if bias is not None and not hasattr(bias, "requires_grad"):
        floating(bias, "bias")
    if floating(x).ndim < 2 or x.shape[-1] != n_in:
        raise ValueError(f"x must have shape (N, {n_in}) to meet a weight of shape {weight.shape}, "
                         f"got {x.shape}")
    return x @ weight.T if bias is None else _linear(x, weight, bias)


def gelu(x, approximate="tanh"):
    """x times the chance that a standard normal number is below x.

    In its tanh form, at most 5e-4 off, or with `approximate="none"`, PyTorch's default, exactly,
    which needs SciPy.

    >>> import numpy as np
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    option(approximate, "approximate", ("tanh", "none"))
    if approximate == "tanh":
        return gelu_tanh(floating(x))
    return 0.5 * floating(x) * (1 + erf(x * math.sqrt(0.5)))              # Eq. (activations.1)


def selu(x):
    """lambda x above 0 and lambda alpha (e^x - 1) below, for networks that normalise themselves.

    >>> import numpy as np
    >>> selu(np.array([-100.0, 0.0, 1.0])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    return _selu(floating(x))


def _along_last(x):
    if floating(x).ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"x must have numbers along its last axis, got shape {x.shape}")
    return x


def log_softmax(x):
    """x - ln sum_k e^x_k over the last axis, without overflow.

    >>> import numpy as np
    >>> log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])
    """
    return _log_softmax(_along_last(x))


def softmax(x):
    """Probabilities e^x_k / sum_j e^x_j over the last axis, without overflow.

    >>> import numpy as np
    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    return _softmax(_along_last(x))


def cross_entropy(logits, target, label_smoothing=0.0):
    """The mean over the batch of -ln softmax(logits)_target, in nats.

    `logits` is (N, K).  `target` holds integer labels (N,) in 0..K-1, or probabilities (N, K), of
    which `label_smoothing` is the share that goes to all K classes alike (Szegedy et al. 2016).
    ValueError for an empty batch, labels out of range or shapes that do not fit.

    >>> import numpy as np
    >>> round(float(cross_entropy(np.zeros((1, 10)), np.array([3]))), 4)       # ln 10
    2.3026
    """
    y, smoothing = data_of(target), probability(label_smoothing, "label_smoothing")
    if floating(logits, "logits").ndim != 2 or 0 in logits.shape:
        samples = "; for logits (m, N, K) there is multi_sample_cross_entropy"
        raise ValueError("logits must have shape (N, K) with N and K at least 1, got "
                         f"{logits.shape}{samples if logits.ndim == 3 else ''}")
    n, classes = logits.shape
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if kind == "f":
        if y.shape != logits.shape:
            raise ValueError(f"probabilities must have the shape {logits.shape} of the logits, got "
                             f"{y.shape}; labels must be integers")
        shares(plain(y, "target"), "target")
        target = target if y.dtype == logits.dtype else target.astype(logits.dtype)
    elif kind not in ("i", "u"):
        raise TypeError("target must be an array of integer labels or probabilities, got "
                        f"{describe(y)}")
    elif y.shape != (n,):
        raise ValueError(f"labels must have shape ({n},), got {y.shape}; probabilities and one-hot "
                         "rows must be floats")
    else:
        _check_labels(y, classes)
    loss = softmax_cross_entropy(logits, target)
    if not smoothing:
        return loss
    uniform = array_module(y).full(logits.shape, 1 / classes, logits.dtype)
    return (1 - smoothing) * loss + smoothing * softmax_cross_entropy(logits, uniform)


def _check_labels(y, classes):
    plain(y, "labels")
    must((y.min() >= 0) & (y.max() < classes), lambda: ValueError(
        f"labels must lie in 0..{classes - 1}, got {int(y.min())}..{int(y.max())}"))


def mse_loss(y, target):
    """The mean of (y - target)^2 over all entries; the shapes must be equal.

    >>> import numpy as np
    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    if floating(y, "y").shape != getattr(target, "shape", None) or y.size == 0:
        raise ValueError("y and target must be arrays of one shape that is not empty, got "
                         f"{describe(y)} and {describe(target)}")
    difference = y - floating(target, "target")
    return (difference * difference).mean()


def one_hot(labels, classes, dtype="float32"):
    """Rows (N, `classes`) of `dtype`: 1 at the label, 0 elsewhere, for whole numbers (N,).

    >>> import numpy as np
    >>> one_hot(np.array([2, 0]), classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    y, classes = data_of(labels), count(classes, "classes")
    if getattr(getattr(y, "dtype", None), "kind", None) not in ("i", "u") or y.ndim != 1:
        raise TypeError(f"labels must be an array (N,) of whole numbers, got {describe(y)}")
    if y.size:
        _check_labels(y, classes)
    xp, _ = array_module(y), room(classes * y.size, "classes", each=4)
    return (y[:, None] == xp.arange(classes)).astype(float_type(dtype, xp))


def soft_targets(y, classes, dtype="float32"):
    """Rows (N, `classes`) of `dtype`: labels (N,) as one-hot rows, probabilities as they are.

    >>> import numpy as np
    >>> soft_targets(np.array([[0.25, 0.75]]), classes=2), soft_targets(np.array([1]), classes=2)
    (array([[0.25, 0.75]], dtype=float32), array([[0., 1.]], dtype=float32))
    """
    if getattr(getattr(y, "dtype", None), "kind", None) != "f":
        return one_hot(y, classes, dtype)
    if y.ndim != 2 or y.shape[1] != count(classes, "classes"):
        raise ValueError(f"y must be labels (N,) or rows (N, {classes}), got shape {y.shape}")
    shares(data_of(y), "y")
    return y if y.dtype == dtype else y.astype(float_type(dtype, array_module(data_of(y))))


def accuracy(logits, labels):
    """The share of rows whose largest logit is at the label, as a Python float; nan with any nan.

    >>> import numpy as np
    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    0.5
    """
    z, y = floating(data_of(logits), "logits"), data_of(labels)
    if z.ndim != 2 or z.size == 0:
        raise ValueError(f"logits must have shape (N, K), N and K at least 1, got {z.shape}")
    if getattr(y, "shape", None) != z.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(f"labels must be whole numbers of shape {z.shape[:1]}, got {describe(y)}")
    _check_labels(y, z.shape[1])
    right, largest = (z.argmax(-1) == y).mean(), z.max()
    return float(right) if largest == largest else math.nan       # only nan is not itself
