# %% [markdown]
# # Flat and sharp minima: what does the number say?
#
# A minimum is flat if the loss hardly rises when the weights move a little, and sharp if it rises
# steeply. Here is a landscape with both: one ReLU and two weights, $w_2 \max(0, w_1 x)$, that shall
# give 1 for $x = 1$. `#` is a loss $(w_1 w_2 - 1)^2 < 0.05$. $w_1$ goes right, $w_2$ up, 0.25 to 4:

# %%
import copy

import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, MIDDLE, PALE, draw_surface, save_figure, subplots

for w2 in np.linspace(4, 0.25, 11):
    print("   ", "".join(".#"[int((w1 * w2 - 1)**2 < 0.05)] for w1 in np.linspace(0.25, 4, 61)))

# %% [markdown]
# On the floor, $w_1 w_2 = 1$, all networks are one function. Where on it is the minimum flat?
#
# ## The equations
#
# $H$ holds the second derivatives of the loss $J$. Sharpness is the largest curvature along any
# direction of length 1. Repeated products with $H$ find it ($s > 0$ helps against curvatures < 0):
#
# $$ \lambda_{\max} = \max_{\lVert v \rVert = 1} v^\top H v \tag{sharpness.1} $$
# $$ v \leftarrow (H v + s v) / \lVert H v + s v \rVert \tag{sharpness.2} $$
#
# Or sharpness is the mean rise of the loss, both ways along random directions $\delta$. Here the
# weights $\theta_i$ of every unit move by the same share $r$ of their length, and $g$ is Gaussian:
#
# $$ R = \mathrm{E}[J(\theta + \delta) + J(\theta - \delta)] / 2 - J(\theta) \tag{sharpness.4} $$
# $$ \delta_i = r \, \lVert \theta_i \rVert \, g_i / \lVert g_i \rVert \tag{sharpness.6} $$
#
# And as in the picture, the scale between two layers of a ReLU network is free, for $\alpha > 0$:
#
# $$ W_2 \max(0, W_1 x + b) = (W_2 / \alpha) \max(0, \alpha W_1 x + \alpha b) \tag{sharpness.7} $$
#
# ## In array code
#
# Of two weights we can write down $H$. The library finds its largest eigenvalue without it:

# %%
net = md.nn.Sequential(md.nn.Linear(1, 1, bias=False), md.nn.ReLU(),
                       md.nn.Linear(1, 1, bias=False)).init(0)
for w1, w2 in ((2, 0.75), (1, 1), (4, 0.25)):     # on the slope; on the floor, twice
    H, v = 2 * np.array([[w2**2, 2 * w1 * w2 - 1], [2 * w1 * w2 - 1, w1**2]]), np.ones(2)
    for _ in range(30):
        v = H @ v / np.linalg.norm(H @ v)
    net[0].weight.data[:], net[2].weight.data[:] = w1, w2
    found = md.largest_curvature(net, (np.ones((1, 1)),) * 2, md.mse_loss, tolerance=1e-6)
    print(f"   w1 = {w1}, w2 = {w2:4}: loss {(w1 * w2 - 1)**2:4}, curvature {found.value:.3f}")
    assert np.allclose([v @ H @ v, found.value], np.linalg.eigvalsh(H)[-1], rtol=1e-6)

# %% [markdown]
# ## Along the cycle
#
# With a cyclic learning rate a network comes to rest at the end of each cycle, where a snapshot is
# taken (lesson `snapshots`). Is that a flatter place? Five pairs of networks learn digits, in three
# cycles or in one long one. We look at all training digits after a quarter of each of the three
# cycles, and at its end. By which factors do the measures change, with 95 % intervals?

