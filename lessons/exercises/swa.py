"""Stochastic weight averaging: the mean of the weights along the end of a run is one network."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("swa", lesson="snapshots")


def means(rng):
    yield np.array([1.0, 2.0]), np.array([4.0, 8.0]), 2
    for shape, n in (((1,), 1), ((3,), 0), ((2, 3), 7), ((2, 1, 2), 50)):
        yield rng.normal(size=shape).round(2), rng.normal(size=shape).round(2), n


@exercise.task("swa.1", points=1, cases=means, key=md.swa,
               hint="Of how many moments is the old mean, and of how many the new one?")
def take_in(average, w, n):
    """Take the weights of one more moment into the mean.

    average and w are arrays of one shape, the mean of n moments and the new weights; n may be 0.
    """
    mean = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        mean[i] = (average[i] * n + w[i]) / (n + 1)
    return mean


@take_in.right("a step towards the new weights")
def _(average, w, n):
    return average + (w - average) / (n + 1)


@take_in.right("a weighted mean")
def _(average, w, n):
    return np.average(np.stack([average, w]), axis=0, weights=[n, 1])


@take_in.wrong("every moment weighs the same: here the last one weighs one half")
def _(average, w, n):
    return (average + w) / 2 if n else w


@take_in.wrong("the new mean is of one moment more")
def _(average, w, n):
    return (average * n + w) / max(n, 1)


@take_in.wrong("the old mean stands for n moments, and the new weights for one")
def _(average, w, n):
    return (average + w * n) / (n + 1)


@take_in.wrong("n counts the moments before this one")
def _(average, w, n):
    return (average * max(n - 1, 0) + w) / max(n, 1)


def runs(rng):
    yield from ((0.5, 0.1, 5, 4), (0.1, 0.02, 12, 10), (0.3, 0.3, 4, 2), (0.1, 0.2, 9, 7),
                (0.4, 0.0, 1, 1))
    for total in rng.integers(9, 30, 3).tolist():
        lr, swa_lr = rng.random(2).round(2).tolist()
        yield lr, swa_lr, total, int(rng.integers(5, total))


@exercise.task("swa.4", points=3, cases=runs, key=md.swa_rates,
               hint="How far is the fall when t / start is 0.5, and how far when it is 0.9?")
def rates(lr, swa_lr, total, start):
    """Make the learning rates of a run whose weights are averaged from step `start` on.

    lr (eta) is the rate at first, swa_lr (eta_SWA) the last one, start (s in the formula) a number
    of steps, which are counted from 0.  Returns an array (total,).
    """
    etas = np.zeros(total)
    for t in range(total):
        done = t / start
        if done <= 0.5:
            etas[t] = lr
        elif done <= 0.9:
            r = (done - 0.5) / 0.4
            etas[t] = (1 - r) * lr + r * swa_lr
        else:
            etas[t] = swa_lr
    return etas


@rates.right("a clipped line")
def _(lr, swa_lr, total, start):
    r = np.clip((np.arange(total) / start - 0.5) / 0.4, 0, 1)
    return (1 - r) * lr + r * swa_lr


@rates.right("interpolation")
def _(lr, swa_lr, total, start):
    return np.interp(np.arange(total), [0.5 * start, 0.9 * start], [lr, swa_lr])


@rates.wrong("the rate falls before the averages begin, not along the whole run")
def _(lr, swa_lr, total, start):
    r = np.clip((np.arange(total) / total - 0.5) / 0.4, 0, 1)
    return (1 - r) * lr + r * swa_lr


@rates.wrong("the fall is over a while before the averages begin")
def _(lr, swa_lr, total, start):
    r = np.clip((np.arange(total) / start - 0.5) / 0.5, 0, 1)
    return (1 - r) * lr + r * swa_lr


@rates.wrong("the rate waits for half of the steps before it falls")
def _(lr, swa_lr, total, start):
    r = np.clip(np.arange(total) / start / 0.9, 0, 1)
    return (1 - r) * lr + r * swa_lr


@rates.wrong("a rate stops at its end: r stays between 0 and 1")
def _(lr, swa_lr, total, start):
    r = np.maximum((np.arange(total) / start - 0.5) / 0.4, 0)
    return (1 - r) * lr + r * swa_lr


@rates.wrong("the fall is a straight line, and here it is half a wave")
def _(lr, swa_lr, total, start):
    r = np.clip((np.arange(total) / start - 0.5) / 0.4, 0, 1)
    return swa_lr + (lr - swa_lr) * (1 + np.cos(np.pi * r)) / 2
