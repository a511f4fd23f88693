"""Noise on the paths through a network: one technique a file."""

from . import stochastic_depth

__all__ = ["stochastic_depth"]
