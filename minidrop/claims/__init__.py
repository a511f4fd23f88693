"""What papers claim, each with an experiment small enough for a laptop, and what came out.

One file a claim: `minidrop claims run NAME`.
"""

from . import (
    data_size,
    depth_time,
    dropconnect,
    dropout,
    mixing,
    rate,
    snapshots,
    sparsity,
    stochastic_depth,
    targeted,
    together,
    uncertainty,
    variance_shift,
)
from .claim import Claim, Verdict

CLAIMS = {claim.name: claim for claim in (
    dropout.CLAIM, rate.CLAIM, data_size.CLAIM, sparsity.CLAIM, together.CLAIM, uncertainty.CLAIM,
    dropconnect.CLAIM, dropconnect.INFERENCE, targeted.CLAIM, snapshots.CLAIM,
    variance_shift.CLAIM, mixing.CLAIM, stochastic_depth.CLAIM, stochastic_depth.GRADIENTS,
    depth_time.CLAIM, mixing.SWEEP)}

__all__ = ["CLAIMS", "Claim", "Verdict"]
