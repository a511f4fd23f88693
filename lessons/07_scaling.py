# %% [markdown]
# # Scaling: why does dropout divide by q?
#
# A unit adds up what eight others send. In training dropout silences half of them, in evaluation
# all of them speak: it hears twice as much as it learned from. Here are four steps of training at
# $p = 0.5$, then evaluation. Each unit sends 1, and `#` is kept:

# %%
from itertools import chain, pairwise

import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

stream = md.Stream(14, "picture")
for time in (*4 * ["training"], "evaluation"):
    mask = md.dropout_mask(stream, 8, p=0.5 if time == "training" else 0)
    print(f"   {time:12}", *(".#"[int(keep)] for keep in mask), f"   the unit hears {mask.sum()}")

# %% [markdown]
# ## The equations
#
# There are two remedies, with $q = 1 - p$. The papers multiply in evaluation: the *original*
# scaling. Libraries divide in training, and leave $y_i = x_i$ in evaluation: the *inverted* one.
#
# $$ \text{original, training } \; y_i = m_i \, x_i \tag{dropout.4} $$
# $$ \text{evaluation } \; y_i = \mathbb{E}[m_i \, x_i] = q \, x_i \tag{dropout.5} $$
# $$ \text{inverted, training } \; y_i = m_i \, x_i / q \tag{dropout.2} $$
#
# ## In array code
#
# Either way evaluation is the mean of training, here over the 16 masks of four units, at $p = 0.2$:

# %%
x, p, q, masks = np.array([1.0, 2.0, 3.0, 4.0]), 0.2, 0.8, md.all_masks(4)
chance = np.where(masks, q, p).prod(1)
original, inverted = masks * x, masks * x / q
print("   mean over the masks: original", chance @ original, " inverted", chance @ inverted)
assert np.array_equal(original, [md.dropout_original(x, m) for m in masks])
assert np.allclose(inverted, [md.dropout(x, m, p) for m in masks], rtol=1e-15)
evaluated = md.dropout_original_expect(x, p), x
assert np.allclose([chance @ original, chance @ inverted], evaluated, rtol=0, atol=1e-12)

# %% [markdown]
# Is it the same training? Weights $w / q$ do behind the original scaling what $w$ do behind the
# inverted one. But their gradient is $q$ times that in $w$, where $1 / q$ times would be due. So
# they take a learning rate $1 / q^2$ times as large:

# %%
w, m = np.array([0.5, -1.0, 2.0, 1.0]), masks[11]
a, b = (md.Tensor(weights, requires_grad=True) for weights in (w, w / q))
y_a, y_b = md.dropout(x, m, p) @ a, md.dropout_original(x, m) @ b
assert np.isclose(y_a.data, y_b.data) and np.allclose(md.grad(y_b, b), q * md.grad(y_a, a))

# %% [markdown]
# ## What if one forgets?
#
# Three hidden layers of 128 units learn 1,197 digits at $p = 0.5$ with either scaling, six seeds
# each. Of five learning rates 0.05 and 0.2 were best on the validation digits, with other seeds: a
# factor of $1 / q^2$. Then we evaluate each by the other's rule. Trained by the original one and
# evaluated by the inverted, nobody scales ("forgotten"). The other way round all shrinks twice. A
# ReLU passes a factor on: three layers make up to $1 / q^3 = 8$ of it. How many digits are read
# right, how sure is the network of what it says, and how large is what layer 2, 3 and 4 hear?

# %%
digits, epochs, seeds, p = md.data.digits(), quick(20, 1), range(quick(6, 2)), 0.5
x, RATES = digits.test[0], {"inverted": 0.05, "paper": 0.2}
def trained(seed, scaling, *sizes):
    hidden = ((md.nn.Linear(*n), md.nn.ReLU(), md.Dropout(p, scaling)) for n in pairwise(sizes))
    net = md.nn.Sequential(*chain(*hidden), md.nn.Linear(sizes[-1], 10)).init(seed)
    md.fit(net, md.optim.SGD(RATES[scaling], 0.9), digits, epochs, seed=seed, progress=f"   {seed}")
    return net
def heard(net, h):                                # the mean input of each layer behind dropout
    outputs = [h := layer(h) for layer in net]
    return np.array([h.data.mean() for h in outputs[2::3]])
