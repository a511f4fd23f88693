"""Smallify: a switch for each unit; where its sign wavers it dies."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("smallify", lesson="rivals")


def steps(rng):
    yield np.array([-1.0]), np.array([1.0]), np.array([0.0]), 0.9
    for shape, decay in (((2,), 0.5), ((4,), 0.0), ((7,), 0.99), ((3,), 1.0)):
        yield (rng.choice([-1.0, 1.0], shape), rng.uniform(-1, 1, shape).round(2),
               rng.uniform(0, 1, shape).round(2), decay)


@exercise.task("smallify.7", points=2, cases=steps, key=md.sign_variance,
               hint="Which mean does the variance look at: the one before this sign, or after it?")
def watch_signs(sign, mean, variance, decay):
    """Move the mean and the variance of the signs of the switches on by one step.

    sign, mean and variance (s, a and v in the formula) are arrays (n,), decay a number in [0, 1].
    Returns (mean, variance), in this order.
    """
    new_mean, new_variance = np.zeros(sign.shape), np.zeros(sign.shape)
    for i in range(len(sign)):
        away = sign[i] - mean[i]
        new_variance[i] = decay * variance[i] + (1 - decay) * away**2
        new_mean[i] = decay * mean[i] + (1 - decay) * sign[i]
    return new_mean, new_variance


@watch_signs.right("two lines")
def _(sign, mean, variance, decay):
    variance = decay * variance + (1 - decay) * (sign - mean)**2
    return decay * mean + (1 - decay) * sign, variance


@watch_signs.right("by the difference to what was there, the mean first")
def _(sign, mean, variance, decay):
    moved = mean + (1 - decay) * (sign - mean)
    square = 1 - 2 * sign * mean + mean * mean
    return moved, variance + (1 - decay) * (square - variance)


@watch_signs.wrong("the variance is about the mean before this step")
def _(sign, mean, variance, decay):
    mean = decay * mean + (1 - decay) * sign
    return mean, decay * variance + (1 - decay) * (sign - mean)**2


@watch_signs.wrong("decay is the share of what was there, and the rest that of the new sign")
def _(sign, mean, variance, decay):
    return ((1 - decay) * mean + decay * sign,
            (1 - decay) * variance + decay * (sign - mean)**2)


@watch_signs.wrong("a variance is a mean of squares")
def _(sign, mean, variance, decay):
    return (decay * mean + (1 - decay) * sign,
            decay * variance + (1 - decay) * np.abs(sign - mean))


@watch_signs.wrong("the variance that is due is the moving one, not the square of this step alone")
def _(sign, mean, variance, decay):
    return decay * mean + (1 - decay) * sign, (sign - mean)**2


def dying(rng):
    yield np.array([0.3, -0.2]), np.array([1.0, 1.0]), np.array([0.1, 0.6]), 0.5
    for n, threshold in ((1, 0.5), (3, 0.2), (6, 0.7), (5, 0.0)):
        variance = rng.uniform(0, 1, n).round(2)
        yield rng.normal(size=n).round(2), (rng.random(n) < 0.6) * 1.0, variance, threshold
    yield np.array([0.4, 0.7, -0.5]), np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.5, 0.9]), 0.5


def killed(beta, alive, variance, threshold):
    switches = md.weights.smallify.Smallify(md.nn.Linear(1, len(beta)), threshold=threshold).init(0)
    switches.decay = 1.0                          # mean and variance stay as they are
    switches.switch.data, switches.alive, switches.variance = beta, alive, variance
    switches.step()
    return switches.switch.data + 0.0, switches.alive


@exercise.task("smallify.8", points=2, cases=dying, key=killed,
               hint="A switch lives on if it lived before and does not waver too much.")
def kill(beta, alive, variance, threshold):
    """Kill the switches whose sign varies by more than the threshold; the dead stay dead.

    beta (n,) are the switches, alive (n,) is 1 for those that live and 0 for the dead, variance
    (n,) is how much their sign varies.  Returns (beta, alive), where a dead switch is 0.
    """
    new_beta, new_alive = np.zeros(beta.shape), np.zeros(beta.shape)
    for i in range(len(beta)):
        if alive[i] and variance[i] <= threshold:
            new_beta[i] = beta[i]
            new_alive[i] = 1
    return new_beta, new_alive


@kill.right("a product")
def _(beta, alive, variance, threshold):
    alive = alive * (variance <= threshold)
    return beta * alive, alive


@kill.right("where one of the two holds")
def _(beta, alive, variance, threshold):
    dead = (alive == 0) | (variance > threshold)
    return np.where(dead, 0, beta), ~dead


@kill.wrong("a switch that died earlier does not come back when its sign is calm again")
def _(beta, alive, variance, threshold):
    alive = variance <= threshold
    return beta * alive, alive


@kill.wrong("those die that waver, and here it is the calm ones")
def _(beta, alive, variance, threshold):
    alive = alive * (variance > threshold)
    return beta * alive, alive


@kill.wrong("a dead switch is 0: the switches change too")
def _(beta, alive, variance, threshold):
    return beta, alive * (variance <= threshold)


@kill.wrong("at the threshold itself a switch is still alive")
def _(beta, alive, variance, threshold):
    alive = alive * (variance < threshold)
    return beta * alive, alive


def layers(rng):
    for outputs, inputs in ((1, 2), (2, 2), (3, 1), (4, 5)):
        yield (rng.normal(size=outputs).round(2), rng.normal(size=(outputs, inputs)).round(2),
               rng.normal(size=outputs).round(2))
    yield np.array([0.0, 2.0]), np.array([[1.5], [-0.5]]), np.array([0.5, 1.0])


def folded(beta, w, b):
    layer = md.weights.smallify.Smallify(md.nn.Linear(w.shape[1], len(w))).init(0)
    layer.switch.data, layer.weight.data, layer.bias.data = beta, w, b
    layer.fold()
    return layer.weight.data, layer.bias.data


@exercise.task("smallify.10", points=1, cases=layers, key=folded,
               hint="The layer without switches has to give what the layer with them gave.")
def fold(beta, w, b):
    """Make the switches a part of the layer before them: y = beta * (W x + b) for every x.

    beta (out,) are the switches, w (out, in) and b (out,) belong to the layer.  Returns (w, b).
    """
    new_w, new_b = np.zeros(w.shape), np.zeros(b.shape)
    for o in range(len(w)):
        for i in range(w.shape[1]):
            new_w[o, i] = beta[o] * w[o, i]
        new_b[o] = beta[o] * b[o]
    return new_w, new_b


@fold.right("broadcasting")
def _(beta, w, b):
    return beta[:, None] * w, beta * b


@fold.right("a diagonal matrix")
def _(beta, w, b):
    return np.diag(beta) @ w, np.einsum("o,o->o", beta, b)


@fold.wrong("the bias passes the switch as well")
def _(beta, w, b):
    return beta[:, None] * w, b


@fold.wrong("a switch that is negative turns the sign of its unit")
def _(beta, w, b):
    return np.abs(beta)[:, None] * w, np.abs(beta) * b


@fold.wrong("a switch is a factor: to be open or shut is not all it says")
def _(beta, w, b):
    return (beta != 0)[:, None] * w, (beta != 0) * b
