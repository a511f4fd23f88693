"""Halves and sums."""

import numpy as np

from minidrop.grade import Exercise

exercise = Exercise("tiny", lesson="dropout")


@exercise.task("tiny.1", points=3, key=lambda x: x / 2, equation="y = x / 2", hint="Half of it.",
               cases=lambda rng: [(np.ones(1),), (np.ones((2, 3)),)])
def half(x):
    """Half of each entry."""
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        y[i] = x[i] / 2
    return y


@half.right("a product")
def _(x):
    return x * 0.5


@half.right("a sum")
def _(x):
    return x - x / 2


@half.wrong("that is twice as much")
def _(x):
    return x * 2


@half.wrong("only the first is halved")
def _(x):
    return np.where(np.arange(x.size).reshape(x.shape), x, x / 2)


@half.wrong("it rounds")
def _(x):
    return x // 2


@exercise.task("tiny.2", points=2, key=lambda x, y: x + y, equation="z = x + y", hint="Add them.",
               cases=lambda rng: [(i, 2.0) for i in range(3)])
def add(x, y):
    """The sum of two numbers."""
    z = x
    for _ in range(1):
        z = z + y
    return z


@add.right("the other way round")
def _(x, y):
    return y + x


@add.right("a difference")
def _(x, y):
    return x - -y


@add.wrong("that is a product")
def _(x, y):
    return x * y


@add.wrong("that is a difference")
def _(x, y):
    return x - y


@add.wrong("y is missing")
def _(x, y):
    return x
