"""Fast geometric ensembling: short cycles of the rate, and a network from the middle of each."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("fge", lesson="snapshots")


def runs(rng):
    yield from ((0.5, 0.1, 4, 4), (0.5, 0.1, 6, 4), (0.05, 0.01, 9, 8), (0.3, 0.0, 3, 2),
                (0.2, 0.2, 5, 6))
    for total in rng.integers(9, 30, 3).tolist():
        alpha2, alpha1 = np.sort(rng.random(2)).round(2).tolist()
        yield alpha1, alpha2, total, 2 * int(rng.integers(2, 6))


@exercise.task("fge.2", points=3, cases=runs, key=md.fge_rates,
               hint="The rate is largest at both ends of a cycle, and smallest in its middle.")
def rates(alpha1, alpha2, total, cycle):
    """Make the learning rates of a run: down to the middle of each cycle, and up again.

    alpha1 is the largest rate, alpha2 the smallest; a cycle has an even number of steps, and u, its
    part that is over, is 0 in its first.  Returns an array (total,), one rate for each step.
    """
    alphas = np.zeros(total)
    for i in range(total):
        u = (i % cycle) / cycle
        if u < 0.5:
            alphas[i] = (1 - 2 * u) * alpha1 + 2 * u * alpha2
        else:
            alphas[i] = (2 - 2 * u) * alpha2 + (2 * u - 1) * alpha1
    return alphas


@rates.right("an absolute value")
def _(alpha1, alpha2, total, cycle):
    u = np.arange(total) % cycle / cycle
    return alpha2 + np.abs(1 - 2 * u) * (alpha1 - alpha2)


@rates.right("interpolation, again and again")
def _(alpha1, alpha2, total, cycle):
    once = np.interp(np.arange(cycle), [0, cycle / 2, cycle], [alpha1, alpha2, alpha1])
    return np.resize(once, total)


@rates.wrong("the rate goes up again, it does not jump")
def _(alpha1, alpha2, total, cycle):
    u = np.arange(total) % cycle / cycle
    return (1 - u) * alpha1 + u * alpha2


@rates.wrong("a cycle begins with the largest rate")
def _(alpha1, alpha2, total, cycle):
    u = np.arange(total) % cycle / cycle
    return alpha1 + np.abs(1 - 2 * u) * (alpha2 - alpha1)


@rates.wrong("steps are counted from 0: the first has the largest rate itself")
def _(alpha1, alpha2, total, cycle):
    u = np.arange(1, total + 1) % cycle / cycle
    return alpha2 + np.abs(1 - 2 * u) * (alpha1 - alpha2)


@rates.wrong("after a cycle comes another one: a part of a cycle is never above 1")
def _(alpha1, alpha2, total, cycle):
    u = np.arange(total) / cycle
    return alpha2 + np.abs(1 - 2 * u) * (alpha1 - alpha2)


@rates.wrong("up and down are straight lines here, and not half a wave")
def _(alpha1, alpha2, total, cycle):
    u = np.arange(total) % cycle / cycle
    return alpha2 + (1 + np.cos(2 * np.pi * u)) / 2 * (alpha1 - alpha2)


def collections(rng):
    yield from ((4, 4), (10, 4), (5, 4), (1, 2), (20, 8), (11, 6), (9, 6), (3, 6))
    for total in rng.integers(12, 60, 3).tolist():
        yield total, 2 * int(rng.integers(1, 7))


@exercise.task("fge.3", points=2, cases=collections, key=md.fge_steps,
               hint="The first network is collected after half a cycle; which comes next?")
def steps(total, cycle):
    """List after how many steps a network is collected: when the rate is smallest.

    cycle is the even number c of steps of a cycle, total the number T of steps of the run.  Returns
    a list of whole numbers, which may be of one.
    """
    after = []
    done = cycle // 2
    while done <= total:
        after.append(done)
        done += cycle
    return after


@steps.right("range")
def _(total, cycle):
    return list(range(cycle // 2, total + 1, cycle))


@steps.right("all steps that are in the middle")
def _(total, cycle):
    return [i for i in range(1, total + 1) if i % cycle == cycle // 2]


@steps.right("an array")
def _(total, cycle):
    return np.arange(cycle // 2, total + 1, cycle)


@steps.wrong("a network is taken from the middle of a cycle, not from its end")
def _(total, cycle):
    return list(range(cycle, total + 1, cycle))


@steps.wrong("the last step counts too")
def _(total, cycle):
    return list(range(cycle // 2, total, cycle))


@steps.wrong("between two networks lies a whole cycle")
def _(total, cycle):
    return list(range(cycle // 2, total + 1, cycle // 2))


@steps.wrong("how many steps have been taken is due, not which was the last, counted from 0")
def _(total, cycle):
    return [i - 1 for i in range(cycle // 2, total + 1, cycle)]
