# %% [markdown]
# # Gradient checks: how do you know that a gradient is right?
#
# A wrong gradient does not crash. It often even trains, only worse, and nobody knows how well it
# should have trained. So a gradient needs a witness that knows nothing of rules: move the input a
# little to both sides and look at the difference. Here is $e^x$ at $x = 1$, where the slope is $e$:

# %%
import math

import numpy as np

import minidrop as md
from minidrop.check import GradientError
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots
from minidrop.tape import REGISTRY, primitive

for h in (1e-1, 1e-3, 1e-5, 1e-8, 1e-11, 1e-14):
    difference = (math.exp(1 + h) - math.exp(1 - h)) / (2 * h)
    print(f"   h = {h:.0e}   difference {difference:.12f}   error {abs(difference - math.e):.0e}")

# %% [markdown]
# Smaller steps are better, and then worse.
#
# ## The equations
#
# The central difference drops all even terms of the Taylor series. What is left of the odd ones is
#
# $$ (f(x + h) - f(x - h)) / (2 h) = f'(x) + f'''(x) \, h^2 / 6 + ... \tag{checks.1} $$
#
# And the two values of $f$ carry rounding errors of about $\epsilon |f|$, which we divide by $h$. For
# the exponential, whose derivatives are all $f$, the two errors together are relatively
#
# $$ h^2 / 6 + \epsilon / h, \quad \mathrm{least} \; \mathrm{at} \quad h = (3 \epsilon)^{1/3}
# \tag{checks.2} $$
#
# A function of $n$ inputs and $m$ results has $m n$ slopes. We need not check them one by one. Mix
# them with random $u$ and $v$ to a single number, known in two ways:
#
# $$ \langle u, J v \rangle = \langle J^T u, v \rangle \tag{checks.3} $$
#
# On the left is a difference along $v$: two evaluations, whatever $n$ and $m$. On the right is the
# tape's gradient for the cotangent $u$.
#
# ## In array code

# %%
rng = np.random.default_rng(0)


def check(f, x, h=1e-5):
    t = md.Tensor(x, requires_grad=True)
    y = f(t)
    u, v = rng.normal(size=y.shape), rng.normal(size=x.shape)
    left = (u * (f(x + h * v) - f(x - h * v))).sum() / (2 * h)
    right = (md.grad(y, t, u) * v).sum()
    return abs(left - right) / max(1, abs(left), abs(right))


x, w, labels = rng.normal(size=(50, 20)), rng.normal(size=(20, 10)), rng.integers(10, size=50)
calls = 0


def network(w):
    global calls
    calls += 1
    return md.softmax(md.tanh(x @ w))
