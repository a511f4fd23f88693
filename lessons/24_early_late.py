# %% [markdown]
# # Early and late dropout: when is the time to drop?
#
# Dropout is noise, usually all the way to the end. But a network may need it only for a part of the
# way: early, while it looks for the direction, or late, when it begins to learn its examples by
# heart. So the rate becomes a schedule, one number for each iteration (step of training). Here is
# one unit in 60 iterations at a rate of 0.3 (`#` is kept). The random bits are always the same:

# %%
import numpy as np

import minidrop as md
from minidrop import nn
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, save_figure, subplots


def recipes(p, cutoff, total):
    return {"none": np.zeros(total), "standard": np.full(total, p),
            "early": md.early(p, cutoff, total), "late": md.late(p, cutoff, total),
            "early linear": md.early(p, cutoff, total, kind="linear")}


for name, rates in recipes(0.3, cutoff=30, total=60).items():
    stream = md.Stream(3, "unit")
    kept = [md.dropout_mask(stream, 1, rate)[0] for rate in rates]
    print(f"   {name:13}", "".join("#" if keep else "." for keep in kept))

# %% [markdown]
# ## The equations
#
# $T_c$ is the cutoff, in iterations $t = 0, 1, \dots$ Early dropout, constant and linear, and late:
#
# $$ p_t = p \;\text{ if } t < T_c, \quad 0 \;\text{ otherwise} \tag{early_late.1} $$
# $$ p_t = p \left( 1 - \frac{t}{T_c - 1} \right) \;\text{ if } t < T_c, \quad 0
#    \;\text{ otherwise}, \quad p_0 = p \;\text{ for } T_c = 1 \tag{early_late.2} $$
# $$ p_t = 0 \;\text{ if } t < T_c, \quad p \;\text{ otherwise} \tag{early_late.3} $$
#
# ## In array code
#
# `fit` sets the rate before each iteration. Stochastic depth has a rate for each block: its
# schedule holds factors, and `scaled` multiplies what each block has, here 0, 0.2, 0.4 and 0.6:

# %%
t, p, cutoff, total = np.arange(12), 0.3, 6, 12
linear = np.where(t < cutoff, p * (1 - t / (cutoff - 1)), 0)
assert np.array_equal(np.where(t < cutoff, p, 0), md.early(p, cutoff, total))
assert np.array_equal(np.where(t < cutoff, 0, p), md.late(p, cutoff, total))
assert np.allclose(linear, md.early(p, cutoff, total, kind="linear"), rtol=0, atol=1e-15)

chain = nn.Sequential(*[nn.Sequential(sum=md.models.Residual(nn.Linear(8, 8), nn.Identity()))
                        for block in range(4)])
chain = md.models.drop_paths(chain, 0.6, rule="linspace", scaling="inverted").init(0)
own, x, seen = [block.sum.p for block in chain], md.gaussian(0, (12, 8)), []
md.fit(chain, md.optim.SGD(0.1), (x, x), 1, md.mse_loss, batch_size=1, progress=False,
       schedules={"sum.p": md.scaled(md.early(1.0, cutoff, total, kind="linear"))},
       recorder=lambda step, net, loss: seen.append([block.sum.p for block in net]))
assert np.allclose(seen, np.outer(linear / p, own), rtol=0, atol=1e-15)

# %% [markdown]
# ## Does the network underfit or overfit?
#
# By its results, say Liu et al.: a network *overfits* if it generalises better with standard
# dropout, and *underfits* if it does so without. The one should drop late, the other early.
# `md.regime` compares paired seeds, and decides if the 95 % interval of the gain does not hold 0.
# What they report of a small ViT on ImageNet, without seeds, and so without intervals:

# %%
print(md.regime(none=73.9, standard=67.9, early=74.3))

# %% [markdown]
# ## Two networks of ours
#
# The narrow one has 20 units for all digits, each in nine places, up to a pixel apart. The wide one
# has 256 units for 300 digits, of which 90 have labels that were dealt out anew. All settings were
# chosen on validation digits, so that standard dropout clearly harms the one and helps the other.
# The test digits (for the narrow network in all places, too) are used once, at the end.

