"""What papers claim, each with an experiment small enough for a laptop, and what came out.

One file a claim: `minidrop claims run NAME`.
"""

from . import (
    block_size,
    carried,
    cutoff,
    cutout,
    cutout_together,
    cycles,
    data_size,
    depth_time,
    dropblock,
    dropconnect,
    dropout,
    duplicated_batch,
    dynamics,
    early,
    early_drop,
    family,
    flip_diversity,
    half,
    late,
    longer,
    mixing,
    multi_sample,
    rate,
    rivals,
    sample_cost,
    sample_rates,
    samples,
    scheduled,
    snapshot_diversity,
    snapshots,
    sparsity,
    stochastic_depth,
    targeted,
    targeted_units,
    together,
    uncertainty,
    variance_shift,
)
from .claim import Claim, Verdict

CLAIMS = {claim.name: claim for claim in (
    family.CLAIM,
    dropblock.CLAIM, block_size.CLAIM, scheduled.CLAIM, cutout.CLAIM, cutout_together.CLAIM,
    dropout.CLAIM, rate.CLAIM, data_size.CLAIM, sparsity.CLAIM, together.CLAIM, uncertainty.CLAIM,
    dropconnect.CLAIM, dropconnect.INFERENCE, targeted.CLAIM, targeted_units.CLAIM,
    rivals.CLAIM, rivals.UNITS, half.CLAIM, snapshots.CLAIM,
    cycles.CLAIM, snapshot_diversity.CLAIM, early_drop.CLAIM,
    variance_shift.CLAIM, mixing.CLAIM, stochastic_depth.CLAIM, stochastic_depth.GRADIENTS,
    depth_time.CLAIM, mixing.SWEEP,
    multi_sample.CLAIM, samples.CLAIM, sample_cost.CLAIM, duplicated_batch.CLAIM,
    sample_rates.CLAIM, flip_diversity.CLAIM,
    dynamics.CLAIM, early.CLAIM, early.DEPTH, late.CLAIM, cutoff.CLAIM, longer.CLAIM,
    carried.CLAIM)}

__all__ = ["CLAIMS", "Claim", "Verdict"]
