# %% [markdown]
# # Implicit ensembles: can one network with dropout replace five networks?
#
# With $n$ units that may be silent a network is $2^n$ networks in one, which share their weights
# (Srivastava 2014). Two layers of six units make 4,096 networks. A weight between them is in use
# where both its ends are kept. Here are these weights in four of the networks (`#` is in use):

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

first, second = (md.dropout_mask(md.Stream(6, layer), (4, 6), p=0.5) for layer in "12")
for unit in range(6):
    print("  ", "    ".join(" ".join("#" if keep and b[unit] else "." for keep in a)
                            for a, b in zip(first, second, strict=True)))

# %% [markdown]
# ## The equations
#
# Network $m$ is drawn with probability $P(m)$ and gives logits $z_m$, and $p_m$, their softmax. An
# ensemble takes the arithmetic mean. Another mean is the geometric one, scaled to a sum of 1:
#
# $$ \bar p = \sum_m P(m) \, p_m \tag{implicit.1} $$
# $$ \tilde p = \frac{1}{Z} \prod_m p_m^{P(m)} = \mathrm{softmax} \Big( \sum_m P(m) \, z_m \Big) $$
#
# Evaluation runs none of them, but gives each layer its mean input (dropout.3). Logits are linear
# in the last mask, so with one layer of dropout that is $\tilde p$. An earlier one passes a ReLU:
# $\mathbb{E} \max(0, a) \ge \max(0, \mathbb{E} \, a)$. The ensemble gains $D$ in cross-entropy $L$:
#
# $$ L(\bar p) = \sum_m P(m) \, L(p_m) - D, \qquad D \ge 0 \tag{diversity.5} $$
#
# ## In array code
#
# For each mask of the first layer we take all of the second at once. The library averages over
# random masks; handed all 256 pairs of masks of 4 + 4 units, it must find the same:

# %%
def every_mask(net, x, rates):
    """Arithmetic and geometric mean (N, K) of the probabilities of all networks."""
    W, b, V, c, U, d = (w.data.reshape(len(w.data), -1) for w in net.parameters())
    keep, h, mean, logits = md.all_masks(len(W)), np.maximum(0, W @ x.T + b), 0, 0
    chances = [np.where(keep, 1 - p, p).prod(1).astype(x.dtype) for p in rates]
    first, second = ((keep / (1 - p)).astype(x.dtype)[:, :, None] for p in rates)
    for chance, m in zip(chances[0], first, strict=True):
        z = U @ (second * np.maximum(0, V @ (m * h) + c)) + d            # (2^n, K, N)
        e = np.exp(z)
        mean = mean + chance * np.tensordot(chances[1], e / e.sum(1, keepdims=True), 1)
        logits = logits + chance * np.tensordot(chances[1], z, 1)
    return mean.T, md.softmax(logits.T)


net = md.models.place(md.models.mlp(5, 4, 4, 3), "hidden*.drop", md.Dropout(0.5)).init(0)
for w in net.parameters():
    w.data = md.gaussian(w.size, w.shape) / 2     # biases, too
x = md.gaussian(1, (1, 5))
whole = md.softmax(net.eval()(x).data)
mean, geometric = every_mask(net, x, (0.5, 0.5))
print("   arithmetic, geometric, evaluation", *(p[0].round(3) for p in (mean, geometric, whole)))
assert np.allclose(every_mask(net, x, (0, 0.5))[1], whole, atol=1e-6)    # dropout in one layer
for layer, k in zip((net.hidden1, net.hidden2), np.indices((16, 16)), strict=True):
    layer.drop.rng = md.Replay(*md.all_masks(4)[k.ravel()][:, None])
assert np.allclose(mean, md.mc_predict(net, x, passes=256).mean, atol=1e-6)

# %% [markdown]
# ## Five networks against one
#
# Networks of 7 + 7 and of 256 + 256 units learn a quarter of the training digits: five without
# dropout, five with a rate of 0.2. Of one of these 100 masks are drawn for each digit. Four such
# sets give 95 % intervals (Student's t). Settings were tried out on validation digits. Losses, in
# nats, and the correlation of two members' probabilities are those of the 300 test digits:

# %%
digits, rate, epochs, five = md.data.digits(), 0.2, quick(20, 1), range(quick(5, 2))
x, y = (part[:quick(300, 30)] for part in digits.test)
loss = lambda p: -np.log(p[..., range(len(y)), y]).mean(-1)


