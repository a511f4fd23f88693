"""What is done to the examples before the first layer: one technique a file."""

from . import attentive_cutmix, cutmix, cutout, flip_crop, mixup

__all__ = ["attentive_cutmix", "cutmix", "cutout", "flip_crop", "mixup"]
