# %% [markdown]
# # DropConnect: what if a connection is dropped, rather than a unit?
#
# Dropout silences a unit, and with it everything that the unit sends on: a whole column of the next
# layer's weights. DropConnect draws for every weight alone, and anew for every example. Here is a
# layer of 3 units with 8 inputs, for two examples of a batch (`#` is kept):

# %%
import math

import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, save_figure, subplots

units = md.dropout_mask(1, (2, 1, 8), p=0.5).repeat(3, axis=1)
connections = md.dropconnect_mask(3, 2, (3, 8), p=0.5)
for row in range(3):
    print("  ", "     ".join(" ".join("#" if keep else "." for keep in mask[row])
                             for mask in (*units, *connections)))
print("   dropout, two examples" + " " * 18 + "DropConnect, two examples")

# %% [markdown]
# ## The equations
#
# For each example $n$ every weight is kept with probability $q = 1 - p$. So each example meets a
# layer of its own ($\odot$ multiplies entry by entry):
#
# $$ M_{noi} \sim \mathrm{Bernoulli}(q) \tag{dropconnect.1} $$
# $$ u_n = (M_n \odot W) \, v_n + b \tag{dropconnect.2} $$
#
# ## In array code
#
# One product for each example, with a mask that is given:

# %%
rng = np.random.default_rng(0)
v, w, b = rng.normal(size=(2, 8)), rng.normal(size=(3, 8)), rng.normal(size=3)
u = np.stack([(mask * w) @ example + b for mask, example in zip(connections, v, strict=True)])
assert np.allclose(u, md.dropconnect(v, w, b, connections))
u = md.linear(md.dropout_original(v, units[:, 0]), w, b)
assert np.allclose(u, md.dropconnect(v, w, b, units))

# %% [markdown]
# So dropout of the inputs is a special case, masks of whole columns: $2^8$ of $2^{24}$.
#
# ## Without noise: three answers
#
# In evaluation we want the mean output over all masks, *behind* the activation. Mean and variance
# of $u$ are easy, but a ReLU does not pass means on:
#
# $$ \mu = q \, W v + b, \qquad \sigma^2 = p \, q \, (W \odot W)(v \odot v) \tag{dropconnect.5} $$
#
# The paper takes $u$ for a normal variable of these moments, draws some, and averages their
# activations. Three units of two inputs have 64 masks, so the truth can be added up. What many
# draws lead to has a closed form for a ReLU ($\Phi$, $\varphi$: standard normal):
#
# $$ \mathbb{E}[\max(u,0)] = \mu\Phi(\mu/\sigma) + \sigma\varphi(\mu/\sigma) \tag{dropconnect.8} $$

# %%
v, w = np.ones((1, 2)), np.array([[1.0, -1.0], [1.0, 2.0], [3.0, 4.0]])
exact = md.exact_moments(lambda m: md.relu(md.dropconnect(v, w, None, m)), (3, 2), p=0.5)[0]
mu, variance = md.dropconnect_moments(v, w, None, p=0.5)
sigma, t = np.sqrt(variance), mu / np.sqrt(variance)
below = 0.5 * (1 + np.vectorize(math.erf)(t / math.sqrt(2)))
normal = mu * below + sigma * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)

layer = md.DropConnect(2, 3, 0.5, activation=md.relu, bias=False, samples=quick(4000, 400)).init(0)
layer.weight.data[:] = w
drawn = layer.eval()(v).data
for name, row in (("all 64 masks", exact), ("the mean network", md.relu(mu)),
                  ("a normal variable", normal), (f"{layer.samples} draws of it", drawn)):
    print(f"   {name:20}", *(f"{value:8.4f}" for value in row[0]))
assert np.allclose(exact, [[0.25, 1.5, 3.5]]) and np.allclose(md.relu(mu), [[0, 1.5, 3.5]])
assert np.allclose(normal, [[0.2821, 1.5466, 3.5917]], atol=5e-5)
assert (abs(drawn - normal) < 6 * sigma / math.sqrt(layer.samples)).all()

