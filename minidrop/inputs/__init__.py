"""What is done to the examples before the first layer: one technique a file."""

from . import cutout, flip_crop

__all__ = ["cutout", "flip_crop"]
