"""Noise on the units of a layer: one technique a file."""

from . import dropout, mc, spatial

__all__ = ["dropout", "mc", "spatial"]
