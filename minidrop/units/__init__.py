"""Noise on the units of a layer: one technique a file."""

from . import dropblock, dropout, mc, spatial

__all__ = ["dropblock", "dropout", "mc", "spatial"]
