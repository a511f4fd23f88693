"""Dropout against none: the error of one perceptron, trained with it and without."""

from . import compare, mlps, recipe
from .claim import Claim

PAIRS = (("dropout", "none"),)


def run(arm, seed, settings, progress):
    """Train one arm with each rate; the test error of the network that validation data chose."""
    splits = mlps.images(settings)

    def make(lr):
        p, p_inputs = (settings["p"], settings["p_inputs"]) if arm == "dropout" else (0, 0)
        net = mlps.network(settings, splits.train[0].shape[1], p, p_inputs)
        return recipe.train(net, splits.train, settings, seed, progress, lr=lr)

    return recipe.chosen(make, settings, splits)


def judge(results, settings):
    """By the rule of the claim."""
    return compare.in_pairs(results, PAIRS, more=[
        compare.rates(results, settings.get("lrs", ()))])


def draw(results, settings):
    """The test error of both arms, and their difference."""
    return compare.draw_pairs(results, settings, PAIRS)


CLAIM = Claim(
    name="dropout",
    techniques=("dropout",),
    sentence="A multilayer perceptron trained with dropout makes fewer errors on MNIST than the "
             "same network without.",
    source="Srivastava et al. 2014, section 6.1.1 and its table of results on MNIST.",
    known="As we recall the table, and have not read it again: 1.60 % error of a standard network, "
          "1.35 % with dropout and logistic units, 1.25 % with dropout and ReLU (three layers of "
          "1024 units); sections are recalled too.",
    effect="as we recall, 1.60 % test error of a standard network, 1.25 % with dropout and "
           "ReLU",
    protocol="MLP 784-512-512-10 with ReLU on the first 10,000 training images of MNIST (quick: "
             "64-128-128-10 on digits); dropout drops half of the hidden units and a fifth of the "
             "inputs; SGD with momentum 0.9, mini-batches of 100, 20 epochs, a learning rate that "
             "falls as half a cosine. Of two first learning rates, 0.05 and 0.1, each run takes "
             "the one with the fewer errors on validation data; the test data are seen once, by "
             "that network. Paired seeds.",
    measure="test error, mean and 95 % interval over the seeds; the difference is of paired seeds.",
    rule={"held": "the interval of the error without dropout less that with it lies above 0",
          "not held": "does not occur: the claim has no parts",
          "not seen at this scale": "the interval contains 0, or one seed alone",
          "refuted": "the interval lies below 0"},
    arms=("none", "dropout"),
    scales={
        "quick": {"data": "digits", "images": 1197, "hidden": [128, 128], "epochs": 40,
                  "batch_size": 50, "lrs": [0.05, 0.1], "momentum": 0.9, "p": 0.5,
                  "p_inputs": 0.2, "seeds": 8},
        "standard": {"data": "mnist", "images": 10000, "hidden": [512, 512], "epochs": 20,
                     "batch_size": 100, "lrs": [0.05, 0.1], "momentum": 0.9, "p": 0.5,
                     "p_inputs": 0.2, "seeds": 5},
        "paper": {"data": "mnist", "images": 50000, "hidden": [1024, 1024, 1024], "epochs": 500,
                  "batch_size": 100, "lrs": [0.05, 0.1], "momentum": 0.95, "p": 0.5,
                  "p_inputs": 0.2, "seeds": 5}},
    takes={"quick": "half a minute of one core", "standard": "5 minutes of one core",
           "paper": "twice 500 epochs of MNIST each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
