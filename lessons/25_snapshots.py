# %% [markdown]
# # Snapshots: can one run give five networks?
#
# Five networks that predict together are better than one, but cost five trainings. Huang et al. let
# the learning rate of one run fall until the network settles, and keep a copy. Then the rate starts
# again from the top. Here are five cycles of 12 steps, and the snapshots (`^`):

# %%
import tempfile

import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, MIDDLE, draw_surface, save_figure, subplots

rates, ends = md.cyclic_cosine(range(1, 61), 60, cycles=5, lr0=1.0), md.snapshot_steps(60, 5)
for height in (0.9, 0.7, 0.5, 0.3, 0.1):
    print(f"   {height:3}  ", "".join("#" if rate >= height else " " for rate in rates))
print("        ", "".join("^" if t in ends else "." for t in range(1, 61)))

# %% [markdown]
# ## The equations
#
# The rate of step $t = 1, \dots, T$ follows its place in one of $M$ cycles, by any falling $f$
# (snapshot.1). The paper takes half a cosine wave (snapshot.2). After each cycle a snapshot is
# kept. Snapshot $i$ has the softmax output $h_i$, and the last $m$ of them predict together:
#
# $$ \alpha(t) = f(\mathrm{mod}(t - 1, c)), \qquad c = \lceil T / M \rceil \tag{snapshot.1} $$
# $$ \alpha(t) = \tfrac12 \alpha_0 (\cos(\pi \, \mathrm{mod}(t - 1, c) / c) + 1) \tag{snapshot.2} $$
# $$ h(x) = \frac{1}{m} \sum_{i=0}^{m-1} h_{M-i}(x) \tag{snapshot.5} $$
#
# ## In array code

# %%
k = np.arange(60) % 12                            # the place in the cycle
assert np.allclose(rates, (np.cos(np.pi * k / 12) + 1) / 2, rtol=0, atol=1e-15)
assert np.array_equal(md.cyclic(range(1, 61), 60, 5, lambda k: 1 - k / 12), 1 - k / 12)
z = np.array([[[10.0, 0.0]], [[0.0, 5.0]], [[0.0, 4.9]]])         # logits (m, N, K): one is sure
h = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
print("   mean logits", z.mean(0)[0].round(2), " mean probabilities", h.mean(0)[0].round(3))
assert np.allclose(h.mean(0), md.average_probabilities(h), rtol=0, atol=1e-15)
assert z.mean(0).argmax() == 0 and h.mean(0).argmax() == md.majority_vote(h)[0] == 1
# %% [markdown]
# ## Five networks in 500 steps
#
# A network of 2 x 32 units learns 300 digits. 60 of them have shuffled labels. *Snapshots* end
# five cycles of 100 steps. With *no cycles* the rate falls tenfold after half of the 500 steps, and
# after three quarters. Networks are kept after the same steps, and the last is the usual one.
# *Independent* are five networks of 100 steps each. Settings were chosen on validation digits.

