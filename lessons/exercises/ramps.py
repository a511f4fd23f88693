"""Ramps: let a rate grow step by step while the network learns."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("ramps", lesson="early_late")


def lines(rng):
    yield from ((0.0, 0.5, 3, 2), (0.1, 0.5, 4, 4), (0.0, 1.0, 5, 1), (1.0, 0.25, 6, 3),
                (0.2, 0.9, 1, 1))
    for total in rng.integers(5, 30, 3).tolist():
        start, end = rng.random(2).round(2).tolist()
        yield start, end, total, int(rng.integers(2, total))


@exercise.task("ramps.2", points=2, cases=lines, key=md.linear_ramp,
               hint="In which step is the end reached, and what comes after it?")
def ramp(start, end, total, steps):
    """Go from one value to another along a line, and stay there.

    start and end are numbers (v_0 and v_n in the formula).  Steps are counted from 0, total is how
    many there are, and in step `steps` (n in the formula) the end is reached.  Returns an array
    (total,).
    """
    values = np.zeros(total)
    for t in range(total):
        r = min(1, t / steps)
        values[t] = (1 - r) * start + r * end
    return values


@ramp.right("a clipped line")
def _(start, end, total, steps):
    return start + (end - start) * np.clip(np.arange(total) / steps, 0, 1)


@ramp.right("interpolation")
def _(start, end, total, steps):
    return np.interp(np.arange(total), [0, steps], [start, end])


@ramp.wrong("after its end a ramp stays where it is")
def _(start, end, total, steps):
    return start + (end - start) * np.arange(total) / steps


@ramp.wrong("step 0 has the first value itself")
def _(start, end, total, steps):
    return start + (end - start) * np.minimum(np.arange(1, total + 1) / steps, 1)


@ramp.wrong("the end is reached in the step that `steps` says, not one earlier")
def _(start, end, total, steps):
    return start + (end - start) * np.minimum(np.arange(total) / max(steps - 1, 1), 1)


@ramp.wrong("the ramp takes `steps` steps, and not the whole run")
def _(start, end, total, steps):
    return start + (end - start) * np.arange(total) / total


@ramp.wrong("r is the share of the end: at the start there is none of it")
def _(start, end, total, steps):
    return end + (start - end) * np.minimum(np.arange(total) / steps, 1)


def targets(rng):
    yield from ((1.0, 5, 4), (0.5, 3, 3), (0.99, 7, 2), (0.75, 9, 9), (0.2, 1, 1))
    for total in rng.integers(5, 30, 3).tolist():
        yield round(rng.uniform(0.1, 0.9), 2), total, int(rng.integers(3, total))


@exercise.task("ramps.3", points=2, cases=targets,
               key=lambda gamma, total, steps: md.targeted_ramp(gamma, 1.0, total, steps)[0],
               hint="Each of the two parts has a line that is cut off at one end.")
def targeted_ramp(gamma, total, steps):
    """Let the share of candidates grow: fast to 95 % of it, in the first half, then slowly.

    gamma is the share at the end.  Steps are counted from 0, total is how many there are, and
    r = min(1, t / steps) is how far the ramp is.  Returns an array (total,).
    """
    gammas = np.zeros(total)
    for t in range(total):
        r = min(1, t / steps)
        gammas[t] = gamma * (0.95 * min(1, 2 * r) + 0.05 * max(0, 2 * r - 1))
    return gammas


@targeted_ramp.right("array code")
def _(gamma, total, steps):
    r = np.minimum(np.arange(total) / steps, 1)
    return gamma * (0.95 * np.minimum(2 * r, 1) + 0.05 * np.maximum(2 * r - 1, 0))


@targeted_ramp.right("interpolation between three points")
def _(gamma, total, steps):
    return np.interp(np.arange(total), [0, steps / 2, steps], [0, 0.95 * gamma, gamma])


@targeted_ramp.wrong("most of it is reached in half of the ramp")
def _(gamma, total, steps):
    return gamma * np.minimum(np.arange(total) / steps, 1)


@targeted_ramp.wrong("the slow part begins when the fast one is over")
def _(gamma, total, steps):
    r = np.minimum(np.arange(total) / steps, 1)
    return gamma * (0.95 * np.minimum(2 * r, 1) + 0.05 * r)


@targeted_ramp.wrong("what is left counts as well: at the end it is all of gamma")
def _(gamma, total, steps):
    r = np.minimum(np.arange(total) / steps, 1)
    return 0.95 * gamma * np.minimum(2 * r, 1)


@targeted_ramp.wrong("each part is cut off at the end where it would go wrong: which is it?")
def _(gamma, total, steps):
    r = np.minimum(np.arange(total) / steps, 1)
    return gamma * (0.95 * np.minimum(2 * r, 1) + 0.05 * (2 * r - 1))


def prunings(rng):
    yield from ((0.0, 0.8, 4, 2, 0), (0.0, 0.5, 5, 3, 1), (0.2, 0.9, 6, 6, 2), (0.5, 0.5, 3, 2, 0),
                (0.0, 1.0, 2, 1, 0))
    for total in rng.integers(9, 30, 3).tolist():
        first, steps = int(rng.integers(4)), int(rng.integers(5, total))
        yield round(rng.uniform(0, 0.3), 2), round(rng.uniform(0.5, 1), 2), total, steps, first


@exercise.task("ramps.5", points=3, cases=prunings, key=md.gradual_sparsity,
               hint="What is left to be pruned, end - s, shrinks with a power of what is left of "
                    "the time.")
def gradual_sparsity(start, end, total, steps, first):
    """Let the share of pruned weights rise fast at first, and ever more slowly.

    Steps are counted from 0, and total is how many there are.  Up to step `first` (t_0 in the
    formula) the share is start, in step `steps` (n) it arrives at end.  Returns an array (total,).
    """
    shares = np.zeros(total)
    for t in range(total):
        r = min(1, max(0, (t - first) / (steps - first)))
        shares[t] = end + (start - end) * (1 - r)**3
    return shares


@gradual_sparsity.right("array code")
def _(start, end, total, steps, first):
    left = 1 - np.clip((np.arange(total) - first) / (steps - first), 0, 1)
    return end - (end - start) * left**3


@gradual_sparsity.right("interpolated time, multiplied out")
def _(start, end, total, steps, first):
    r = np.interp(np.arange(total), [first, steps], [0, 1])
    return start + (end - start) * (3 * r - 3 * r**2 + r**3)


@gradual_sparsity.wrong("most is pruned at first, where much is left: what is it that is cubed?")
def _(start, end, total, steps, first):
    r = np.clip((np.arange(total) - first) / (steps - first), 0, 1)
    return start + (end - start) * r**3


@gradual_sparsity.wrong("before the first step nothing moves: r is not negative")
def _(start, end, total, steps, first):
    r = np.minimum((np.arange(total) - first) / (steps - first), 1)
    return end + (start - end) * (1 - r)**3


@gradual_sparsity.wrong("at its end the share stays, it does not rise further")
def _(start, end, total, steps, first):
    r = np.maximum((np.arange(total) - first) / (steps - first), 0)
    return end + (start - end) * (1 - r)**3


@gradual_sparsity.wrong("the ramp begins in step `first`, and has so much less time")
def _(start, end, total, steps, first):
    r = np.clip((np.arange(total) - first) / steps, 0, 1)
    return end + (start - end) * (1 - r)**3


@gradual_sparsity.wrong("it slows down: the exponent is another")
def _(start, end, total, steps, first):
    r = np.clip((np.arange(total) - first) / (steps - first), 0, 1)
    return end + (start - end) * (1 - r)
