"""Averages, schedules, optimizers, measures of training, and the random bits."""

import hashlib
import math

import numpy as np

from .parts import softmax


def ema(average, w, mu):
    return mu * average + (1 - mu) * w


def ema_corrected(average, mu, t):
    return average / (1 - mu**t)


def swa(average, w, n):
    return (average * n + w) / (n + 1)


def swa_rates(lr, swa_lr, total, start):
    r = [min(1, max(0, (t / start - 0.5) / 0.4)) for t in range(total)]
    return np.array([(1 - share) * lr + share * swa_lr for share in r])


def fge_rates(alpha1, alpha2, total, cycle):
    shares = [abs(1 - 2 * (i % cycle) / cycle) for i in range(total)]
    return np.array([share * alpha1 + (1 - share) * alpha2 for share in shares])


def fge_steps(total, cycle):
    return [t for t in range(1, total + 1) if t % cycle == cycle // 2]


def cyclic_cosine(t, total, cycles, lr0):
    c = math.ceil(total / cycles)
    return np.array([lr0 / 2 * (math.cos(math.pi * ((s - 1) % c) / c) + 1) for s in t])


def cyclic(t, total, cycles):
    c = math.ceil(total / cycles)
    return np.array([1 - ((s - 1) % c) / c for s in t])


def snapshot_steps(total, cycles):
    c = math.ceil(total / cycles)
    return [min(j * c, total) for j in range(1, math.ceil(total / c) + 1)]


def average_probabilities(probs):
    return sum(probs) / len(probs)


def majority_vote(probs):
    labels = []
    for example in probs.swapaxes(0, 1):
        votes = [list(example.argmax(-1)).count(k) for k in range(example.shape[-1])]
        ranked = [(v, mean, -k) for k, (v, mean) in enumerate(zip(votes, example.mean(0),
                                                                  strict=True))]
        labels.append(-max(ranked)[2])
    return np.array(labels)


def snapshot_ensemble(x, weights, biases):
    return np.log(np.mean([softmax(x @ w.T + b) for w, b in zip(weights, biases, strict=True)], 0))


def early(p, cutoff, total, kind):
    falls = [1 - t / max(cutoff - 1, 1) if kind == "linear" else 1 for t in range(total)]
    return np.array([p * falls[t] if t < cutoff else 0 for t in range(total)])


def late(p, cutoff, total, kind):
    return early(p, total - cutoff, total, kind)[::-1]


def linear_ramp(start, end, total, steps):
    r = [min(1, t / (steps or total)) for t in range(total)]
    return np.array([(1 - share) * start + share * end for share in r])


def targeted_ramp(gamma, alpha, total, steps):
    r = np.array([min(1, t / (steps or total)) for t in range(total)])
    return gamma * (0.95 * np.minimum(1, 2 * r) + 0.05 * np.maximum(0, 2 * r - 1)), alpha * r


def gradual_sparsity(start, end, total, steps, first):
    last = steps or total
    r = [min(1, max(0, (t - first) / (last - first))) for t in range(total)]
    return np.array([end + (start - end) * (1 - share) ** 3 for share in r])


def adam(w, gradients, lr, betas, eps, weight_decay, decoupled=False):
    (beta1, beta2), taken = betas, []
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = (1 - lr * weight_decay) * w
        else:
            g = g + weight_decay * w
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        taken.append((w, m, v))
    return tuple(np.stack(each) for each in zip(*taken, strict=True))


def adamw(**arguments):
    return adam(decoupled=True, **arguments)


def sgd(w, gradients, lr, momentum, nesterov, weight_decay):
    v, taken = np.zeros_like(w), []
    for g in gradients:
        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
        taken.append((w, v))
    return tuple(np.stack(each) for each in zip(*taken, strict=True))


def step_decay(lr, total, milestones, factor):
    return np.array([lr * factor ** sum(m <= t for m in milestones) for t in range(total)])


def cosine(lr, total, floor):
    return np.array([floor + (lr - floor) / 2 * (1 + math.cos(math.pi * t / total))
                     for t in range(total)])


def cosine_restarts(lr, total, period, growth, floor):
    rates = []
    while len(rates) < total:
        rates += list(cosine(lr, period, floor))
        period *= growth
    return np.array(rates[:total])


def warmup(schedule, steps, start):
    return np.array([rate * (start + (1 - start) * t / steps if t < steps else 1)
                     for t, rate in enumerate(schedule)])


def gradient_norm(grads):
    return np.array([math.hypot(*g) for g in grads])


def model_distance(params, params0):
    return math.hypot(*(params - params0))


def cosine_of(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


def gradient_direction_variance(grads):
    n = len(grads)
    pairs = [(1 - cosine_of(grads[i], grads[j])) / 2 for i in range(n) for j in range(i)]
    return sum(pairs) / len(pairs)


def gradient_direction_error(grads, reference):
    return sum((1 - cosine_of(g, reference)) / 2 for g in grads) / len(grads)


def correlation(probs):
    return np.corrcoef(probs.reshape(len(probs), -1))


def error_overlap(probs, y, per):
    wrong = [{n for n, p in enumerate(member) if p.argmax() != y[n]} for member in probs]
    whole = (lambda a, b: a | b) if per == "union" else (lambda a, b: a)
    return np.array([[len(a & b) / len(whole(a, b)) if whole(a, b) else math.nan for b in wrong]
                     for a in wrong])


def disagreement(probs):
    labels = probs.argmax(-1)
    return np.array([[np.mean(a != b) for b in labels] for a in labels])


def loss_of(p, y, loss):
    if loss == "squared_error":
        return ((p - np.eye(p.shape[-1])[y]) ** 2).sum(-1).mean()
    return -np.log(p[np.arange(len(y)), y]).mean()


def ambiguity(probs, y, loss):
    mean, members = loss_of(probs.mean(0), y, loss), [loss_of(p, y, loss) for p in probs]
    return mean, members, sum(members) / len(members) - mean


def leave_one_out(probs, y, loss):
    def both(p):
        return np.array([loss_of(p, y, loss), np.mean(p.argmax(-1) != y)])

    rests = [np.delete(probs, i, 0).mean(0) for i in range(len(probs))]
    return tuple(np.array([both(rest) - both(probs.mean(0)) for rest in rests]).T)


# --- the random bits -----------------------------------------------------------------------------

def stream_key(seed, name):
    digest = hashlib.sha256(name.encode()).digest()
    return [seed % 2**64, int.from_bytes(digest[:8], "little")]


def philox(key, counter):
    """The four words of a counter: ten rounds of two products of 64 bits, in Python's integers."""
    c, (k0, k1), low = [counter, 0, 0, 0], key, 2**64 - 1
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [second >> 64 ^ c[1] ^ k0, second & low, first >> 64 ^ c[3] ^ k1, first & low]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & low, (k1 + 0xBB67AE8584CAA73B) & low
    return c


def words(seed, name, block, n):
    blocks, key = math.ceil(n / 4), stream_key(seed, name)
    found = [word for k in range(block, block + blocks) for word in philox(key, k + 1)]
    return found[:n], block + blocks


def bits(seed, name, block, shape):
    n = math.prod(shape)
    plane = math.ceil(n / 16)
    found, _ = words(seed, name, block, 8 * plane)
    halves = [word >> shift & 0xFFFF for word in found for shift in (0, 16, 32, 48)]
    high, low = halves[:n], halves[16 * plane:16 * plane + n]
    both = [h << 16 | l for h, l in zip(high, low, strict=True)]
    return np.array(both, "uint64").reshape(shape), block + 2 * plane


def bernoulli(seed, name, block, q, shape):
    found, end = bits(seed, name, block, shape)
    return found < math.ceil(q * 2**32), end


def coin(seed, name, block, q):
    return bernoulli(seed, name, block, q, [])


def uniform(seed, name, block, shape):
    found, end = bits(seed, name, block, shape)
    return (found >> np.uint64(8)) * 2.0**-24, end


def integers(seed, name, block, high, shape):
    found, end = bits(seed, name, block, shape)
    return np.array([int(b) * high >> 32 for b in found]), end


def permutation(seed, name, block, n):
    found, end = words(seed, name, block, n)
    return sorted(range(n), key=lambda i: (found[i], i)), end


def gaussian(seed, name, block, shape):
    n = math.prod(shape)
    (u, v), end = bits(seed, name, block, [2, math.ceil(n / 2)])
    radius, angle = np.sqrt(-2 * np.log((u + 1.0) * 2.0**-32)), 2 * math.pi * v * 2.0**-32
    pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return pairs[:n].astype("float32"), end
