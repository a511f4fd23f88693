"""Data sets as splits: `data.train`, `data.validation` and `data.test` are pairs (x, y)."""

from .digits import digits
from .splits import Splits

__all__ = ["Splits", "digits"]
