"""Every right implementation in NumPy: a run must never fail one of them."""

from tests.verify import (
    right_dropout,
    right_inputs,
    right_maps,
    right_norms,
    right_over_time,
    right_units,
    right_weights,
)

RIGHT = (*right_dropout.right, *right_units.right, *right_maps.right, *right_inputs.right,
         *right_weights.right, *right_norms.right, *right_over_time.right)
