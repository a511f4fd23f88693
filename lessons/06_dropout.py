# %% [markdown]
# # Dropout: what does a unit learn when it can count on no other?
#
# In a large network one unit's mistakes are mended by others, for the training examples. Dropout
# ends such deals: at every step each unit is silent with probability $p$. Eight units of one
# example, drawn four times at $p = 0.5$ (`#` is kept):

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, MIDDLE, save_figure, subplots

stream = md.Stream(0, "picture")                  # random bits: a seed, a name, a position
for step in range(4):
    mask = md.dropout_mask(stream, 8, p=0.5)
    print("   step", step, " ", " ".join("#" if keep else "." for keep in mask))

# %% [markdown]
# ## The equations
#
# Draw one mask value for each unit of each example, 1 (kept) with probability $q = 1 - p$. Silence
# the units that were not kept, and divide the others by $q$:
#
# $$ m_i \sim \mathrm{Bernoulli}(q) \tag{dropout.1} $$
#
# $$ y_i = m_i \, x_i / q \tag{dropout.2} $$
#
# In evaluation nothing is drawn and $y = x$. The division lets the next layer see the same input on
# average, with and without dropout. Only the spread grows:
#
# $$ \mathbb{E}[y_i] = x_i, \qquad \mathrm{Var}[y_i] = x_i^2 \, p / q \tag{dropout.3} $$
#
# ## In array code
#
# With a given mask we know what must come out. Since (dropout.2) is then linear, what was silenced
# gets no gradient, and what was kept gets $1 / q$ times its gradient. And four units have 16 masks,
# equally likely at $p = 0.5$: the mean and the variance of the 16 results are (dropout.3), exactly.

# %%
x, p = np.array([1.0, 2.0, 3.0, 4.0]), 0.5
m = np.array([True, False, True, True])
y = m * x / (1 - p)
print("   x", x, " mask", m.astype(int), " y", y)
assert np.array_equal(y, md.dropout(x, m, p))
t = md.Tensor(x, requires_grad=True)
assert np.array_equal(md.grad(md.dropout(t, m, p).sum(), t), m / (1 - p))

y = np.array([md.dropout(x, m, p) for m in md.all_masks(4)])
print("   mean", y.mean(0), "  variance", y.var(0))
assert np.allclose(y.mean(0), x, atol=1e-12)
assert np.allclose(y.var(0), x**2 * p / (1 - p), atol=1e-12)

# %% [markdown]
# ## What does a unit learn?
#
# An autoencoder copies a digit through 128 hidden units $h$. Unit $j$ adds $v_j h_j$ to the copy.
# With dropout on $h$ its squared error is on average, from (dropout.3),
#
# $$ \mathbb{E} \, \lVert x - \sum_j v_j m_j h_j / q \rVert^2
#    = \lVert x - \sum_j v_j h_j \rVert^2 + \tfrac{p}{q} \sum_j h_j^2 \lVert v_j \rVert^2 $$
#
# The last term is what each unit pays for being active, so we expect many to be silent. We train
# five pairs of networks (settings chosen so that the weights show what was learned). Units that are
# silent for all training digits are left out. Validation digits show what the others do.

# %%
rng = np.random.default_rng(1)
x, h, v = rng.random(5), rng.random(4), rng.normal(size=(5, 4))
mean, _ = md.exact_moments(lambda m: ((x - v @ md.dropout(h, m, p))**2).sum(), 4, p)
assert np.isclose(mean, ((x - v @ h)**2).sum() + p / (1 - p) * (h**2 * (v**2).sum(0)).sum())

digits, epochs, seeds = md.data.digits(), quick(40, 1), range(quick(5, 2))


def train(p, seed):
    net = md.nn.Sequential(md.nn.Linear(64, 128), md.nn.ReLU(), md.Dropout(p),
                           md.nn.Linear(128, 64)).init(seed)
    w, b = net[0].weight.data, net[0].bias.data
    w[:], b[:] = 0.1 * w, 0.1                     # small, so that what is seen later was learned
    md.fit(net, md.optim.SGD(lr=0.5, momentum=0.9), (digits.train[0],) * 2, epochs, md.mse_loss,
           batch_size=32, seed=seed, progress=f"   p = {p}, seed {seed}")
    h, unseen = (np.maximum(0, part[0] @ w.T + b) for part in (digits.train, digits.validation))
    alive = h.max(0) > 0
    error = md.evaluate(net, (digits.validation[0],) * 2, md.mse_loss).loss
    return w[alive].reshape(-1, 8, 8), unseen[:, alive], error


