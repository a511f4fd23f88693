"""What dropout is held to: (dropout.1) to (dropout.5), inverted or in the papers' scaling."""

from ..checks.masks import Law, checks
from ..checks.scaling import SCALINGS, by_scaling, dropped, evaluated, kept
from ..technique import Technique

DRAWS = {                                         # for what there is one draw: the axes that share
    "entry": lambda *shape: shape,
    "unit": lambda n, *units: (1, *units),
    "map": lambda n, c, *places: (n, c, *[1] * len(places)),
    "example": lambda n, *units: (n, *[1] * len(units)),
}


def _units(shape, options):
    return DRAWS[options["draws"]](*shape)


def _counting(options):
    return ((1, 2), 200), ((10, 10), 100), ((2, 3, 4), 100), ((3, 4, 5, 2), 100), ((300, 300), 2)


LAW = Law(kept, dropped, evaluated, _units,
          shapes=((1, 1), (1, 2), (2, 2), (2, 3, 4, 5)), counting=_counting, given=((2, 2),))

TECHNIQUE = Technique(
    "dropout", arrays=("x",), parameters=("p",),
    checks=checks(
        LAW, evaluation=by_scaling("dropout", (3,), (5,), ()), ends=("dropout.1",),
        values=by_scaling("dropout", (2,), (4,), (4,)), rate=("dropout.1",),
        mean=by_scaling("dropout", (3,), (5,), (5,)), units=("dropout.1",),
        gradient=by_scaling("dropout", (2,), (4,), (4,))),
    options={"scaling": SCALINGS, "draws": tuple(DRAWS)},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "test-time scaling, as in the papers of 2012 and 2014": {"scaling": "paper"},
        "nothing is scaled in training": {"scaling": "none"},
        "one mask for all examples of the batch": {"draws": "unit"},
        "one draw for each channel (spatial dropout)": {"draws": "map"},
        "one draw for each example": {"draws": "example"},
    },
    unseen={
        "dropout.6": "about linear regression, not about a layer",
        "dropout.7": "about linear regression, not about a layer",
    })
