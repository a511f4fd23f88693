"""What acts on the weights themselves: one technique a file."""

from . import dropconnect, l0, max_norm, pruning, smallify, targeted, variational

__all__ = ["dropconnect", "l0", "max_norm", "pruning", "smallify", "targeted", "variational"]
