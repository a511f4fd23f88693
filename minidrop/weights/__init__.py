"""What acts on the weights themselves: one technique a file."""

from . import max_norm

__all__ = ["max_norm"]
