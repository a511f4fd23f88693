"""Multi-sample dropout: many masks for the same features, and one loss of all of them."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("multi_sample", lesson="multi_sample")


def features(rng):
    for m, n, d, p in ((1, 1, 2, 0.5), (2, 1, 2, 0.5), (3, 2, 2, 0.2), (2, 3, 4, 0.0),
                       (4, 2, 3, 0.75)):
        h, masks = numbers(rng, (n, d)), rng.random((m, n, d)) >= 0.4
        masks.flat[0], masks.flat[-1] = True, False
        yield h, masks, p


@exercise.task("multi_sample.2", points=2, cases=features, key=md.multi_sample,
               hint="How many axes has h, how many have the masks, and which one is new?")
def samples(h, masks, p):
    """The same features under each of m masks.

    h is (N, D), masks is boolean, (m, N, D), True where it keeps; p < 1 is the rate that they were
    drawn with.  Returns (m, N, D), scaled so that the mean over all masks is h.
    """
    m, N, D = masks.shape
    y = np.zeros((m, N, D))
    for k in range(m):
        for n in range(N):
            for i in range(D):
                if masks[k, n, i]:
                    y[k, n, i] = h[n, i] / (1 - p)
    return y


@samples.right("one product")
def _(h, masks, p):
    return h * masks / (1 - p)


@samples.right("einsum")
def _(h, masks, p):
    return np.einsum("kni,ni->kni", masks / (1 - p), h)


@samples.wrong("each sample has a mask of its own, and here all take the first one's")
def _(h, masks, p):
    return np.broadcast_to(h * masks[0] / (1 - p), masks.shape)


@samples.wrong("what is kept has to be scaled, or its mean shrinks")
def _(h, masks, p):
    return h * masks


@samples.wrong("every mask is used on h itself, not on what the last one left")
def _(h, masks, p):
    return h * np.cumprod(masks / (1 - p), 0)


@samples.wrong("the samples are not averaged here: the part of the network behind sees each")
def _(h, masks, p):
    return (h * masks / (1 - p)).mean(0)


def classifiers(rng):
    for m, n, d, classes, p in ((1, 1, 1, 2, 0.5), (2, 1, 2, 2, 0.5), (3, 2, 2, 3, 0.2),
                                (2, 3, 4, 2, 0.0), (5, 4, 3, 3, 0.6)):
        masks = rng.random((m, n, d)) >= 0.4
        masks[0] = True
        yield (numbers(rng, (n, d)), numbers(rng, (classes, d)), numbers(rng, classes),
               rng.integers(classes, size=n), masks, p)


@exercise.task("multi_sample.4", points=3, cases=classifiers,
               key=lambda h, w, b, y, masks, p: md.multi_sample_loss(
                   lambda x: md.linear(x, w, b), h, y, masks, p),
               hint="In which order: the loss of each sample, the mean over them?")
def loss(h, w, b, y, masks, p):
    """The mean of the m losses of one linear classifier, behind m masks of its features.

    h is (N, D), masks boolean, (m, N, D), with p as above.  The classifier has the weights w (K, D)
    and b (K,), the same for all samples.  y holds N integers, the right classes.  A loss is the
    cross-entropy, natural logarithm, as a mean over the examples.  Returns a number.
    """
    m, N, D = masks.shape
    total = 0.0
    for k in range(m):
        for n in range(N):
            x = np.zeros(D)
            for i in range(D):
                x[i] = h[n, i] / (1 - p) if masks[k, n, i] else 0
            z = np.zeros(len(w))
            for o in range(len(w)):
                z[o] = b[o] + sum(w[o, i] * x[i] for i in range(D))
            total += np.log(sum(np.exp(z))) - z[y[n]]
    return total / (m * N)


@loss.right("whole arrays")
def _(h, w, b, y, masks, p):
    z = (h * masks / (1 - p)) @ w.T + b
    lse = np.logaddexp.reduce(z, axis=-1)
    return (lse - z[:, np.arange(len(y)), y]).mean()


@loss.right("the samples stacked as one large batch")
def _(h, w, b, y, masks, p):
    x = (h * masks / (1 - p)).reshape(-1, h.shape[1])
    z = np.einsum("ni,ki->nk", x, w) + b
    s = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return -np.log((s * np.eye(len(w))[np.tile(y, len(masks))]).sum(1)).mean()


@loss.wrong("the losses are averaged, not the logits: the loss of a mean is smaller")
def _(h, w, b, y, masks, p):
    z = ((h * masks / (1 - p)) @ w.T + b).mean(0)
    return (np.logaddexp.reduce(z, axis=-1) - z[np.arange(len(y)), y]).mean()


@loss.wrong("m losses are averaged, or m masks would take a step m times as long")
def _(h, w, b, y, masks, p):
    z = (h * masks / (1 - p)) @ w.T + b
    return (np.logaddexp.reduce(z, axis=-1) - z[:, np.arange(len(y)), y]).mean(1).sum()


@loss.wrong("what is kept has to be scaled, or its mean shrinks")
def _(h, w, b, y, masks, p):
    z = (h * masks) @ w.T + b
    return (np.logaddexp.reduce(z, axis=-1) - z[:, np.arange(len(y)), y]).mean()


@loss.wrong("each sample has a loss of its own: the probabilities are not averaged first")
def _(h, w, b, y, masks, p):
    z = (h * masks / (1 - p)) @ w.T + b
    s = np.exp(z - np.logaddexp.reduce(z, axis=-1)[..., None]).mean(0)
    return -np.log(s[np.arange(len(y)), y]).mean()


@loss.wrong("all samples count, and here it is the first one alone")
def _(h, w, b, y, masks, p):
    z = (h * masks[0] / (1 - p)) @ w.T + b
    return (np.logaddexp.reduce(z, axis=-1) - z[np.arange(len(y)), y]).mean()
