# %% [markdown]
# # A tape: how can a program that only computes values know their slopes as well?
#
# Every program computes its result in small steps, and the slope of a small step is school
# calculus. So let each step write down what it did, then read the notes backwards and multiply the
# slopes. Here is $y = \tanh(x w) + x$, first forwards, then backwards:

# %%
import gc
import tracemalloc

import numpy as np

import minidrop as md
from minidrop.lesson import quick
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

x, w = 2.0, 0.5
a, b = x * w, np.tanh(x * w)
print(f"   forwards     a = x w = {a:.3f}    b = tanh a = {b:.3f}    y = b + x = {b + x:.3f}")
slope = 1 - b * b                                 # of tanh at a; and x was used twice: two parts
print(f"   backwards    dy/db = 1.000      dy/da = {slope:.3f}         dy/dx = {slope * w + 1:.3f}")

# %% [markdown]
# ## The equations
#
# Write $\bar{v}$ for the gradient of the result with respect to the value $v$. A value collects one
# part from every use $u$ that was made of it:
#
# $$ \bar{v} = \sum_u (\partial u / \partial v)^T \, \bar{u} \tag{tape.1} $$
#
# So it is for a product of matrices, $Y = A B$,
#
# $$ \bar{A} = \bar{Y} B^T, \qquad \bar{B} = A^T \bar{Y} \tag{tape.2} $$
#
# and for a row $b$ that NumPy repeats to add it to each row of $X$: it was used once for each,
#
# $$ Y_{ij} = X_{ij} + b_j, \qquad \bar{b}_j = \sum_i \bar{Y}_{ij} \tag{tape.3} $$
#
# ## In array code
#
# `made` hangs a closure on each new value: how its gradient goes on, by one rule for each argument.
# What was made last sends first, so a `grad` is complete before it is sent.

# %%
class Value:
    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad, self.send = data, parents, 0.0, lambda: None
        self.age = 1 + max((parent.age for parent in parents), default=0)

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
        for value in sorted(todo, key=lambda v: -v.age):
            value.send()


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
slope = slopes("ours", weights)[1][0].sum()
print(f"   along w1:   difference {(up - down) / 2e-5:.6f}   tape {slope:.6f}")
assert np.isclose((up - down) / 2e-5, slope, rtol=1e-6)
for step in range(200):
    (loss, g), (same_loss, same_g) = (slopes(tape, weights) for tape in tapes)
    assert all(map(np.allclose, [loss, *g], [same_loss, *same_g]))
    weights = [w - 0.0005 * slope for w, slope in zip(weights, g, strict=True)]
    if step % 199 == 0:
        print(f"   step {step:3d}    sum of squared errors {loss:8.4f}")

# %% [markdown]
# ## The price
#
# The closure `y.send` refers to `y` and hangs on `y`: a circle. Python frees what nobody refers to,
# but within a circle somebody always does. Only the collector finds it, and that waits for a number
# of new objects, whatever their size. What is held after each round of 21 operations on 64 kB?

# %%
def one_round(kind, tanh):
    h, w = (kind(np.ones((128, 128), "float32")) for _ in range(2))
    for _ in range(10):
        h = tanh(h * w)
    h.sum().backward()


figure, axes = subplots(size=(7.0, 3.2))
rounds, last = quick(30, 5), {}
for tape, collector, line, colour in (("ours", False, "-", MIDDLE), ("ours", True, "-", LIGHT),
                                      ("library", False, "--", DARK)):
    gc.collect()
    (gc.enable if collector else gc.disable)()
    tracemalloc.start()
    held = [one_round(*tapes[tape]) or tracemalloc.get_traced_memory()[0] for _ in range(rounds)]
    tracemalloc.stop()
    gc.enable()
    label = f"{tape}, collector {'on' if collector else 'off'}"
    last[label] = held[-1] / 2**20
    print(f"   {label:22s} after {rounds} rounds {last[label]:5.1f} MiB, most {max(held) / 2**20:5.1f}")
    axes.plot(range(1, rounds + 1), np.array(held) / 2**20, line, color=colour, label=label)
assert last["ours, collector off"] > rounds * 2.5 and last["library, collector off"] < 0.1
axes.set(xlabel="round", ylabel="memory held (MiB)", title="what a round leaves behind")
axes.legend()
path = save_figure(figure, "tape")

# %% [markdown]
# ## Exercises
#
# 1. Let `send` take its gradient as an argument, so that it need not know `y`. Measure again.
# 2. Leave out the sorting in `backward`. Which expressions go wrong? Find the smallest.
#
# ## References
#
# - R. E. Wengert (1964), A simple automatic derivative evaluation program, CACM 7(8), 463-464.
# - A. Karpathy (2020), micrograd, on GitHub: closures on single numbers.
