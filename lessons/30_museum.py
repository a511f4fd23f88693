# %% [markdown]
# # The museum: how can a layer be wrong, and look right?
#
# Dropout is two lines. Here they are, and six ways in which published code, or a reader of it, had
# them wrong, in our own words. First a look at what each makes of 10,000 ones at $p = 0.5$:

# %%
from types import SimpleNamespace

import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, PALE, save_figure, subplots
from minidrop.verify import check


class Right:
    power = 1
    def __init__(self, p):
        self.p, self.scale = p, (1 / (1 - p))**self.power if p < 1 else 0
    def draw(self, shape, rng): return rng.random(shape) < 1 - self.p
    def forward(self, x, training, rng):
        self.mask = self.draw(x.shape, rng) if training else np.True_
        self.used = x.dtype.type(self.scale if training else 1)
        self.x, self.y = x, x * self.mask * self.used
        return self.y
    def backward(self, g): return g * self.mask * self.used
class Stored(Right):                              # numpy-ml, issue 94: stored, and not used
    def backward(self, g): return g * self.used
class Quotient(Right):                            # Kaldi, issue 3890: the mask from output / input
    def backward(self, g):
        return g * np.divide(self.y, self.x, np.ones_like(self.x), where=self.x != 0)
class Forever(Right):                             # axon, issue 423: a key that is made once
    def draw(self, shape, rng): return np.random.default_rng(7).random(shape) < 1 - self.p
class Above(Right):                               # DeZero: keeps where u > p
    def draw(self, shape, rng): return rng.random(shape) > self.p
class Always(Right):                              # PyTorch, issue 26338: the mode is not handed on
    def forward(self, x, training, rng): return super().forward(x, True, rng)
class Root(Right): power = 0.5                    # fastai, pull request 376: the root of q
LAYERS, ones = (Right, Stored, Quotient, Forever, Above, Always, Root), np.ones(10_000)
for layer in LAYERS:
    y = layer(0.5).forward(ones, True, np.random.default_rng(0))
    print(f"   {layer.__name__:8} dropped {np.mean(y == 0):.3f}, mean {y.mean():.3f}, "
          f"mean square {np.mean(y**2):.3f}")
# %% [markdown]
# ## The equations
#
# All drop half. The last has another mean, and keeps the mean square in its place. Due are
# (dropout.1), $P(m_i = 1) = q$, anew at every call, and (dropout.2), $y_i = m_i x_i / q$, with the
# gradient $m_i / q$, and $y = x$ in evaluation. A test asks for some of this, and may ask too
# seldom: if a fault shows in a share $f$ of the draws, $n$ draws miss it with probability
#
# $$ P = (1 - f)^n, \qquad \mathrm{one\ half\ for} \; n \approx \ln 2 \, / f \tag{museum.1} $$
#
# ## In array code
#
# `Above` is wrong at $p = 0$ where $u = 0$: that is one of all the $2^{24}$ draws of float32. And
# `Right` says the same as the library, for a given mask:

# %%
u, f = np.arange(2**24, dtype="float32") / np.float32(2**24), 2.0**-24
assert (~(u > 0)).sum() == 1 and (~(u < 1)).sum() == 0 and np.isclose((1 - f)**11_629_080, 0.5)
print(f"   10,000 draws miss it with {(1 - f)**10_000:.4f}, {np.log(2) / f:,.0f} with one half")
layer, x = Right(0.5), np.array([1.0, -2.0, 0.0, 3.0])
y, t = layer.forward(x, True, np.random.default_rng(1)), md.Tensor(x, requires_grad=True)
assert np.array_equal(y, md.dropout(x, layer.mask, 0.5))
assert np.array_equal(layer.backward(1 + 0 * x), md.grad(md.dropout(t, layer.mask, 0.5).sum(), t))

# %% [markdown]
# ## Nine questions to seven layers
#
# The first four are often asked: how much is dropped, what is the mean, is nothing dropped at
# $p = 0$, and is the gradient right there? Each of the others asks for one thing more.

# %%
LEAST = SimpleNamespace(random=np.zeros)          # a generator that draws the least there is
def out(layer, p=0.5, training=True, rng=None):
    return layer(p).forward(ones, training, rng or np.random.default_rng(0))
def sloped(layer, p, x):
    (made := layer(p)).forward(x, True, np.random.default_rng(0))
    return np.array_equal(made.backward(ones), made.mask / (1 - p))
