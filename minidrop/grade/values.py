"""Arguments that are more than numbers: a stream of draws, and a function."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .coding import Streams


class Rng(NamedTuple):
    """An argument: the submission gets np.random.default_rng([seed, 0]) in its first call, and in
    each other one a generator that is independent of it."""

    seed: int


class Function(NamedTuple):
    """An argument: a function, as an expression in Python, as `lambda x: np.sum(x**2)`."""

    source: str


def numbers(rng, shape):
    """Numbers for an author's cases: from 0.1 to 2 and below 0, of two decimals, none of them 0.

    >>> numbers(np.random.default_rng(1), 4)
    array([-0.16,  0.37,  1.66,  1.9 ])
    """
    return rng.choice((-1, 1), shape) * rng.integers(10, 200, shape) / 100


_streams = lru_cache(8)(Streams)                  # the words of many calls are drawn once


def another_shape(got, due):
    """The sentence for a shape that is not the one that is due.

    >>> another_shape((), (2,))
    'the shape (2,) is due, and a number came'
    """
    if not due:
        return f"a number is due, and an array of the shape {got} came"
    return f"the shape {due} is due, and {got or 'a number'} came"


def realised(arguments, call=0):
    """Arguments as a function in this process takes them: streams and functions made."""
    def made(value):
        if isinstance(value, Rng):
            return _streams(value.seed, 1 << call.bit_length())(call)
        if isinstance(value, Function):
            return eval(value.source, {"np": np})     # an author's text, not a student's
        return np.copy(value) if isinstance(value, np.ndarray) else value

    return {name: made(value) for name, value in arguments.items()}


def size(arguments):
    """How many numbers the arguments of a call hold; a shape counts as an array of that shape.

    >>> size({"x": np.ones((2, 3)), "shape": (4, 5), "p": 0.5})
    27
    """
    return sum(_sizes("", arguments))


def largest(arguments):
    """How many numbers the largest array among the arguments holds.

    >>> largest({"x": np.ones((2, 3)), "shape": (4, 5), "p": 0.5})
    20
    """
    return max(_sizes("", arguments), default=0)


def _sizes(name, value):
    if isinstance(value, dict):
        return [size for key, one in value.items() for size in _sizes(str(key), one)]
    if isinstance(value, tuple | list):
        if name.endswith("shape"):
            return [int(np.prod(value))]
        return [size for one in value for size in _sizes(name, one)]
    return [int(np.size(value)) if isinstance(value, np.ndarray) else 1]
