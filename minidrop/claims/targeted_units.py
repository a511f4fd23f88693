"""Targeted dropout of whole units, and with ramping: how many of them a network can lose."""

from . import pruned, targeted
from .claim import Claim

PUBLISHED = {"none": {}, "targeted": {"gamma": 0.75, "alpha": 0.66},
             "ramping": {"gamma": 0.9, "alpha": 0.99}}
SHARES = [0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95]

CLAIM = Claim(
    name="targeted-units",
    techniques=("targeted", "ramps", "damage"),
    sentence="With targeted dropout of units an MLP can be pruned without fine-tuning to a share "
             "of its hidden units at which it is useless without, and with ramping further still.",
    source="Gomez et al. 2019 (arXiv:1905.13678), table 2 and in words; its experiments are on "
           "larger networks.",
    known="The numbers of its tables are not known to us well enough to be printed; its published "
          "code ramps units to 0.9 of them at 0.99.",
    protocol=pruned.TRAINING + "Of each hidden layer the units with the shortest weights are "
             "pruned; their biases stay. Targeted dropout of units has 0.75 of them for candidates "
             "and drops those at 0.66, or with ramping 0.9 at 0.99, both grown over half of the "
             "run: as in the paper's published code, and chosen by no data. In trials with "
             "other seeds and validation data the largest share that is kept at 92 % and more on "
             "MNIST was near one at which the plain network is not yet useless, so the "
             "bar is 90 %. " + pruned.PAPERS,
    measure="test accuracy at each share of pruned units, mean and 95 % interval over the seeds; a "
            "network keeps 90 % (on CIFAR-10 85 %) where its interval lies at or "
            f"above, and is useless where it lies below {100 * targeted.LOW:.0f} %; differences "
            "are of paired seeds. What ramping has more than none is told, and no part of the "
            "rule, which looks at the largest share of targeted dropout alone, and at no share "
            "between those in the table.",
    rule={"held": "at the largest share at which targeted dropout keeps 90 % the plain network is "
                  "useless and the interval of their difference lies above 0; and ramping keeps "
                  "90 % at a larger share, where the interval of its difference to targeted "
                  "dropout lies above 0",
          "not held": "the former, but not the latter",
          "not seen at this scale": "neither the former nor its opposite, or one seed alone",
          "refuted": "wherever the plain network is useless, and somewhere it is, the interval of "
                     "targeted dropout lies below 90 %"},
    arms=("none", "targeted", "ramping"),
    scales={
        "quick": pruned.QUICK | {"unit": True, "shares": SHARES, "high": 0.9, "ramp": 0.5,
                                 "chosen": PUBLISHED},
        "standard": pruned.STANDARD | {"unit": True, "shares": SHARES, "high": 0.9, "ramp": 0.5,
                                       "chosen": PUBLISHED},
        "paper": pruned.PAPER | {"unit": True, "shares": SHARES, "high": 0.85, "ramp": 0.444,
                                 "chosen": PUBLISHED}},
    takes={"quick": "a few seconds of one core", "standard": "at most 2 minutes of one core",
           "paper": "90,000 steps of a ResNet-32 each, for a GPU, and not timed by us"},
    run=pruned.run, judge=targeted.judge, draw=pruned.draw)
