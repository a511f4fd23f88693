"""Gaussian dropout: normal factors of mean 1, as spread as the ones and zeros of dropout."""

import numpy as np

import minidrop as md
from minidrop.check import Replay
from minidrop.grade import Exercise, numbers

exercise = Exercise("gaussian", lesson="gaussian")


def normals(rng):
    for shape, p in (((1,), 0.2), ((2,), 0.5), ((2, 3), 0.8), ((3, 1, 2), 0.0), ((4,), 0.99)):
        yield numbers(rng, shape), p


@exercise.task("gaussian.1", points=2, cases=normals,
               key=lambda z, p: md.gaussian_noise(Replay(z), z.shape, p),
               hint="What is the variance of an entry of dropout, mask / (1 - p)?")
def factors(z, p):
    """Make the factors of Gaussian dropout of given normal numbers.

    z is an array of draws from the standard normal distribution, of mean 0 and variance 1; p is the
    rate of the dropout that the factors take the place of, 0 <= p < 1.  Returns an array of the
    shape of z.
    """
    variance = p / (1 - p)
    e = np.zeros(z.shape)
    for i in np.ndindex(z.shape):
        e[i] = 1 + variance**0.5 * z[i]
    return e


@factors.right("one line")
def _(z, p):
    return 1 + np.sqrt(p / (1 - p)) * z


@factors.right("the deviation as the length of two sides")
def _(z, p):
    q = 1 - p
    return (q + np.sqrt(p * q) * z) / q


@factors.wrong("a normal number is multiplied by the deviation, not by the variance")
def _(z, p):
    return 1 + p / (1 - p) * z


@factors.wrong("the variance is that of mask / (1 - p), not that of the mask")
def _(z, p):
    return 1 + np.sqrt(p * (1 - p)) * z


@factors.wrong("factors have the mean 1, or the layer would lose its input")
def _(z, p):
    return np.sqrt(p / (1 - p)) * z


@factors.wrong("p is no variance: a rate of 0.8 makes more noise than that")
def _(z, p):
    return 1 + np.sqrt(p) * z


def layers(rng):
    for shape, p in (((1, 1), 0.2), ((1, 2), 0.5), ((2, 1), 0.2), ((3, 4), 0.7), ((2, 3), 0.0)):
        yield numbers(rng, shape), numbers(rng, shape[1]), p


def moments_of_layer(x, w, p):
    outcome = [md.dropconnect_moments(row[None], w[None] / (1 - p), None, p) for row in x]
    return tuple(np.array([float(one[i][0, 0]) for one in outcome]) for i in range(2))


@exercise.task("gaussian.3", points=2, cases=layers, key=moments_of_layer,
               hint="Factors of different entries are independent: what do their variances do?")
def moments(x, w, p):
    """Mean and variance, over the noise, of the sum over i of w[i] * e[i] * x[n, i].

    The e[i] are factors as above, each of mean 1 and variance p / (1 - p), drawn for itself; x is
    (N, D), w (D,), and p < 1.  Returns a pair of arrays of N floats.
    """
    mean, variance = np.zeros(len(x)), np.zeros(len(x))
    for n in range(len(x)):
        for i in range(len(w)):
            mean[n] += w[i] * x[n, i]
            variance[n] += w[i]**2 * x[n, i]**2 * p / (1 - p)
    return mean, variance


@moments.right("two products")
def _(x, w, p):
    return x @ w, (x * x) @ (w * w) * p / (1 - p)


@moments.right("einsum, and the parts of the sum")
def _(x, w, p):
    parts = np.einsum("ni,i->ni", x, w)
    return parts.sum(1), np.einsum("ni,ni->n", parts, parts) * (1 / (1 - p) - 1)


@moments.wrong("variances of independent numbers add up, and here the square of their sum is taken")
def _(x, w, p):
    return x @ w, (x @ w)**2 * p / (1 - p)


@moments.wrong("a factor comes out of a variance squared")
def _(x, w, p):
    return x @ w, np.abs(x * w).sum(1) * p / (1 - p)


@moments.wrong("the mean of the factors is 1, so the mean needs no 1 - p")
def _(x, w, p):
    return (1 - p) * (x @ w), (x * x) @ (w * w) * p / (1 - p)


@moments.wrong("that is the variance without the scale of what is kept: p / (1 - p) is larger")
def _(x, w, p):
    return x @ w, (x * x) @ (w * w) * p * (1 - p)
