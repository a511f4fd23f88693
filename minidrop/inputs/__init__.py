"""What is done to the examples before the first layer: one technique a file."""

from . import flip_crop

__all__ = ["flip_crop"]
