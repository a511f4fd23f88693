"""MC dropout: many passes with the noise on, their mean, and how far they agree."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("mc", lesson="ensembles")


class Passes(md.nn.Noise):
    """A network that gives the outputs of its passes, one after the other."""

    def __init__(self, outputs):
        self._left = list(outputs)

    def forward(self, x):
        return self._left.pop(0)


def predicted(z):
    return md.mc_predict(Passes(z).init(0), np.zeros((z.shape[1], 1)), len(z))


def logits(rng):
    for t, n, k in ((2, 1, 2), (1, 2, 3), (2, 2, 2), (5, 3, 4)):
        z = numbers(rng, (t, n, k))
        z[0] += np.arange(k)                      # passes that do not agree
        yield z,
    yield np.array([[[30.0, 0.0, 0.0]], [[0.0, 30.0, 0.0]]]),
    yield np.array([[[1.0, 2.0], [-1.0, 0.5]]] * 3),


@exercise.task("mc.2", points=2, cases=logits, key=lambda z: predicted(z).mean,
               hint="What has to be averaged: what the network gives, or what it predicts?")
def mean_prediction(z):
    """The prediction of T passes: the mean of their probabilities.

    z is an array of floats (T, N, K): the logits of T passes, each with noise of its own, for N
    examples and K classes.  Returns (N, K).
    """
    T, N, K = z.shape
    mean = np.zeros((N, K))
    for t in range(T):
        for n in range(N):
            total = sum(np.exp(z[t, n, k]) for k in range(K))
            for k in range(K):
                mean[n, k] += np.exp(z[t, n, k]) / total / T
    return mean


@mean_prediction.right("whole arrays")
def _(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).mean(0)


@mean_prediction.right("the logarithm of a sum of exponentials, and einsum")
def _(z):
    s = np.exp(z - np.logaddexp.reduce(z, axis=-1)[..., None])
    return np.einsum("tnk->nk", s) / len(z)


@mean_prediction.wrong("probabilities are averaged, and not the logits: the softmax is no line")
def _(z):
    e = np.exp(z.mean(0))
    return e / e.sum(-1, keepdims=True)


@mean_prediction.wrong("all passes count, and not the first one alone")
def _(z):
    e = np.exp(z[0])
    return e / e.sum(-1, keepdims=True)


@mean_prediction.wrong("passes are averaged, and each example keeps a prediction of its own")
def _(z):
    e = np.exp(z)
    s = e / e.sum(-1, keepdims=True)
    return np.broadcast_to(s.mean((0, 1)), z.shape[1:])


@mean_prediction.wrong("the probabilities of one pass and one example sum to 1, before any mean")
def _(z):
    return np.exp(z).mean(0)


def probabilities(rng):
    for t, n, k in ((2, 1, 2), (1, 2, 3), (2, 2, 2), (5, 3, 4)):
        p = rng.integers(1, 20, (t, n, k)) + 30.0 * (np.arange(k) == np.arange(t)[:, None, None])
        yield p / p.sum(-1, keepdims=True),
    yield np.array([[[1.0, 0.0]], [[0.0, 1.0]]]),
    yield np.array([[[0.25, 0.75, 0.0], [0.5, 0.25, 0.25]]] * 3),


@exercise.task("mc.3", points=2, cases=probabilities,
               key=lambda p: predicted(np.log(np.maximum(p, 1e-300))).entropy,
               hint="How unsure is the mean?  And what becomes of a class that is impossible?")
def entropy(p):
    """How unsure the mean prediction is, in nats.

    p is an array (T, N, K): the probabilities of T passes for N examples and K classes.  Some may
    be 0, and 0 times the logarithm of 0 is 0.  Returns N numbers.
    """
    T, N, K = p.shape
    H = np.zeros(N)
    for n in range(N):
        for k in range(K):
            mean = sum(p[t, n, k] for t in range(T)) / T
            if mean > 0:
                H[n] -= mean * np.log(mean)
    return H


@entropy.right("where there is nothing, the logarithm of 1 is taken")
def _(p):
    mean = p.mean(0)
    return -(mean * np.log(np.where(mean > 0, mean, 1.0))).sum(-1)


@entropy.right("einsum, and a smallest number instead of 0")
def _(p):
    mean = np.einsum("tnk->nk", p) / len(p)
    return -np.einsum("nk,nk->n", mean, np.log(np.maximum(mean, 1e-30)))


@entropy.wrong("the passes are averaged first: their own entropies do not see that they disagree")
def _(p):
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1).mean(0)


@entropy.wrong("nats are due, and bits came: which logarithm is it?")
def _(p):
    mean = p.mean(0)
    return -(mean * np.log2(np.where(mean > 0, mean, 1.0))).sum(-1)


@entropy.wrong("the logarithm of 0 is infinite, and 0 times it is not a number: take care of that")
def _(p):
    mean = p.mean(0)
    with np.errstate(all="ignore"):
        return -(mean * np.log(mean)).sum(-1)


@entropy.wrong("an entropy is a sum over the classes, and no mean")
def _(p):
    mean = p.mean(0)
    return -(mean * np.log(np.where(mean > 0, mean, 1.0))).mean(-1)


@exercise.task("mc.4", points=3, cases=probabilities,
               key=lambda p: predicted(np.log(np.maximum(p, 1e-300))).mutual_information,
               hint="What is left of the entropy where each pass is sure, but of another class?")
def mutual_information(p):
    """The part of that entropy that comes from passes that disagree, in nats.

    p is that of entropy.  Returns N numbers: 0 where all passes say the same.
    """
    T, N, K = p.shape
    I = np.zeros(N)
    for n in range(N):
        for k in range(K):
            mean = sum(p[t, n, k] for t in range(T)) / T
            if mean > 0:
                I[n] -= mean * np.log(mean)
            for t in range(T):
                if p[t, n, k] > 0:
                    I[n] += p[t, n, k] * np.log(p[t, n, k]) / T
    return I


@mutual_information.right("two entropies")
def _(p):
    def H(p):
        return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)

    return H(p.mean(0)) - H(p).mean(0)


@mutual_information.right("the mean divergence of the passes from their mean")
def _(p):
    ratio = np.where(p > 0, p, 1.0) / np.where(p > 0, p.mean(0), 1.0)
    return np.einsum("tnk,tnk->n", p, np.log(ratio)) / len(p)


@mutual_information.wrong("that is the whole entropy: what the passes have of their own comes off")
def _(p):
    mean = p.mean(0)
    return -(mean * np.log(np.where(mean > 0, mean, 1.0))).sum(-1)


@mutual_information.wrong("that is what the passes have of their own: it is subtracted, not given")
def _(p):
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1).mean(0)


@mutual_information.wrong("it cannot be below 0: the mean is less sure than the passes are")
def _(p):
    mean = p.mean(0)
    return ((mean * np.log(np.where(mean > 0, mean, 1.0))).sum(-1)
            - (p * np.log(np.where(p > 0, p, 1.0))).sum(-1).mean(0))


@mutual_information.wrong("of the entropies of the passes a mean is taken, not the sum")
def _(p):
    mean = p.mean(0)
    return (-(mean * np.log(np.where(mean > 0, mean, 1.0))).sum(-1)
            + (p * np.log(np.where(p > 0, p, 1.0))).sum((0, -1)))
