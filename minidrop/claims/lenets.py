"""What claims on DropBlock and Cutout do alike: one LeNet, that learns few images by heart."""

from ..models import place
from . import cnns, recipe

PROTOCOL = (
    "LeNet (20 maps of 28 x 28, 50 maps of 10 x 10, 500 hidden units) on the first 5,000 training "
    "images of CIFAR-10, few enough to be learned by heart (quick: on 300 images of coloured "
    "shapes); SGD with momentum 0.9, rate 0.02 (quick: 0.05) falling as half a cosine, "
    "mini-batches of 100 (quick: 50), 15 epochs. The rate, which all arms share, was chosen by "
    "errors on validation data with another seed: DropBlock had fewer at 0.02 than at 0.05, no "
    "noise 47.0 % at 0.05, 45.0 at 0.02 and 44.9 at 0.01, where a quarter of the training images "
    "is not learned. ")
MEASURE = (
    "errors on 10,000 images of the published training batches (quick: on 200 shapes) that were "
    "neither learned from nor chosen by, mean and 95 % interval over the seeds; differences are of "
    "paired seeds. ")

SCALES = {
    "quick": {"data": "shapes", "images": 300, "net": "lenet", "places": "*.dropblock",
              "epochs": 15, "batch_size": 50, "lr": 0.05, "momentum": 0.9},
    "standard": {"data": "cifar10", "images": 5000, "net": "lenet", "places": "*.dropblock",
                 "epochs": 15, "batch_size": 100, "lr": 0.02, "momentum": 0.9},
    "paper": {"data": "cifar10", "images": 35000, "net": "resnet56",
              "places": "stage[23].*.dropblock*", "epochs": 200, "batch_size": 128, "lr": 0.1,
              "momentum": 0.9, "weight_decay": 5e-4}}


def scales(quick, standard, paper):
    """The settings of a claim at each scale: what all have, and its own."""
    own = {"quick": quick, "standard": standard, "paper": paper}
    return {scale: settings | own[scale] for scale, settings in SCALES.items()}


def errors(settings, seed, progress, layer=None, ramp=None, **changed):
    """Train the network with `layer` in its places: its errors on test and training data.

    `ramp(steps)` gives the rate of each step; `changed` is what `recipe.train` takes besides.
    """
    splits = cnns.images(settings)
    net = cnns.network(settings, splits.train[0])
    if layer is not None:
        place(net, settings["places"], layer)
    rates = {f"{settings['places']}.p": ramp(recipe.steps(splits.train, settings))} if ramp else {}
    recipe.train(net, splits.train, settings, seed, progress, rates, **changed)
    return recipe.errors(net, splits)
