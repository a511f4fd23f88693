"""Late dropout: where a network overfits, dropout that begins late is better than throughout."""

from . import timed
from .claim import Claim


def judge(results, settings):
    """By the rule of the claim."""
    return timed.in_pairs(results, "overfits", [("late", "none"), ("late", "standard")])


CLAIM = Claim(
    name="late",
    techniques=("early_late", "dropout"),
    sentence="Where a network overfits, so that standard dropout helps it, late dropout, which "
             "begins after a part of the run, helps it more.",
    source="Liu et al. 2023 (arXiv:2303.01500), table 3, which is of late stochastic depth.",
    known="Top-1 accuracy on ImageNet, as the page of its code has it: 82.3 % instead of 81.6 % of "
          "ViT-B, 78.6 % instead of 78.0 % of Mixer-B; that the smaller ones are of standard "
          "stochastic depth is as we recall it.",
    effect="ViT-B on ImageNet: 82.3 % right with late stochastic depth instead of 81.6 %",
    protocol="MLP 784-512-512-10 with ReLU on the first 5,000 training images of MNIST, as they "
             "are (quick: 64-128-128-10 on 300 digits); dropout of the hidden units with the rate "
             "0.5; standard: throughout; late: none for the first sixth of the steps, then 0.5; "
             "SGD with momentum 0.9, mini-batches of 100 (quick: 50), 20 epochs, a learning rate "
             "that falls as half a cosine from 0.05 (quick: 0.2), the same for all arms: of 0.05 "
             "and 0.1 (quick: 0.05, 0.1 and 0.2) the one with the fewest errors on validation "
             "data, a mean over all arms, with seed 900 (quick: and 901). There standard made "
             "fewer errors than none at 0.05, and more at 0.1: the regime is one of the rate, "
             "too. Paired seeds. Paper: stochastic depth in a Mixer on CIFAR-10.",
    measure="test error, mean and 95 % interval over the seeds; differences are of paired seeds. "
            "The training loss is told, and no part of the rule.",
    rule={"held": "the network overfits: the interval of the test error of none less that of "
                  "standard lies above 0; and the intervals of none less late, and of standard "
                  "less late, both lie above 0",
          "not held": "it overfits, and one of the latter two intervals lies above 0",
          "not seen at this scale": "it does not overfit; or neither of the two lies above 0, and "
                                    "neither below; or one seed alone",
          "refuted": "it overfits, neither interval lies above 0, and at least one below"},
    arms=("none", "standard", "late"),
    scales={
        "quick": {"data": "digits", "images": 300, "net": "mlp", "hidden": [128, 128],
                  "noise": "dropout", "p": 0.5, "cutoff": 1 / 6, "padding": 0, "epochs": 20,
                  "batch_size": 50, "lr": 0.2, "momentum": 0.9, "seeds": 8},
        "standard": {"data": "mnist", "images": 5000, "net": "mlp", "hidden": [512, 512],
                     "noise": "dropout", "p": 0.5, "cutoff": 1 / 6, "padding": 0, "epochs": 20,
                     "batch_size": 100, "lr": 0.05, "momentum": 0.9, "seeds": 8},
        "paper": {"data": "cifar10", "images": 35000, "net": "mixer", "patch": 4, "width": 192,
                  "depth": 12, "noise": "stochastic_depth", "p": 0.4, "cutoff": 1 / 6,
                  "padding": 4, "mirror": True, "epochs": 300, "batch_size": 128, "lr": 0.1,
                  "momentum": 0.9, "seeds": 5}},
    takes={"quick": "3 seconds of one core", "standard": "5 minutes, beside much else",
           "paper": "300 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=timed.run, judge=judge, draw=timed.draw)
