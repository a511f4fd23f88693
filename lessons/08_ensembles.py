# %% [markdown]
# # Ensembles: is a network with dropout one network, or very many?
#
# Each mask of $n$ units leaves another network: $2^n$ of them, which share their weights. Training
# with dropout trains them all a little, but evaluation runs the whole network once. What would they
# say? Here are the 16 networks of four hidden units (`#` is kept), and the probability of class 0
# that each of them gives for one input:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, MIDDLE, save_figure, subplots

softmax, p = md.functional.softmax, 0.5
rng = np.random.default_rng(0)
h, W = rng.uniform(0.5, 1.5, 4), rng.normal(size=(3, 4))          # hidden units, last weights
masks = md.all_masks(4)
each = softmax(md.dropout(np.tile(h, (16, 1)), masks, p) @ W.T)   # (16 networks, 3 classes)
for rows in (range(8), range(8, 16)):
    print("  ", "  ".join("".join("#" if keep else "." for keep in masks[i]) for i in rows))
    print("  ", "  ".join(f"{each[i, 0]:.2f}" for i in rows))

# %% [markdown]
# ## The equations
#
# Monte-Carlo dropout leaves the noise on, draws $T$ of the networks, and takes the mean of what
# they say. Its entropy is $H[\bar p] = - \sum_k \bar p_k \ln \, \bar p_k$.
#
# $$ \bar p = \frac{1}{T} \sum_t p_t \tag{mc.2} $$
#
# It can be unsure in two ways: each network is unsure itself, or each is sure and they disagree.
# The mutual information is what the second adds:
#
# $$ I = H[\bar p] - \frac{1}{T} \sum_t H[p_t] \tag{mc.4} $$
#
# ## In array code
#
# All 16 networks are equally likely at $p = 0.5$, so nothing is left to chance. The library draws
# its masks; we hand it ours, and it agrees:

# %%
def entropy(p):
    return -(p * np.log(p)).sum(-1)


mean = each.mean(0)
net = md.nn.Sequential(drop=md.Dropout(p), last=md.nn.Linear(4, 3, bias=False)).init(0)
net.last.weight.data = W
net.drop.rng = md.Replay(*masks[:, None])
found = md.mc_predict(net, h[None], passes=16)
print("   mean", found.mean[0].round(3), " entropy", found.entropy.round(3), " mutual information",
      found.mutual_information.round(3))
assert np.allclose(found.mean, mean) and np.allclose(found.entropy, entropy(mean))
assert np.allclose(found.mutual_information, entropy(mean) - entropy(each).mean())

# %% [markdown]
# The network in evaluation is a mean of the 16, too, but a geometric one: multiply, take the 16th
# root, and scale to a sum of 1. For one layer of weights before the softmax that is exact (Hinton
# et al. 2012); for more layers it is an approximation.

# %%
geometric = np.exp(np.log(each).mean(0))
whole = softmax(net.eval()(h[None]).data)[0]
print("   16 networks", mean.round(3), "  one network", whole.round(3))
assert np.allclose(geometric / geometric.sum(), whole, atol=1e-12)
assert abs(mean - whole).max() > 0.01

# %% [markdown]
# ## Which mean is better?
#
# Five networks of 2 x 256 units learn 1,197 digits with $p = 0.5$. What is the loss on the 300 test
# digits of one run in evaluation, and what is that of the mean over $T$ runs with noise?

# %%
digits, seeds, passes = md.data.digits(), range(quick(5, 2)), quick(100, 5)


def trained(sizes, data, epochs, batch_size, seed):
    net = md.models.place(md.models.mlp(*sizes), "hidden*.drop", md.Dropout(0.5)).init(seed)
    md.fit(net, md.optim.SGD(lr=0.05, momentum=0.9), data, epochs, batch_size=batch_size, seed=seed,
           progress=f"   seed {seed}")
    return net