# %% [markdown]
# Neither is exact. The first unit is above 0 for one mask in four; the mean network says 0. The
# others are never below 0: the mean network is right, and the normal variable has a tail too many.
#
# ## Does it matter? 300 handwritten digits
#
# Two hidden layers of 64 units learn 300 training digits, eight seeds each. The second layer has no
# noise, dropout of its inputs, or DropConnect, at $p = 0.5$. Learning rate, size and length were
# chosen on validation digits. DropConnect answers in three ways: the mean network, 32 normal
# variables for each unit, 32 masks. Gains have 95 % intervals (paired seeds, Student's t).

# %%
digits, epochs, seeds = md.data.digits(), quick(60, 1), range(quick(8, 2))
few = tuple(part[:300] for part in digits.train)


def train(seed, hidden):
    net = md.nn.Sequential(md.nn.Linear(64, 64), md.nn.ReLU(), hidden, md.nn.Linear(64, 10))
    md.fit(net.init(seed), md.optim.SGD(lr=0.1, momentum=0.9), few, epochs, batch_size=32,
           seed=seed, progress=f"   seed {seed}")
    return net


names, losses = ("no noise", "dropout", "mean net", "normal", "masks"), []
for seed in seeds:
    row = []
    for noise in ([], [md.Dropout(0.5, scaling="paper")]):
        net = train(seed, md.nn.Sequential(*noise, md.nn.Linear(64, 64), md.nn.ReLU()))
        row.append(md.evaluate(net, digits.test).loss)
    net = train(seed, connect := md.DropConnect(64, 64, 0.5, activation=md.relu))
    for connect.inference in ("mean", "gaussian", "mc"):
        row.append(md.evaluate(net, digits.test).loss)
    losses.append(row)
losses = np.array(losses).T
print("   test loss:", *(f" {name} {row.mean():.4f}"
                         for name, row in zip(names, losses, strict=True)))
for name, row in zip(names[:3], losses, strict=False):
    gains = row - losses[3]
    half = md.mean_interval(gains).half
    print(f"   gain of normal over {name:8} {gains.mean():+.4f} +- {half:.4f}")
    assert smoke() or abs(gains.mean()) < half        # none is seen

# %%
figure, (left, right) = subplots(1, 2, width_ratios=(1, 1.3))
shown = 0.3 + abs(connect.weight.data[:12, :12])      # a small weight is no dropped weight
masks = md.dropout_mask(0, (3, 1, 12), p=0.5), md.dropconnect_mask(0, 3, (12, 12), p=0.5)
left.imshow(np.vstack([np.hstack([np.pad(mask * shown, 1, constant_values=0.1) for mask in three])
                       for three in masks]), vmin=0)
left.set(title="12 x 12 weights for 3 examples,\nwhite: dropped", xticks=[])
left.set_yticks([6.5, 20.5], ["dropout", "DropConnect"])
left.spines[:].set_visible(False)
right.plot(losses, color=LIGHT, linewidth=0.8, marker="o", markersize=3)
right.plot(losses.mean(1), "_", color=DARK, markersize=28, markeredgewidth=2.5)
right.set_xticks(range(5), names)
right.set(ylabel="test loss (nats)", title=f"{len(seeds)} seeds, and their means", xlim=(-0.4, 4.4))
path = save_figure(figure, "dropconnect")

# %% [markdown]
# So: then every example meets a layer of its own, from many more masks than dropout has. But eight
# seeds show no difference here: not to no noise, not to dropout, nor to the cheaper mean network.
#
# ## Exercises, and tasks: `minidrop grade start dropconnect`
#
# 1. Train with `per="batch"`, one mask for a step. How much faster is it? Does the loss suffer?
# 2. How many draws are enough? Set `connect.samples` to 1, 2, 4, ... and plot the loss.
#
# ## References
#
# - Wan, Zeiler, Zhang, LeCun, Fergus (2013), Regularization of neural networks using DropConnect,
#   ICML, PMLR 28(3), 1058-1066.

