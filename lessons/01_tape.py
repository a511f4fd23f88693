# %% [markdown]
# # A tape: how can a program that only computes values know their slopes as well?
#
# Every program computes its result in small steps, and the slope of a small step is school
# calculus. So let each step write down what it did. Then read the notes backwards, and multiply the
# slopes. Here is $y = \tanh(x w) + x$, first forwards, then backwards:

# %%
import gc
import tracemalloc

import numpy as np

import minidrop as md
from minidrop.lesson import quick
from minidrop.plots import DARK, MIDDLE, save_figure, subplots

x, w, a, b = 2.0, 0.5, 2.0 * 0.5, np.tanh(2.0 * 0.5)
print(f"   forwards     a = x w = {a:.3f}    b = tanh a = {b:.3f}    y = b + x = {b + x:.3f}")
slope = 1 - b * b                                 # of tanh at a; and x was used twice: two parts
print(f"   backwards    dy/db = 1.000      dy/da = {slope:.3f}         dy/dx = {slope * w + 1:.3f}")

# %% [markdown]
# ## The equations
#
# Write $\bar{v}$ for the gradient of the result in $v$: by how much the result grows if $v$ does.
# Every use $u$ of $v$ adds one part to it:
#
# $$ \bar{v} = \sum_u (\partial u / \partial v)^T \, \bar{u} \tag{tape.1} $$
#
# Arrays need two cases. One is a product of matrices. The other is a row $b$ that NumPy adds to
# each row of $X$, so that it is used once for each:
#
# $$ Y = A B, \qquad \bar{A} = \bar{Y} B^T, \qquad \bar{B} = A^T \bar{Y} \tag{tape.2} $$
#
# $$ Y_{ij} = X_{ij} + b_j, \qquad \bar{b}_j = \sum_i \bar{Y}_{ij} \tag{tape.3} $$
#
# ## In array code
#
# `made` hangs a function on each new value, which sends its gradient on by one rule for each
# argument. The deepest value sends first: all uses of a value have sent before the value does.

# %%
class Value:
    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad, self.send = data, parents, 0.0, lambda: None
        self.depth = 1 + max((parent.depth for parent in parents), default=0)

    def add_grad(self, g):
        own = (1,) * (g.ndim - self.data.ndim) + self.data.shape
        repeated = tuple(i for i, n in enumerate(own) if n != g.shape[i])
        self.grad = self.grad + g.sum(repeated).reshape(self.data.shape)   # (tape.3), then (tape.1)

    def __add__(a, b): return made(a.data + b.data, (a, lambda g: g), (b, lambda g: g))
    def __mul__(a, b):
        return made(a.data * b.data, (a, lambda g: g * b.data), (b, lambda g: g * a.data))
    def __matmul__(a, b):                                                  # (tape.2)
        return made(a.data @ b.data, (a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g))
    def sum(a): return made(a.data.sum(), (a, lambda g: np.broadcast_to(g, a.data.shape)))

    def backward(self):
        self.grad, found, todo = np.ones_like(self.data), {self}, [self]
        for value in todo:                        # the list grows while we walk it
            todo += set(value.parents) - found
            found |= set(value.parents)
        for value in sorted(todo, key=lambda v: -v.depth): value.send()

def made(data, *uses):
    y = Value(data, [value for value, rule in uses])
    y.send = lambda: [value.add_grad(rule(y.grad)) for value, rule in uses]
    return y

def tanh(a):
    y = np.tanh(a.data)
    return made(y, (a, lambda g: g * (1 - y * y)))

# %% [markdown]
# ## Differences and the library agree
#
# Sixteen tanh units learn $\sin$ from 32 points, by 200 steps down the gradient. The same lines run
# on our tape and on the library's:

# %%
points, rng = np.linspace(-3, 3, 32)[:, None], np.random.default_rng(0)
weights = [rng.normal(size=shape) for shape in ((1, 16), (16,), (16, 1), (1,))]
tapes = {"ours": (Value, tanh), "library": (lambda v: md.Tensor(v, requires_grad=True), md.tanh)}


def slopes(tape, weights):
    kind, tanh = tapes[tape]
    w1, b1, w2, b2 = leaves = [kind(w) for w in weights]
    error = tanh(kind(points) @ w1 + b1) @ w2 + b2 + kind(-np.sin(points))
    loss = (error * error).sum()
    loss.backward()
    return float(loss.data), [leaf.grad for leaf in leaves]

up, down = (slopes("ours", [weights[0] + h, *weights[1:]])[0] for h in (1e-5, -1e-5))
first, g = slopes("ours", weights)
print(f"   along w1:   difference {(up - down) / 2e-5:.5f}   tape {g[0].sum():.5f}")
assert np.isclose((up - down) / 2e-5, g[0].sum(), rtol=1e-6)
for _ in range(200):
    (loss, g), (same_loss, same_g) = (slopes(tape, weights) for tape in tapes)
    assert all(map(np.allclose, [loss, *g], [same_loss, *same_g]))
    weights = [w - 0.0005 * slope for w, slope in zip(weights, g, strict=True)]
print(f"   sum of squared errors: {first:.2f} at first, {loss:.2f} in the end")
assert loss < 0.01 * first

# %% [markdown]
# ## The price
#
# `y.send` hangs on `y` and refers to `y`: a circle. Python frees what nobody refers to, but within
# a circle somebody always does. Only the garbage collector finds it. And that waits for a number of
# new objects, whatever their size. What is held after each round of 21 operations on 64 kB?

# %%
def one_round(kind, tanh):
    h, w = (kind(np.ones((128, 128), "float32")) for _ in range(2))
    for _ in range(10): h = tanh(h * w)
    h.sum().backward()

figure, axes = subplots(size=(7.0, 3.2))
rounds, ends = range(1, quick(30, 5) + 1), []
for tape, collector, style in (("ours", gc.disable, "-"), ("ours", gc.enable, ":"),
                               ("library", gc.disable, "--")):
    gc.collect(), collector(), tracemalloc.start()
    held = [one_round(*tapes[tape]) or tracemalloc.get_traced_memory()[0] / 2**20 for _ in rounds]
    tracemalloc.stop(), gc.enable()
    ends.append(held[-1])
    name = f"{tape}, gc.{collector.__name__}()"
    print(f"   {name:22s} after the last round {held[-1]:4.1f} MiB, most {max(held):4.1f} MiB")
    axes.plot(rounds, held, style, color=DARK if tape == "library" else MIDDLE, label=name)
assert ends[0] > 2.5 * len(rounds) and ends[2] < 0.1
axes.set(xlabel="round", ylabel="memory held (MiB)", title="what each round leaves behind")
axes.legend()
path = save_figure(figure, "tape")

# %% [markdown]
# So: it notes what it did, and reads the notes backwards. Each step knows its own slope alone, and
# the notes cost memory until somebody lets go of them.
#
# ## Exercises, and tasks: `minidrop grade start tape`
#
# 1. Let `send` take its gradient as an argument, so that it need not know `y`. Measure again. (The
#    library goes further and keeps no closures at all: lesson 2.)
# 2. Leave out the sorting in `backward`. Which expressions go wrong? Find the smallest.
#
# ## References
#
# - R. E. Wengert (1964), A simple automatic derivative evaluation program, CACM 7(8), 463-464.
# - A. Karpathy (2020), micrograd, on GitHub: closures on single numbers.
