"""Averages over networks and over weights: one average a file."""

from . import snapshot

__all__ = ["snapshot"]