ASKED = {"share dropped": lambda layer: abs(np.mean(out(layer) == 0) - 0.5) < 0.025,    # 5 s.e.
         "mean": lambda layer: abs(out(layer).mean() - 1) < 0.05,
         "p = 0: output": lambda layer: np.array_equal(out(layer, 0.0), ones),
         "p = 0: gradient": lambda layer: sloped(layer, 0.0, ones),
         "gradient": lambda layer: sloped(layer, 0.5, ones),
         "gradient at 0": lambda layer: sloped(layer, 0.5, 0 * ones),
         "drawn anew": lambda layer: (out(layer) != out(layer, rng=np.random.default_rng(2))).any(),
         "evaluation": lambda layer: np.array_equal(out(layer, training=False), ones),
         "rarest draw": lambda layer: np.array_equal(out(layer, 0.0, rng=LEAST), ones)}
seen = np.array([[not ask(layer) for ask in ASKED.values()] for layer in LAYERS])
assert not seen[0].any() and seen[1:].any(1).all()                   # each is seen by something,
assert seen[1:, :4].any(1).tolist() == 5 * [False] + [True]          # but seldom by the first four
for layer in LAYERS[:quick(7, 1)]:                # the library, to which they are black boxes
    report = check(layer, "dropout")              # (dropout.3): also that evaluation draws nothing
    print(f"   {layer.__name__:8} by minidrop verify:", ", ".join(report.broken) or "holds")
    assert report.holds == (layer is Right)
# %% [markdown]
# ## Does training notice?
#
# Each stands behind the ReLU of a network, 64-128-10, that learns 300 digits: twelve seeds, each
# with the same first weights, order and draws for all seven.

# %%
(X, Y), (test, labels) = md.data.digits().train, md.data.digits().test
def accuracy(kind, seed):
    rng, noise, layer = np.random.default_rng(seed), np.random.default_rng(seed + 100), kind(0.5)
    W = [rng.normal(0, (2 / n)**0.5, (n, m)).astype("float32") for n, m in ((64, 128), (128, 10))]
    for i in (i for _ in range(quick(40, 1)) for i in rng.permutation(300).reshape(6, 50)):
        h = np.maximum(X[i] @ W[0], 0)
        d = layer.forward(h, True, noise)
        g = (md.softmax(d @ W[1]) - np.eye(10, dtype="float32")[Y[i]]) / 50
        slopes = X[i].T @ (layer.backward(g @ W[1].T) * (h > 0)), d.T @ g
        for w, slope in zip(W, slopes, strict=True):
            w -= 0.5 * slope
    z = layer.forward(np.maximum(test @ W[0], 0), False, noise) @ W[1]
    return 100 * (z.argmax(1) == labels).mean()
found = np.array([[accuracy(kind, seed) for kind in LAYERS] for seed in range(quick(12, 2))])
change = md.mean_interval(found - found[:, :1])
for layer, of, mean, half in zip(LAYERS, found.mean(0), change.mean, change.half, strict=True):
    print(f"   {layer.__name__:8} test accuracy {of:.1f} %, less Right {mean:+.1f} +- {half:.1f}")
assert smoke() or (change.high[[1, 3, 5]] < [0, 0, -2]).all() and (change.high[[4, 6]] > 0).all()
assert smoke() or (found[:, 2] == found[:, 0]).all() and (change.mean[[3, 4, 6]] > -1).all()
figure, (left, right) = subplots(1, 2, size=(9.0, 3.4), width_ratios=(1.5, 1), sharey=True)
left.pcolormesh(seen, cmap="gray_r", vmax=1.4, edgecolors=PALE, linewidth=1)
left.set_xticks(np.arange(9) + 0.5, [*ASKED], rotation=35, ha="right")
left.set_yticks(np.arange(7) + 0.5, [layer.__name__ for layer in LAYERS])
left.set(title="dark: the question sees the fault", ylim=(7, 0))
left.axvline(4, color=MIDDLE), right.axvline(0, color=LIGHT)
right.errorbar(change.mean, np.arange(7) + 0.5, xerr=change.half, fmt="o", color=DARK, capsize=3)
right.set(title="what training makes of it", xlabel="test accuracy less that of Right (points)")
path = save_figure(figure, "museum")

# %% [markdown]
# So: by being right in all that is asked. Five of six pass the first four questions, and training
# hardly asks. `Always` costs points, `Stored` about one, `Forever` a little; of `Above` and `Root`
# twelve seeds show nothing. `Quotient` is right to the bit here: behind a ReLU the gradient ends at
# 0 anyway, so it waits for another network. What finds all six is to ask for each sentence by
# itself, and at its limits.
#
# ## Exercises
#
# 1. `Quotient` needs values that are 0 and a gradient that goes on. Build a network that has both.
# 2. Write a seventh layer that passes all nine questions and is wrong. Which is the tenth?
#
# ## References
#
# - The threads and files named above, on GitHub, read in November 2026; some faults are mended.
# - DeMillo, Lipton, Sayward (1978), Hints on test data selection, Computer 11(4), 34-41: mutants.
