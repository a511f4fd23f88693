"""What is done to the examples before the first layer: one technique a file."""

from . import cutmix, cutout, flip_crop, mixup

__all__ = ["cutmix", "cutout", "flip_crop", "mixup"]
