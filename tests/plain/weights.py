"""Techniques that act on weights and on paths, the norms and the functions of networks."""

import math

import numpy as np

from .parts import beside, cut, normal, relu, sigmoid, size, smallest_weights, softmax

SELU_ALPHA, SELU_LAMBDA = 1.6732632423543772, 1.0507009873554805
BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


def dropconnect(x, w, b, mask, bias_mask=None):
    mask = np.broadcast_to(mask, (len(x), *w.shape))
    bias = b if bias_mask is None else b * bias_mask
    return np.stack([np.where(m, w, 0) @ row for m, row in zip(mask, x, strict=True)]) + bias


def dropconnect_moments(x, w, b, p, drop_bias=False):
    q, share = 1 - p, 1 - p if drop_bias else 1
    return (q * (x @ w.T) + share * b,
            p * q * ((x * x) @ (w * w).T + (b * b if drop_bias else 0 * b)))


def dropconnect_inference(x, w, b, p, z):
    mean, variance = dropconnect_moments(x, w, b, p)
    return relu(mean + np.sqrt(variance) * z).mean(0)


def hard_concrete(u, log_alpha, beta=BETA, gamma=GAMMA, zeta=ZETA):
    s = sigmoid((np.log(u) - np.log(1 - u) + log_alpha) / beta)
    return cut(s * (zeta - gamma) + gamma)


def hard_concrete_expect(log_alpha, gamma, zeta):
    return cut(sigmoid(log_alpha) * (zeta - gamma) + gamma)


def hard_concrete_nonzero(log_alpha, beta=BETA, gamma=GAMMA, zeta=ZETA):
    return sigmoid(log_alpha - beta * math.log(-gamma / zeta))


def l0_layer(x, w, b, log_alpha, gates, u):
    z = hard_concrete(u, log_alpha)
    return x @ (w * (z[:, None] if gates == "output" else z)).T + b


def l0_penalty(log_alpha, w, strength, examples):
    return strength / examples * w.shape[1] * hard_concrete_nonzero(log_alpha).sum()


def max_norm(w, limit):
    rows = [row * min(1, limit / (math.hypot(*row.ravel()) or 1)) for row in w]
    return np.stack(rows)


def magnitude_mask(w, sparsity, unit):
    return ~smallest_weights(w, sparsity, unit)


def sign_variance(signs, mean, variance, decay):
    means, variances = [], []
    for sign in signs:
        variance = decay * variance + (1 - decay) * (sign - mean) ** 2
        mean = decay * mean + (1 - decay) * sign
        means.append(mean)
        variances.append(variance)
    return np.stack(means), np.stack(variances)


def smallify_layer(x, w, b, switch, alive):
    return (x @ w.T + b) * (switch * alive)


def smallify_step(switch, mean, variance, alive, decay, threshold):
    [mean], [variance] = sign_variance([np.sign(switch)], mean, variance, decay)
    alive = alive * (variance <= threshold)
    return switch * alive, mean, variance, alive


def smallify_fold(w, b, switch, alive):
    beta = switch * alive
    return w * beta[:, None], b * beta


def smallify_penalty(w, b, switch, switch_strength, weight_strength, power):
    norm = sum((size(v) ** power).sum() for v in (w, b))
    return switch_strength * size(switch).sum() + weight_strength * norm


def targeted_candidates(w, gamma, unit):
    return smallest_weights(w, gamma, unit)


def targeted_mask(candidates, alpha, unit, kept):
    return ~candidates | kept


def targeted_dropout(w, mask):
    return np.where(mask if mask.ndim > 1 else mask[:, None], w, 0)


def variational_log_alpha(theta, log_sigma2):
    return log_sigma2 - np.log(theta**2 + 1e-8)


