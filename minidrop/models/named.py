"""The models by name, each for the examples and classes that it shall tell apart."""

import math

from ..arguments import count, option, shape_of
from .lenet import lenet
from .mixer import mixer
from .mlp import mlp
from .resnet import resnet8, resnet20, resnet32, resnet56, resnet110
from .vgg import vgg_small
from .vit import vit

HIDDEN = 256                # units of the MLP
PATCHES = (4, 3, 2, 1)      # sizes of a patch
MODELS = {model.__name__: model for model in (
    mlp, lenet, vgg_small, resnet8, resnet20, resnet32, resnet56, resnet110, vit, mixer)}


def usual_shape(name):
    """The shape of the examples that a model was made for: (1, 28, 28) or (3, 32, 32)."""
    return (1, 28, 28) if name in ("mlp", "lenet") else (3, 32, 32)


def build(name, shape=None, classes=10):
    """The model called `name` for examples of `shape`, by default those it was made for.

    The MLP has one hidden layer of 256 units and takes any shape, the others take images
    (channels, height, width), all but the ResNets square ones.  The patches of a ViT and a Mixer
    are of 4 x 4 pixels, or of fewer where 4 does not divide the size or would leave less than 4 x 4
    patches.  ValueError for what does not fit.

    >>> build("mlp", shape=(1, 8, 8)).hidden1.linear
    Linear(n_in=64, n_out=256)
    """
    model = MODELS[option(name, "name", tuple(MODELS))]
    shape = shape_of(usual_shape(name) if shape is None else shape)
    classes = count(classes, "classes")
    if model is mlp:
        return mlp(math.prod(shape), HIDDEN, classes)
    square = model in (lenet, vgg_small, vit, mixer)
    if len(shape) != 3 or square and shape[1] != shape[2]:
        raise ValueError(f"{name} needs {'square ' * square}images (channels, height, width), got "
                         f"examples of shape {shape}")
    if not square:
        return model(channels=shape[0], classes=classes)
    options = {"channels": shape[0], "size": shape[1], "classes": classes}
    if model in (vit, mixer):
        options["patch"] = next(n for n in PATCHES if n == 1 or shape[1] % n == 0
                                and shape[1] >= 4 * n)
    return model(**options)
