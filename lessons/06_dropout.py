# %% [markdown]
# # Dropout: why would a network learn better when half of it is switched off?
#
# A network that is large for its data can learn every training example by heart. Its units settle
# on each other's mistakes: one unit's error is mended by another, for these examples only. Dropout
# breaks such deals. At every step each unit is silent with probability $p$, so no unit can count on
# any other. Here are eight units of one example, drawn four times at $p = 0.5$ (`#` is kept):

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick
from minidrop.plots import DARK, MIDDLE, save_figure, subplots

stream = md.Stream(0, "picture")                  # random bits: a seed, a name, a position
for step in range(4):
    mask = md.dropout_mask(stream, 8, p=0.5)
    print("   step", step, " ", " ".join("#" if keep else "." for keep in mask))

# %% [markdown]
# ## The equations
#
# Draw one mask value for each unit of each example, kept with probability $q = 1 - p$:
#
# $$ m_i \sim \mathrm{Bernoulli}(q) \tag{dropout.1} $$
#
# Silence the units that were not kept, and divide the others by $q$:
#
# $$ y_i = m_i \, x_i / q \tag{dropout.2} $$
#
# In evaluation nothing is drawn and $y = x$. Why divide? Because then the next layer sees the same
# input on average, with and without dropout. Only the spread grows:
#
# $$ \mathbb{E}[y_i] = x_i, \qquad \mathrm{Var}[y_i] = x_i^2 \, p / q \tag{dropout.3} $$
#
# ## In array code
#
# One line draws, one line computes. Here the mask is given, so that we know what must come out;
# the library's function takes it too, and agrees:

# %%
x, p = np.array([1.0, 2.0, 3.0, 4.0]), 0.5
m = np.random.default_rng(0).random(4) < 1 - p    # a draw, and in its place this one:
m = np.array([True, False, True, True])

y = m * x / (1 - p)
print("   x", x, " mask", m.astype(int), " y", y)
assert np.array_equal(y, md.dropout(x, m, p))

# %% [markdown]
# ## The mean, exactly
#
# Four units have 16 masks. We need no luck to find the mean of $y$: add up all 16 results, each
# times the probability of its mask. This is (dropout.3), to the last digit:

# %%
mean = square = 0
for m in md.all_masks(4):
    probability = (1 - p) ** m.sum() * p ** (~m).sum()
    y = md.dropout(x, m, p)
    mean, square = mean + probability * y, square + probability * y**2
print("   mean    ", mean, "   x        ", x)
print("   variance", square - mean**2, "   x^2 p / q", x**2 * p / (1 - p))
assert np.allclose(mean, x, atol=1e-12)
assert np.allclose(square - mean**2, x**2 * p / (1 - p), atol=1e-12)

# %% [markdown]
# ## The gradient needs no rule of its own
#
# For a given mask, (dropout.2) is linear in $x$. What was silenced gets no gradient, what was kept
# gets $1 / q$ of it, and the tape knows:

# %%
m = np.array([True, False, True, True])
t = md.Tensor(x, requires_grad=True)
md.dropout(t, m, p).sum().backward()
print("   dy/dx", t.grad)
assert np.array_equal(t.grad, m / (1 - p))

# %% [markdown]
# ## Does it help? 1,197 handwritten digits
#
# A network of two hidden layers of 256 units has 85,000 weights for 1,197 digits. It is trained
# with $p = 0$ and with $p = 0.5$: eight seeds each, the same data, first weights and order.
# Learning rate, width and length were chosen on 300 validation digits, not on the 300 test digits.
# (Five seeds had left the question open, so there are eight: a claim would have to start afresh.)

# %%
digits = md.data.digits()
epochs, seeds = quick(20, 1), range(quick(8, 2))


def train(p, seed):
    net = md.nn.Sequential(
        md.nn.Linear(64, 256), md.nn.ReLU(), md.Dropout(p),
        md.nn.Linear(256, 256), md.nn.ReLU(), md.Dropout(p), md.nn.Linear(256, 10)).init(seed)
    assert sum(w.size for w in net.parameters()) == 85_002
    history = md.fit(net, md.optim.SGD(lr=0.03, momentum=0.9), digits, epochs, batch_size=32,
                     seed=seed, progress=f"   p = {p}, seed {seed}")
    return history.validation_loss, md.evaluate(net, digits.train), md.evaluate(net, digits.test)


runs = {p: [train(p, seed) for seed in seeds] for p in (0.0, 0.5)}
for p, results in runs.items():
    fitted, tested = (np.mean([run[i] for run in results], axis=0) for i in (1, 2))
    print(f"   p = {p}:  training loss {fitted[0]:.3f}   test loss {tested[0]:.3f}   "
          f"test accuracy {100 * tested[1]:.1f} %")

# %% [markdown]
# One number: by how much does dropout lower the test loss? The seeds are paired, so we take the
# difference for each seed, and the 95 % interval of its mean over the seeds (Student's t with seven
# degrees of freedom). The interval speaks of these data and this network alone.

# %%
gains = np.array([plain[2].loss - dropped[2].loss
                  for plain, dropped in zip(runs[0.0], runs[0.5], strict=True)])
half = 2.365 * gains.std(ddof=1) / np.sqrt(len(gains))
verdict = "seen" if gains.mean() > half else "not seen" if gains.mean() > -half else "reversed"
print(f"   test loss without dropout minus with: {gains.mean():.3f} +- {half:.3f} nats ({verdict})")

# %%
figure, (left, right) = subplots(1, 2, width_ratios=(1, 1.6))
image, mask = digits.train[0][0].reshape(8, 8), md.dropout_mask(3, (8, 8), p=0.5)
left.imshow(np.hstack([image, np.full((8, 1), 1.0), md.dropout(image, mask, 0.5)]), vmax=2)
left.set(title="a digit x, and y = m x / q", xticks=[], yticks=[])
for p, colour, line in ((0.0, MIDDLE, "--"), (0.5, DARK, "-")):
    curves = np.array([run[0] for run in runs[p]])
    right.plot(range(1, epochs + 1), curves.T, color=colour, linewidth=0.6, alpha=0.35)
    right.plot(range(1, epochs + 1), curves.mean(0), line, color=colour, label=f"p = {p}")
right.set(xlabel="epoch", xticks=range(0, epochs + 1, 5), ylim=(0, 0.4),
          ylabel="validation loss (nats)", title=f"{len(seeds)} seeds each, and their means")
right.legend()
path = save_figure(figure, "dropout")

# %% [markdown]
# ## Exercises
#
# 1. The papers do not divide by $q$ while training; they multiply by $q$ in evaluation instead
#    (`md.Dropout(0.5, scaling="paper")`). Train with it at the same learning rate. Which weights
#    end up larger, and by what factor would you expect?
# 2. Train on the first 200 digits only, for 60 epochs. Does the gain grow or shrink? Give an
#    interval. (Srivastava et al., section 7.4, see no gain on their smallest training sets.)
#
# ## References
#
# - Hinton, Srivastava, Krizhevsky, Sutskever, Salakhutdinov (2012), arXiv:1207.0580.
# - Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), JMLR 15, 1929-1958.
#
# `minidrop show dropout` prints every equation beside the line that computes it.
