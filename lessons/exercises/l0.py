"""L0: gates that close completely, and a penalty on how many weights are expected to be there."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("l0", lesson="rivals")


def noise(rng):
    for shape, (beta, gamma, zeta) in (((1,), (1.0, -0.5, 1.5)), ((2,), (2 / 3, -0.1, 1.1)),
                                       ((5,), (0.5, -0.2, 1.3)), ((2, 3), (2 / 3, -0.1, 1.1)),
                                       ((40,), (0.9, -0.4, 1.2))):
        u = rng.uniform(0.05, 0.95, shape).round(2)
        yield u, rng.normal(size=shape).round(2), beta, gamma, zeta
    yield (np.array([0.02, 0.98, 0.5]), np.array([-3.0, 3.0, 0.5]), 2 / 3, -0.1, 1.1)


@exercise.task(
    "l0.2", points=3, cases=noise, key=md.hard_concrete,
    hint="First a number in (0, 1), then it is stretched beyond both ends, then it is cut off.")
def hard_concrete(u, log_alpha, beta, gamma, zeta):
    """Make gates of uniform noise: hard concrete variables, which are exactly 0 or 1 at times.

    u, in (0, 1), and log_alpha are arrays of one shape; beta > 0, gamma < 0 and zeta > 1.  What is
    stretched is s = sigmoid((log u - log(1 - u) + log_alpha) / beta).
    """
    z = np.zeros(u.shape)
    for i in np.ndindex(u.shape):
        logistic = np.log(u[i]) - np.log(1 - u[i]) + log_alpha[i]
        s = 1 / (1 + np.exp(-logistic / beta))
        z[i] = min(1, max(0, s * (zeta - gamma) + gamma))
    return z


@hard_concrete.right("array code")
def _(u, log_alpha, beta, gamma, zeta):
    s = 1 / (1 + np.exp(-(np.log(u / (1 - u)) + log_alpha) / beta))
    return np.clip(gamma + (zeta - gamma) * s, 0, 1)


@hard_concrete.right("powers of the odds, and no logarithm of the noise")
def _(u, log_alpha, beta, gamma, zeta):
    odds = (np.exp(log_alpha) * u / (1 - u)) ** (1 / beta)
    return np.minimum(np.maximum((zeta * odds + gamma) / (1 + odds), 0), 1)


@hard_concrete.wrong("the temperature divides all that is inside the sigmoid")
def _(u, log_alpha, beta, gamma, zeta):
    s = 1 / (1 + np.exp(-(np.log(u / (1 - u)) / beta + log_alpha)))
    return np.clip(s * (zeta - gamma) + gamma, 0, 1)


@hard_concrete.wrong("gates are cut off at 0 and 1, so that some are closed for good")
def _(u, log_alpha, beta, gamma, zeta):
    s = 1 / (1 + np.exp(-(np.log(u / (1 - u)) + log_alpha) / beta))
    return s * (zeta - gamma) + gamma


@hard_concrete.wrong("without the stretch a gate is never exactly 0 or 1")
def _(u, log_alpha, beta, gamma, zeta):
    return np.clip(1 / (1 + np.exp(-(np.log(u / (1 - u)) + log_alpha) / beta)), 0, 1)


@hard_concrete.wrong("the noise is a logistic variable: its logarithms are subtracted")
def _(u, log_alpha, beta, gamma, zeta):
    s = 1 / (1 + np.exp(-(np.log(u) + np.log(1 - u) + log_alpha) / beta))
    return np.clip(s * (zeta - gamma) + gamma, 0, 1)


def chances(rng):
    for shape, (beta, gamma, zeta) in (((1,), (1.0, -0.5, 1.5)), ((2,), (2 / 3, -0.1, 1.1)),
                                       ((2, 3), (0.5, -0.2, 1.3)), ((7,), (0.9, -0.4, 1.2))):
        yield rng.normal(size=shape).round(2), beta, gamma, zeta


@exercise.task("l0.4", points=2, cases=chances, key=md.hard_concrete_nonzero,
               hint="Both ends of the stretch are in the logarithm: what is its sign?")
def chance_of_a_gate(log_alpha, beta, gamma, zeta):
    """Compute the chance that a gate is not 0.

    log_alpha is an array; beta > 0, gamma < 0 and zeta > 1.
    """
    chance = np.zeros(log_alpha.shape)
    for i in np.ndindex(log_alpha.shape):
        chance[i] = 1 / (1 + np.exp(-(log_alpha[i] - beta * np.log(-gamma / zeta))))
    return chance


@chance_of_a_gate.right("odds")
def _(log_alpha, beta, gamma, zeta):
    odds = np.exp(log_alpha) * (zeta / -gamma) ** beta
    return odds / (1 + odds)


@chance_of_a_gate.right("a hyperbolic tangent")
def _(log_alpha, beta, gamma, zeta):
    return (1 + np.tanh((log_alpha + beta * (np.log(zeta) - np.log(-gamma))) / 2)) / 2


@chance_of_a_gate.wrong("the chance that it is 0 is the other one")
def _(log_alpha, beta, gamma, zeta):
    return 1 / (1 + np.exp(log_alpha - beta * np.log(-gamma / zeta)))


@chance_of_a_gate.wrong("the temperature multiplies the logarithm of the stretch")
def _(log_alpha, beta, gamma, zeta):
    return 1 / (1 + np.exp(-(log_alpha - np.log(-gamma / zeta))))


@chance_of_a_gate.wrong("the stretch makes a gate likely to be there: mind the sign before it")
def _(log_alpha, beta, gamma, zeta):
    return 1 / (1 + np.exp(-(log_alpha + beta * np.log(-gamma / zeta))))


@chance_of_a_gate.wrong("the end below 0 is divided by the one above 1, not the other way round")
def _(log_alpha, beta, gamma, zeta):
    return 1 / (1 + np.exp(-(log_alpha / beta + np.log(-gamma / zeta))))


def trained(rng):
    for shape, gamma, zeta in (((1,), -0.1, 1.1), ((3,), -0.5, 1.2), ((2, 4), -0.1, 1.1),
                               ((9,), -0.3, 1.6)):
        yield (3 * rng.normal(size=shape)).round(2), gamma, zeta
    yield np.array([-5.0, 0.5, 5.0]), -0.1, 1.1


@exercise.task("l0.8", points=1, cases=trained, key=md.hard_concrete_expect,
               hint="It is the gate of (l0.2) with other things left out.")
def gate_in_evaluation(log_alpha, gamma, zeta):
    """Compute the gates of evaluation, which have no noise and no temperature.

    log_alpha is an array; gamma < 0 and zeta > 1.
    """
    z = np.zeros(log_alpha.shape)
    for i in np.ndindex(log_alpha.shape):
        s = 1 / (1 + np.exp(-log_alpha[i]))
        z[i] = min(1, max(0, s * (zeta - gamma) + gamma))
    return z


@gate_in_evaluation.right("array code")
def _(log_alpha, gamma, zeta):
    return np.clip((zeta - gamma) / (1 + np.exp(-log_alpha)) + gamma, 0, 1)


@gate_in_evaluation.right("a mean of both ends")
def _(log_alpha, gamma, zeta):
    s = (1 + np.tanh(log_alpha / 2)) / 2
    return np.minimum(1, np.maximum(0, s * zeta + (1 - s) * gamma))


@gate_in_evaluation.wrong("small gates have to close: mind the stretch")
def _(log_alpha, gamma, zeta):
    return 1 / (1 + np.exp(-log_alpha))


@gate_in_evaluation.wrong("a gate lies in [0, 1]: what is stretched is cut off again")
def _(log_alpha, gamma, zeta):
    return (zeta - gamma) / (1 + np.exp(-log_alpha)) + gamma


@gate_in_evaluation.wrong("gates are no decisions: between the ends they let a part through")
def _(log_alpha, gamma, zeta):
    return (log_alpha > 0).astype(float)
