# %% [markdown]
# # Spatial dropout: what is gone when every dropped pixel has a twin beside it?
#
# The maps of a convolution are smooth: a pixel is much like its neighbours. Dropout leaves some of
# them for the next convolution to see, spatial dropout silences whole maps. Here are three maps of
# 4 x 8 pixels at $p = 0.5$, both ways (`#` is kept):

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick
from minidrop.plots import DARK, MIDDLE, save_figure, subplots

p = q = 0.5
shape = (1, 3, 4, 8)                              # (N, C, H, W)
for mask in (md.dropout_mask(0, shape, p), md.spatial_dropout_mask(5, shape, p)):
    for row in np.broadcast_to(mask, shape)[0].transpose(1, 0, 2):
        print("   " + "   ".join("".join(".#"[int(keep)] for keep in part) for part in row))
    print()

# %% [markdown]
# ## The equations
#
# One draw for each map $c$ of each example $n$, used at every place $s$ of it:
#
# $$ m_{nc} \sim \mathrm{Bernoulli}(q) \tag{spatial.1} $$
#
# $$ y_{ncs} = m_{nc} \, x_{ncs} / q \tag{spatial.2} $$
#
# ## In array code

# %%
x = np.arange(1.0, 13.0).reshape(1, 3, 2, 2)
m = np.array([True, False, True]).reshape(1, 3, 1, 1)
y = m * x / q
print("   x", x.reshape(3, 4).tolist(), "\n   y", y.reshape(3, 4).tolist())
assert np.array_equal(y, md.spatial_dropout(x, m, p))

# %% [markdown]
# ## A mean over the map forgets noise that is drawn for each pixel
#
# Both ways keep the mean, and each pixel has the variance $x^2 p / q$. But now the pixels of a map
# vary together (maps $c$, $d$, places $s$, $t$; $[c = d]$ is 1 if they are one map, else 0):
#
# $$ \mathrm{Cov}[y_{ncs}, y_{ndt}] = [c = d] \, x_{ncs} \, x_{nct} \, p / q \tag{spatial.3} $$
#
# Take a map of $S = 4$ equal pixels and its mean, as pooling does. Over all masks its variance is
# $x^2 p / q$ under spatial dropout, and a quarter of that under dropout: the noise averages out.

# %%
x = np.full((1, 1, 2, 2), 3.0)
_, spatial = md.exact_moments(lambda m: md.spatial_dropout(x, m, p).mean(), (1, 1, 1, 1), p)
_, single = md.exact_moments(lambda m: md.dropout(x, m, p).mean(), x.shape, p)
print(f"   variance of the mean of 4 pixels: {single:.2f} and {spatial:.2f}")
assert np.isclose(spatial, 9 * p / q) and np.isclose(single, spatial / 4)

# %% [markdown]
# ## How much of a dropped pixel can the others tell?
#
# We train small networks on digits and take the eight maps of the first convolution. A reader makes
# the best linear guess of each dropped pixel. It sees the 3 x 3 pixels around it, of its own map or
# of all. Fitted on validation digits, which share of the variance does it explain on test digits?

# %%
digits = md.data.digits(image=True)
rates, seeds = quick([0.1, 0.3, 0.5, 0.7, 0.9], [0.5]), range(quick(4, 1))


def trained(seed):
    """The maps (N, 8, 8, 8) of the validation and the test digits."""
    net = md.nn.Sequential(
        conv=md.nn.Conv2d(1, 8, 3, padding=1), relu=md.nn.ReLU(), pool=md.nn.MaxPool2d(2),
        flatten=md.nn.Flatten(), out=md.nn.Linear(128, 10)).init(seed)
    md.fit(net, md.optim.SGD(lr=0.05, momentum=0.9), digits, epochs=quick(10, 1), seed=seed,
           progress=f"   seed {seed}")
    return [net.relu(net.conv(x)).data for x, _ in (digits.validation, digits.test)]


def rows(seen):
    """(n, maps, 3, 3) as n rows of numbers with a 1 at the end."""
    return np.pad(seen.reshape(len(seen), -1), [(0, 0), (0, 1)], constant_values=1)

def noisy(x, draw, seed, p):
    """What is dropped (N, C, H, W), and what is left around every place (N, H, W, C, 3, 3)."""
    mask = np.broadcast_to(draw(seed, x.shape, p), x.shape)
    return ~mask, md.unfold(md.dropout(x, mask, p), 3, padding=1).transpose(0, 2, 3, 1, 4, 5)

