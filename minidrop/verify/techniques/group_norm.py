"""What group norm is held to: (group_norm.1) to (group_norm.4)."""

from ..checks.formulas import manners
from ..checks.norms import EPS, VARIANTS, Norm, alone, channel, checks
from ..technique import Technique


def _split(x, options, groups):
    n, c, *places = x.shape
    if options["groups are"] == "neighbours":
        x = x.reshape(n, groups, c // groups, *places)
        return x, tuple(range(2, x.ndim))
    x = x.reshape(n, c // groups, groups, *places)
    return x, (1, *range(3, x.ndim))


SHAPES = (((1, 4), 2), ((2, 4, 3), 2), ((2, 6, 2, 2), 3), ((1, 4, 2), 1), ((1, 2, 3), 2))
NORM = Norm(split=_split, affine=channel, weights=lambda shape, options: shape[1:2],
            shapes=lambda options: [(shape, {"groups": groups}) for shape, groups in SHAPES])

TECHNIQUE = Technique(
    "group_norm", arrays=("x", "w", "b"), parameters=("groups", "eps"),
    checks=(*checks(NORM, sharing=("group_norm.1",), statistics=("group_norm.2",),
                    output=("group_norm.2",), affine_gradient=("group_norm.3",),
                    input_gradient=("group_norm.4",)),
            alone(NORM.formula()), *manners(NORM.formula())),
    options={"groups are": ("neighbours", "interleaved"), **EPS},
    variants={"groups are interleaved": {"groups are": "interleaved"}, **VARIANTS})
