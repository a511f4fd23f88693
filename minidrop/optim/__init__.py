"""Optimizers, one rule a file, and learning-rate schedules as arrays."""

from .adam import Adam, AdamW
from .base import Optimizer
from .schedules import cosine, cosine_restarts, step_decay, warmup
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "cosine", "cosine_restarts",
           "step_decay", "warmup"]
