"""What every claim on a multilayer perceptron does: its images, network, run and choice."""

from .. import data
from ..models import mlp, place
from ..optim import SGD, cosine
from ..train import evaluate, fit
from ..units.dropout import Dropout


def images(settings):
    """The `Splits` of the data, flat; for training the first `settings["images"]` of them."""
    train, *others = ((x.reshape(len(x), -1), y)
                      for x, y in getattr(data, settings["data"])())
    return data.Splits(_first(train, settings["images"]), *others)


def _first(pair, count):
    return tuple(part[:count] for part in pair)


def network(settings, inputs, p=0.0, p_inputs=0.0, outputs=10):
    """The perceptron, not yet drawn, with dropout of hidden units, and of inputs."""
    net = mlp(inputs, *settings["hidden"], outputs)
    for rate, places in ((p, "hidden*.drop"), (p_inputs, "input.drop")):
        if rate:
            place(net, places, Dropout(rate))
    return net


def train(net, given, settings, seed, progress, **changed):
    """Train by SGD with momentum, the rate falling as half a cosine; the network, in evaluation.

    `changed` are settings, and what `fit` takes besides: loss, project.
    """
    own = settings | changed
    lr, epochs, batch_size = own["lr"], own["epochs"], own["batch_size"]
    sgd = SGD(lr, own["momentum"], weight_decay=own.get("weight_decay", 0.0))
    schedules = {"lr": cosine(lr, epochs * -(-len(given[0]) // batch_size))}
    fit(net.init(seed), sgd, given, epochs, batch_size=batch_size, seed=seed, schedules=schedules,
        progress=progress, **{name: own[name] for name in ("loss", "project") if name in own})
    return net.eval()


def error(net, pair):
    """The share of wrong labels of a network on a pair (x, y), as a claim keeps it."""
    return round(1 - evaluate(net, pair).accuracy, 4)


def chosen(make, settings, splits):
    """What came out of the rate whose network `make(lr)` has the fewest errors on validation data.

    Of equal ones the first of `settings["lrs"]`.  The test data are seen once, by that network.
    """
    nets = {lr: make(lr) for lr in settings["lrs"]}
    errors = {lr: error(net, splits.validation) for lr, net in nets.items()}
    lr = min(errors, key=errors.__getitem__)
    return {"error": error(nets[lr], splits.test), "lr": lr, "validation": errors[lr]}