found = np.empty((2, 2, len(seeds), 6))           # trained, evaluated, seed, what was found
for i, seed in np.ndindex(2, len(seeds)):
    net = trained(seed, list(RATES)[i], 64, 128, 128, 128)
    before = np.mean([heard(net.train(), x) for _ in range(quick(20, 2))], axis=0)
    for j, kind in enumerate(RATES):
        for drop in list(net)[2::3]: drop.scaling = kind
        sure, (loss, right) = md.softmax(net.eval()(x).data).max(1), md.evaluate(net, digits.test)
        found[i, j, seed] = 100 * right, 100 * sure.mean(), loss, *heard(net, x) / before
CASES = {"inverted": (0, 0, DARK, "o-"), "original": (1, 1, DARK, "o:"),
         "forgotten": (1, 0, MIDDLE, "s-"), "shrunk twice": (0, 1, LIGHT, "s-")}
for name, (i, j, *_) in CASES.items():
    right, sure, loss, *ratio = found[i, j].mean(0)
    print(f"   {name:12} right {right:.1f} %, sure {sure:.1f} %, loss {loss:.3f}; hears", end=" ")
    print(*np.round(ratio, 2), "times as much as in training")
for name, i in (("forgotten", 1), ("shrunk twice", 0)):
    right, sure, loss = map(md.Interval, *md.mean_interval((found[i, 1 - i] - found[i, i])[:, :3]))
    print(f"   {name}: right {right} points, sure {sure} points, loss {loss} nats")
    assert smoke() or right.high < 0 < loss.low and (sure.low > 0 or i == 0 and sure.high < -40)

# %% [markdown]
# ## Is evaluation the mean of all networks?
#
# For a linear layer it is. With dropout before the last layer alone, its softmax is the geometric
# mean of all networks, scaled to a sum of 1 (next lesson). An earlier one passes a ReLU, which does
# not pass means on. We add up all 256 networks of 8 units, and all 4,096 of 6 + 6. How much of the
# probability is elsewhere in evaluation?

# %%
def every(net, h):                                # the logits of all networks, (2^n, N, 10)
    for linear in list(net)[:-1:3]:
        keep = md.all_masks(len(linear.weight.data)).astype("float32") / (1 - p)
        h = md.relu(linear(h)).data[..., None, :, :] * keep[:, None]
        h = h.reshape(-1, *h.shape[-2:])
    return net[-1](h).data
x = x[:100]
for units, apart in (((8,), []), ((6, 6), [])):
    for seed in seeds:
        net = trained(seed, "inverted", 64, *units).eval()
        z, whole = every(net, x), md.softmax(net(x).data)
        apart.append([50 * abs(mean - whole).sum(1).mean()
                      for mean in (md.softmax(z.mean(0)), md.softmax(z).mean(0))])
    geometric, arithmetic = map(md.Interval, *md.mean_interval(apart))
    print(f"   {units!s:7} geometric mean {geometric} %   arithmetic mean {arithmetic} %")
    assert (np.max(apart, 0) < 1e-3).tolist() == [len(units) == 1, False]

figure, (left, right) = subplots(1, 2, width_ratios=(1.2, 1))
for name, (i, j, colour, line) in CASES.items():
    left.plot((1, 2, 3), found[i, j, :, 3:].mean(0), line, color=colour, label=name)
    right.plot(found[i, j, :, 2], len(seeds) * [name], "o", color=colour, alpha=0.6)
left.set(xlabel="hidden layer", xticks=(1, 2, 3), yscale="log", yticks=(1 / 8, 1, 8),
         yticklabels=("1/8", "1", "8"), ylim=(0.1, 50), title="heard in evaluation",
         ylabel="times as much as in training")
right.set(xlabel="test loss (nats)", ylim=(3.5, -0.5), title=f"{len(seeds)} seeds")
left.minorticks_off(), left.legend(ncols=2)
path = save_figure(figure, "scaling")

# %% [markdown]
# So: to let the next layer hear in evaluation what it learned from. A network that forgets it reads
# fewer digits, and is surer of all it says; one that scales twice doubts everything. The mean is
# right for sums alone, not behind a ReLU. And the variance is another matter: batch norm stores one
# that evaluation does not have (lesson `norms`), alpha dropout keeps it (lesson `gaussian`).
#
# ## Exercises
#
# 1. Train without biases, `md.nn.Linear(*n, bias=False)`. What becomes of the logits if nobody
#    scales, exactly, and so of the digits that are read right?
# 2. Take steps of SGD with both scalings, on the same masks. Show that the weights stay $w$ and
#    $w / q$ if the original scaling has the learning rate divided by $q^2$.
#
# ## References
#
# - Hinton and others (2012), arXiv:1207.0580: the mean network (in full in the lesson before).
# - Srivastava and others (2014), Dropout: a simple way ..., JMLR 15: sections 4, 7.5 and 10.