def losses(net, x, y):
    """The loss of one run in evaluation, and those of the mean over 1, 2, ... runs with noise."""
    runs = np.array([md.mc_predict(net, x, passes=1).mean for _ in range(passes)])
    means = runs.cumsum(0) / np.arange(1, passes + 1)[:, None, None]
    return md.evaluate(net, (x, y)).loss, -np.log(means[:, np.arange(len(y)), y]).mean(1)


one, many = map(np.array, zip(*(
    losses(trained((64, 256, 256, 10), digits.train, quick(30, 1), 64, seed), *digits.test)
    for seed in seeds), strict=True))             # (seeds,), (seeds, passes)
gap = many[:, -1] - one
half = 2.776 * gap.std(ddof=1) / np.sqrt(len(gap))                # Student's t, 4 degrees
print(f"   test loss of one run {one.mean():.3f}, of the mean over {passes} runs "
      f"{many[:, -1].mean():.3f}: {gap.mean():+.3f} +- {half:.3f} nats (95 %)")

# %% [markdown]
# ## Off the data
#
# Now two classes of points that overlap. Where does a network know that it does not know? On test
# points, and far away, at more than 1 from all that it has seen:

# %%
points = md.data.moons(500, noise=0.25)
a, b = np.meshgrid(np.linspace(-3, 4, 36), np.linspace(-3, 3.5, 33))
grid = np.stack([a.ravel(), b.ravel()], axis=1).astype("float32")
far = np.linalg.norm(grid[:, None] - points.train[0], axis=2).min(1) > 1
for seed in seeds[:3]:
    net = trained((2, 256, 256, 2), points.train, quick(50, 1), 30, seed)
    near, every = (md.mc_predict(net, z, passes) for z in (points.test[0], grid))
    on = near.mutual_information.sum() / near.entropy.sum()
    off, sure = every.mutual_information[far].sum() / every.entropy[far].sum(), every.entropy < 0.1
    print(f"   I / H is {on:.2f} on test points and {off:.2f} far away, where H is below 0.1 in "
          f"{sure[far].mean():.0%}")
    assert smoke() or on < 0.3 < 0.6 < off and sure[far].mean() > 0.5

# %% [markdown]
# On the data the runs agree on what is a toss-up. Far away most of the entropy is disagreement, but
# it lies along the continued border: at most places the runs agree, and are sure of what no data
# told them. Low uncertainty is no proof of knowledge.

# %%
figure, axes = subplots(1, 3, size=(11.0, 3.4), width_ratios=(1.1, 1, 1))
axes[0].plot(range(1, passes + 1), many.T, color=MIDDLE, linewidth=0.6, alpha=0.4)
axes[0].plot(range(1, passes + 1), many.mean(0), color=MIDDLE, label="mean over T runs with noise")
axes[0].axhline(one.mean(), color=DARK, linestyle="--", label="one run in evaluation")
axes[0].set(xscale="log", xlabel="T", title="test loss (nats), five networks and their mean")
axes[0].legend()
for axis, nats, title in zip(axes[1:], every[1:], ("entropy", "mutual information"), strict=True):
    axis.contourf(a, b, nats.reshape(a.shape), np.linspace(0, 0.7, 15), cmap="Greys")
    axis.scatter(*points.train[0].T, s=3, c=np.where(points.train[1] == 0, DARK, MIDDLE))
    axis.set(title=f"{title}, white is 0", xticks=[], yticks=[])
path = save_figure(figure, "ensembles")

# %% [markdown]
# ## Exercises
#
# 1. The variation ratio is the share of runs that do not vote for the most frequent class. Compute
#    it from 100 calls of `md.mc_predict(net, x, 1)`. Which test digits have the largest?
# 2. Take tanh for ReLU. What is left of the mutual information far away, and why?
#
# ## References
#
# - Hinton and others (2012), arXiv:1207.0580. Srivastava and others (2014), JMLR 15, section 7.5.
# - Gal, Ghahramani (2016), arXiv:1506.02142. Houlsby and others (2011), arXiv:1112.5745.
