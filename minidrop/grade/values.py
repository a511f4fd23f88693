"""Arguments that are more than numbers: a stream of draws, and a function."""

from typing import NamedTuple

import numpy as np


class Rng(NamedTuple):
    """An argument: the submission gets np.random.default_rng([seed, i]) in its i-th call."""

    seed: int


class Function(NamedTuple):
    """An argument: a function, as an expression in Python, as `lambda x: np.sum(x**2)`."""

    source: str


def realised(arguments, call=0):
    """Arguments as a function in this process takes them: streams and functions made."""
    def made(value):
        if isinstance(value, Rng):
            return np.random.default_rng([value.seed, call])
        if isinstance(value, Function):
            return eval(value.source, {"np": np})     # an author's text, not a student's
        return np.copy(value) if isinstance(value, np.ndarray) else value

    return {name: made(value) for name, value in arguments.items()}
