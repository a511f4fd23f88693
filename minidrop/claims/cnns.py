"""What every claim on a convolutional network does: its images and its network.

Of CIFAR-10 the claims need no more than the published training batches: they learn from the first
of its 40,000 images for training, choose by the last of those, and are measured on the 10,000 that
`data.cifar10` keeps for validation, which no choice has seen.
"""

from .. import data
from ..models import lenet, resnet, vgg_small
from .recipe import first


def images(settings):
    """The `Splits` of the data, (N, C, H, W): the first `settings["images"]` to learn from.

    The first `settings["held_out"]` to be measured on, where a claim says how many; as many to
    choose by as the data have, of CIFAR-10 the last 5,000 of its images for training.
    """
    if settings["data"] != "cifar10":
        options = {"image": True} if settings["data"] == "digits" else {}
        splits = getattr(data, settings["data"])(**options)
    else:
        whole = data.cifar10(test=False)
        choice = tuple(part[-5000:] for part in whole.train)
        splits = data.Splits(first(whole.train, len(whole.train[0]) - 5000), choice,
                             whole.validation)
    return data.Splits(first(splits.train, settings["images"]), splits.validation,
                       first(splits.test, settings.get("held_out", len(splits.test[0]))))


def network(settings, x, classes=10):
    """The network of a claim for images (N, C, H, W), not yet drawn, its places empty."""
    name, channels, size = settings["net"], x.shape[1], x.shape[2]
    if name.startswith("resnet"):
        return resnet(int(name.removeprefix("resnet")), channels, classes)
    return {"lenet": lenet, "vgg_small": vgg_small}[name](channels, size, classes)
