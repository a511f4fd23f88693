# %% [markdown]
# # A tape: how can a program that only computes values know their slopes as well?
#
# Every program computes its result in small steps, and the slope of a small step is school
# calculus. So let each step write down what it did. Then read the notes backwards and multiply the
# slopes. Here is $y = \tanh(x w) + x$ at $x = 2$, $w = 0.5$, first forwards, then backwards:

# %%
import gc
import itertools
import tracemalloc

import numpy as np

import minidrop as md
from minidrop.lesson import quick
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

x, w = 2.0, 0.5
a = x * w
b = np.tanh(a)
print(f"   forwards     a = x w = {a:.3f}    b = tanh a = {b:.3f}    y = b + x = {b + x:.3f}")
slope_a = 1.0 * (1 - b * b)
slope_x = 1.0 + slope_a * w                       # x was used twice: two parts
print(f"   backwards    dy/db = 1.000      dy/da = {slope_a:.3f}         dy/dx = {slope_x:.3f}")

# %% [markdown]
# ## The equations
#
# Write $\bar{v}$ for the gradient of the result with respect to the value $v$. A value collects one
# part from every use $u$ that was made of it:
#
# $$ \bar{v} = \sum_u (\partial u / \partial v)^T \, \bar{u} \tag{tape.1} $$
#
# For arrays, two steps need a second look. In $Y = A B$ the gradients are
#
# $$ \bar{A} = \bar{Y} B^T, \qquad \bar{B} = A^T \bar{Y} \tag{tape.2} $$
#
# And where NumPy repeats a row $b$ to add it to each row of $X$, it was used once for each row:
#
# $$ Y_{ij} = X_{ij} + b_j, \qquad \bar{b}_j = \sum_i \bar{Y}_{ij} \tag{tape.3} $$
#
# ## In array code
#
# Each operation returns a new `Value` and hangs a closure on it, `send`: how its gradient goes on
# to what it was made of. Backwards, the youngest value is first. By the time a value sends, all its
# uses are done and its `grad` is complete.

# %%
class Value:
    birth = itertools.count()

    def __init__(self, data, parents=()):
        self.data, self.parents, self.age = data, parents, next(Value.birth)
        self.grad, self.send = 0.0, lambda: None

    def add_grad(self, g):
        own = (1,) * (g.ndim - self.data.ndim) + self.data.shape
        repeated = tuple(i for i, n in enumerate(own) if n != g.shape[i])
        self.grad = self.grad + g.sum(repeated).reshape(self.data.shape)   # (tape.3), then (tape.1)

    def __add__(self, other):
        y = Value(self.data + other.data, (self, other))
        y.send = lambda: (self.add_grad(y.grad), other.add_grad(y.grad))
        return y

    def __mul__(self, other):
        y = Value(self.data * other.data, (self, other))
        y.send = lambda: (self.add_grad(y.grad * other.data), other.add_grad(y.grad * self.data))
        return y

    def __matmul__(self, other):                                           # (tape.2)
        y = Value(self.data @ other.data, (self, other))
        y.send = lambda: (self.add_grad(y.grad @ other.data.T), other.add_grad(self.data.T @ y.grad))
        return y

    def tanh(self):
        y = Value(np.tanh(self.data), (self,))
        y.send = lambda: self.add_grad(y.grad * (1 - y.data * y.data))
        return y

    def sum(self):
        y = Value(self.data.sum(), (self,))
        y.send = lambda: self.add_grad(np.broadcast_to(y.grad, self.data.shape))
        return y

    def backward(self):
        found, stack, self.grad = {self}, [self], np.ones_like(self.data)
        while stack:
            new = set(stack.pop().parents) - found
            found |= new
            stack += new
        for value in sorted(found, key=lambda v: v.age, reverse=True):
            value.send()

# %% [markdown]
# ## The library's tape agrees
#
# A tiny network learns $\sin$ from 32 points: 16 tanh units, 200 steps down the gradient. The same
# lines run on both tapes, `md.Tensor` being the library's:

# %%
def tensor(data): return md.Tensor(data, requires_grad=True)
def tanh(v): return v.tanh() if isinstance(v, Value) else md.tanh(v)


def train(kind, steps, lr=0.01):
    rng, x, losses = np.random.default_rng(0), np.linspace(-3, 3, 32)[:, None], []
    weights = [rng.normal(size=shape) for shape in ((1, 16), (16,), (16, 1), (1,))]
    for _ in range(steps):
        w1, b1, w2, b2 = leaves = [kind(w) for w in weights]
        error = tanh(kind(x) @ w1 + b1) @ w2 + b2 + kind(-np.sin(x))
        loss = (error * error * kind(np.array(1 / 32))).sum()
        loss.backward()
        weights = [w - lr * leaf.grad for w, leaf in zip(weights, leaves, strict=True)]
        losses.append(float(loss.data))
    return losses


ours, theirs = (train(kind, steps=200) for kind in (Value, tensor))
print(f"   mean squared error: first {ours[0]:.3f}, last {ours[-1]:.3f}; library {theirs[-1]:.3f}")
assert np.allclose(ours, theirs, rtol=1e-9) and ours[-1] < 0.05 * ours[0]

# %% [markdown]
# ## The price
#
# `y.send` is a closure over `y`, and hangs on `y`: a circle. Python frees an object when nobody
# refers to it any more, but in a circle somebody always does. Only the collector finds it, and it
# starts after so many new objects, however large they are. One round is 21 operations on arrays of
# 64 kB and `backward`. We watch what is still held when the round is over and its result forgotten:

# %%
def memory(kind, rounds):
    x, w = np.ones((2, 128, 128), "float32")
    held, before = [], tracemalloc.get_traced_memory()[0]
    for _ in range(rounds):
        h, factor = kind(x), kind(w)
        for _ in range(10):
            h = tanh(h * factor)
        h.sum().backward()
        del h, factor
        held.append((tracemalloc.get_traced_memory()[0] - before) / 2**20)
    gc.collect()
    return held


rounds, x, _ = quick(30, 5), gc.collect(), tracemalloc.start()
with_collector = memory(Value, rounds)
