# %% [markdown]
# # The rivals: how does a network learn which weights it does not need?
#
# Targeted dropout is told how many weights will go. Its rivals find out: each trains until weights
# or units show that nobody needs them, and has a rule of its own for what goes. L0, for example,
# multiplies the weights of each unit by a random gate, and learns how open it is, $\log \alpha$.
# Here are 60 draws at three of them, sorted: `.` is shut (0), `#` wide open (1), `o` in between:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, save_figure, subplots

u = np.sort(md.hard_concrete_noise(0, 60)).astype(float)
for a in (-2.0, 0.0, 2.0):
    gates = md.hard_concrete(u, np.full(60, a))
    print(f"   log alpha {a:4}  ", "".join(".#"[int(z)] if z in (0, 1) else "o" for z in gates))

# %% [markdown]
# ## The equations
#
# **L1** pulls each weight to 0 by a force $\lambda$. Where the data want $d$, it rests at the soft
# threshold $\mathrm{sign}(d) \max(|d| - \lambda, 0)$ (l1.3), and for a small $d$ at exactly 0.
#
# **L0** counts what is not 0. A count has no slope. So uniform noise $u$ goes through the logistic
# function $\sigma$ (with $\beta = 2/3$), is stretched to $\gamma = -0.1$ and $\zeta = 1.1$ and cut.
# This gate $z$ has a slope where it is not cut. Its price, the chance of $z \ne 0$, always has one:
# $$ s = \sigma\big( (\log u - \log(1 - u) + \log \alpha) / \beta \big) \tag{l0.1} $$
# $$ z = \min(1, \max(0, \; s \, (\zeta - \gamma) + \gamma)) \tag{l0.2} $$
# $$ P(z \ne 0) = \sigma\big( \log \alpha - \beta \log(-\gamma / \zeta) \big) \tag{l0.4} $$
#
# **Sparse variational dropout** learns each weight's mean $\theta$ and variance $\sigma^2$ (here no
# function). It pays less, the larger $\log \sigma^2 - \log \theta^2$ is. Above 3, noise is 95 % of
# the mean square, and the weight goes. For inputs $A$ it draws outputs $b$, anew for each example,
# with the mean and variance of noisy weights ($\varepsilon$ standard normal, squares by entries):
# $$ b = A \, \theta + \sqrt{A^2 \, \sigma^2} \; \varepsilon \tag{variational.4} $$
#
# **Smallify** multiplies each unit by a switch, and pays for the size of switches and weights. A
# switch of no use swings about 0. It dies once its sign $s$ (1 or -1) has a moving variance
# $v > 0.5$ about its moving mean $a$. One that turns for good is far from $a$ and dies even sooner:
# $$ v \leftarrow \rho \, v + (1 - \rho) (s - a)^2, \qquad
#    a \leftarrow \rho \, a + (1 - \rho) \, s \tag{smallify.7} $$
#
# ## In array code

# %%
soft = lambda w, force: np.sign(w) * np.maximum(abs(w) - force, 0)           # (l1.3)
swings = rests = 0.5                              # the data want 0.1, the force is 0.3
for _ in range(60):                               # a gradient step; the data's, then soft
    swings = swings - 0.1 * (swings - 0.1 + 0.3 * np.sign(swings))
    rests = soft(rests - 0.1 * (rests - 0.1), 0.1 * 0.3)
assert rests == 0 < abs(swings) < 0.05
t = md.Tensor(np.linspace(-3, 3, 60), requires_grad=True)        # log alpha
s = 1 / (1 + np.exp(-(np.log(u / (1 - u)) + t.data) * 3 / 2))
z, there = md.hard_concrete(u, t), md.hard_concrete_nonzero(t)
assert np.allclose(z.data, np.clip(1.2 * s - 0.1, 0, 1), rtol=0, atol=1e-12)
assert np.array_equal(md.grad(z.sum(), t) > 0, (z.data > 0) & (z.data < 1))
assert (md.grad(there.sum(), t) > 0).all()        # so shut gates learn from the penalty
assert (np.diff(md.variational_kl(t.data)) < 0).all() and np.exp(3) / (1 + np.exp(3)) > 0.95
A, theta, sigma = np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([0.5, 1.0])
centre, variance = A @ theta, A**2 @ sigma**2
b = (theta + sigma * [[-1, -1], [-1, 1], [1, -1], [1, 1]]) @ A   # all draws of noise that is +-1
local = md.local_reparameterisation(*np.array([[centre], [variance], [2.0]]))    # noise 2
assert np.allclose([b.mean(), b.var(), *local], [centre, variance, centre + variance**0.5 * 2])

a, v = np.ones(2), np.zeros(2)                    # one sign wavers, one turns for good; then: dead?
for s, dead in np.array([[[-1.0, -1], [0, 0]], [[1, -1], [0, 1]], [[-1, -1], [1, 1]]]):
    after = md.sign_variance(s, a, v, decay=0.9)
    a, v = 0.9 * a + 0.1 * s, 0.9 * v + 0.1 * (s - a) ** 2
    print(f"   variance of a sign that wavers {v[0]:.3f}, of one that turned for good {v[1]:.3f}")
    assert np.allclose(after, (a, v)) and np.array_equal(v > 0.5, dead)
# %% [markdown]
# ## What is left of 64 hidden units?
#
# L0 and Smallify judge units, the others each of 4,096 weights. Each has a mild strength and a hard
# one: up to two and up to three of a hundred validation digits were lost there. `md.compress` then
# builds a smaller network of equal outputs for the test (four seeds, 95 % intervals).

