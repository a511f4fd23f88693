# %% [markdown]
# # Ensembles: is a network with dropout one network, or very many?
#
# Each mask of $n$ units leaves another network: $2^n$ of them, which share their weights. Training
# with dropout trains them all a little, but evaluation runs the whole network once. Here are the 16
# networks of four hidden units (`#` is kept), and the probability that each gives to class 0:

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
# Monte-Carlo dropout leaves the noise on and draws $T$ of the networks. Network $t$ gives the
# probabilities $p_t$. (The drop rate is $p$, without an index.) We take their mean. Its entropy,
# over the classes $k$, $H[\bar p] = - \sum_k \bar p_k \ln \, \bar p_k$, says how unsure it is:
#
# $$ \bar p = \frac{1}{T} \sum_t p_t \tag{mc.2} $$
#
# The mean can be unsure in two ways: each network is unsure itself, or each is sure and they
# disagree. What the second adds is the mutual information between the class and the mask:
#
# $$ I = H[\bar p] - \frac{1}{T} \sum_t H[p_t] \tag{mc.4} $$
#
# ## In array code
#
# All 16 networks are equally likely at $p = 0.5$. The library draws its masks. We hand it all 16:

# %%
def entropy(probabilities):
    return -(probabilities * np.log(probabilities)).sum(-1)


mean = each.mean(0)
net = md.nn.Sequential(drop=md.Dropout(p), last=md.nn.Linear(4, 3, bias=False)).init(0)
net.last.weight.data = W
net.drop.rng = md.Replay(*masks[:, None])         # a stream that hands out these, one a pass
found = md.mc_predict(net, h[None], passes=16)
print("   mean", found.mean[0].round(3), " entropy", found.entropy.round(3), " mutual information",
      found.mutual_information.round(3))
assert np.allclose(found.mean, mean) and np.allclose(found.entropy, entropy(mean))
assert np.allclose(found.mutual_information, entropy(mean) - entropy(each).mean())

# %% [markdown]
# The network in evaluation is a mean of the 16, too, but a geometric one: multiply, take the 16th
# root, scale to a sum of 1 (Hinton 2012). For more layers it is an approximation (lesson 7).

# %%
geometric = np.exp(np.log(each).mean(0))
whole = softmax(net.eval()(h[None]).data)[0]
print("   16 networks", mean.round(3), "  one network", whole.round(3))
assert np.allclose(geometric / geometric.sum(), whole, atol=1e-12)

# %% [markdown]
# ## Which mean is better?
#
# Five networks of 2 x 256 units learn 1,197 digits with $p = 0.5$. What is the loss on the 300 test
# digits of one run in evaluation, and what is that of the mean over 100 runs with noise?

# %%
digits, seeds, passes = md.data.digits(), range(quick(5, 2)), quick(100, 5)


def trained(sizes, data, epochs, batch_size, seed):
    net = md.models.place(md.models.mlp(*sizes), "hidden*.drop", md.Dropout(0.5)).init(seed)
    md.fit(net, md.optim.SGD(lr=0.05, momentum=0.9), data, epochs, batch_size=batch_size, seed=seed,
           progress=f"   seed {seed}")
    return net.eval()


(x, y), one, many, read = digits.test, [], [], []        # losses of each digit; is it read rightly?
for seed in seeds:
    net = trained((64, 256, 256, 10), digits.train, quick(30, 1), 64, seed)
    whole, mean = softmax(net(x).data), md.mc_predict(net, x, passes).mean
    one.append(-np.log(whole[range(len(y)), y]))
    many.append(-np.log(mean[range(len(y)), y]))
    read.append(whole.argmax(1) == y)
one, many, read = np.array(one), np.array(many), np.array(read)      # (seeds, digits)
gap = (many - one).mean(1)
half = md.mean_interval(gap).half                 # Student's t, four degrees of freedom
print(f"   the mean over {passes} runs costs {gap.mean():+.3f} +- {half:.3f} nats (95 %)")
for name, some in (("all", read | True), ("read rightly", read), ("misread", ~read)):
    print(f"   {name:13}{some.mean():6.1%} of the digits: one run {one[some].mean():.3f}, "
          f"mean {many[some].mean():.3f}")
assert smoke() or (gap.mean() > half and one[~read].mean() > many[~read].mean())

# %% [markdown]
# The mean is less sure. That costs on digits read rightly, nearly all, and helps on the others.
#
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
    entropies, disagreement = every.entropy[far], every.mutual_information[far]
    on = near.mutual_information.sum() / near.entropy.sum()
    off = disagreement.sum() / entropies.sum()
    print(f"   I / H is {on:.2f} on test points and {off:.2f} far away, where H < 0.1 in "
          f"{(entropies < 0.1).mean():.0%} of the places")
    assert smoke() or on < 0.3 < 0.6 < off and (entropies < 0.1).mean() > 0.5

# %%
figure, axes = subplots(1, 2, size=(8.8, 3.6), width_ratios=(1, 1.2))
for axis, nats, title in zip(axes, every[1:], ("entropy", "mutual information"), strict=True):
    shades = axis.contourf(a, b, nats.reshape(a.shape), np.linspace(0, 0.7, 15), vmax=1)
    for label, marker, colour in ((0, "o", DARK), (1, "x", MIDDLE)):
        some = points.train[0][points.train[1] == label]
        axis.scatter(*some.T, s=8, c=colour, marker=marker, linewidths=0.7)
    axis.set(title=f"{title} (nats)", xlabel="first coordinate", ylabel="second coordinate")
figure.colorbar(shades, ax=axes[1])
path = save_figure(figure, "ensembles")

# %% [markdown]
# So: very many, and where they disagree is worth knowing. On the data they agree on what is a
# toss-up. Far away most of the entropy is disagreement. But it lies along the continued border: at
# most places they agree, and are sure of what no data told them.
#
# ## Exercises, and tasks: `minidrop grade start mc`
#
# 1. The variation ratio is the share of runs that do not vote for the most frequent class. Compute
#    it from 100 calls of `md.mc_predict(net, x, 1)`. Which test digits have the largest?
# 2. Build the network in `trained` from `md.nn.Linear`, `md.nn.Tanh` and `md.Dropout`. What is left
#    of the mutual information far away, and why?
#
# ## References
#
# - Gal, Ghahramani (2016), Dropout as a Bayesian approximation, arXiv:1506.02142.
# - Houlsby and others (2011), Bayesian active learning for classification and preference learning,
#   arXiv:1112.5745.
