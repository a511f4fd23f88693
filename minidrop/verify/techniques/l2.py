"""What the L2 penalty is held to: f(w), a number, of an array of weights."""

from ..checks.formulas import Formula, agrees, gradient, manners, weights
from ..technique import Technique


def penalty(w, *, options):
    """Half the sum of the squares, and its known variants."""
    total = (w * w).sum() * (0.5 if options["half"] else 1)
    return (total / (w.size if options["mean"] else 1))**(0.5 if options["root"] else 1)


FORMULA = Formula(penalty, weights)
STEP = "about the step of an optimizer, which is no part of the penalty; see adam for its decay"

TECHNIQUE = Technique(
    "l2", arrays=("w",), parameters=(),
    checks=(agrees(FORMULA, ("l2.1",), "Half the sum of the squares", "output"),
            gradient(FORMULA, ("l2.2",), "Its gradient is the weight itself", "gradient", (0,)),
            *manners(FORMULA, dtype=False)),
    options={"half": (True, False), "mean": (False, True), "root": (False, True)},
    variants={"without the half (Keras)": {"half": False},
              "the mean in place of the sum": {"mean": True},
              "the norm, with its root": {"root": True, "half": False}},
    unseen={f"l2.{i}": STEP for i in (3, 4, 5, 6)}, layers=False)
