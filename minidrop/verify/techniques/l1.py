"""What the L1 penalty is held to: f(w), a number, of an array of weights."""

from ..checks.formulas import Formula, agrees, gradient, manners, weights
from ..technique import Technique


def penalty(w, *, options):
    """The sum of the sizes, and its known variants."""
    size = {"sizes": abs, "squares": lambda one: one * one}[options["of"]](w)
    return size.sum() / (w.size if options["mean"] else 1)


FORMULA = Formula(penalty, weights)
MINIMUM = "about the minimum of the penalty together with a loss, not about the penalty"

TECHNIQUE = Technique(
    "l1", arrays=("w",), parameters=(),
    checks=(agrees(FORMULA, ("l1.1",), "The sum of the absolute values", "output"),
            gradient(FORMULA, ("l1.2",), "Its gradient is the sign of each weight, 0 at 0",
                     "gradient", (0,)),
            *manners(FORMULA, dtype=False)),
    options={"of": ("sizes", "squares"), "mean": (False, True)},
    variants={"the sum of the squares": {"of": "squares"},
              "the mean in place of the sum": {"mean": True}},
    unseen={"l1.3": MINIMUM}, layers=False)
