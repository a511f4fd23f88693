"""DropConnect: silence connections, anew for each example, and know what that does on average."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("dropconnect", lesson="dropconnect")


def layers(rng):
    for n, d, k in ((1, 2, 1), (2, 2, 1), (2, 1, 2), (3, 4, 2), (5, 3, 3)):
        x, w, b = (numbers(rng, shape) for shape in ((n, d), (k, d), (k,)))
        mask = rng.random((n, k, d)) >= 0.5
        mask.flat[0], mask.flat[-1] = True, False
        yield x, w, b, mask


@exercise.task("dropconnect.2", points=2, cases=layers, key=md.dropconnect,
               hint="Every example meets weights of its own.  Which axes does each sum run over?")
def dropconnect(x, w, b, mask):
    """A linear layer without the connections that the mask drops.

    x is (N, in), w (out, in), b (out,), and mask is boolean, (N, out, in): one for each example,
    True where it keeps.  Nothing is scaled, and the bias is kept.  Returns (N, out).
    """
    u = np.zeros((len(x), len(w)))
    for n in range(len(x)):
        for o in range(len(w)):
            u[n, o] = b[o]
            for i in range(x.shape[1]):
                if mask[n, o, i]:
                    u[n, o] += w[o, i] * x[n, i]
    return u


@dropconnect.right("einsum")
def _(x, w, b, mask):
    return np.einsum("noi,oi,ni->no", mask, w, x) + b


@dropconnect.right("a product of matrices for each example")
def _(x, w, b, mask):
    return np.array([(m * w) @ row + b for m, row in zip(mask, x, strict=True)])


@dropconnect.wrong("each example has a mask of its own, and here all take the first one's")
def _(x, w, b, mask):
    return x @ (mask[0] * w).T + b


@dropconnect.wrong("nothing is scaled: the rate of this mask is not even known here")
def _(x, w, b, mask):
    return np.einsum("noi,oi,ni->no", mask, w, x) / mask.mean() + b


@dropconnect.wrong("the bias is no connection: no mask touches it")
def _(x, w, b, mask):
    return np.einsum("noi,oi,ni->no", mask, w, x) + mask.any(2) * b


@dropconnect.wrong("connections are dropped, not inputs: a unit may keep what another loses")
def _(x, w, b, mask):
    return (x * mask[:, 0]) @ w.T + b


def rates(rng):
    for n, d, k, p in ((1, 1, 1, 0.5), (1, 2, 1, 0.2), (2, 3, 2, 0.8), (3, 2, 4, 0.0),
                       (2, 3, 1, 1.0)):
        yield *(numbers(rng, shape) for shape in ((n, d), (k, d), (k,))), p


@exercise.task("dropconnect.5", points=3, cases=rates, key=md.dropconnect_moments,
               hint="Mean and variance of one connection first, then of a sum of independent ones.")
def moments(x, w, b, p):
    """Mean and variance of that layer's output over all masks.

    x is (N, in), w (out, in), b (out,), and each connection is dropped with probability p, for
    itself.  Returns a pair of arrays (N, out).
    """
    mean, variance = np.zeros((len(x), len(w))), np.zeros((len(x), len(w)))
    for n in range(len(x)):
        for o in range(len(w)):
            mean[n, o] = b[o]
            for i in range(x.shape[1]):
                mean[n, o] += (1 - p) * w[o, i] * x[n, i]
                variance[n, o] += p * (1 - p) * (w[o, i] * x[n, i])**2
    return mean, variance


@moments.right("two products")
def _(x, w, b, p):
    return (1 - p) * x @ w.T + b, p * (1 - p) * (x * x) @ (w * w).T


@moments.right("einsum over single connections")
def _(x, w, b, p):
    parts = np.einsum("ni,oi->noi", x, w)
    return np.einsum("noi->no", parts) * (1 - p) + b, (parts**2).sum(-1) * (p - p * p)


@moments.wrong("variances of independent numbers add up, and here the square of their sum is taken")
def _(x, w, b, p):
    return (1 - p) * x @ w.T + b, p * (1 - p) * (x @ w.T)**2


@moments.wrong("the bias is never dropped: it belongs to the mean as it is")
def _(x, w, b, p):
    return (1 - p) * (x @ w.T + b), p * (1 - p) * (x * x) @ (w * w).T


@moments.wrong("nothing is divided by 1 - p in training, so the mean is smaller than x w + b")
def _(x, w, b, p):
    return x @ w.T + b, (p / (1 - p) if p < 1 else 0.0) * (x * x) @ (w * w).T


@moments.wrong("a variance is due, and that is its root")
def _(x, w, b, p):
    return (1 - p) * x @ w.T + b, np.sqrt(p * (1 - p) * (x * x) @ (w * w).T)


def ways_back(rng):
    for x, w, _, mask in layers(rng):
        yield x, w, mask, numbers(rng, mask.shape[:2])


def on_the_tape(x, w, mask, g):
    leaves = [md.Tensor(x, requires_grad=True), md.Tensor(w, requires_grad=True)]
    return tuple(md.grad(md.dropconnect(*leaves, None, mask), leaves, g=g))


@exercise.task("dropconnect.4", points=3, cases=ways_back, key=on_the_tape,
               hint="Go through the loops of dropconnect once more: what does each product touch?")
def gradients(x, w, mask, g):
    """The way back through that layer: the gradients in x and in w.

    x, w and mask are those of dropconnect; g is (N, out), the gradient of the loss in u.  Returns a
    pair: an array (N, in), and one (out, in).
    """
    x_bar, w_bar = np.zeros(x.shape), np.zeros(w.shape)
    for n in range(len(x)):
        for o in range(len(w)):
            for i in range(x.shape[1]):
                if mask[n, o, i]:
                    x_bar[n, i] += g[n, o] * w[o, i]
                    w_bar[o, i] += g[n, o] * x[n, i]
    return x_bar, w_bar


@gradients.right("einsum")
def _(x, w, mask, g):
    return (np.einsum("noi,oi,no->ni", mask, w, g), np.einsum("noi,no,ni->oi", mask, g, x))


@gradients.right("example by example")
def _(x, w, mask, g):
    x_bar = np.array([(m * w).T @ row for m, row in zip(mask, g, strict=True)])
    return x_bar, sum(m * np.outer(*rows) for m, *rows in zip(mask, g, x, strict=True))


@gradients.wrong("the weights of an example pass nothing back where its mask drops them")
def _(x, w, mask, g):
    return g @ w, np.einsum("noi,no,ni->oi", mask, g, x)


@gradients.wrong("a weight learns from the examples that kept it, and from no others")
def _(x, w, mask, g):
    return np.einsum("noi,oi,no->ni", mask, w, g), g.T @ x


@gradients.wrong("a weight adds up what it learns from each example, and takes no mean")
def _(x, w, mask, g):
    return (np.einsum("noi,oi,no->ni", mask, w, g), np.einsum("noi,no,ni->oi", mask, g, x) / len(x))
