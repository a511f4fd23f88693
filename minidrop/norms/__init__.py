"""Normalisation: one formula, and four choices of the axes it averages over."""

from . import batch_norm, group_norm, instance_norm, layer_norm, normalise

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "normalise"]