def told(maps, draw, p, alone):
    """The share of the variance, and the test maps with the guesses filled in."""
    (fit, judge), filled, wrong, total = maps, maps[1].copy(), 0, 0
    (fit_gone, fit_around), (gone, around) = noisy(fit, draw, 0, p), noisy(judge, draw, 1, p)
    for c in range(8):
        seen = [c] if alone else list(range(8))   # the maps that the reader looks at
        a, b = rows(fit_around[fit_gone[:, c]][:, seen]), rows(around[gone[:, c]][:, seen])
        due = a.T @ fit[:, c][fit_gone[:, c]]
        guess = b @ np.linalg.solve(a.T @ a + 1e-3 * np.eye(a.shape[1]), due)    # least squares
        truth, filled[:, c][gone[:, c]] = judge[:, c][gone[:, c]], guess
        wrong, total = wrong + ((truth - guess) ** 2).sum(), total + truth.var() * truth.size
    return 1 - wrong / total, filled


nets = [trained(seed) for seed in seeds]
CASES = {f"{kind}, {who}": (draw, who == "its own map", colour, line)
         for kind, draw, colour in (("dropout", md.dropout_mask, DARK),
                                    ("spatial", md.spatial_dropout_mask, MIDDLE))
         for who, line in (("all maps", "o-"), ("its own map", "o:"))}
shares = {name: np.array([[told(maps, draw, rate, alone)[0] for rate in rates] for maps in nets])
          for name, (draw, alone, *_) in CASES.items()}
half = {name: share[:, rates.index(0.5)] for name, share in shares.items()}
for name, share in half.items():
    mean, low, high = np.round([share.mean(), share.min(), share.max()], 2) + 0       # no -0.00
    print(f"   p = 0.5, {name:21}{mean:6.2f} ({low:.2f} to {high:.2f})")
assert half["dropout, all maps"].min() > 0.65 and half["dropout, its own map"].min() > 0.3
assert half["spatial, all maps"].min() > 0.55 and np.abs(half["spatial, its own map"]).max() < 0.02
assert (half["spatial, all maps"] < half["dropout, all maps"]).all()

figure, (left, right) = subplots(1, 2, size=(8.8, 3.6), width_ratios=(1.3, 1))
parts, labels = [nets[0][1]], ["maps x"]
for name in ("dropout, all maps", "spatial, all maps"):
    draw = CASES[name][0]
    parts += [parts[0] * draw(1, parts[0].shape, p), told(nets[0], draw, p, alone=False)[1]]
    labels += [name.split(",")[0], "guessed"]
tiles = [np.hstack([np.pad(tile, 1, constant_values=0.5) for tile in part[7]]) for part in parts]
left.imshow(np.vstack(tiles), vmin=0, vmax=parts[0][7].max())
left.set(xticks=[], yticks=range(5, 50, 10), yticklabels=labels)
left.set_title("one digit, p = 0.5 (map 4 is silent)")
left.spines[:].set_visible(False)
for name, share in shares.items():
    right.plot(rates, share.mean(0), CASES[name][3], color=CASES[name][2], label=name)
right.set(xlabel="rate p", ylabel="variance explained", ylim=(-0.05, 1), title="dropped pixels")
right.legend(fontsize=8, loc=(0.02, 0.12))
path = save_figure(figure, "spatial")

# %% [markdown]
# So: of what dropout takes at $p = 0.5$ the next convolution can have three quarters back. Spatial
# dropout leaves nothing of a map in the map itself, but the other maps still tell two thirds: eight
# maps of one grey image repeat each other. What is gone is what nobody else says.
#
# ## Exercises, and tasks: `minidrop grade start spatial`
#
# 1. How much does the dropped share of all $N C S$ pixels vary from batch to batch, under dropout
#    and under spatial dropout? Write down both variances.
# 2. Train with `md.Dropout(0.2)` and with `md.SpatialDropout(0.2)` behind the convolution. Does the
#    test loss differ? Give an interval over eight seeds.
#
# ## References
#
# - Tompson, Goroshin, Jain, LeCun, Bregler (2015), Efficient object localization using
#   convolutional networks, arXiv:1411.4280.
