"""Functions that networks are made of; arrays give arrays, Tensors give Tensors."""

from ..ops.normal import moments, normal, rescale
from ..ops.shape import broadcast_to
from .attention import attention, attention_weights, patches
from .images import (
    avg_pool2d,
    conv2d,
    flip_and_shift,
    fold,
    global_avg_pool2d,
    max_pool2d,
    unfold,
)
from .order import magnitudes, smallest
from .vectors import (
    accuracy,
    cross_entropy,
    exp,
    gelu,
    linear,
    log,
    log_softmax,
    masked,
    masked_linear,
    maximum,
    mse_loss,
    one_hot,
    relu,
    selu,
    sigmoid,
    soft_targets,
    softmax,
    sqrt,
    tanh,
    where,
)

__all__ = ["accuracy", "attention", "attention_weights", "avg_pool2d", "broadcast_to", "conv2d",
           "cross_entropy", "exp", "flip_and_shift", "fold", "gelu", "global_avg_pool2d", "linear",
           "log", "log_softmax", "magnitudes", "masked", "masked_linear", "max_pool2d", "maximum",
           "moments", "mse_loss", "normal", "one_hot", "patches", "relu", "rescale", "selu",
           "sigmoid", "smallest", "soft_targets", "softmax", "sqrt", "tanh", "unfold", "where"]
