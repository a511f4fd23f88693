"""L2 penalty: half the sum of squares, which under SGD is weight decay and under Adam is not."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("l2", lesson="penalties")


def networks(rng):
    yield ([np.array([2.0, -1.0])],)
    for shapes in ([(1,), (2,)], [(2, 3), (3,)], [(2, 1, 2, 2), (2,), (3, 2)]):
        yield ([rng.normal(size=shape).round(2) for shape in shapes],)


@exercise.task("l2.1", points=1, cases=networks, key=md.l2,
               hint="It is made so that its derivative is as simple as can be.")
def penalty(params):
    """Compute the L2 penalty of all parameters of a network, without the factor lambda.

    params is a list of arrays of any shape.  Returns a number.
    """
    total = 0.0
    for w in params:
        for i in np.ndindex(w.shape):
            total += 0.5 * w[i]**2
    return total


@penalty.right("sums of squares")
def _(params):
    return sum((w * w).sum() for w in params) / 2


@penalty.right("one long vector, and its product with itself")
def _(params):
    w = np.concatenate([w.ravel() for w in params])
    return 0.5 * w @ w


@penalty.wrong("half the sum: then the gradient is the weight itself")
def _(params):
    return sum((w * w).sum() for w in params)


@penalty.wrong("no root is taken: it is not the length of the vector")
def _(params):
    return np.sqrt(sum((w * w).sum() for w in params))


@penalty.wrong("a sum is due, and here it is a mean")
def _(params):
    return sum((w * w).mean() for w in params) / 2


def sgd_steps(rng):
    yield np.array([2.0, -1.0]), np.array([0.5, 0.0]), 0.1, 0.5
    for shape, lr, decay in (((3,), 0.5, 0.1), ((2, 3), 0.1, 0.0), ((4,), 0.0, 0.3),
                             ((1, 2, 2), 0.3, 1.0)):
        yield rng.normal(size=shape).round(2), rng.normal(size=shape).round(2), lr, decay


def sgd(w, g, lr, decay):
    md.optim.SGD(lr, weight_decay=decay).update(w, g, np.zeros(w.shape))
    return w


@exercise.task("l2.3", points=1, cases=sgd_steps, key=sgd,
               hint="The force of the penalty is a part of the gradient.")
def sgd_step(w, g, lr, decay):
    """Take a step of gradient descent on the loss with its L2 penalty.

    w and g are arrays of one shape, the weights and the gradient of the loss alone; lr is the rate
    (eta) and decay the strength of the penalty (lambda).  Returns the new weights.
    """
    moved = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        moved[i] = w[i] - lr * (g[i] + decay * w[i])
    return moved


@sgd_step.right("the weights shrink first")
def _(w, g, lr, decay):
    return (1 - lr * decay) * w - lr * g


@sgd_step.right("all terms in a sum")
def _(w, g, lr, decay):
    return np.einsum("t,t...->...", np.array([1.0, -lr, -lr * decay]), np.stack([w, g, w]))


@sgd_step.wrong("the penalty is part of the loss: its force is multiplied by the rate too")
def _(w, g, lr, decay):
    return (1 - decay) * w - lr * g


@sgd_step.wrong("the force of the penalty pulls towards zero")
def _(w, g, lr, decay):
    return w - lr * (g - decay * w)


@sgd_step.wrong("the L2 force grows with the weight: this is the one of an L1 penalty")
def _(w, g, lr, decay):
    return w - lr * (g + decay * np.sign(w))


@sgd_step.wrong("the gradient of half a square has no factor 2")
def _(w, g, lr, decay):
    return w - lr * (g + 2 * decay * w)


def adam_steps(rng):
    yield np.array([2.0, -1.0]), np.array([0.5, 0.0]), 0.1, 0.5
    for shape, lr, decay in (((3,), 0.5, 0.1), ((2, 3), 0.1, 0.0), ((1, 2, 2), 0.3, 1.0)):
        yield rng.normal(size=shape).round(2), rng.normal(size=shape).round(2), lr, decay


def adamw(w, g, lr, decay):
    md.optim.AdamW(lr, eps=0.1, weight_decay=decay).update(w, g, 0 * w, 0 * w, 1)
    return w


@exercise.task("l2.6", points=2, cases=adam_steps, key=adamw,
               hint="Which of the two, g or the decay, is divided by the size of g?")
def first_adamw_step(w, g, lr, decay):
    """Take the first step of AdamW, where the running means are g and its square.

    w and g are arrays of one shape, lr is the rate (eta), decay the strength (lambda), and epsilon
    is 0.1.  Returns the new weights.
    """
    moved = np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        moved[i] = (1 - lr * decay) * w[i] - lr * g[i] / (abs(g[i]) + 0.1)
    return moved


@first_adamw_step.right("array code")
def _(w, g, lr, decay):
    return w - lr * decay * w - lr * g / (np.abs(g) + 0.1)


@first_adamw_step.right("root mean squares, and the decay first")
def _(w, g, lr, decay):
    w = w * (1 - lr * decay)
    return w - lr * g / (np.sqrt(np.square(g)) + 1e-1)


@first_adamw_step.wrong("the decay stands beside the step, it is no part of the gradient")
def _(w, g, lr, decay):
    g = g + decay * w
    return w - lr * g / (np.abs(g) + 0.1)


@first_adamw_step.wrong("the decay is multiplied by the rate as well")
def _(w, g, lr, decay):
    return (1 - decay) * w - lr * g / (np.abs(g) + 0.1)


@first_adamw_step.wrong("the decay counts, and here it is left out")
def _(w, g, lr, decay):
    return w - lr * g / (np.abs(g) + 0.1)


@first_adamw_step.wrong("epsilon stands outside the root")
def _(w, g, lr, decay):
    return (1 - lr * decay) * w - lr * g / np.sqrt(g**2 + 0.1)
