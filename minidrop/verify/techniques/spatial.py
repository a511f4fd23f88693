"""What spatial dropout is held to: (spatial.1) to (spatial.4), for inputs of 3, 4 or 5 axes."""

from ..checks.masks import Law, checks
from ..checks.scaling import SCALINGS, dropped, evaluated, kept
from ..technique import Technique

DRAWS = {                                         # for what there is one draw: the axes that share
    "map": lambda n, c, *places: (n, c, *[1] * len(places)),
    "entry": lambda *shape: shape,
    "example": lambda n, c, *places: (n, 1, *[1] * len(places)),
    "channel": lambda n, c, *places: (1, c, *[1] * len(places)),
    "last axis": lambda n, c, *places: (n, 1, *[1] * len(places[1:]), places[-1]),
    "first place": lambda n, c, *places: (n, 1, places[0], *[1] * len(places[1:])),
}


def units(shape, options):
    """The shape with 1 on the axes along which a draw is shared."""
    return DRAWS[options["draws"]](*shape)


def shapes(options):
    """Inputs (N, C, ...), from the smallest up."""
    few = options["axes"] - 2
    return ((1, 1, *[1] * few), (1, 2, *[1] * few), (1, 3, *[2] * few), (2, 3, *(4, 5, 2)[:few]))


def counting(options):
    """From few up, with places of different number along each axis."""
    few = options["axes"] - 2
    return (((1, 2, *(2, 1, 1)[:few]), 200), ((10, 8, *(8, 3, 2)[:few]), 100),
            ((300, 200, *(2, 2, 1)[:few]), 2))


LAW = Law(kept, dropped, evaluated, units, shapes, counting,
          given=lambda options: ((2, 2, *(3, 2, 1)[:options["axes"] - 2]),))

TECHNIQUE = Technique(
    "spatial", arrays=("x",), parameters=("p",),
    checks=checks(
        LAW, evaluation=("spatial.3",), ends=("spatial.1",), values=("spatial.2",),
        rate=("spatial.1",), mean=("spatial.3",), units=("spatial.1",),
        shared=("spatial.1", "spatial.3"), counts=("spatial.4",), gradient=("spatial.2",)),
    options={"axes": (4, 3, 5), "scaling": SCALINGS, "draws": tuple(DRAWS)},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "test-time scaling": {"scaling": "paper"},
        "nothing is scaled": {"scaling": "none"},
        "every entry by itself (plain dropout)": {"draws": "entry"},
        "mask shared by channels": {"draws": "example"},
        "mask shared by the batch": {"draws": "channel"},
        "the last axis is read as that of channels": {"draws": "last axis"},
        "axis 1 is read as that of channels, where they are last": {"draws": "first place"},
    })
