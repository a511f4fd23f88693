"""Normalisation: one formula, and four choices of the axes it averages over.

For a tensor (N, C, H, W) batch norm averages over N, H and W, layer norm over C, H and W, group
norm over some of C and all of H and W, instance norm over H and W: see site/pages/axes.md.
"""

from . import batch_norm, group_norm, instance_norm, layer_norm, normalise

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "normalise"]
