"""Adam: every weight has its own step size, from the mean and the size of its gradients."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("adam", lesson="mlp")


def states(rng):
    yield np.array([1.0]), np.array([0.5]), np.array([0.0]), np.array([0.0]), 1, 0.1, 0.9, 0.99
    for shape, t, beta1, beta2 in (((2,), 1, 0.9, 0.999), ((3,), 2, 0.5, 0.75),
                                   ((2, 3), 7, 0.9, 0.999), ((4,), 3, 0.0, 0.9),
                                   ((1, 2, 2), 40, 0.8, 0.95)):
        w, g, m = rng.normal(size=(3, *shape)).round(2)
        yield (w, g, m * (t > 1), rng.random(shape).round(2) * (t > 1), t,
               round(rng.uniform(0.01, 0.5), 2), beta1, beta2)


def adam(w, g, m, v, t, lr, beta1, beta2):
    md.optim.Adam(lr, (beta1, beta2), eps=0.1).update(w, g, m, v, t)
    return w, m, v


@exercise.task("adam.4", points=4, cases=states, key=adam,
               hint="Which means are kept for the next step, and which are for this one alone?")
def adam_step(w, g, m, v, t, lr, beta1, beta2):
    """Take one step of Adam, with epsilon = 0.1.

    w and g are arrays of one shape, the weights and their gradient; m and v are the running means
    of the gradient and of its square, which began at zero; t is the number of this step, counted
    from 1, and lr the rate, eta.  Returns the new (w, m, v), in this order.
    """
    new_w, new_m, new_v = np.zeros(w.shape), np.zeros(w.shape), np.zeros(w.shape)
    for i in np.ndindex(w.shape):
        new_m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        new_v[i] = beta2 * v[i] + (1 - beta2) * g[i]**2
        mean = new_m[i] / (1 - beta1**t)
        square = new_v[i] / (1 - beta2**t)
        new_w[i] = w[i] - lr * mean / (np.sqrt(square) + 0.1)
    return new_w, new_m, new_v


@adam_step.right("array code")
def _(w, g, m, v, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    size = np.sqrt(v / (1 - beta2**t)) + 0.1
    return w - lr / (1 - beta1**t) * m / size, m, v


@adam_step.right("both corrections in the rate and in epsilon")
def _(w, g, m, v, t, lr, beta1, beta2):
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g**2 - v)
    root = np.sqrt(1 - beta2**t)
    return w - lr * root / (1 - beta1**t) * m / (np.sqrt(v) + 0.1 * root), m, v


@adam_step.wrong("the running means began at zero: for the step that has to be corrected")
def _(w, g, m, v, t, lr, beta1, beta2):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return w - lr * m / (np.sqrt(v) + 0.1), m, v


@adam_step.wrong("a mean is divided by a size, and not by a square")
def _(w, g, m, v, t, lr, beta1, beta2):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return w - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + 0.1), m, v


@adam_step.wrong("epsilon stands outside the root")
def _(w, g, m, v, t, lr, beta1, beta2):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return w - lr * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + 0.1), m, v


@adam_step.wrong("what is corrected is for this step alone: it is not kept for the next one")
def _(w, g, m, v, t, lr, beta1, beta2):
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    v = (beta2 * v + (1 - beta2) * g**2) / (1 - beta2**t)
    return w - lr * m / (np.sqrt(v) + 0.1), m, v


@adam_step.wrong("the mean of the gradient is divided, and not the gradient itself")
def _(w, g, m, v, t, lr, beta1, beta2):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return w - lr * g / (np.sqrt(v / (1 - beta2**t)) + 0.1), m, v


@adam_step.wrong("the new mean is the one that moves the weights, and not the old one")
def _(w, g, m, v, t, lr, beta1, beta2):
    old, v = m, beta2 * v + (1 - beta2) * g**2
    m = beta1 * m + (1 - beta1) * g
    return w - lr * old / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + 0.1), m, v


@adam_step.wrong("both memories are for two things: beta1 for the mean, beta2 for the square")
def _(w, g, m, v, t, lr, beta1, beta2):
    m, v = beta2 * m + (1 - beta2) * g, beta1 * v + (1 - beta1) * g**2
    return w - lr * m / (1 - beta2**t) / (np.sqrt(v / (1 - beta1**t)) + 0.1), m, v


@adam_step.wrong("steps are counted from 1, and the correction counts this one")
def _(w, g, m, v, t, lr, beta1, beta2):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return (w - lr * m / (1 - beta1**(t + 1)) / (np.sqrt(v / (1 - beta2**(t + 1))) + 0.1), m, v)
