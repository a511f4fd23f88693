"""The dynamics of training: do gradients of different batches point the same way, and the right?"""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("dynamics", lesson="dynamics")


def gradients(rng):
    for n, d in ((2, 2), (3, 2), (4, 5), (2, 3), (7, 4)):
        grads = numbers(rng, (n, d))
        grads[0] = (10 * grads[0]).round(1)       # lengths must not count
        yield grads,
    yield np.array([[1.0, 2.0, -2.0], [2.0, 4.0, -4.0], [-1.0, -2.0, 2.0]]),


@exercise.task("dynamics.3", points=3, cases=gradients, key=md.gradient_direction_variance,
               hint="How many pairs are there of three gradients?")
def direction_variance(grads):
    """How much the directions of gradients differ: a mean over all pairs.

    grads is an array (n, d), n at least 2, each row a gradient that is not zero.  A pair counts
    with 0 if both point the same way, and with 1 if they are opposite.  Returns a number.
    """
    n = len(grads)
    total = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            lengths = np.sqrt(sum(grads[i]**2)) * np.sqrt(sum(grads[j]**2))
            total += (1 - sum(grads[i] * grads[j]) / lengths) / 2
    return total / (n * (n - 1) / 2)


@direction_variance.right("the matrix of all cosines, and its upper half")
def _(grads):
    u = grads / np.linalg.norm(grads, axis=1, keepdims=True)
    return ((1 - u @ u.T) / 2)[np.triu_indices(len(u), 1)].mean()


@direction_variance.right("half the variance of the directions")
def _(grads):
    u = grads / np.sqrt(np.einsum("nd,nd->n", grads, grads))[:, None]
    return u.var(0, ddof=1).sum() / 2


@direction_variance.wrong("twice as much as is due: a pair counts once, with one half of 1 - cos")
def _(grads):
    u, n = grads / np.linalg.norm(grads, axis=1, keepdims=True), len(grads)
    return (1 - u @ u.T).sum() / (n * (n - 1))


@direction_variance.wrong("directions are compared: a long gradient counts as much as a short one")
def _(grads):
    return grads.var(0, ddof=1).sum() / 2


@direction_variance.wrong("a gradient makes no pair with itself: how many pairs are there?")
def _(grads):
    u = grads / np.linalg.norm(grads, axis=1, keepdims=True)
    return ((1 - u @ u.T) / 2).mean()


@direction_variance.wrong("that is how similar they are: equal directions have to give 0")
def _(grads):
    u = grads / np.linalg.norm(grads, axis=1, keepdims=True)
    return (u @ u.T)[np.triu_indices(len(u), 1)].mean()


@direction_variance.wrong("every pair counts, not neighbours alone")
def _(grads):
    u = grads / np.linalg.norm(grads, axis=1, keepdims=True)
    return ((1 - (u[1:] * u[:-1]).sum(1)) / 2).mean()


def references(rng):
    for n, d in ((1, 2), (2, 2), (3, 4), (6, 3)):
        grads = numbers(rng, (n, d))
        grads[0] = (10 * grads[0]).round(1)
        yield grads, numbers(rng, d)
    yield np.array([[1.0, 2.0, -2.0], [-0.5, -1.0, 1.0]]), np.array([2.0, 4.0, -4.0])


@exercise.task("dynamics.4", points=2, cases=references, key=md.gradient_direction_error,
               hint="One cosine for each gradient.  With what is it made?")
def direction_error(grads, reference):
    """How far gradients point from the right direction: a mean over the gradients.

    grads is an array (n, d), n at least 1; reference, d floats, is the gradient of the whole
    training set without noise.  None of them is zero.  A gradient counts with 0 if it points as the
    reference does, and with 1 if it points the opposite way.  Returns a number.
    """
    total = 0.0
    for g in grads:
        product = sum(g[k] * reference[k] for k in range(len(reference)))
        lengths = np.sqrt(sum(g**2)) * np.sqrt(sum(reference**2))
        total += (1 - product / lengths) / 2
    return total / len(grads)


@direction_error.right("one product")
def _(grads, reference):
    lengths = np.linalg.norm(grads, axis=1) * np.linalg.norm(reference)
    return (0.5 - 0.5 * grads @ reference / lengths).mean()


@direction_error.right("a quarter of the squared distance of two directions")
def _(grads, reference):
    u = grads / np.sqrt(np.einsum("nd,nd->n", grads, grads))[:, None]
    return ((u - reference / np.linalg.norm(reference))**2).sum() / (4 * len(u))


@direction_error.wrong("the mean of these gradients is not the right direction: they may all err")
def _(grads, reference):
    mean = grads.mean(0)
    lengths = np.linalg.norm(grads, axis=1) * np.linalg.norm(mean)
    return (0.5 - 0.5 * grads @ mean / lengths).mean()


@direction_error.wrong("each gradient has an error of its own, and here it is that of their mean")
def _(grads, reference):
    mean = grads.mean(0)
    length = np.linalg.norm(mean) * np.linalg.norm(reference)
    return 0.5 - 0.5 * mean @ reference / length


@direction_error.wrong("opposite directions count as 1, and here as 2")
def _(grads, reference):
    lengths = np.linalg.norm(grads, axis=1) * np.linalg.norm(reference)
    return (1 - grads @ reference / lengths).mean()


@direction_error.wrong("the length of the reference is no part of a direction either")
def _(grads, reference):
    return (0.5 - 0.5 * grads @ reference / np.linalg.norm(grads, axis=1)).mean()
