# %% [markdown]
# # Gradient checks: how do you know that a gradient is right?
#
# A wrong gradient raises no error, and the loss may fall all the same. We need a witness that knows
# nothing of rules: move the input a little to both sides and look at the difference. Here is $e^x$
# at $x = 1$, where the slope is $e$:

# %%
import math
import textwrap

import numpy as np

import minidrop as md
from minidrop.check import GradientError
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots
from minidrop.tape import REGISTRY, primitive

for h in (1e-1, 1e-3, 1e-5, 1e-8, 1e-11, 1e-14):
    difference = (math.exp(1 + h) - math.exp(1 - h)) / (2 * h)
    print(f"   h = {h:.0e}   difference {difference:.12f}   error {abs(difference - math.e):.0e}")

# %% [markdown]
# ## The equations
#
# Shorter steps are better at first, then worse. In Taylor's series for both sides the even terms
# cancel:
#
# $$ (f(x + h) - f(x - h)) / (2 h) = f'(x) + f_3(x) \, h^2 / 6 + ... \tag{checks.1} $$
#
# with the third derivative $f_3$. And each value of $f$ carries a rounding error of about
# $\epsilon f$, which is divided by $h$. For $e^x$, where $f_3 = f' = f$, both are relatively
#
# $$ h^2 / 6 + \epsilon / h, \quad \mathrm{least\ at} \quad h = (3 \epsilon)^{1/3} \tag{checks.2} $$
#
# With $n$ inputs and $m$ results there are $m n$ slopes, the Jacobian $J$. Random $u$ and $v$ mix
# them into one number that is known in two ways:
#
# $$ \langle u, J v \rangle = \langle J^T u, v \rangle \tag{checks.3} $$
#
# On the left, a difference along $v$: two evaluations of $f$. On the right, the tape's gradient.
#
# ## In array code

# %%
rng = np.random.default_rng(0)


def check(f, x, h=1e-5):
    t = md.Tensor(x, requires_grad=True)
    y = f(t)
    u, v = rng.normal(size=y.shape), rng.normal(size=x.shape)
    left = (u * (f(x + h * v) - f(x - h * v))).sum() / (2 * h)
    right = (md.grad(y, t, g=u) * v).sum()
    return abs(left - right) / max(1, abs(left), abs(right))


calls = []
def f(x): return calls.append(x.size) or md.softmax(md.tanh(x))
for rows in (1, 10_000):
    x = rng.normal(size=(rows, 10))
    ours, theirs = check(f, x), md.gradcheck(f, x)
    print(f"   {x.size:6d} inputs, 3 + 4 calls: error {ours:.0e}, by md.gradcheck {theirs:.0e}")
    assert max(ours, theirs) < 1e-6 and calls.count(x.size) == 3 + 4

# %% [markdown]
# ## Faults on purpose
#
# In $y = \mathrm{relu}(x) \, s$ each column has its own $s$. Here are its adjoints, right and with
# five faults, before `md.gradcheck`:

# %%
def relu(x): return np.maximum(x, 0)
def of_x(g, y, x, s): return g * s * (x > 0)
def of_s(g, y, x, s): return (g * relu(x)).sum(0)
x, s = rng.normal(size=(50, 8)), rng.normal(size=8)
cases = {"none": (of_x, of_s), "mask forgotten": (lambda g, y, x, s: g * s, of_s),
         "0.1 % too large": (lambda *a: 1.001 * of_x(*a), of_s),
         "mean for sum": (of_x, lambda *a: of_s(*a) / 50),
         "sum forgotten": (of_x, lambda g, y, x, s: g * relu(x)),
         ">= for >": (lambda g, y, x, s: g * s * (x >= 0), of_s)}
caught = []
for fault, adjoints in cases.items():
    @primitive
    def gate(x, s): return relu(x) * s
    gate.vjps(*adjoints)
    REGISTRY.pop("gate")                          # the library keeps no broken rules
    try:
        print(f"   {fault:16s} passes, error {md.gradcheck(gate, x, s):.0e}")
    except GradientError as error:
        caught.append(fault)
        print(f"   {fault:16s} caught: {str(error).partition(' of shape')[0]}")
assert caught == ["mask forgotten", "0.1 % too large", "mean for sum", "sum forgotten"]

# %% [markdown]
# The last fault passes: it differs only at $x = 0$, which random numbers do not hit, and where relu
# has no slope to be held against. A check is a witness, not a proof.
#
# ## Noise must stand still
#
# Dropout draws a mask at every call, so every call is another function. As an argument, the mask is
# a constant like any other, and the check passes:

# %%
layer = md.Dropout(0.5).init(seed=3)
try:
    md.gradcheck(layer, x)
except GradientError as error:
    print(textwrap.fill(str(error), 96, initial_indent="   ", subsequent_indent="   "))
else:
    raise AssertionError("noise went unnoticed")
mask = layer.sample(x.shape)
print(f"   with a frozen mask: error {md.gradcheck(lambda t: layer.apply(t, mask), x):.0e}")

# %% [markdown]
# ## Which step is best?
#
# The error of the difference for $e^x$, the median of 400 points, beside both parts of (checks.2):

# %%
steps = 10.0 ** np.arange(-13, 0.1, 0.25)
points = rng.uniform(0.5, 1.5, 400)
figure, axes = subplots(size=(7.0, 3.6))
for name, line, colour in (("float32", "--", MIDDLE), ("float64", "-", DARK)):
    x, epsilon = points.astype(name), float(np.finfo(name).eps)
    slopes = [(np.exp(x + h) - np.exp(x - h)) / (2 * h) for h in steps.astype(name)]
    errors = np.median(np.abs(np.float64(slopes) / np.exp(x.astype("float64")) - 1), axis=1)
    best, expected = steps[errors.argmin()], (3 * epsilon) ** (1 / 3)
    print(f"   {name}: least error {errors.min():.0e} at h = {best:.0e}, expected {expected:.0e}")
    assert expected / 4 < best < expected * 4
    axes.loglog(steps, errors, line, color=colour, label=name)
    axes.loglog(steps, epsilon / steps, ":", color=LIGHT)
axes.loglog(steps, steps**2 / 6, ":", color=LIGHT, label="$h^2/6$ and $\\epsilon/h$")
axes.set(xlabel="step h", ylabel="relative error", ylim=(1e-13, 3), title="too short, too long")
axes.legend()
path = save_figure(figure, "checks")

# %% [markdown]
# So: hold it against differences, along random directions, with the noise standing still, and at a
# step that is neither too long nor too short. It finds faults, and proves nothing.
#
# ## Exercises, and tasks: `minidrop grade start checks`
#
# 1. One of 10,000 slopes is wrong by 1 %. For how many of the seeds 0 to 99 is it seen?
# 2. The one-sided difference $(f(x + h) - f(x)) / h$: what is its best step, and how good is it?
#
# ## References
#
# - Nocedal, Wright (2006), Numerical Optimization, 2nd edition, section 8.1: both errors.
# - HIPS autograd, on GitHub, `test_util.py`: checks along one random direction.
