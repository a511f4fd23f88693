"""A small exercise for the tests of the grader, which does not change with the lessons'."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("dropout", lesson="dropout")


def uniforms(rng):
    for shape in ((2,), (3, 2), (3, 4)):
        yield rng.random(shape), 0.4


@exercise.task("dropout.1", points=3, cases=uniforms, key=lambda u, p: u < 1 - p,
               hint="An entry is kept where its draw is below q = 1 - p.")
def draw_mask(u, p):
    """Turn draws into a mask.

    u is an array of draws in [0, 1), p the probability of dropping.
    """
    mask = np.zeros(u.shape)
    for i in np.ndindex(u.shape):
        if u[i] < 1 - p:
            mask[i] = 1
    return mask


@draw_mask.right("one comparison")
def _(u, p):
    return u < 1 - p


@draw_mask.wrong("p is the probability of dropping, and here it keeps")
def _(u, p):
    return u < p


@draw_mask.wrong("a mask holds 0 and 1 alone")
def _(u, p):
    return (u < 1 - p) / (1 - p)


def masks(rng):
    for shape in ((1,), (2, 3), (3, 4)):
        yield rng.normal(size=shape).round(2), rng.random(shape) >= 0.4, 0.4


@exercise.task("dropout.2", points=2, cases=masks, key=md.dropout,
               hint="What is kept makes up for what is dropped.")
def apply_mask(x, mask, p):
    """Scale while training.

    x is an array of floats, mask one of booleans of its shape, True where it keeps.
    """
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        if mask[i]:
            y[i] = x[i] / (1 - p)
    return y


@apply_mask.right("one product")
def _(x, mask, p):
    return x * mask / (1 - p)


@apply_mask.wrong("what is kept has to be scaled, or its mean shrinks")
def _(x, mask, p):
    return x * mask


@apply_mask.wrong("True keeps, and here it drops")
def _(x, mask, p):
    return x * ~mask / (1 - p)
