"""minidrop's own functions and layers, where a technique is more than one of them."""

import numpy as np

from ... import averages, optim
from ...functional import exp
from ...inputs import flip_crop as images
from ...nn import Identity, Linear, Module, Noise
from ...noise import gaussian
from ...norms import batch_norm as by_batch
from ...norms import layer_norm as by_example
from ...paths.stochastic_depth import StochasticDepth
from ...tape import data_of
from ...units import mc
from ...units import multi_sample as samples
from ...weights import dropconnect as connections
from ...weights import smallify
from ...weights import targeted as chosen
from ...weights import variational as learnt


class Nothing(Module):
    """A skip that adds nothing, so that the branch is seen alone."""

    def forward(self, x):
        return 0 * x


def stochastic_depth(p, mode="batch", scaling="paper"):
    """StochasticDepth around a branch that changes nothing."""
    return StochasticDepth(Identity(), p, skip=Nothing(), mode=mode, scaling=scaling)


def dropconnect(x, w, b, p, training, seed):
    """DropConnect, a mask for each example, and in evaluation a normal number of two moments."""
    if training:
        mask = connections.dropconnect_mask(seed, len(x), w.shape, p)
        return connections.dropconnect(x, w, b, mask)
    mean, variance = connections.dropconnect_moments(x, w, b, p)
    return mean + variance**0.5 * gaussian(seed, mean.shape)


def targeted(w, gamma, alpha, unit, seed):
    """Targeted dropout."""
    candidates = chosen.targeted_candidates(w, gamma, unit)
    return chosen.targeted_dropout(w, chosen.targeted_mask(seed, candidates, alpha, unit))


class Passes(Noise):
    """A network whose passes are known: output by output."""

    def __init__(self, outputs):
        self.outputs = iter(outputs)

    def sample(self, shape):
        return next(self.outputs)

    def apply(self, x, noise):
        return x + noise

    def expect(self, x):
        return x


def mc_prediction(probs):
    """Mean, entropy and mutual information of passes with these probabilities."""
    logits = np.log(np.maximum(probs, 1e-37).astype(probs.dtype))
    return tuple(mc.mc_predict(Passes(logits).init(seed=0), 0 * probs[0], len(probs)))


def mc_moments(probs):
    """Mean and variance of passes with these outputs."""
    return tuple(mc.mc_moments(Passes(probs).init(seed=0), 0 * probs[0], len(probs)))


def multi_sample(h, w, b, y, masks, p):
    """The mean loss of all samples behind a linear head."""
    return samples.multi_sample_loss(lambda x: x @ w.T + b, h, y, masks, p)


def variational(x, theta, log_sigma2, noise):
    """The pre-activations of a dense layer, for given local noise."""
    return learnt.local_reparameterisation(x @ theta, (x * x) @ exp(log_sigma2), noise)


def variational_kept(theta, log_sigma2):
    """The weights of a Variational layer in evaluation."""
    layer = learnt.Variational(Linear(*theta.shape[::-1])).init(seed=0)
    layer.layer.weight.data, layer.log_sigma2.data = theta, log_sigma2
    return data_of(layer.expect(theta))


def batch_norm(x, w, b, running_mean, running_var, training, momentum, eps):
    """Batch norm, with the running statistics after this batch."""
    mean, var = data_of(running_mean), data_of(running_var)
    if not training:
        return by_batch.batch_norm(x, mean, var, w, b, eps), mean, var
    layer = by_batch.BatchNorm(x.shape[1], momentum, eps, affine=False)
    layer.running_mean, layer.running_var = mean, var
    layer(data_of(x))
    return by_batch.batch_norm(x, None, None, w, b, eps), layer.running_mean, layer.running_var


def layer_norm(x, w, b, eps):
    """Layer norm over the axes that w has."""
    return by_example.layer_norm(x, w.shape, w, b, eps)


def adam(w, gradients, lr, beta1, beta2, eps, weight_decay=0.0):
    """The weights after each gradient."""
    rule, w = optim.Adam(lr, (beta1, beta2), eps, weight_decay), w.copy()
    m, v, found = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, 1):
        rule.update(w, g, m, v, t)
        found.append(w.copy())
    return np.stack(found)


def ema(w, decay):
    """The corrected moving average after each of the weights w (n, ...)."""
    average, found = 0 * w[0], []
    for t, one in enumerate(w, 1):
        average = averages.ema.ema(average, one, decay)
        found.append(averages.ema.ema_corrected(average, decay, t))
    return np.stack(found)


def swa(w):
    """The mean of the weights w (n, ...), taken in one after the other."""
    average = w[0]
    for n, one in enumerate(w[1:], 1):
        average = averages.swa.swa(average, one, n)
    return average


def flip_crop(x, padding, seed):
    """Flip and crop, without labels."""
    return images.flip_crop(seed, x, None, padding)[0]


def sign_variance(signs, decay):
    """The moving variance of signs (steps, n) after each step."""
    mean, variance, found = np.ones_like(signs[0]), np.zeros_like(signs[0]), []
    for sign in signs:
        mean, variance = smallify.sign_variance(sign, mean, variance, decay)
        found.append(variance)
    return np.stack(found)
