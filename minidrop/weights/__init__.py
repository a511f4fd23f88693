"""What acts on the weights themselves: one technique a file."""

from . import dropconnect, max_norm, targeted

__all__ = ["dropconnect", "max_norm", "targeted"]
