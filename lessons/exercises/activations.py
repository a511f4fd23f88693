"""Activations: GELU and SELU, which are not zero for what is below zero."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("activations", lesson="mlp")


def inputs(rng):
    yield (np.array([1.0, -1.0]),)
    yield (np.array([0.0, 0.5, -0.5, 3.0, -3.0]),)
    for shape in ((1,), (2, 3), (2, 1, 4)):
        yield ((2 * rng.normal(size=shape)).round(2),)
    yield (np.array([[-8.0, 8.0]]),)


@exercise.task("activations.2", points=1, cases=inputs, key=md.gelu,
               hint="In the bracket stands x, and a little of its cube.")
def gelu(x):
    """Compute GELU in its tanh form: about x times the chance that a normal number is below x.

    x is an array of any shape.
    """
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        inside = np.sqrt(2 / np.pi) * (x[i] + 0.044715 * x[i]**3)
        y[i] = x[i] / 2 * (1 + np.tanh(inside))
    return y


@gelu.right("array code")
def _(x):
    return 0.5 * x * (1 + np.tanh((2 / np.pi)**0.5 * x * (1 + 0.044715 * x * x)))


@gelu.right("a sigmoid of twice as much")
def _(x):
    return x / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@gelu.wrong("a sigmoid of 1.702 x is another formula for GELU, and a coarser one")
def _(x):
    return x / (1 + np.exp(-1.702 * x))


@gelu.wrong("this is GELU itself, with the error function: its tanh form is a little off, and due")
def _(x):
    import math
    return np.reshape([v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x.ravel()], x.shape)


@gelu.wrong("the root is of 2 / pi")
def _(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(np.pi / 2) * (x + 0.044715 * x**3)))


@gelu.wrong("below zero GELU is not zero: it is smooth")
def _(x):
    return np.maximum(x, 0)


@gelu.wrong("the cube stands within the bracket, with the root before both")
def _(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * x + 0.044715 * x**3))


@gelu.wrong("a chance is between 0 and 1, and a tanh between -1 and 1")
def _(x):
    return x * np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


@exercise.task("activations.3", points=1, cases=inputs, key=md.selu,
               hint="lambda is before both pieces, alpha before one of them.")
def selu(x):
    """Compute SELU, which keeps the mean and the variance of what passes many layers.

    x is an array of any shape.  lambda = 1.0507009873554805 and alpha = 1.6732632423543772.
    """
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        if x[i] > 0:
            y[i] = scale * x[i]
        else:
            y[i] = scale * alpha * (np.exp(x[i]) - 1)
    return y


@selu.right("where")
def _(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))


@selu.right("both pieces at once")
def _(x):
    below = 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1)
    return 1.0507009873554805 * (np.maximum(x, 0) + below)


@selu.wrong("lambda is before both pieces")
def _(x):
    return np.where(x > 0, 1.0507009873554805 * x, 1.6732632423543772 * np.expm1(x))


@selu.wrong("both pieces meet at 0: something is subtracted from the exponential")
def _(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.exp(x))


@selu.wrong("alpha is not 1 here: that is another activation, ELU, scaled")
def _(x):
    return 1.0507009873554805 * np.where(x > 0, x, np.expm1(x))


@selu.wrong("above 0 it is a line through 0 of the slope lambda")
def _(x):
    return np.where(x > 0, x, 1.0507009873554805 * 1.6732632423543772 * np.expm1(x))
