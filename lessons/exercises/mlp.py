"""An MLP: a layer, the loss of a classifier, and where that loss wants its logits to go."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("mlp", lesson="mlp")


def layers(rng):
    for n, d, k in ((1, 1, 2), (2, 2, 1), (1, 3, 3), (4, 3, 5)):
        yield tuple(numbers(rng, shape) for shape in ((n, d), (k, d), (k,)))


@exercise.task("mlp.1", points=1, cases=layers, key=lambda x, W, b: md.relu(md.linear(x, W, b)),
               equation=r"h = \max(0, \, x W^\top + b)",
               hint="Write down the shapes: which axis of x meets which axis of W?")
def hidden(x, W, b):
    """A linear layer and a ReLU behind it.

    x is (N, in), W (out, in), one row for each unit, and b (out,).  Returns (N, out).
    """
    h = np.zeros((x.shape[0], W.shape[0]))
    for n in range(x.shape[0]):
        for o in range(W.shape[0]):
            u = b[o]
            for i in range(x.shape[1]):
                u += W[o, i] * x[n, i]
            if u > 0:
                h[n, o] = u
    return h


@hidden.right("one product")
def _(x, W, b):
    return np.maximum(x @ W.T + b, 0)


@hidden.right("einsum, and a product with the sign")
def _(x, W, b):
    u = np.einsum("ni,oi->no", x, W) + b
    return u * (u > 0)


@hidden.wrong("the bias comes before the ReLU: it moves the place of the bend")
def _(x, W, b):
    return np.maximum(x @ W.T, 0) + b


@hidden.wrong("where is the bend?")
def _(x, W, b):
    return x @ W.T + b


@hidden.wrong("a ReLU lets nothing through that is below 0, not even with its sign turned")
def _(x, W, b):
    return np.abs(x @ W.T + b)


def logits(rng):
    for n, k in ((1, 2), (2, 2), (2, 3), (5, 4)):
        yield numbers(rng, (n, k)), rng.integers(k, size=n)
    yield np.array([[1000.0, 1001.0], [-900.0, 900.0]]), np.array([0, 1])
    yield np.array([[0.5, -800.0, 0.25]]), np.array([1])
    yield np.array([[1000.0, 0.0, 1.0, 2.0, 3.0], [-1000.0, -1001.0, -999.5, -997.0, -1000.0]]), (
        np.array([0, 2]))


@exercise.task("mlp.2", points=3, cases=logits, key=md.cross_entropy,
               equation=r"s_{nk} = e^{z_{nk}} / \sum_j e^{z_{nj}}, \qquad "
                        r"L = - \frac{1}{N} \sum_n \ln s_{n, y_n}",
               hint="A number added to all logits of an example changes nothing.")
def cross_entropy(z, y):
    """The loss of a classifier: how surprised it is at the right class, on average.

    z is an array of floats (N, K), the logits, and y holds N integers from 0 to K - 1.  Logits lie
    between -1000 and 1001.  Returns a number, with the natural logarithm.
    """
    loss = 0.0
    for n in range(len(z)):
        top = max(z[n])                           # so e^z stays finite, and one of them is 1
        total = 0.0
        for k in range(z.shape[1]):
            total += np.exp(z[n, k] - top)
        loss += np.log(total) - (z[n, y[n]] - top)
    return loss / len(z)


@cross_entropy.right("the logarithm of a sum of exponentials")
def _(z, y):
    lse = np.logaddexp.reduce(z, axis=1)
    return (lse - z[np.arange(len(z)), y]).mean()


@cross_entropy.right("one-hot rows and einsum")
def _(z, y):
    d = z - z.max(1, keepdims=True)
    log_s = d - np.log(np.exp(d).sum(1, keepdims=True))
    return -np.einsum("nk,nk->", np.eye(z.shape[1])[y], log_s) / len(z)


@cross_entropy.wrong("e^1000 is infinite: what may be subtracted from all logits of an example?")
def _(z, y):
    with np.errstate(all="ignore"):
        s = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        return -np.log(s[np.arange(len(z)), y]).mean()


@cross_entropy.wrong("s may be too small for a float, and ln 0 is infinite: simplify ln s first")
def _(z, y):
    s = np.exp(z - z.max(1, keepdims=True))
    s /= s.sum(1, keepdims=True)
    with np.errstate(all="ignore"):
        return -np.log(s[np.arange(len(z)), y]).mean()


@cross_entropy.wrong("each example has a largest logit of its own, and here one is taken for all")
def _(z, y):
    d = z - z.max()
    with np.errstate(all="ignore"):
        return (np.log(np.exp(d).sum(1)) - d[np.arange(len(z)), y]).mean()


@cross_entropy.wrong("the loss is a mean over the examples, not their sum")
def _(z, y):
    return (np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), y]).sum()


@cross_entropy.wrong("a softmax that is cut off near 0 tells a wrong answer from a worse one no "
                     "more")
def _(z, y):
    s = np.exp(z - z.max(1, keepdims=True))
    s /= s.sum(1, keepdims=True)
    return -np.log(s[np.arange(len(z)), y] + 1e-12).mean()


@cross_entropy.wrong("a mean over the examples alone, not over the classes too")
def _(z, y):
    return (np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), y]).mean() / z.shape[1]


def slope_on_the_tape(z, y):
    leaf = md.Tensor(z, requires_grad=True)
    return md.grad(md.cross_entropy(leaf, y), leaf)


@exercise.task("mlp.3", points=3, cases=logits, key=slope_on_the_tape,
               equation=r"\bar{z}_{nk} = (s_{nk} - [k = y_n]) / N",
               hint="Each row of the gradient sums to 0: what goes up, and what comes down?")
def slope(z, y):
    """The gradient of that loss in the logits.

    z and y are those of cross_entropy.  Returns an array (N, K).
    """
    z_bar = np.zeros(z.shape)
    for n in range(len(z)):
        e = np.zeros(z.shape[1])
        for k in range(z.shape[1]):
            e[k] = np.exp(z[n, k] - max(z[n]))
        for k in range(z.shape[1]):
            z_bar[n, k] = e[k] / sum(e) / len(z)
            if k == y[n]:
                z_bar[n, k] -= 1 / len(z)
    return z_bar


@slope.right("1 is subtracted at the right classes")
def _(z, y):
    s = np.exp(z - z.max(1, keepdims=True))
    s /= s.sum(1, keepdims=True)
    s[np.arange(len(y)), y] -= 1
    return s / len(y)


@slope.right("one-hot rows")
def _(z, y):
    s = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
    return (s - np.eye(z.shape[1])[y]) / len(z)


@slope.wrong("the loss is a mean over the examples, so its gradient is one too")
def _(z, y):
    s = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
    return s - np.eye(z.shape[1])[y]


@slope.wrong("e^1000 is infinite: what may be subtracted from all logits of an example?")
def _(z, y):
    with np.errstate(all="ignore"):
        s = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return (s - np.eye(z.shape[1])[y]) / len(z)


@slope.wrong("each example has a largest logit of its own, and here one is taken for all")
def _(z, y):
    e = np.exp(z - z.max())
    with np.errstate(all="ignore"):
        return (e / e.sum(1, keepdims=True) - np.eye(z.shape[1])[y]) / len(z)


@slope.wrong("a gradient points up the loss: mind the sign")
def _(z, y):
    s = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
    return (np.eye(z.shape[1])[y] - s) / len(z)


@slope.wrong("the other classes have a slope too: they share the sum below the fraction")
def _(z, y):
    s = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
    return (s - 1) * np.eye(z.shape[1])[y] / len(z)


@slope.wrong("that is the gradient in s: it still has to pass through the softmax")
def _(z, y):
    s = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
    with np.errstate(all="ignore"):
        return np.where(np.eye(z.shape[1])[y] > 0, -1 / s, 0.0) / len(z)
