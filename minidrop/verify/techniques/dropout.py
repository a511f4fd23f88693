"""What dropout is held to: (dropout.1) to (dropout.5), inverted or in the papers' scaling."""

from ..masks import Law, checks
from ..scaling import SCALINGS, by_scaling, dropped, evaluated, kept
from ..technique import Technique


def _counting(options):
    return ((1, 2), 100), ((10, 10), 100), ((300, 300), 2)


LAW = Law(kept, dropped, evaluated, units=lambda shape, options: shape,
          shapes=((1, 1), (1, 2), (2, 2), (2, 3, 4, 5)), counting=_counting, given=((2, 2),))

TECHNIQUE = Technique(
    "dropout", arrays=("x",), parameters=("p",),
    checks=checks(
        LAW, evaluation=by_scaling("dropout", (3,), (5,), ()), ends=("dropout.1",),
        values=by_scaling("dropout", (2,), (4,), (4,)), rate=("dropout.1",),
        mean=by_scaling("dropout", (3,), (5,), (5,)), units=("dropout.1",),
        gradient=by_scaling("dropout", (2,), (4,), (4,))),
    options={"scaling": SCALINGS},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "test-time scaling, as in the papers of 2012 and 2014": {"scaling": "paper"},
        "nothing is scaled in training": {"scaling": "none"},
    },
    unseen={
        "dropout.6": "about linear regression, not about a layer",
        "dropout.7": "about linear regression, not about a layer",
    })
