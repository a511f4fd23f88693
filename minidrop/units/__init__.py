"""Noise on the units of a layer: one technique a file."""

from . import alpha, dropblock, dropout, gaussian, mc, multi_sample, spatial

__all__ = ["alpha", "dropblock", "dropout", "gaussian", "mc", "multi_sample", "spatial"]