def train(units, p, k, seed):
    net = md.models.mlp(64, units, units, 10)
    net = md.models.place(net, "hidden*.drop", md.Dropout(p)) if p else net
    md.fit(net.init(seed), md.optim.SGD(0.2, momentum=0.9), [part[k::4] for part in digits.train],
           epochs, batch_size=60, seed=seed, schedules={"lr": md.optim.cosine(0.2, 5 * epochs)},
           progress=f"   {units} + {units} units, seed {seed}")
    return net


def say(nets, mode=md.nn.Module.eval):
    return np.array([md.softmax(mode(net)(x).data) for net in nets])     # (members, N, K)


ROWS = (("5 without dropout", "s:", MIDDLE), ("5 with dropout", "o--", LIGHT),
        ("100 masks of one", "-", DARK))
(figure, axes), ones, gaps = subplots(1, 2, size=(9.0, 3.6)), {}, {}
for axis, units in zip(axes, (7, 256), strict=True):
    runs, ones[units], table = [], [], []
    for k in range(quick(4, 2)):
        plain, noisy = ([train(units, p, k, 10 * k + i) for i in five] for p in (0, rate))
        runs.append((say(plain), say(noisy), say(noisy[:1] * quick(100, 5), md.noise_on)))
        ones[units].append(noisy[0])
    print(f"   {units} + {units} units".ljust(22), "own loss   of the mean   gain D   correlation")
    for (name, line, colour), *sets in zip(ROWS, *runs, strict=True):
        own, m = loss(np.array(sets)), np.arange(1, len(sets[0]) + 1)    # own: (runs, members)
        orders = [np.roll(sets, k * len(m) // 5, axis=1) for k in range(5)]    # who comes first
        curve = np.mean([loss(np.cumsum(p, 1) / m[:, None, None]) for p in orders], 0)
        alike = [md.correlation(p)[np.triu_indices(len(p), 1)].mean() for p in sets]
        table.append([own.mean(1), curve[:, -1], own.mean(1) - curve[:, -1], alike])
        print(f"   {name:18}", "   ".join(f"{value:9.3f}" for value in np.mean(table[-1], 1)))
        axis.plot(m, curve.mean(0), line, color=colour, label=name)
    gaps[units] = [md.mean_interval(plain - table[1][0]) for plain in table[0][:2]]
    print("   loss above that of one with dropout: one without {}, five {}".format(*gaps[units]))
    axis.set(title=f"test loss (nats), {units} + {units} units", xscale="log",
             xticks=(1, 5, 20, 100), xticklabels=["1", "5", "20", "100"], xlabel="members")
    assert smoke() or np.mean(table[2][3]) < np.mean(table[0][3])        # masks are less alike
assert smoke() or gaps[7][1].high < 0 and abs(gaps[256][1].mean) < 0.02
assert smoke() or np.mean(table[2][0] - table[0][0]) < 0.04       # a mask, and a network: 256 units

# %%
three = [loss(np.array([*every_mask(net, x, (rate, rate)), *say([net])])) for net in ones[7]]
arithmetic, geometric, whole = np.transpose(three)
for name, mean in (("arithmetic mean", arithmetic), ("geometric mean", geometric)):
    print(f"   {name} of all 16,384 networks, less evaluation: {md.mean_interval(mean - whole)}")
    axes[0].axhline(mean.mean(), color=DARK, linewidth=0.8)
    axes[0].text(100, mean.mean() - 0.01, f"{name} of all masks", ha="right", va="top")
assert smoke() or (arithmetic > geometric).all() and abs(geometric - whole).max() < 0.03
axes[1].legend()
path = save_figure(figure, "implicit")

# %% [markdown]
# So: the wide network can, here: with dropout one run has the loss of five without, to within 0.02.
# It can spare a fifth of its units. Each of its networks is nearly as good as one trained by itself
# and, though they share weights, they are less alike. The narrow one cannot, and no mean mends
# that. Its evaluation is close to the geometric mean, whose loss is less than the arithmetic one's.
# The wide one's gain depends on the setting: with all 1,197 digits, 128 + 128 units and a rate of
# 0.5, one without dropout has a loss of 0.066 and one with it 0.137 (validation, five seeds).
#
# ## Exercises
#
# 1. At a rate of 0.5 the networks in the wide one are poor. What do their mean and evaluation give?
# 2. One run that restarts makes five networks, too (lesson `snapshots`). Compare those of 100 and
#    of 500 steps, without dropout. Are they more alike than the masks?
#
# ## References
#
# - Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting,
#   JMLR 15, 1929-1958.
# - Warde-Farley, Goodfellow, Courville, Bengio (2013), An empirical analysis of dropout in
#   piecewise linear networks, arXiv:1312.6197: all masks of small networks, and their means.
