# %% [markdown]
# # Attentive CutMix: which part of a picture makes it what it is?
#
# CutMix pastes a box of one picture into another, wherever the box falls. It may fall on empty
# paper, and still the label moves. Attentive CutMix asks a trained network first: it pastes the
# cells of the picture to which the network attends most. So we need a trained network. Two
# convolutions and a pool make digits of 8 x 8 pixels into a map of 4 x 4 cells, 2 x 2 pixels each:

# %%
import numpy as np

import minidrop as md
from minidrop import nn
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

(digits, labels), _, test = md.data.digits(image=True)
digits, labels = digits[:quick(200, 40)], labels[:quick(200, 40)]     # few: mixing makes more


def fit(seed, lr, batch=None):
    net = nn.Sequential(
        front=nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
                            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        top=nn.Sequential(nn.Flatten(), nn.Linear(128, 10))).init(seed)
    md.fit(net, md.optim.SGD(lr, momentum=0.9), (digits, labels), epochs=quick(20, 1),
           batch_size=32, batch=batch, seed=seed, progress=f"   seed {seed}, {batch or 'plain'}")
    return net


extractor = fit(seed=99, lr=0.04).eval().front
features = extractor(digits).data                                     # (N, 8, 4, 4)
print(f"   a {labels[7]}, and # where the trained network attends to it most")
for ink, cells in zip(digits[7, 0, ::2], md.attention_cells(features, n=6)[7], strict=True):
    print("   ", " ".join(".:*#"[min(3, int(4 * level))] for level in ink), "    ",
          " ".join("#" if cell else "." for cell in cells))

# %% [markdown]
# ## The equations
#
# The attention to a cell is the mean of the $C$ features there; $b$ marks the $n$ cells that have
# most of it; and $B$ is $b$ in pixels:
#
# $$ a_{ij} = \frac1C \sum_c f_{cij} \tag{attentive_cutmix.1} $$
# $$ \tilde x = B \odot x_1 + (1 - B) \odot x_2 \tag{attentive_cutmix.3} $$
#
# The picture $x_1$ gave $n$ of $h w$ cells, so it gets that share of the label:
#
# $$ \lambda = n / (h w) \tag{attentive_cutmix.4} $$
# $$ \tilde y = \lambda y_1 + (1 - \lambda) y_2 \tag{attentive_cutmix.5} $$
#
# Nothing is drawn but who meets whom. (How the paper reduces its features to one number a cell, and
# where it takes them, we could not confirm: the mean, behind a ReLU, is our choice.)
#
# ## In array code

# %%
n, order = 4, md.permutation(0, len(digits))
attention = features.mean(1).reshape(-1, 16)
b = np.zeros(attention.shape, bool)
np.put_along_axis(b, (-attention).argsort(1, kind="stable")[:, :n], True, axis=1)
B = np.kron(b.reshape(-1, 4, 4), np.ones((2, 2)))[:, None]            # 4 x 4 cells, 8 x 8 pixels
y = np.eye(10)[labels]
mixed, shares = B * digits + (1 - B) * digits[order], n / 16 * y + (1 - n / 16) * y[order]

x_lib, y_lib = md.attentive_cutmix(digits, y, md.attention_cells(features, n), order)
assert np.array_equal(md.attention_cells(features, n).reshape(b.shape), b)
assert np.allclose(x_lib, mixed) and np.allclose(y_lib, shares)

# %% [markdown]
# ## What the label says, and what the picture shows
#
# The label counts cells. The picture shows ink, and the network attends to ink. How much of the ink
# in a mixture is the first digit's? With cells chosen at random it is the share of the label. With
# attended cells it is more: the mixture looks more like $x_1$ than its label says.

# %%
def ink_share(cells):
    own = np.kron(cells, np.ones((2, 2)))[:, None]
    first, second = (own * digits).sum(), ((1 - own) * digits[order]).sum()
    return first / (first + second)


chance = md.uniform(1, features.shape)                                # "features" at random
attended, random = np.array([[ink_share(md.attention_cells(f, n)) for n in range(17)]
                             for f in (features, chance)])
