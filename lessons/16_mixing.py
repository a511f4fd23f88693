# %% [markdown]
# # Mixing: why would you train on images that are partly one digit, partly another?
#
# A network can learn every image by heart, and so believe every label, the wrong ones too. Mixing
# trains on something between two images, with something between their labels. Hardly one comes
# twice. mixup adds two images up, CutMix pastes a box of one into the other. Here are two digits,
# and both ways to mix them:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

digits = md.data.digits(image=True)               # (N, 1, 8, 8), grey values in 0..1
x, y = digits.train[0][[0, 7]], md.one_hot(digits.train[1][[0, 7]], classes=10)
order, weight, box = np.array([1, 0]), 0.6, (2, 8, 3, 7)       # rows 2 to 7, columns 3 to 6
faded, faded_labels = md.mixup(x, y, weight, order)
pasted, pasted_labels = md.cutmix(x, y, box, order)
tiles = np.concatenate([x, faded[:1], pasted[:1]])[:, 0]
for row in tiles.transpose(1, 0, 2):
    print("   ", "    ".join("".join(2 * " .:*#"[int(4 * v)] for v in image) for image in row))

# %% [markdown]
# ## The equations
#
# Each example $i$ gets a partner $j$ from the same batch, by a random order. Both methods draw one
# weight for a batch. With $\alpha = 1$ all weights between 0 and 1 are equally likely:
#
# $$ \lambda \sim \mathrm{Beta}(\alpha, \alpha) \tag{mixup.1} $$
#
# mixup takes the weighted mean of the images, and that of their labels as one-hot rows:
#
# $$ \tilde x_i = \lambda x_i + (1 - \lambda) x_j \tag{mixup.2} $$
# $$ \tilde y_i = \lambda y_i + (1 - \lambda) y_j \tag{mixup.3} $$
#
# CutMix takes a box $B$ from the partner; $M$ is 0 there and 1 elsewhere ($\odot$: pixel by pixel).
# The box has about $1 - \lambda$ of the image, around a random centre, but the border clips it. So
# the label uses not $\lambda$ but the share $\lambda'$ of the pixels that are left:
#
# $$ \tilde x_i = M \odot x_i + (1 - M) \odot x_j \tag{cutmix.5} $$
# $$ \lambda' = 1 - |B| / (H W) \tag{cutmix.6} $$
# $$ \tilde y_i = \lambda' y_i + (1 - \lambda') y_j \tag{cutmix.7} $$
#
# ## In array code
#
# A line for each equation. `x[order]` are all partners at once:

# %%
assert np.array_equal(weight * x + (1 - weight) * x[order], faded)
assert np.array_equal(weight * y + (1 - weight) * y[order], faded_labels)

M = np.ones((8, 8), "float32")
M[2:8, 3:7] = 0
share = M.mean()
assert np.array_equal(M * x + (1 - M) * x[order], pasted) and share == 1 - 6 * 4 / 64
assert np.allclose(share * y + (1 - share) * y[order], pasted_labels)
for name, rows in (("mixup ", faded_labels), ("CutMix", pasted_labels)):
    print(f"   {name}:", ", ".join(f"{100 * rows[0, k]:.1f} % {k}" for k in rows[0].nonzero()[0]))

# %% [markdown]
# ## The loss of a mixed label, exactly
#
# The cross-entropy is linear in the label. So one loss with the mixed label is the mean of two:
#
# $$ \ell(z, \tilde y_i) = \lambda \, \ell(z, y_i) + (1 - \lambda) \, \ell(z, y_j)  \tag{mixup.5} $$

# %%
logits, rows = md.gaussian(0, (2, 10)).astype("float64"), y.astype("float64")
one = md.cross_entropy(logits, md.mixup(x, rows, weight, order)[1])
two = weight * md.cross_entropy(logits, rows) + (1 - weight) * md.cross_entropy(logits, rows[order])
print(f"   one loss {one:.12f}, two losses {two:.12f}")
assert abs(one - two) < 1e-12