# %%
M, T, seeds, shares = 5, quick(500, 50), range(quick(6, 2)), np.linspace(0, 1, quick(11, 3))
digits, ends = md.data.digits(), md.snapshot_steps(T, M)
x, y = (part[:300].copy() for part in digits.train)
y[:60] = y[:60][md.permutation(0, 60)]
RATES = {"snapshots": md.cyclic_cosine(range(1, T + 1), T, M, lr0=0.2),
         "no cycles": md.optim.step_decay(0.2, T, [T // 2, T * 3 // 4]),
         "independent": md.cyclic_cosine(range(1, T // M + 1), T // M, 1, lr0=0.25)}
error = lambda net: 100 * (1 - md.evaluate(net, digits.test).accuracy)      # in per cent


def train(recipe, seed, ends):
    net, errors, rates = md.models.mlp(64, 32, 32, 10).init(seed), [], RATES[recipe]
    look = lambda step, net, loss: errors.append(error(net)) if step % 10 == 9 else None
    path = md.WeightPath(net, range(0, len(rates) + 1, 10))
    with tempfile.TemporaryDirectory() as folder:
        md.fit(net, md.optim.SGD(0.2, momentum=0.9, weight_decay=3e-3), (x, y), len(rates) // 10,
               batch_size=30, seed=seed, schedules={"lr": rates}, progress=f"   {recipe} {seed}",
               recorder=[md.Snapshots(folder, ends), look, path])
        return md.load_snapshots(net, folder), errors, path


runs = {recipe: [train(recipe, seed, ends) for seed in seeds] for recipe in list(RATES)[:2]}
fives = {recipe: [five for five, _, _ in runs[recipe]] for recipe in runs}
fives["independent"] = [md.SnapshotEnsemble([train("independent", 100 + M * seed + i, [T // M])[0]
                                             for i in range(M)]) for seed in seeds]
found = np.array([[[(error(five.members[m]), error(md.SnapshotEnsemble(five.members[:m + 1])))
                    for m in range(M)] for five in some] for some in fives.values()])
for recipe, errors in zip(fives, found, strict=True):     # (seeds, M, 2): alone, with those before
    print(f"   {recipe:11}  test error alone", *(f"{e:5.1f}" for e in errors[..., 0].mean(0)),
          f"  all five {errors[:, -1, 1].mean():5.1f} %")
last, five = np.moveaxis(found[:, :, -1], -1, 0)          # (recipes, seeds) each
rivals = {"the last of them": last[0], "one network, no cycles": last[1],
          "five of no cycles": five[1], "five independent": five[2]}
gains = [md.mean_interval(errors - five[0]) for errors in rivals.values()]  # 95 %, paired seeds
for name, gain in zip(rivals, gains, strict=True):
    print(f"   five snapshots gain over {name:22} {gain} points")
assert smoke() or gains[0].low > 0 and all(gain.low < 0 < gain.high for gain in gains[1:])
assert smoke() or md.mean_interval(last[1] - five[1]).low > 0     # five of no cycles, and the last

# %% [markdown]
# ## What makes a snapshot useful?
#
# It adds most if it is good and differs. Three numbers say how far neighbours, $i$ and $i + 1$,
# differ: the correlation of their outputs; their disagreement, the share of test digits that they
# class differently; and the barrier, by which the training loss rises on a straight line between
# them. The plane of the figure holds snapshots 1, 3 and 5, and shadows of the others and the path.

# %%
def neighbours(five):
    probs, nets = five.probabilities(digits.test[0]), five.members
    way = [md.interpolation_curve(nets[i + 1], nets[i], (x, y), shares) for i in range(M - 1)]
    assert np.allclose(np.exp(five(digits.test[0]).data), probs.mean(0), atol=1e-6)
    return (np.diag(md.correlation(probs), 1), 100 * np.diag(md.disagreement(probs), 1),
            [md.barrier(shares, curve.loss) for curve in way])


pairs = np.array([[neighbours(five) for five in fives[recipe]] for recipe in runs])
for recipe, rows in zip(runs, pairs.mean(1), strict=True):
    for name, row in zip(("correlation", "disagreement (%)", "barrier"), rows, strict=True):
        print(f"   {recipe:9}  {name:16}", *(f"{value:7.3f}" for value in row))
more, (_, apart, barriers) = md.mean_interval((pairs[0] - pairs[1])[:, 1, 2:]), pairs[0].mean(0)
assert smoke() or (more.low > 0).all() and 7 < apart[3] < 10 and pairs[1, :, 1, 2:].mean() < 4
assert smoke() or found[1, :, :2, 0].mean() > 20 > 16 > found[0, :, :, 0].mean(0).max()
assert smoke() or barriers[0] > 0.03 > 0.02 > barriers[2:].max()

# %%
nets, (_, _, path) = fives["snapshots"][0].members, runs["snapshots"][0]
plane, marked = md.Plane(nets[0], nets[M // 2], nets[-1]), path.weights[np.array(ends) // 10]
surface = md.loss_surface(nets[0], plane, (x, y), plane.grid(n=quick(17, 3)), progress=False)
figure, axes = subplots(1, 3, size=(11.0, 3.6), width_ratios=(1, 1.2, 1.1))
for recipe, colour, line, both in zip(runs, (DARK, MIDDLE), ("-", "--"), found, strict=False):
    errors = np.mean([errors for _, errors, _ in runs[recipe]], axis=0)
    axes[0].plot(RATES[recipe], line, color=colour)
    axes[1].plot(range(10, T + 1, 10), errors, line, color=colour, linewidth=0.8, label=recipe)
    axes[1].plot(ends, both[..., 1].mean(0), f"o{line}", color=colour, label=f"{recipe}, together")
axes[0].set(title="learning rate", xlabel="step")
axes[1].set(title="test error (%), mean of the seeds", xlabel="step", ylim=(8, 40))
axes[1].legend()
draw_surface(axes[2], surface, plane.project(path.weights), plane.project(marked))
axes[2].set_title("training loss around 1, 3 and 5")
path = save_figure(figure, "snapshots")

# %% [markdown]
# So: yes. Together they are better than the last of them, by 3 points, and training costs no more.
# A restart throws the network back. What settles is about as good again, and the last two disagree
# on one digit in twelve. They need no barrier for it: only the first have one. Without cycles the
# networks are nearly the same once the rate has fallen. Those before are bad, but all five together
# are better than the last. Six seeds do not show that cycles are the best use of 500 steps. Their
# gain over one network without them, over five of those, or over five short trainings may be 0.
#
# ## Exercises, and tasks: `minidrop grade start ema fge snapshot swa`
#
# 1. Give the 60 digits their own labels. What do five snapshots gain then over the last of them?
# 2. Make ten cycles of the 500 steps. Are ten snapshots better? Which of them would you leave out?
#
# ## References
#
# - Huang et al. (2017), Snapshot ensembles: train 1, get M for free, ICLR, arXiv:1704.00109.
