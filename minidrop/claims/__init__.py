"""What papers claim, each with an experiment small enough for a laptop, and what came out.

One file a claim: `minidrop claims run NAME`.
"""

from . import (
    data_size,
    dropconnect,
    dropout,
    rate,
    snapshots,
    sparsity,
    targeted,
    together,
    uncertainty,
)
from .claim import Claim, Verdict

CLAIMS = {claim.name: claim for claim in (
    dropout.CLAIM, rate.CLAIM, data_size.CLAIM, sparsity.CLAIM, together.CLAIM, uncertainty.CLAIM,
    dropconnect.CLAIM, dropconnect.INFERENCE, targeted.CLAIM, snapshots.CLAIM)}

__all__ = ["CLAIMS", "Claim", "Verdict"]
