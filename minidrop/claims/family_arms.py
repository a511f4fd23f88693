"""What the arms of the family's figure do to their network, their images or their training.

An arm is a function (net, this, *rates) that may change the network, which is not drawn yet, and
gives what `recipe.train` takes besides.  Its rates are those that papers, or their programs, state
for images of this size, or nearest to it.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..averages.swa import swa_rates
from ..inputs.attentive_cutmix import AttentiveCutMix
from ..inputs.cutmix import CutMix
from ..inputs.cutout import Cutout
from ..inputs.flip_crop import flip_crop
from ..inputs.mixup import Mixup
from ..models import drop_paths, place, wrap
from ..nn import Sequential
from ..schedules.early_late import early
from ..units.dropblock import DropBlock
from ..units.dropout import Dropout
from ..units.gaussian import GaussianDropout
from ..units.multi_sample import MultiSampleDropout, multi_sample_cross_entropy
from ..units.spatial import SpatialDropout
from ..weight_averages import EMA, SWA
from ..weights.dropconnect import DropConnect
from ..weights.max_norm import apply_max_norm
from ..weights.targeted import TargetedDropout
from . import cnns, recipe

BLOCKS = "stage*.drop"                            # between the convolutions of a block
APART = 1000                                      # seeds of networks that look for others
RATES = {"dropout": [0.3], "gaussian": [0.3], "spatial": [0.1], "dropblock": [0.1, 4],
         "multi-sample": [0.5, 8], "early-dropout": [0.1, 1 / 6], "stochastic-depth": [0.5],
         "dropconnect": [0.5], "targeted": [0.75, 0.66], "max-norm": [3], "l2": [1e-4],
         "flip-crop": [4, True], "cutout": [16], "mixup": [1], "cutmix": [1],
         "attentive-cutmix": [8], "ema": [0.999], "swa": [0.25, 0.05]}


class Run(NamedTuple):
    """What an arm is given besides its network and its rates."""

    given: tuple
    settings: dict
    seed: int
    progress: object


def put(net, pattern, layer):
    """A layer in the places of the network."""
    place(net, pattern, layer)
    return {}


def stochastic_depth(net, this, p):
    """Branches are left out, the last one with the rate p."""
    drop_paths(net, p)
    return {}


def early_dropout(net, this, p, share):
    """Dropout whose rate falls to 0 in a share of the run."""
    put(net, BLOCKS, Dropout(p))
    steps = recipe.steps(this.given, this.settings)
    return {"schedules": {f"{BLOCKS}.p": early(p, round(share * steps), steps, "linear")}}


def dropconnect(net, this, p):
    """The last layer loses connections."""
    net.out = DropConnect(net.out.n_in, net.out.n_out, p)
    return {}


def multi_sample(net, this, p, m):
    """The last layer sees m masks of its input."""
    net.out = MultiSampleDropout(net.out, p, m)
    return {"loss": multi_sample_cross_entropy}


def targeted(net, this, gamma, alpha):
    """The smallest weights of the blocks are dropped."""
    wrap(net, "stage*.conv*", lambda layer: TargetedDropout(layer, gamma, alpha, unit=False))
    return {}


def attentive_cutmix(net, this, n):
    """The cells that another network attends to, which was trained before on the same images."""
    other = cnns.network(this.settings, this.given[0])
    recipe.train(other, *this._replace(seed=APART + this.seed))
    return {"batch": AttentiveCutMix(
        Sequential(other.stem, other.stage1, other.stage2, other.stage3), n)}


def swa(net, this, share, lr):
    """The mean of the weights after each epoch of the last share of the run, at a constant rate."""
    steps = recipe.steps(this.given, this.settings)
    start = round((1 - share) * steps)
    return {"recorder": SWA(net, start, steps // this.settings["epochs"]),
            "schedules": {"lr": swa_rates(this.settings["lr"], lr, steps, start)}}


ARMS: dict[str, Callable] = {
    "none": lambda net, this: {},
    "dropout": lambda net, this, p: put(net, BLOCKS, Dropout(p)),
    "gaussian": lambda net, this, p: put(net, BLOCKS, GaussianDropout(p)),
    "spatial": lambda net, this, p: put(net, BLOCKS, SpatialDropout(p)),
    "dropblock": lambda net, this, p, block: put(net, "stage[23].*.dropblock*",
                                                 DropBlock(p, block)),
    "multi-sample": multi_sample,
    "early-dropout": early_dropout,
    "stochastic-depth": stochastic_depth,
    "dropconnect": dropconnect,
    "targeted": targeted,
    "max-norm": lambda net, this, limit: {"project": lambda net: apply_max_norm(net, limit)},
    "l2": lambda net, this, decay: {"weight_decay": decay},
    "flip-crop": lambda net, this, padding, mirror: {
        "batch": partial(flip_crop, padding=padding, mirror=mirror)},
    "cutout": lambda net, this, length: {"batch": Cutout(length)},
    "mixup": lambda net, this, alpha: {"batch": Mixup(alpha)},
    "cutmix": lambda net, this, alpha: {"batch": CutMix(alpha)},
    "attentive-cutmix": attentive_cutmix,
    "ema": lambda net, this, mu: {"recorder": EMA(net, mu)},
    "swa": swa}
