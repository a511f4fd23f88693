"""What layer norm is held to: (layer_norm.1) to (layer_norm.3), over the last axis or all but one.
"""

from ..checks.formulas import manners
from ..checks.norms import EPS, VARIANTS, Norm, alone, checks
from ..technique import Technique


def _axes(x, options):
    return (x.ndim - 1,) if options["axes"] == "last" else tuple(range(1, x.ndim))


NORM = Norm(
    split=lambda x, options: (x, _axes(x, options)),
    affine=lambda v, x, options: v,
    shapes=lambda options: [(shape, {}) for shape in ((1, 2), (2, 3), (2, 3, 4), (2, 3, 2, 4))],
    weights=lambda shape, options: shape[-1:] if options["axes"] == "last" else shape[1:])

TECHNIQUE = Technique(
    "layer_norm", arrays=("x", "w", "b"), parameters=("eps",),
    checks=(*checks(NORM, sharing=("layer_norm.1",), statistics=("layer_norm.1",),
                    output=("layer_norm.1",), affine_gradient=("layer_norm.2",),
                    input_gradient=("layer_norm.3",)),
            alone(NORM.formula()), *manners(NORM.formula())),
    options={"axes": ("last", "all but the first"), **EPS},
    variants={"normalises all axes but the first, (C, H, W) of images":
              {"axes": "all but the first"}, **VARIANTS})