def alike(w):
    """How far neighbouring weights are alike, on average: 0 for noise, towards 1 for strokes."""
    pairs = (w[:, 1:] * w[:, :-1]).sum((1, 2)) + (w[:, :, 1:] * w[:, :, :-1]).sum((1, 2))
    return (pairs / 112 / (w**2).mean((1, 2))).mean()             # 112 pairs in 8 x 8 pixels


NAMES = ("units alive of 128", "activations that are 0", "mean activation",
         "likeness of neighbours", "squared error per pixel")
runs = {p: [train(p, seed) for seed in seeds] for p in (0.0, 0.5)}
found = {p: np.array([[len(w), (h == 0).mean(), h.mean(), alike(w), error]
                      for w, h, error in runs[p]]) for p in runs}
change = found[0.5] - found[0.0]
half = md.mean_interval(change).half              # 95 %: Student's t, four degrees of freedom
for i, name in enumerate(NAMES):
    print(f"   {name:23}  p = 0: {found[0.0][:, i].mean():7.4f}   p = 0.5: "
          f"{found[0.5][:, i].mean():7.4f}   change {change[:, i].mean():7.4f} +- {half[i]:.4f}")
assert smoke() or (abs(change.mean(0))[1:] > half[1:]).all() and (found[0.5][:, 1] > 0.5).all()

# %%
figure, axes = subplots(2, 3, size=(10.0, 5.2), width_ratios=(1.1, 1.4, 1))
mask, gap = md.dropout_mask(3, (8, 8), p=0.5), np.full((8, 1), np.nan)
for axis, x, title in ((axes[0, 0], digits.validation[0][0], "a digit x, and m x / q"),
                       (axes[1, 0], runs[0.5][0][1][0, :64], "64 of its units h, and m h / q")):
    x = x.reshape(8, 8) / x.max()
    axis.imshow(np.hstack([x, gap, md.dropout(x, mask, 0.5)]), vmax=2)
    axis.set_title(title)
    axis.set_axis_off()
for axis, p, colour, line in zip(axes[:, 1], runs, (MIDDLE, DARK), ("--", "-"), strict=True):
    w, hidden, _ = runs[p][0]
    w = w[:40] / abs(w[:40]).max((1, 2), keepdims=True)
    w = np.pad(w, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan).reshape(5, 8, 9, 9)
    axis.imshow(w.swapaxes(1, 2).reshape(45, 72), vmin=-1, vmax=1)
    axis.set_title(f"weights of 40 units, p = {p} (dark: +)")
    axis.set_axis_off()
    for place, h in zip(axes[:, 2], (hidden.ravel(), hidden.mean(0)), strict=True):
        place.hist(h, np.linspace(0, 1.5, 31), weights=np.full(h.size, 1 / h.size), color=colour,
                   histtype="step", linewidth=1.6, linestyle=line, label=f"p = {p}")
axes[0, 2].set(xlabel="activation", title="share of activations", yscale="log")
axes[1, 2].set(xlabel="mean activation", title="share of units")
axes[1, 2].legend()
path = save_figure(figure, "dropout")

# %% [markdown]
# So: it learns to be silent for more than half of the digits, and to look at strokes. The copy is
# worse for it.
#
# ## Exercises, and tasks: `minidrop grade start dropout`
#
# 1. The papers do not divide by $q$ while training; they multiply by $q$ in evaluation instead
#    (`md.Dropout(0.5, scaling="paper")`). Train with it. Which weights end up larger, and by what
#    factor would you expect?
# 2. Take 32 hidden units, fewer than pixels. Which of the differences remain?
#
# ## References
#
# - Hinton, Srivastava, Krizhevsky, Sutskever, Salakhutdinov (2012), Improving neural networks by
#   preventing co-adaptation of feature detectors, arXiv:1207.0580.
# - Srivastava and others (2014), Dropout: a simple way to prevent neural networks from overfitting,
#   JMLR 15, 1929-1958: sections 7.1 (features), 7.2 (sparsity).
#
# `minidrop show dropout` prints every equation beside the line that computes it.
