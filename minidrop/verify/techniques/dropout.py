"""What dropout is held to: (dropout.1) to (dropout.5), inverted or in the papers' scaling."""

import numpy as np

from ..masks import Law, checks
from ..technique import Technique


def _kept(x, p, options):
    return x / np.float32(1 - p) if options["scaling"] == "inverted" and p < 1 else x


def _dropped(x, p, options):
    return 0 * x


def _evaluated(x, p, options):
    return x * np.float32(1 - p) if options["scaling"] == "paper" else x


def _counting(options):
    return ((1, 2), 100), ((10, 10), 100), ((300, 300), 2)


def _by_scaling(inverted, paper):
    return lambda options: (inverted,) if options["scaling"] == "inverted" else (paper,)


LAW = Law(_kept, _dropped, _evaluated, units=lambda shape, options: shape,
          shapes=((1, 1), (1, 2), (2, 2), (2, 3, 4, 5)), counting=_counting, given=((2, 2),))

TECHNIQUE = Technique(
    "dropout", arrays=("x",), parameters=("p",),
    checks=checks(
        LAW, evaluation=_by_scaling("dropout.3", "dropout.5"), ends=("dropout.1",),
        values=_by_scaling("dropout.2", "dropout.4"), rate=("dropout.1",),
        mean=_by_scaling("dropout.3", "dropout.5"), units=("dropout.1",),
        gradient=_by_scaling("dropout.2", "dropout.4")),
    options={"scaling": ("inverted", "paper", "none")},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "test-time scaling, as in the papers of 2012 and 2014": {"scaling": "paper"},
        "nothing is scaled in training": {"scaling": "none"},
    },
    unseen={
        "dropout.6": "about linear regression, not about a layer",
        "dropout.7": "about linear regression, not about a layer",
    })
