"""When rather than where: arrays with one value for each step, for `fit(..., schedules=...)`."""

from . import ramps

__all__ = ["ramps"]