# %% [markdown]
# ## 600 digits, of which many have a wrong label
#
# To see what is learnt by heart we draw 40 % of the labels anew, a tenth of these right by chance.
# One network is trained on them plainly, with mixup and with CutMix, $\alpha = 1$, five seeds each.
# Width, length and learning rate, all the same, were set by the validation digits alone. How many
# wrong labels are believed, how many test digits read (gain: 95 %, Student's t, paired seeds)?

# %%
epochs, seeds = quick(40, 1), range(quick(5, 2))
images, labels = digits.train[0][:600], digits.train[1][:600].copy()
spoilt = md.bernoulli(1, 0.4, 600)
labels[spoilt] = md.integers(2, 10, int(spoilt.sum()))
wrong = labels != digits.train[1][:600]
data = md.data.Splits((images, labels), digits.validation, digits.test)
print(f"   {wrong.sum()} of 600 labels are wrong")


def train(batch, name, seed):
    net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(64, 128), md.nn.ReLU(),
                           md.nn.Linear(128, 128), md.nn.ReLU(), md.nn.Linear(128, 10)).init(seed)
    history = md.fit(net, md.optim.SGD(lr=0.03, momentum=0.9), data, epochs, batch_size=32,
                     batch=batch, seed=seed, progress=f"   {name}, seed {seed}")
    believed = md.evaluate(net, (images[wrong], labels[wrong])).accuracy
    tested = md.evaluate(net, digits.test).accuracy
    return 100 * history.validation_accuracy, 100 * believed, 100 * tested


batches = {"plain": None, "mixup": md.Mixup(alpha=1.0), "CutMix": md.CutMix(alpha=1.0)}
runs = {name: [train(batch, name, seed) for seed in seeds] for name, batch in batches.items()}
curves, believed, tested = ({name: np.array([run[k] for run in found])
                             for name, found in runs.items()} for k in range(3))

for name in runs:
    gain = tested[name] - tested["plain"]
    half = md.mean_interval(gain).half
    assert smoke() or name == "plain" or gain.mean() > half
    print(f"   {name:6}: {believed[name].mean():4.1f} % of the wrong labels believed, "
          f"{tested[name].mean():.1f} % of the test digits read"
          + (f", {gain.mean():+.1f} +- {half:.1f} points" if name != "plain" else ""))
    mean = curves[name].mean(0)
    print(f"       on validation {mean.max():.1f} % at best (epoch {mean.argmax() + 1}), "
          f"{mean[-1]:.1f} % at the end")
plain = curves["plain"].mean(0)
assert smoke() or plain.max() - plain[-1] > 10

# %%
figure, axes = subplots(1, 5, size=(10.0, 2.6), width_ratios=(1, 1, 1, 1, 2.6))
titles = "a digit", "its partner", "mixup, 0.6", f"CutMix, {share:.3f}"
for axis, image, title in zip(axes, tiles, titles, strict=False):
    axis.imshow(image, vmin=0, vmax=1)
    axis.set(title=title, xticks=[], yticks=[], frame_on=False)
for (name, found), colour, line in zip(curves.items(), (MIDDLE, LIGHT, DARK), ("--", "-", ":"),
                                       strict=True):
    axes[-1].plot(range(1, epochs + 1), found.T, line, color=colour, linewidth=0.5, alpha=0.3)
    axes[-1].plot(range(1, epochs + 1), found.mean(0), line, color=colour, label=name)
axes[-1].set(xlabel="epoch", title="validation digits read (%)", ylim=(60, 100))
axes[-1].legend(loc="lower center")
path = save_figure(figure, "mixing")

# %% [markdown]
# So: because they hardly come twice, and wrong labels are not learnt by heart. Plain training first
# reads well, then believes them. Stopped in time it would lose little; mixing need not be stopped.
#
# ## Exercises, and tasks: `minidrop grade start cutmix mixup`
#
# 1. Spoil 5 % of the labels, not 40 %, without the last two assertions. Does mixing still help?
# 2. Which $\alpha$ of mixup resists wrong labels best: 0.1, 0.4, 1 or 8?
#
# ## References
#
# - Zhang et al. (2018), mixup: beyond empirical risk minimization, arXiv:1710.09412.
# - Yun et al. (2019), CutMix: regularization strategy to train strong classifiers with localizable
#   features, arXiv:1905.04899.
