"""Networks: `Module` in `module`, `Parameter` in `parameter`, layers in the other files."""

from .attention import (
    FirstToken,
    MeanToken,
    MultiHeadAttention,
    PatchEmbedding,
    PositionEmbedding,
    TokenLinear,
)
from .compression import compress, shrink
from .conv import AvgPool2d, Conv2d, GlobalAvgPool2d, MaxPool2d
from .layers import (
    GELU,
    SELU,
    Flatten,
    Identity,
    Linear,
    LogSoftmax,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    constant,
    fan_in_uniform,
    glorot_uniform,
    he_normal,
    normal,
)
from .modes import evaluation, modes_kept, noise_on
from .module import Module, Noise
from .module import Tensor as Tensor  # for techniques, which import no tape
from .module import tells_memory as tells_memory
from .on_weights import OnWeights, Wrapped
from .parameter import NotInitialised, Parameter

__all__ = ["GELU", "SELU", "AvgPool2d", "Conv2d", "FirstToken", "Flatten", "GlobalAvgPool2d",
           "Identity", "Linear", "LogSoftmax", "MaxPool2d", "MeanToken", "Module",
           "MultiHeadAttention", "Noise", "NotInitialised", "OnWeights", "Parameter",
           "PatchEmbedding", "PositionEmbedding", "ReLU", "Sequential", "Sigmoid", "Softmax",
           "Tanh", "TokenLinear", "Wrapped", "compress", "constant", "evaluation",
           "fan_in_uniform", "glorot_uniform", "he_normal", "modes_kept", "noise_on", "normal",
           "shrink"]


def __getattr__(name):                            # layers that are techniques lie at the top
    import sys

    from ..elsewhere import here

    top = dir(sys.modules[__package__.partition(".")[0]])
    named = name if name[0] != "_" and name in top else (here(name) or [None])[0]
    hint = f"; did you mean minidrop.{named}?" if named else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
