"""What every claim on a multilayer perceptron does: its images and its network."""

from .. import data
from ..models import mlp, place
from ..units.dropout import Dropout
from .recipe import first


def images(settings):
    """The `Splits` of the data, flat; for training the first `settings["images"]` of them."""
    train, *others = ((x.reshape(len(x), -1), y)
                      for x, y in getattr(data, settings["data"])())
    return data.Splits(first(train, settings["images"]), *others)


def network(settings, inputs, p=0.0, p_inputs=0.0, outputs=10):
    """The perceptron, not yet drawn, with dropout of hidden units, and of inputs."""
    net = mlp(inputs, *settings["hidden"], outputs)
    for rate, places in ((p, "hidden*.drop"), (p_inputs, "input.drop")):
        if rate:
            place(net, places, Dropout(rate))
    return net