# %%
data = tuple(part[:quick(1197, 64)] for part in md.data.digits().train)
seeds, cycle, epochs = range(quick(5, 2)), quick(152, 4), quick(24, 12)        # 152 / 8 an epoch
T, looks = 3 * cycle, [k * cycle + step for k in range(3) for step in (cycle // 4, cycle)]
rates = {n: md.cyclic_cosine(range(1, T + 1), T, n, lr0=0.2) for n in (3, 1)}


def measure(net):
    rise = md.random_sharpness(net, data, 0.2, 5, rng=2, normalise="filter").rise.mean
    sharp = md.largest_curvature(net, data, tolerance=quick(0.05, 0.3), batch_size=1197, rng=1)
    return md.evaluate(net, data).loss, rise, sharp.value

def train(n, seed):
    net, seen = md.models.mlp(64, 32, 10).init(seed), []
    path = md.WeightPath(net, {*range(0, T + 1, 6), *looks})
    md.fit(net, md.optim.SGD(lr=0.2, momentum=0.9), data, epochs, schedules={"lr": rates[n]},
           seed=seed, recorder=[path, lambda k, *_: k + 1 in looks and seen.append(measure(net))])
    return net, path, seen


runs = {n: [train(n, seed) for seed in seeds] for n in rates}
logs = {n: np.log([seen for *_, seen in runs[n]]) for n in runs}         # (5 seeds, 6 looks, 3)
within = md.mean_interval((logs[3][:, 1::2] - logs[3][:, ::2]).mean(1))  # from quarters to ends
end = md.mean_interval(logs[3][:, -1] - logs[1][:, -1])
print("   factor                    training loss       rise                curvature")
for name, factor in (("ends by quarters", within), ("three by one, at the end", end)):
    print(f"   {name:25}", *(f"{m:.2f} [{low:.2f}, {high:.2f}]  "
                             for m, low, high in np.exp([factor.mean, factor.low, factor.high]).T))
likeness = np.corrcoef(*np.concatenate([*logs[3], *logs[1]])[:, ::2].T)[0, 1]
print(f"   correlation of loss and curvature, in logarithms: {likeness:.2f}")
assert smoke() or within.high.max() < 0 and abs(end.mean).max() < 0.2 and likeness > 0.8

# %% [markdown]
# Both measures fall within a cycle, and the loss falls more. But that needs no cycles: one long one
# ends about as flat. And in these runs the curvature goes with the loss, as cross-entropy flattens
# out where a network gets sure. To see that alone (x in the figure), we scale one snapshot by hand.
# By (sharpness.7) its function stays. By a factor on its logits it names the same classes, more or
# less surely. At last it descends from there, all digits in a step, at the learning rate $\eta$. On
# $\lambda w^2 / 2$ a step leads to $(1 - \eta \lambda) w$, and upwards if $\eta > 2 / \lambda$:

# %%
(net, path, _), table = runs[3][0], []
for a, b in ((0.25, 1), (4, 1), (1, 0.25), (1, 0.5), (1, 1), (1, 2)):
    other = copy.deepcopy(net)
    for w, by in zip(other.parameters(), (a, a, b / a, b), strict=True):     # W1, b1, W2, b2
        w.data *= by
    assert np.allclose(other(data[0]).data, b * net(data[0]).data, rtol=1e-5, atol=1e-5)
    table.append(measure(other))
    print(f"   alpha {a:4}, logits x {b:4}: loss, rise, curvature", np.round(table[-1], 4))
table = np.array(table)
assert np.allclose(table[:2, :2], table[4, :2], rtol=1e-6)
assert smoke() or table[:2, 2].min() > 3 * table[4, 2] and (np.diff(table[2:, ::2].T) < 0).all()
for share in (1.9, 2.2):
    after = md.fit(copy.deepcopy(net), md.optim.SGD(share / table[4, 2]), data, quick(60, 2),
                   batch_size=1197, progress=False).loss
    print(f"   descent with a rate of {share} / curvature: loss at most {after.max():.2f}")
    assert smoke() or (after.max() > 1) == (share > 2)
plane = md.Plane(*path.weights[np.searchsorted(path.step, looks[1::2])])
surface = md.loss_surface(net, plane, data, plane.grid(n=quick(15, 3), margin=0.7), progress=False)
figure, axes = subplots(1, 3, size=(11.0, 3.7), width_ratios=(1.1, 1.2, 1))
draw_surface(axes[0], surface, plane.project(path.weights), plane.corners.T)
axes[0].set(title="training loss, shadow of the path")
axes[1].fill_between(range(T), 5 * rates[3], color=PALE)
axes[2].plot(*table[2:, ::2].T, "x-", color="black", linewidth=0.8)
for n, colour, line in ((3, DARK, "o-"), (1, MIDDLE, "o--")):
    axes[1].errorbar(looks, *md.mean_interval(np.exp(logs[n][..., 2])), fmt=line, color=colour)
    axes[2].plot(*np.exp(logs[n][..., ::2]).reshape(-1, 2).T, "o", color=colour, markersize=3)
axes[1].set(title="curvature: 3 cycles, 1 (dashed)", xlabel="step (pale: 5 x rate)", ylim=(0, 4))
axes[2].set(title="curvature (x: logits scaled)", xlabel="training loss", xscale="log", ylim=(0, 4))
path = save_figure(figure, "landscape")

# %% [markdown]
# So: it says how large a step of descent may safely be. It says little about which of two networks
# lies in the better place. Scales that change no answer change it, and much of it is the loss once
# more. That flat minima generalise better is not shown here.
#
# ## Exercises
#
# 1. Train without momentum, at the same rate and at five times that. When does curvature fall?
# 2. Measure where the descent at 2.2 / curvature ends. Is that a flat place, and is it a good one?
#
# ## References
#
# - Dinh et al. (2017), Sharp minima can generalize for deep nets, arXiv:1703.04933.
# - Li et al. (2018), Visualizing the loss landscape of neural nets, arXiv:1712.09913.
# - Yao et al. (2018), Hessian-based analysis of large batch training, arXiv:1802.08241.
