"""What stochastic depth is held to: a gate on the branch of a residual block, the skip apart.

The implementation takes the branch x = f(...) and gives what is added to the skip.
"""

from ..checks.masks import Law, checks
from ..checks.scaling import by_scaling, dropped, evaluated, kept
from ..technique import Technique


def _units(shape, options):
    return (shape[0] if options["mode"] == "row" else 1, *[1] * len(shape[1:]))


def _counting(options):
    if options["mode"] == "row":
        return ((2, 2), 200), ((20, 3, 2, 2), 100), ((30000, 2), 2)
    return ((2, 2), 200), ((3, 2, 2, 2), 500)


LAW = Law(kept, dropped, evaluated, _units, shapes=((1, 1), (2, 1), (2, 2), (2, 3, 4, 5)),
          counting=_counting, given=((4, 1), (4, 2, 1, 2)))
NAME = "stochastic_depth"
GATE = ("stochastic_depth.4",)
RATES = "a table of rates for the blocks of a network, which a gate is given one by one"

TECHNIQUE = Technique(
    NAME, arrays=("x",), parameters=("p",),
    checks=checks(
        LAW, evaluation=by_scaling(NAME, (7, 8), (6, 8), ()), ends=GATE,
        values=by_scaling(NAME, (7,), (5,), (5,)), rate=GATE, mean=by_scaling(NAME, (8,), (8,), ()),
        units=GATE, gradient=by_scaling(NAME, (7,), (5,), (5,))),
    options={"mode": ("batch", "row"), "scaling": ("paper", "inverted", "none")},
    variants={
        "one gate for each example, scaled while training (timm's DropPath, torchvision's row)":
            {"mode": "row", "scaling": "inverted"},
        "one gate for each example": {"mode": "row"},
        "scaled while training": {"scaling": "inverted"},
        "never scaled (timm's scale_by_keep=False)": {"scaling": "none"},
        "scaled in evaluation": {"scaling": "paper"},
        "one gate for the whole batch": {"mode": "batch"},
        "the rate given is a keep probability": {"rate": "keep"},
    },
    unseen={
        "stochastic_depth.1": RATES, "stochastic_depth.2": RATES, "stochastic_depth.3": RATES,
        "stochastic_depth.9": "about the depth of a network, not about one gate",
        "stochastic_depth.10": "about networks without ReLU, not about one gate",
    })