def variational_kl(log_alpha, approximation="molchanov"):
    if approximation == "kingma":
        alpha, c0 = np.exp(log_alpha), -(0.5772156649015329 + math.log(2)) / 2
        return -(c0 + 0.5 * log_alpha + 1.16145124 * alpha - 1.50204118 * alpha**2
                 + 0.58629921 * alpha**3)
    k1, k2, k3 = 0.63576, 1.8732, 1.48695
    return -(k1 * sigmoid(k2 + k3 * log_alpha) - 0.5 * np.log(1 + np.exp(-log_alpha)) - k1)


def local_reparameterisation(mean, variance, noise):
    return mean + np.sqrt(variance) * noise


def variational_layer(x, w, b, log_sigma2, local=None, noise=None, threshold=None):
    if threshold is not None:
        kept = np.real(variational_log_alpha(w, log_sigma2)) <= threshold
        return x @ np.where(kept, w, 0).T + b
    if local:
        return local_reparameterisation(x @ w.T + b, (x * x) @ np.exp(log_sigma2).T, noise)
    return x @ (w + np.exp(log_sigma2 / 2) * noise).T + b


def variational_penalty(w, log_sigma2, examples, scale, warm_up, step):
    first, last = warm_up
    grown = min(1, max(0, (step - first) / (last - first)))
    return scale * grown / examples * variational_kl(variational_log_alpha(w, log_sigma2)).sum()


def survival(blocks, q_last, rule):
    p = 1 - q_last
    return np.array([{"paper": 1 - l / blocks * p,
                      "linspace": 1 - (l - 1) / max(1, blocks - 1) * p,
                      "efficientnet": 1 - (l - 1) / blocks * p}[rule]
                     for l in range(1, blocks + 1)])


def stochastic_depth(skip, branch, gate, p, scaling):
    b = np.reshape(gate, (-1, *[1] * (skip.ndim - 1))) * 1.0
    return b * branch / (1 - p if scaling == "inverted" and p < 1 else 1) + skip


def stochastic_depth_expect(skip, branch, p, scaling):
    return (1 - p if scaling == "paper" else 1) * branch + skip


def batch_norm(x, weight, bias, eps, mean=None, var=None):
    if mean is None:
        unit = normal(x, (0, *range(2, x.ndim)), eps)
    else:
        unit = (x - beside(mean, x)) / np.sqrt(beside(var, x) + eps)
    return beside(weight, x) * unit + beside(bias, x)


def running_statistics(x, running_mean, running_var, momentum):
    means, variances = [], []
    for seen, batch in enumerate(x, 1):
        k = 1 / seen if momentum is None else momentum
        m = len(batch)
        running_mean = (1 - k) * running_mean + k * batch.mean(0)
        running_var = (1 - k) * running_var + k * m / (m - 1) * batch.var(0)
        means.append(running_mean)
        variances.append(running_var)
    return np.stack(means), np.stack(variances)


def layer_norm(x, shape, weight, bias, eps):
    return weight * normal(x, tuple(range(x.ndim - len(shape), x.ndim)), eps) + bias


def instance_norm(x, weight, bias, eps):
    return beside(weight, x) * normal(x, tuple(range(2, x.ndim)), eps) + beside(bias, x)


def group_norm(x, groups, weight, bias, eps):
    width = x.shape[1] // groups
    parts = [normal(x[:, k:k + width], tuple(range(1, x.ndim)), eps)
             for k in range(0, x.shape[1], width)]
    return beside(weight, x) * np.concatenate(parts, 1) + beside(bias, x)


def normalise(x, axes, eps):
    return normal(x, tuple(axes), eps)


def l1(params):
    return size(params).sum()


def l2(params):
    return (params**2).sum() / 2


def gelu(x, approximate):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def selu(x):
    below = SELU_ALPHA * (np.exp(np.where(np.real(x) > 0, 0, x)) - 1)
    return SELU_LAMBDA * np.where(np.real(x) > 0, x, below)


def attention_weights(q, k):
    return softmax(q @ k.T / math.sqrt(q.shape[-1]))


def attention(q, k, v):
    return attention_weights(q, k) @ v
