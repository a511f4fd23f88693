"""Pressure on the weights through the loss: one penalty a file."""

from . import l1, l2

__all__ = ["l1", "l2"]
