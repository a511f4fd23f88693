"""What papers claim, each with an experiment small enough for a laptop, and what came out.

One file a claim: `minidrop claims run NAME`.
"""

from . import snapshots, targeted
from .claim import Claim, Verdict

CLAIMS = {claim.name: claim for claim in (targeted.CLAIM, snapshots.CLAIM)}

__all__ = ["CLAIMS", "Claim", "Verdict"]