# %%
P, T, seeds, digits = 0.3, quick(200, 10), range(quick(6, 2)), md.data.digits(image=True)
x, y = (part[:300].copy() for part in digits.train)
y[:90] = y[:90][md.permutation(0, 90)]


def nine_places(x, y):
    moved = [md.crop(x, np.tile(place, (len(x), 1)), 1) for place in np.ndindex(3, 3)]
    return np.concatenate(moved), np.tile(y, 9)


many = nine_places(*(part[:quick(1197, 60)] for part in digits.train))
NETWORKS = {"narrow": (20, 0.2, 108, 2, many, nine_places(*digits.test)),   # units, lr, batch size,
            "wide": (256, 0.1, 60, quick(40, 2), (x, y), digits.test)}      # epochs, data, test


def train(name, rates, seed):
    units, lr, size, epochs, data, test = NETWORKS[name]
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, units), nn.ReLU(), drop=md.Dropout(P),
                        out=nn.Linear(units, 10)).init(seed)
    losses = md.fit(net, md.optim.SGD(lr, momentum=0.9), data, epochs, batch_size=size, seed=seed,
                    schedules={"drop.p": rates, "lr": md.optim.cosine(lr, T)}, progress=name).loss
    return losses[:T // 4], 100 * md.evaluate(net, test).accuracy


rates, found = recipes(P, T // 4, T), {}
for name in NETWORKS:
    runs = {recipe: [train(name, rates[recipe], seed) for seed in seeds] for recipe in rates}
    assert all(np.array_equal(runs[a][0][0], runs[b][0][0])       # one run, until the cutoff
               for a, b in (("early", "standard"), ("late", "none")))
    scores = {recipe: [right for _, right in runs[recipe]] for recipe in rates}   # in points
    linear = np.subtract(scores.pop("early linear"), scores["none"])
    found[name] = md.regime(**scores)
    found[name].gains["early linear - none"] = md.mean_interval(linear)
    print(f"   {name}: {found[name]}".replace("\n", "\n      "))
figure, axes = subplots(2, 2, size=(8.0, 4.8), width_ratios=(1.2, 1))
for recipe, line in (("early", "-"), ("early linear", ":"), ("late", "--")):
    axes[0, 0].plot(rates[recipe], line, color=DARK, label=recipe)
    axes[1, 0].plot(np.outer(rates[recipe] / P, own), line, color=DARK)
for axis, name in zip(axes[:, 1], found, strict=True):
    for recipe in ("late", "early linear", "early", "standard"):
        gain = found[name].gains[f"{recipe} - none"]
        axis.errorbar(gain.mean, recipe, xerr=gain.half, color=DARK, fmt="o", capsize=3)
    axis.axvline(0, color=LIGHT)
    axis.set(title=f"{name}: gain over none (points, test)", ylim=(-0.5, 3.5))
axes[0, 0].set(title="rate of dropout")
axes[1, 0].set(title="rates of four blocks, stochastic depth", xlabel="iteration")
axes[0, 0].legend(loc="center right")
path = save_figure(figure, "early_late")

# %%
# What follows is true of the settings as given: for the exercises, leave this cell out
narrow, wide = found["narrow"].gains, found["wide"].gains
assert smoke() or [found[name].name for name in found] == ["underfitting", "overfitting"]
assert smoke() or narrow["early - standard"].low > 0 > narrow["late - none"].high
assert smoke() or wide["late - none"].low > 0 > wide["early - standard"].high
assert smoke() or abs(narrow["early - none"].mean) < 3 and abs(wide["late - standard"].mean) < 2

# %% [markdown]
# So: here there is no need to time it. For the narrow network dropout late does harm, and early it
# costs little. For the wide one late is better than none, and early is worse than standard. But six
# seeds do not show that early beats none, or late standard dropout. The paper's results on ImageNet
# are not redrawn: a run took 300 epochs of 1.28 million photographs, in batches of 4,096.
#
# ## Exercises, and tasks: `minidrop grade start early_late ramps`
#
# 1. Halve the units of the narrow network, or the rate P. Does early dropout help, on ten seeds?
# 2. Without wrong labels, in which regime is the wide network, by accuracy and by negated loss?
#
# ## References
#
# - Liu, Xu, Jin, Shen, Darrell (2023), Dropout reduces underfitting, ICML, arXiv:2303.01500.
