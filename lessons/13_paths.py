# %% [markdown]
# # Stochastic depth: must every layer run?
#
# A residual network is a chain of blocks, and each adds a correction to what comes in: its *branch*
# computes, its *skip* hands the input on. So a branch can be left out, and the chain still holds.
# Stochastic depth does that at random, anew at every step: a shallow network is trained, a deep one
# is used. Here are ten steps of a chain of six blocks (`#` is open), the first at the bottom:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, save_figure, subplots

stream = md.Stream(0, "picture")
for block in range(6, 0, -1):
    q = md.survival(block, 6, q_last=0.5)
    gates = [md.path_gate(stream, batch=32, p=1 - q) for step in range(10)]
    print(f"   block {block}  q = {q:.3f}   ", " ".join("#" if gate else "." for gate in gates))

# %% [markdown]
# ## The equations
#
# Early blocks make the features that all others need, so they survive most surely. Block $l$ of
# $L$ lives with the probability
#
# $$ q_l = 1 - \frac{l}{L} (1 - q_L) \tag{stochastic_depth.1} $$
#
# A gate $b \sim \mathrm{Bernoulli}(q_l)$, one for the whole mini-batch, opens or closes the branch
# $f$ beside the skip $s$. In evaluation every branch runs, weighed as often as it was there:
#
# $$ y = b \, f(x) + s(x) \tag{stochastic_depth.5} $$
# $$ y = q_l \, f(x) + s(x) \tag{stochastic_depth.6} $$
#
# ## In array code
#
# The block's output is the ReLU of $y$. Its input came out of a ReLU, too, so it is not negative:
# a closed block hands it on as it is, and its branch need not even be computed:

# %%
x, w, q = np.array([[0.0, 2.0], [1.0, 0.5]]), np.array([[1.0, -1.0], [0.5, 2.0]]), 0.8
f, s = x @ w.T, x                                 # a branch of one matrix, and the identity
for b in (True, False):
    y = b * f + s
    print(f"   b = {b:d}   output", np.maximum(y, 0).tolist())
    assert np.array_equal(y, md.stochastic_depth(s, f, b, 1 - q))
assert np.array_equal(np.maximum(y, 0), x)        # the closed block
assert np.array_equal(q * f + s, md.stochastic_depth_expect(s, f, 1 - q))

# %% [markdown]
# ## How deep is the network, then?
#
# The number of open blocks is a sum of independent gates. Its mean is the sum of the $q_l$, for
# $q_L = 1/2$ that is $(3 L - 1) / 4$. Twelve gates have 4,096 positions, and the sum of their
# probabilities gives every depth its own:

# %%
L = 12
rates = np.array([md.survival(block, L, 0.5) for block in range(1, L + 1)])
gates = md.all_masks(L)
chance = np.where(gates, rates, 1 - rates).prod(axis=1)
depths = np.bincount(gates.sum(1), weights=chance)              # P(0 blocks), P(1), ..., P(12)
print(f"   mean depth of {L} blocks: {depths @ np.arange(L + 1):.4f}   (3 L - 1) / 4 = "
      f"{(3 * L - 1) / 4}   most likely: {depths.argmax()}")
assert np.isclose(depths @ np.arange(L + 1), (3 * L - 1) / 4, rtol=0, atol=1e-12)

# %% [markdown]
# ## Is the depth missed? 300 handwritten digits
#
# A chain of twelve blocks learns the first 300 training digits, with all blocks and with
# stochastic depth ($q_L = 1/2$): six seeds each, the same first weights, order and steps. The
# setting was tried out on the validation digits. `drop_paths(net, p)` puts stochastic depth into
# every residual sum, with $p = 1 - q_L$ in the last. We count the blocks computed, and by how much
# the test loss fell, with its 95 % interval over paired seeds (Student's t).

# %%
digits = md.data.digits()
few = tuple(part[:300] for part in digits.train)  # six batches of 50
epochs, seeds = quick(24, 2), range(quick(6, 2))


