"""Noise on the units of a layer: one technique a file."""

from . import dropout, spatial

__all__ = ["dropout", "spatial"]
