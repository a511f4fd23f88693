# %% [markdown]
# # Norms: one formula, but which numbers does it average over?
#
# Batch, layer, group and instance norm subtract a mean and divide by a standard deviation. They
# differ in one thing only: whose mean. Take three images (rows) with four channels (columns), each
# a map of numbers. Maps with the same letter share one mean and one deviation:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, MIDDLE, draw_tensor, save_figure, subplots

SHARED = {"batch": ("abcd", "abcd", "abcd"), "layer": ("aaaa", "bbbb", "cccc"),
          "group": ("aabb", "ccdd", "eeff"), "instance": ("abcd", "efgh", "ijkl")}
print("   " + "".join(f"{name:<12}" for name in SHARED))
for image in range(3):
    print("   " + "".join(f"{' '.join(rows[image]):<12}" for rows in SHARED.values()))

# %% [markdown]
# ## The equations
#
# For the $m$ entries of one letter, with their mean $\mu$, their biased variance $\sigma^2$ and a
# tiny $\epsilon$ (a learned scale and shift follow):
#
# $$ \hat x_i = (x_i - \mu) / \sqrt{\sigma^2 + \epsilon} \tag{normalise.1} $$
#
# ## In array code
#
# Two lines, and four choices of axes of a tensor (N, C, H, W); groups of channels become an axis of
# their own for a moment. The library agrees with each:

# %%
def normalise(x, axes):
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axes, keepdims=True) + 1e-5)

x = np.random.default_rng(0).normal(3.0, 2.0, (3, 4, 4, 4))
batch, layer, instance = (normalise(x, axes) for axes in ((0, 2, 3), (1, 2, 3), (2, 3)))
group = normalise(x.reshape(3, 2, 2, 4, 4), (2, 3, 4)).reshape(x.shape)

assert np.allclose(batch, md.batch_norm(x)) and np.allclose(layer, md.layer_norm(x, (4, 4, 4)))
assert np.allclose(group, md.group_norm(x, 2)) and np.allclose(instance, md.instance_norm(x))
# %% [markdown]
# One group is layer norm, a group for each channel is instance norm. And the letters above are
# right: an output depends on its own set alone. There, and only there, its gradient is not 0.

# %%
assert np.allclose(md.group_norm(x, 1), layer) and np.allclose(md.group_norm(x, 4), instance)

NORMS = {"batch": md.batch_norm, "layer": lambda t: md.layer_norm(t, t.shape[1:]),
         "group": lambda t: md.group_norm(t, 2), "instance": md.instance_norm}
reached = {}
for name, norm in NORMS.items():
    t = md.Tensor(x, requires_grad=True)
    reached[name] = md.grad(norm(t)[1, 1, 1, 1], t) != 0          # an entry of image 1, channel 1
    letters = np.array([list(row) for row in SHARED[name]])
    assert np.array_equal(reached[name].any((2, 3)), letters == letters[1, 1])

# %% [markdown]
# ## The gradient
#
# Moving $x_j$ moves the mean by $1 / m$ and the root, $s$, by $\hat x_j / m$. For the gradient $g$
# of the loss in $\hat x$ the chain rule leaves
#
# $$ \frac{\partial L}{\partial x_j} = \frac{1}{s} \left( g_j - \frac{1}{m} \sum_i g_i
#    - \frac{\hat x_j}{m} \sum_i g_i \hat x_i \right) \tag{normalise.3} $$

# %%
g, axes = np.random.default_rng(1).normal(size=x.shape), (0, 2, 3)
s = np.sqrt(x.var(axes, keepdims=True) + 1e-5)
by_hand = (g - g.mean(axes, keepdims=True) - batch * (g * batch).mean(axes, keepdims=True)) / s
t = md.Tensor(x, requires_grad=True)
assert np.allclose(md.grad(md.batch_norm(t), t, g=g), by_hand)
assert np.allclose(by_hand.sum(axes), 0)          # a constant added to x would change nothing

# %% [markdown]
# ## The price of the other images
#
# Batch norm averages over the batch: what an image becomes depends on its company. In evaluation
# there may be none. Then running averages take the place of the batch's mean and variance.

