"""Noise on the units of a layer: one technique a file."""

from . import dropout

__all__ = ["dropout"]
