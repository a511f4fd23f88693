"""Exponential moving average of weights: the newest weigh most, and old ones fade away."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("ema", lesson="snapshots")


def moments(rng):
    yield np.array([1.0, 2.0]), np.array([2.0, 4.0]), 0.75
    for shape, mu in (((1,), 0.9), ((2, 3), 0.5), ((3,), 0.0), ((2, 1, 2), 0.99)):
        yield rng.normal(size=shape).round(2), rng.normal(size=shape).round(2), mu


@exercise.task("ema.1", points=1, cases=moments, key=md.ema,
               hint="A memory near 1 moves the average only a little.")
def step(average, w, mu):
    """Move the average of the weights on by one step.

    average and w are arrays of one shape, the average so far and the new weights; mu in [0, 1) is
    its memory.
    """
    moved = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        moved[i] = mu * average[i] + (1 - mu) * w[i]
    return moved


@step.right("one line")
def _(average, w, mu):
    return mu * average + (1 - mu) * w


@step.right("a part of the way to the new weights")
def _(average, w, mu):
    return average + (1 - mu) * (w - average)


@step.wrong("the memory is the share of what was there")
def _(average, w, mu):
    return (1 - mu) * average + mu * w


@step.wrong("both shares add up to 1")
def _(average, w, mu):
    return mu * average + w


@step.wrong("old weights fade: this is a plain mean of two")
def _(average, w, mu):
    return (average + w) / 2


def trajectories(rng):
    yield np.array([[1.0, 3.0]]), 0.5
    yield np.array([[1.0], [3.0]]), 0.75
    for shape, mu in (((3, 2), 0.5), ((6, 1), 0.9), ((4, 3), 0.0), ((30, 2), 0.99)):
        yield rng.normal(size=shape).round(2), mu


def corrected(ws, mu):
    average = np.zeros(ws.shape[1:])
    for w in ws:
        average = md.ema(average, w, mu)
    return md.ema_corrected(average, mu, len(ws))


@exercise.task("ema.3", points=3, cases=trajectories, key=corrected,
               hint="What would this average be, were all the weights 1?")
def average_of_a_run(ws, mu):
    """Average the weights of t moments, without the bias of a start at 0.

    ws is (t, n), the oldest weights first, and mu in [0, 1) the memory.  Before the first of them
    the average is 0; after the last it is corrected.  Returns an array (n,).
    """
    t, n = ws.shape
    average = np.zeros(n)
    for s in range(t):
        for i in range(n):
            average[i] = mu * average[i] + (1 - mu) * ws[s, i]
    return average / (1 - mu**t)


@average_of_a_run.right("weights of the moments, divided by their sum")
def _(ws, mu):
    share = mu ** np.arange(len(ws) - 1, -1, -1.0)
    return share @ ws / share.sum()


@average_of_a_run.right("a mean that is right at every step")
def _(ws, mu):
    mean, total = 0.0 * ws[0], 0.0
    for w in ws:
        total = mu * total + 1
        mean = mean + (w - mean) / total
    return mean


@average_of_a_run.wrong("at first the average is too small, and that has to be corrected")
def _(ws, mu):
    average = np.zeros(ws.shape[1])
    for w in ws:
        average = mu * average + (1 - mu) * w
    return average


@average_of_a_run.wrong("the average starts at 0, and not at the first weights")
def _(ws, mu):
    average = ws[0]
    for w in ws[1:]:
        average = mu * average + (1 - mu) * w
    return average


@average_of_a_run.wrong("an average that starts at the first weights needs no correction")
def _(ws, mu):
    average = ws[0]
    for w in ws[1:]:
        average = mu * average + (1 - mu) * w
    return average / (1 - mu ** len(ws))


@average_of_a_run.wrong("the correction counts all steps, also the last one")
def _(ws, mu):
    average = np.zeros(ws.shape[1])
    for w in ws:
        average = mu * average + (1 - mu) * w
    return average / (1 - mu ** max(len(ws) - 1, 1))


@average_of_a_run.wrong("the newest weights weigh most, and here it is the oldest")
def _(ws, mu):
    share = mu ** np.arange(len(ws))
    return share @ ws / share.sum()


@average_of_a_run.wrong("the correction is applied once, after the last step")
def _(ws, mu):
    average = np.zeros(ws.shape[1])
    for t, w in enumerate(ws):
        average = (mu * average + (1 - mu) * w) / (1 - mu ** (t + 1))
    return average
