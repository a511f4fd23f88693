"""Variational dropout: noise on each weight whose strength is learnt."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("variational", lesson="rivals")


def layers(rng):
    for n, inputs, outputs in ((1, 1, 1), (1, 2, 1), (2, 2, 3), (3, 4, 2), (1, 5, 4)):
        yield (rng.normal(size=(n, inputs)).round(2), rng.normal(size=(inputs, outputs)).round(2),
               rng.uniform(-3, 1, (inputs, outputs)).round(2),
               rng.normal(size=(n, outputs)).round(2))


def drawn_layer(a, theta, log_sigma2, epsilon):
    return md.local_reparameterisation(a @ theta, (a * a) @ np.exp(log_sigma2), epsilon)


@exercise.task(
    "variational.4", points=3, cases=layers, key=drawn_layer,
    hint="A sum of independent normal variables is normal: what are its mean and its variance?")
def local_noise(a, theta, log_sigma2, epsilon):
    """Draw the outputs of a layer of noisy weights, and not the weights: local reparameterisation.

    a is (N, in); theta and log_sigma2 (in, out) are the means of the weights and the logarithms of
    their variances; epsilon (N, out) is standard normal noise.  Returns (N, out): the mean of each
    output, gamma, and beside it noise of its variance, delta.
    """
    N, inputs = a.shape
    outputs = theta.shape[1]
    b = np.zeros((N, outputs))
    for n in range(N):
        for o in range(outputs):
            mean, variance = 0.0, 0.0
            for i in range(inputs):
                mean += a[n, i] * theta[i, o]
                variance += a[n, i]**2 * np.exp(log_sigma2[i, o])
            b[n, o] = mean + np.sqrt(variance) * epsilon[n, o]
    return b


@local_noise.right("two products of matrices")
def _(a, theta, log_sigma2, epsilon):
    return a @ theta + np.sqrt(a**2 @ np.exp(log_sigma2)) * epsilon


@local_noise.right("lengths of rows")
def _(a, theta, log_sigma2, epsilon):
    deviations = a[:, :, None] * np.exp(log_sigma2 / 2)
    return np.einsum("ni,io->no", a, theta) + epsilon * np.linalg.norm(deviations, axis=1)


@local_noise.wrong("variances add up, deviations do not")
def _(a, theta, log_sigma2, epsilon):
    return a @ theta + (a @ np.exp(log_sigma2 / 2)) * epsilon


@local_noise.wrong("a variable that is scaled by a has a**2 times its variance")
def _(a, theta, log_sigma2, epsilon):
    return a @ theta + np.sqrt(np.abs(a) @ np.exp(log_sigma2)) * epsilon


@local_noise.wrong("noise is scaled by the deviation, the root of the variance")
def _(a, theta, log_sigma2, epsilon):
    return a @ theta + (a**2 @ np.exp(log_sigma2)) * epsilon


@local_noise.wrong("log_sigma2 is the logarithm of the variance already")
def _(a, theta, log_sigma2, epsilon):
    return a @ theta + np.sqrt(a**2 @ np.exp(2 * log_sigma2)) * epsilon


def strengths(rng):
    yield (np.array([0.0]),)
    for shape in ((2,), (2, 3), (9,)):
        yield ((3 * rng.normal(size=shape)).round(2),)


@exercise.task("variational.10", points=2, cases=strengths,
               key=lambda log_alpha: md.variational_kl(log_alpha),
               hint="The formula gives -KL, the penalty is KL: all signs change.")
def divergence(log_alpha):
    """Compute the divergence of each weight from its prior, KL, a number above 0 or close to it.

    log_alpha is an array.  The constants are k_1 = 0.63576, k_2 = 1.87320, k_3 = 1.48695.
    """
    k1, k2, k3 = 0.63576, 1.87320, 1.48695
    kl = np.zeros(log_alpha.shape)
    for i in np.ndindex(log_alpha.shape):
        sigmoid = 1 / (1 + np.exp(-(k2 + k3 * log_alpha[i])))
        kl[i] = k1 - k1 * sigmoid + 0.5 * np.log(1 + np.exp(-log_alpha[i]))
    return kl


@divergence.right("array code")
def _(log_alpha):
    s = 1 / (1 + np.exp(1.87320 + 1.48695 * log_alpha))
    return 0.63576 * s + np.log1p(np.exp(-log_alpha)) / 2


@divergence.right("in alpha itself")
def _(log_alpha):
    alpha = np.exp(log_alpha)
    odds = np.exp(1.87320) * alpha**1.48695
    return 0.63576 / (1 + odds) + 0.5 * (np.log(alpha + 1) - np.log(alpha))


@divergence.wrong("KL is due, not -KL")
def _(log_alpha):
    s = 1 / (1 + np.exp(1.87320 + 1.48695 * log_alpha))
    return -(0.63576 * s + np.log1p(np.exp(-log_alpha)) / 2)


@divergence.wrong("a weight that is all noise costs nothing: mind the last constant")
def _(log_alpha):
    s = 1 / (1 + np.exp(-(1.87320 + 1.48695 * log_alpha)))
    return -0.63576 * s + np.log1p(np.exp(-log_alpha)) / 2


@divergence.wrong("the last logarithm has 1 / alpha in it: more noise costs less")
def _(log_alpha):
    s = 1 / (1 + np.exp(1.87320 + 1.48695 * log_alpha))
    return 0.63576 * s + np.log1p(np.exp(log_alpha)) / 2


@divergence.wrong("alpha is a ratio of variances: of its logarithm one half counts")
def _(log_alpha):
    s = 1 / (1 + np.exp(1.87320 + 1.48695 * log_alpha))
    return 0.63576 * s + np.log1p(np.exp(-log_alpha))


def weights(rng):
    yield np.array([[1.0, 0.1]]), np.array([[0.0, 0.0]]), 3.0
    yield np.array([[5.0, 3.0]]), np.array([[4.0, 2.0]]), 1.0
    for shape, threshold in (((1, 2), 3.0), ((2, 3), 0.0), ((4, 3), 1.0), ((3, 5), -1.0)):
        yield (rng.normal(size=shape).round(2), rng.uniform(-3, 3, shape).round(2), threshold)
    yield np.array([[-2.0, 0.0, -0.01]]), np.array([[1.0, -30.0, -3.0]]), 3.0
    yield np.array([[1e-4, -1e-4]]), np.array([[-17.0, -16.0]]), 1.0       # 1e-8 decides


def without_noise(theta, log_sigma2, threshold):
    return theta * (md.variational_log_alpha(theta, log_sigma2) <= threshold)


@exercise.task(
    "variational.12", points=2, cases=weights, key=without_noise,
    hint="A weight is cut where its noise is large for its size.")
def cut_noise(theta, log_sigma2, threshold):
    """Set the weights to zero that are hardly more than noise.

    theta and log_sigma2 are arrays of one shape, the means of the weights and the logarithms of
    their variances; log alpha is log(variance) - log(mean^2 + 1e-8).  threshold takes the place of
    3.  Returns the weights of evaluation.
    """
    w = np.zeros(theta.shape)
    for i in np.ndindex(theta.shape):
        log_alpha = log_sigma2[i] - np.log(theta[i]**2 + 1e-8)
        if log_alpha <= threshold:
            w[i] = theta[i]
    return w


@cut_noise.right("where")
def _(theta, log_sigma2, threshold):
    return np.where(log_sigma2 - np.log(theta**2 + 1e-8) <= threshold, theta, 0)


@cut_noise.right("variances compared, without a logarithm")
def _(theta, log_sigma2, threshold):
    return theta * (np.exp(log_sigma2 - threshold) <= theta * theta + 1e-8)


@cut_noise.wrong("what has more noise than the threshold goes, and here it stays")
def _(theta, log_sigma2, threshold):
    return np.where(log_sigma2 - np.log(theta**2 + 1e-8) <= threshold, 0, theta)


@cut_noise.wrong("noise is large or small beside the weight: its variance alone does not tell")
def _(theta, log_sigma2, threshold):
    return np.where(log_sigma2 <= threshold, theta, 0)


@cut_noise.wrong("alpha is a ratio of squares: the variance to the mean squared")
def _(theta, log_sigma2, threshold):
    return np.where(log_sigma2 - np.log(np.abs(theta) + 1e-8) <= threshold, theta, 0)


@cut_noise.wrong("what is kept stays as large as it is: there is no noise to make up for")
def _(theta, log_sigma2, threshold):
    keep = log_sigma2 - np.log(theta**2 + 1e-8) <= threshold
    return theta * keep / max(keep.mean(), 0.1)
