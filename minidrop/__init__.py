"""minidrop: the dropout family, written out.  This file holds names only."""

from . import check, functional, inputs, nn, norms, optim, penalties, units, weights
from .allocator import tune
from .binding import scaled
from .check import Forbid, Record, Replay, all_masks, exact_moments, gradcheck
from .checkpoint import load, save
from .functional import (
    accuracy,
    attention,
    avg_pool2d,
    conv2d,
    cross_entropy,
    exp,
    fold,
    gelu,
    global_avg_pool2d,
    linear,
    log,
    log_softmax,
    max_pool2d,
    mse_loss,
    one_hot,
    patches,
    relu,
    selu,
    sigmoid,
    softmax,
    sqrt,
    tanh,
    unfold,
)
from .inputs.flip_crop import crop, crop_offsets, flip, flip_crop, flip_mask
from .nn import Module, Noise, Parameter, noise_on
from .noise import Stream, bernoulli, beta, gaussian, integers, permutation, uniform
from .norms.batch_norm import BatchNorm, batch_norm
from .norms.group_norm import GroupNorm, group_norm
from .norms.instance_norm import InstanceNorm, instance_norm
from .norms.layer_norm import LayerNorm, layer_norm
from .norms.normalise import normalise
from .penalties.l1 import l1
from .penalties.l2 import l2
from .tape import Tensor, grad, no_grad
from .train import evaluate, fit, train_step
from .units.dropout import (
    Dropout,
    dropout,
    dropout_mask,
    dropout_original,
    dropout_original_expect,
)
from .units.spatial import SpatialDropout, spatial_dropout, spatial_dropout_mask
from .weights.max_norm import apply_max_norm, max_norm

__version__ = "0.1.0"


def __getattr__(name):                            # these two are imported when they are asked for
    if name not in ("data", "models"):
        hint = f"; did you mean minidrop.nn.{name}?" if name in nn.__all__ else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    import importlib

    return importlib.import_module(f".{name}", __name__)


def __dir__():
    return [*globals(), "data", "models"]
