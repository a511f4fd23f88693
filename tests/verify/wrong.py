"""Every wrong implementation in NumPy: a run must fail each at an equation that it breaks."""

from tests.verify import (
    wrong_blocks,
    wrong_cutout,
    wrong_dropout,
    wrong_gates,
    wrong_manners,
    wrong_maps,
    wrong_mixes,
    wrong_norms,
    wrong_over_time,
    wrong_units,
    wrong_weights,
)

WRONG = (*wrong_dropout.wrong, *wrong_manners.wrong, *wrong_units.wrong, *wrong_maps.wrong,
         *wrong_blocks.wrong, *wrong_cutout.wrong, *wrong_mixes.wrong, *wrong_weights.wrong,
         *wrong_gates.wrong, *wrong_norms.wrong, *wrong_over_time.wrong)