for n in (1, 2, 4, 8):
    print(f"   n = {n}:  label {n / 16:.2f}   ink {attended[n]:.2f}   at random {random[n]:.2f}")
assert abs(random - np.arange(17) / 16).max() < quick(0.03, 0.1)
assert smoke() or (attended - random)[1:12].min() > 0.03

# %% [markdown]
# ## Does it help? 200 handwritten digits
#
# Four seeds each: plain, with attended cells, and with as many cells at random. The learning rates,
# 0.04 plain and 0.08 with mixing, were best of 0.02, 0.04, 0.06, 0.08 and 0.1 on the 300
# validation digits, with other seeds. The paper pastes 6 of 49 cells: about our $n = 2$ of 16. For
# this small network more cells mean more loss, attended or not. Does attention lower the price?

# %%
class AtRandom(md.AttentiveCutMix):
    def __call__(self, rng, x, y):
        cells = md.attention_cells(md.uniform(rng, (len(x), 1, 4, 4)), self.n)
        return md.attentive_cutmix(x, md.one_hot(y, 10), cells, md.permutation(rng, len(x)))


seeds, sweep = range(quick(4, 2)), quick((1, 2, 4), (2,))
def loss(*run): return [md.evaluate(fit(seed, *run), test).loss for seed in seeds]
plain = np.array(loss(0.04))
losses = {kind: np.array([loss(0.08, kind(extractor, n)) for n in sweep])
          for kind in (md.AttentiveCutMix, AtRandom)}
print(f"   plain: test loss {plain.mean():.3f}")
assert all((np.diff(runs.mean(1)) > 0).all() for runs in losses.values())
for n, *found in zip(sweep, *losses.values(), strict=True):
    print(f"   n = {n}:  attended {found[0].mean():.3f}   at random {found[1].mean():.3f}")
ahead = (losses[AtRandom] - losses[md.AttentiveCutMix])[sweep.index(2)]
half = 3.182 * ahead.std(ddof=1) / np.sqrt(len(ahead))                # 95 %, Student's t
verdict = "seen" if ahead.mean() > half else "reversed" if ahead.mean() < -half else "not seen"
print(f"   n = 2, at random minus attended: {ahead.mean():+.3f} +- {half:.3f} nats ({verdict})")

# %%
tile = [np.kron(a, np.ones((2, 2))) for a in attention.reshape(-1, 4, 4) / attention.max()]
rows = [[digits[i, 0], tile[i], B[i, 0], digits[order[i], 0], mixed[i, 0]] for i in (7, 3, 5)]
figure, (left, middle, right) = subplots(1, 3, size=(10.0, 3.0), width_ratios=(1.5, 1, 1))
left.imshow(np.block([[np.pad(a, 1, constant_values=0.25) for a in row] for row in rows]), vmax=1)
left.set(title="digit, attention, cells, partner, mixture", xticks=[], yticks=[], frame_on=False)
middle.plot(range(17), attended, color=DARK, label="attended")
middle.plot(range(17), random, "--", color=MIDDLE, label="at random")
middle.plot((0, 16), (0, 1), ":", color=LIGHT, label="label")
middle.set(xlabel="cells pasted, n", title="share of the ink", xticks=range(0, 17, 4))
for runs, colour, line in zip(losses.values(), (DARK, MIDDLE), ("o-", "s--"), strict=True):
    right.plot(sweep, runs, line[0], color=colour, markersize=3, alpha=0.4)
    right.plot(sweep, runs.mean(1), line, color=colour)
right.axhline(plain.mean(), color=LIGHT, linestyle=":", label="plain")
right.set(xlabel="cells pasted, n", title="test loss (nats)", xticks=sweep)
for axis in (middle, right):
    axis.legend()
path = save_figure(figure, "attention")

# %% [markdown]
# ## Exercises
#
# 1. One implementation takes the last channel alone for the attention: `features[:, -1:]`. How many
#    of its six cells are among the mean's? And of a front that was never trained?
# 2. Let the label follow the ink instead of the cells (`ink_share` of each picture). Is the test
#    loss lower? Give an interval.
#
# ## References
#
# - Walawalkar, Shen, Liu, Savvides (2020), arXiv:2003.13048. Yun et al. (2019), arXiv:1905.04899.