def block():
    branch = md.nn.Sequential(md.nn.Linear(32, 32, bias=False), md.BatchNorm(32))
    return md.nn.Sequential(sum=md.models.Residual(branch, md.nn.Identity()), relu=md.nn.ReLU())


def chain(p):
    blocks = {f"block{k}": block() for k in range(1, L + 1)}
    net = md.nn.Sequential(first=md.nn.Linear(64, 32), relu=md.nn.ReLU(), **blocks,
                           last=md.nn.Linear(32, 10))
    return md.models.drop_paths(net, p) if p else net


def train(p, seed):
    def note(step, net, loss):                    # after a step: the gates drawn, in all blocks
        if p:
            ladder.append([block.sum.noise for block in list(net)[2:-1]])

    net, ladder, steps = chain(p).init(seed), [], epochs * len(few[0]) // 50
    md.fit(net, md.optim.SGD(0.05, momentum=0.9), few, epochs, batch_size=50, seed=seed,
           schedules={"lr": md.optim.cosine(0.05, steps)}, recorder=note,
           progress=f"   p = {p}, seed {seed}")
    return md.evaluate(net, few).loss, md.evaluate(net, digits.test), np.array(ladder)


runs = {p: [train(p, seed) for seed in seeds] for p in (0.0, 0.5)}
for p, results in runs.items():
    fitted, (loss, right) = (np.mean([run[i] for run in results], axis=0) for i in (0, 1))
    print(f"   {'stochastic depth' if p else 'all blocks':16}  training loss {fitted:.3f}   "
          f"test loss {loss:.3f}   test accuracy {100 * right:.1f} %")

ladders = np.concatenate([run[2] for run in runs[0.5]])
gains = np.array([a[1].loss - b[1].loss for a, b in zip(runs[0.0], runs[0.5], strict=True)])
half = md.mean_interval(gains).half
print(f"   blocks computed: {100 * ladders.mean():.1f} %, due {100 * rates.mean():.1f} %")
print(f"   test loss of all blocks minus stochastic depth: {gains.mean():.3f} +- {half:.3f} nats")
spread = np.sqrt((rates * (1 - rates)).sum() / len(ladders)) / L
assert abs(ladders.mean() - rates.mean()) < 6 * spread            # fails once in 10^8 honest runs
assert smoke() or abs(gains.mean()) < half

# %%
figure, (left, right) = subplots(1, 2, width_ratios=(2.2, 1))
left.pcolormesh(ladders[:60].T, vmin=-0.1, vmax=1.3, edgecolors="white", linewidth=0.8)
left.set(xlabel="step", ylabel="block", yticks=np.arange(L) + 0.5, yticklabels=range(1, L + 1),
         title="the first 60 steps; dark: the block was open")
counted = np.bincount(ladders.sum(1), minlength=L + 1) / len(ladders)
right.bar(range(L + 1), counted, color=LIGHT, label=f"counted, {len(ladders):,} steps")
right.plot(range(L + 1), depths, "o", color=DARK, markersize=4, label="exact")
right.set(xlabel="open blocks", xticks=range(0, L + 1, 3), ylim=(0, 0.36), title="share of steps")
right.legend()
path = save_figure(figure, "paths")

# %% [markdown]
# So: in training, no. A quarter of the blocks rested, and six seeds of this network show neither a
# gain nor a loss by that. The test digits are read by all twelve.
#
# ## Exercises, and tasks: `minidrop grade start stochastic_depth`
#
# 1. Give every block the same $q$: `md.models.place(net, "*.sum", lambda old, k:
#    md.StochasticDepth(old.branch, 1 - q, old.skip))`. Which computes as many? Is the loss another?
# 2. Train on all 1,197 digits for 12 epochs only. Stochastic depth ends with the larger training
#    loss: why? Give it as many epochs more as it saves blocks, and compare again.
#
# ## References
#
# - Huang, Sun, Liu, Sedra, Weinberger (2016), Deep networks with stochastic depth, ECCV,
#   arXiv:1603.09382.

