"""L1 penalty: pull every weight towards zero with the same force."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("l1", lesson="penalties")


def networks(rng):
    yield ([np.array([2.0, -1.0])],)
    for shapes in ([(1,), (2,)], [(2, 3), (3,)], [(2, 1, 2, 2), (2,), (3, 2)]):
        yield ([rng.normal(size=shape).round(2) for shape in shapes],)


@exercise.task("l1.1", points=1, cases=networks, key=md.l1,
               hint="What is added up cannot be negative.")
def penalty(params):
    """Compute the L1 penalty of all parameters of a network, without a factor.

    params is a list of arrays of any shape.  Returns a number.
    """
    total = 0.0
    for w in params:
        for i in np.ndindex(w.shape):
            total += abs(w[i])
    return total


@penalty.right("sums of absolute values")
def _(params):
    return sum(np.abs(w).sum() for w in params)


@penalty.right("one long vector, and its norm")
def _(params):
    return np.linalg.norm(np.concatenate([w.ravel() for w in params]), 1)


@penalty.wrong("weights of other signs must not cancel")
def _(params):
    return sum(np.sum(w) for w in params)


@penalty.wrong("a sum is due, and here it is a mean")
def _(params):
    return sum(np.abs(w).mean() for w in params)


@penalty.wrong("absolute values, not squares")
def _(params):
    return sum((w**2).sum() for w in params)


@penalty.wrong("all parameters count, not only those of the first array")
def _(params):
    return np.abs(params[0]).sum()


def weights(rng):
    yield (np.array([2.0, -0.5]),)
    for shape in ((3,), (2, 3), (2, 1, 4)):
        w = rng.normal(size=shape).round(2)
        w[(0,) * len(shape)] = 0
        yield (w,)


def gradient_of(penalty):
    def gradient(w):
        tensor = md.Tensor(w, requires_grad=True)
        penalty(tensor).backward()
        return tensor.grad
    return gradient


@exercise.task("l1.2", points=1, cases=weights, key=gradient_of(md.l1),
               hint="By how much does |w| change where w grows a little?")
def gradient(w):
    """Compute the gradient of the L1 penalty; where a weight is 0, take 0.

    w is an array of any shape.
    """
    slope = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        if w[i] > 0:
            slope[i] = 1
        elif w[i] < 0:
            slope[i] = -1
    return slope


@gradient.right("signs")
def _(w):
    return np.sign(w)


@gradient.right("two comparisons")
def _(w):
    return (w > 0) * 1.0 - (w < 0)


@gradient.wrong("the force does not grow with the weight")
def _(w):
    return w


@gradient.wrong("for a negative weight the slope is negative")
def _(w):
    return np.where(w == 0, 0.0, 1.0)


@gradient.wrong("at 0 the force is 0 here")
def _(w):
    return np.where(w >= 0, 1.0, -1.0)


def shrunk(rng):
    yield np.array([2.0, -0.5]), 1.0
    for shape, strength in (((3,), 0.4), ((2, 3), 0.0), ((6,), 0.8), ((2, 2, 2), 5.0)):
        yield rng.normal(size=shape).round(2), strength
    yield np.array([-3.0, 0.2, 1.5]), 0.25


def least(u, strength):
    """A step of the size `strength` along the force of md.l1, which ends at zero."""
    moved = u - strength * gradient_of(md.l1)(u)
    return np.where(np.sign(moved) == np.sign(u), moved, 0.0)


@exercise.task("l1.3", points=2, cases=shrunk, key=least,
               hint="Where w - u + strength * sign(w) cannot vanish, the least is at 0.")
def soft_threshold(u, strength):
    """Find the weights that cost least: half their squared distance from u, and strength times |w|.

    u is an array of any shape, strength (lambda in the formula) is at least 0.
    """
    w = np.zeros(u.shape)
    for i in np.ndindex(u.shape):
        if u[i] > strength:
            w[i] = u[i] - strength
        elif u[i] < -strength:
            w[i] = u[i] + strength
    return w


@soft_threshold.right("signs and sizes")
def _(u, strength):
    return np.sign(u) * np.maximum(np.abs(u) - strength, 0)


@soft_threshold.right("what is left of u without its part within the threshold")
def _(u, strength):
    return u - np.clip(u, -strength, strength)


@soft_threshold.wrong("small weights become zero, and the others move as well")
def _(u, strength):
    return u * (np.abs(u) > strength)


@soft_threshold.wrong("a weight stops at zero, it is not pulled to the other side")
def _(u, strength):
    return u - strength * np.sign(u)


@soft_threshold.wrong("negative weights move up, towards zero")
def _(u, strength):
    return np.where(np.abs(u) > strength, u - strength, 0)


@soft_threshold.wrong("all weights move equally far, and not in proportion to their size")
def _(u, strength):
    return u / (1 + strength)