# %%
digits, epochs, seeds = md.data.digits(), quick(20, 1), range(quick(4, 2))
N, T, WARM = len(digits.train[0]), epochs * 10, (epochs * 10 // 6, epochs * 5)
RIVALS = {                                        # strengths, layer, penalty
    "none": ((0,), None, None), "L1": ((0.2, 0.5), None, None),
    "L0": ((0.5, 1), lambda layer: md.L0(layer, start=1), lambda c: md.l0_penalty(c, N)),
    "variational": ((1, 2), md.Variational, lambda c: md.variational_penalty(N, c, WARM)),
    "Smallify": ((0.02, 0.08), lambda layer: md.Smallify(layer, decay=0.9),
                 lambda c: md.smallify_penalty(c, c / 10))}


def train(rival, c, seed):
    def threshold(net):
        net.hidden.weight.data[:] = soft(net.hidden.weight.data, adam.lr * c)     # after a step
    (_, layer, penalty), adam = RIVALS[rival], md.optim.Adam(0.05)
    net = md.nn.Sequential(hidden=md.nn.Linear(64, 64), tanh=md.nn.Tanh(), out=md.nn.Linear(64, 10))
    net = md.models.wrap(net, "hidden", layer) if layer else net
    project = {"L1": threshold, "Smallify": md.smallify_step}.get(rival)
    md.fit(net.init(seed), adam, digits.train, epochs, batch_size=128, seed=seed, project=project,
           penalty=penalty and penalty(c), schedules={"lr": md.optim.cosine(0.05, T)},
           progress=f"   {rival}, seed {seed}")
    less, x, w = md.compress(net), digits.validation[0], net.hidden.weight
    assert np.allclose(less(x).data, net.eval()(x).data, rtol=0, atol=1e-3)
    left, right = (net.hidden.expect(w) if layer else w).data != 0, md.evaluate(less, digits.test)
    return less.out.weight.shape[1], 100 * left.mean(), 100 * right.accuracy, left, net
runs = {(rival, c): [train(rival, c, seed) for seed in seeds]
        for rival in RIVALS for c in RIVALS[rival][0]}
found = np.array([[run[:3] for run in runs[key]] for key in runs])   # units, % weights, % right
mean = dict(zip(runs, found.mean(1), strict=True))
lost = md.mean_interval((found[0] - found)[:, :, 2].T)
for (rival, c), less, half in zip(runs, *lost, strict=True):
    left = "{:5.1f} units {:6.1f} % of weights {:6.1f} % right".format(*mean[rival, c])
    print(f"   {rival:11} {c:4} {left}, {less:.2f} +- {half:.2f} lost")
mild = np.array([mean[rival, RIVALS[rival][0][0]] for rival in list(RIVALS)[1:]])
assert smoke() or list(mild[:, :2].argmin(0)) == [3, 2] and mild[2, 0] > 40 and lost.mean.max() < 6

# %%
figure, axes = subplots(2, 3, size=(9.0, 5.8), width_ratios=(1, 1, 1.4))
for (rival, c), axis in zip(list(runs)[1::2], axes[:, :2].flat, strict=True):
    left = runs[rival, c][0][3]
    axis.imshow(left[np.argsort(-left.sum(1), kind="stable")])
    axis.set(title=f"{rival} {c}, dark: kept", xlabel="pixel", ylabel="unit", xticks=[], yticks=[])
for i, axis in enumerate(axes[:, 2]):
    for rival, marker in zip(list(RIVALS)[1:], "osDv", strict=True):
        points = np.array([mean[rival, c] for c in RIVALS[rival][0]])
        axis.plot(points[:, i], points[:, 2], "-" + marker, color=DARK, label=rival, markevery=[0])
    axis.axhline(mean["none", 0][2], color=LIGHT, label="none")
    axis.set(xlabel=("units left", "% of weights")[i], xlim=(0, 70), title="% right, marker: mild")
figure.legend(*axis.get_legend_handles_labels(), loc="outside lower right", ncols=5)
path = save_figure(figure, "rivals")

# %% [markdown]
# So: by rules of their own, and they find different things. Left is the layer at the mild strength
# (one seed): L1 and variational dropout take single weights, L0 and Smallify whole units. All lose
# one to two points there. Variational dropout leaves the fewest weights, but in most of the units:
# the network hardly shrinks. Smallify leaves the fewest units, with all their weights: it shrinks.
#
# ## Exercises, and tasks: `minidrop grade start l0 smallify variational`
#
# 1. Give L0 `gates="input"`. Which pixels does it shut? See `runs["L0", 0.5][0][3].any(0)`, 8 x 8.
# 2. Take `net = runs["Smallify", 0.02][0][4]`, then train with `md.smallify_penalty(c, 0)`: only
#    switches cost. What happens to `net.hidden.switches()` and `net.hidden.weight`, and why?
#
# ## References
#
# - Tibshirani (1996), Regression shrinkage and selection via the lasso, JRSS B 58, 267-288.
# - Louizos et al. (2018), Learning sparse neural networks through L0 regularization, ICLR.
# - Kingma et al. (2015), Variational dropout and the local reparameterization trick, NIPS.
# - Molchanov et al. (2017), Variational dropout sparsifies deep neural networks, ICML.
# - Leclerc et al. (2018), Smallify: learning network size while training, arXiv:1806.03723.
