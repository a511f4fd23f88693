"""What instance norm is held to: (instance_norm.1) to (instance_norm.4)."""

from ..checks.formulas import manners
from ..checks.norms import EPS, VARIANTS, Norm, alone, channel, checks
from ..technique import Technique

NORM = Norm(
    split=lambda x, options: (x, tuple(range(2, x.ndim))), affine=channel,
    shapes=lambda options: [(shape, {}) for shape in ((1, 1, 2), (2, 2, 3), (2, 3, 2, 4))],
    weights=lambda shape, options: shape[1:2])

TECHNIQUE = Technique(
    "instance_norm", arrays=("x", "w", "b"), parameters=("eps",),
    checks=(*checks(NORM, sharing=("instance_norm.1",), statistics=("instance_norm.1",),
                    output=("instance_norm.2",), affine_gradient=("instance_norm.3",),
                    input_gradient=("instance_norm.4",)),
            alone(NORM.formula()), *manners(NORM.formula())),
    options=EPS, variants=VARIANTS)
