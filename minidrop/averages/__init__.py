"""Averages over networks and over weights: one average a file."""

from . import ema, fge, snapshot, swa

__all__ = ["ema", "fge", "snapshot", "swa"]