# %%
for name, norm in NORMS.items():
    assert np.allclose(norm(x)[:1], norm(x[:1])) == (name != "batch")
alone = md.BatchNorm(4).init(seed=0).eval()
assert np.allclose(alone(x).data[:1], alone(x[:1]).data)

# %% [markdown]
# In a small batch the mean of few numbers is a poor guess. Does that cost anything? A network with
# one norm learns 1,197 digits in batches of 63 and of 3, three epochs. The learning rates are the
# best of three to five on the 300 validation digits, with other seeds.

# %%
digits, seeds = md.data.digits(), range(quick(6, 2))
LAYERS = {"batch": md.BatchNorm, "layer": md.LayerNorm}
RATES = {("batch", 63): 0.2, ("layer", 63): 0.2, ("batch", 3): 0.01, ("layer", 3): 0.003}


def test_loss(name, size, seed):
    net = md.nn.Sequential(md.nn.Linear(64, 64), LAYERS[name](64), md.nn.ReLU(),
                           md.nn.Linear(64, 10)).init(seed)
    train = tuple(part[:quick(1197, 63)] for part in digits.train)
    md.fit(net, md.optim.SGD(lr=RATES[name, size], momentum=0.9), train, quick(3, 1),
           batch_size=size, seed=seed, progress=False)
    return md.evaluate(net, digits.test).loss

losses = {run: np.array([test_loss(*run, seed) for seed in seeds]) for run in RATES}
for (name, size), found in losses.items():
    print(f"   {name} norm, batches of {size:2}: test loss {found.mean():.3f}")

# %% [markdown]
# By how much is batch norm's test loss below layer norm's? One number for each size, with its 95 %
# interval (Student's t, six paired seeds). It speaks of this network and these data alone.

# %%
for size in (63, 3):
    gain = md.mean_interval(losses["layer", size] - losses["batch", size])
    verdict = "gains" if gain.low > 0 else "loses" if gain.high < 0 else "is level"
    print(f"   in batches of {size:2} batch norm {verdict}: {gain} nats")
    assert smoke() or verdict == ("gains" if size == 63 else "is level")

# %%
figure, axes = subplots(1, 5, size=(10.0, 2.6), width_ratios=(1, 1, 1, 1, 1.7))
for axis, (name, marked) in zip(axes, reached.items(), strict=False):
    draw_tensor(axis, marked, (1, 1, 1, 1))
    axis.set_title(f"{name} norm")
for (name, size), found in losses.items():
    shift, colour = (0.1, DARK) if name == "layer" else (-0.1, MIDDLE)
    axes[-1].plot((size == 3) + shift + 0 * found, found, "o", color=colour, alpha=0.6)
axes[-1].set(xticks=(0, 1), xticklabels=("63 a batch", "3 a batch"), xlim=(-0.5, 1.5),
             title="test loss (nats), one dot a seed")
axes[-1].legend(axes[-1].lines[:2], ("batch norm", "layer norm"))
path = save_figure(figure, "norms")

# %% [markdown]
# So: over those of one letter, and only batch norm's letters run through several images. Here batch
# norm gains over layer norm in batches of 63. In batches of 3 no gain is seen.
#
# ## Exercises, and tasks: `minidrop grade start batch_norm group_norm instance_norm layer_norm`
# and `minidrop grade start normalise`
#
# 1. Put `md.Dropout(0.5)` before a batch norm, and numbers of mean $c$ and variance $v$ into it.
#    Show that the norm sees the variance $(v + c^2) / q - c^2$ in training and $v$ in evaluation.
# 2. At which batch size is batch norm's gain lost? Does group norm, `md.GroupNorm(4, 64)`, care?
#
# ## References
# - Ioffe, Szegedy (2015), arXiv:1502.03167. Ba, Kiros, Hinton (2016), arXiv:1607.06450.
# - Ulyanov, Vedaldi, Lempitsky (2016), arXiv:1607.08022. Wu, He (2018), arXiv:1803.08494.
