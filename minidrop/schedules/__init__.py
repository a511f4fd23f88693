"""When rather than where: arrays with one value for each step, for `fit(..., schedules=...)`."""

from . import early_late, ramps

__all__ = ["early_late", "ramps"]
