# %% [markdown]
# # Adjoint pairs: how little must a machine know to differentiate anything?
#
# To pick entries, `x[[0, 2, 2]]`, is to multiply by a matrix of zeros and ones, with one row for
# each entry. Its transpose takes three numbers and adds each to the place it came from. The library
# calls them `getitem` and `scatter`. Fed with unit vectors, they show their columns:

# %%
import inspect

import numpy as np

import minidrop as md
from minidrop.plots import DARK, MIDDLE, save_figure, subplots
from minidrop.tape import REGISTRY as R

pick = np.array([R["getitem"](e, index=[0, 2, 2]) for e in np.eye(4, dtype=int)]).T
put = np.array([R["scatter"](e, index=[0, 2, 2], shape=(4,)) for e in np.eye(3, dtype=int)]).T
print("   getitem:", *pick, sep="\n      ")
print("   scatter:", *put, sep="\n      ")
assert np.array_equal(put, pick.T)

# %% [markdown]
# ## The equations
#
# The transpose of a linear map, also called its adjoint, is the map that may change sides in a
# product of vectors, for all $u$ and $v$:
#
# $$ \langle u, A v \rangle = \langle A^T u, v \rangle \tag{adjoints.1} $$
#
# A step $y = f(x)$ has a Jacobian $J = \partial y / \partial x$, the linear map nearest to it. Its
# adjoint takes $g$, the gradient of the result in $y$, to the gradient in $x$:
#
# $$ \bar{x} = J^T g \tag{adjoints.2} $$
#
# So all that must be known of an operation is its formula, and one rule for each argument, from
# `(g, y, *args)` to a gradient. For $y = \tanh(x)$ it is $g (1 - y^2)$. That is a formula again, so
# it has a derivative too. From this rule alone the machine shall find
#
# $$ dy/dx = 1 / \cosh(x)^2, \qquad d^2 y/dx^2 = -2 \sinh(x) / \cosh(x)^3 \tag{adjoints.3} $$
#
# ## In array code
#
# What is known is a table. What happened is a node: a name and its arguments. The walk starts at
# the result and takes the deepest node that waits, since nothing can add to its gradient any more.

# %%
RULES = {
    "add": (lambda a, b: a + b, lambda g, y, a, b: g, lambda g, y, a, b: g),
    "mul": (lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    "tanh": (np.tanh, lambda g, y, x: g * (y * y * -1.0 + 1.0)),
}


class Node:
    def __init__(self, data, name=None, args=()):
        self.data, self.name, self.args = data, name, args
        self.depth = 1 + max((arg.depth for arg in args), default=0)

    def __add__(self, other): return call("add", self, other)
    def __mul__(self, other): return call("mul", self, other)

def call(name, *args):
    args = [arg if isinstance(arg, Node) else Node(arg) for arg in args]  # numbers too
    return Node(RULES[name][0](*(arg.data for arg in args)), name, args)

def gradient(y, x):
    waiting = {y: Node(np.ones_like(y.data))}
    while waiting:
        g = waiting.pop(node := max(waiting, key=lambda n: n.depth))
        if node is x: return g
        for rule, arg in zip(RULES[node.name][1:] if node.name else (), node.args, strict=True):
            part = rule(g, node, *node.args)
            waiting[arg] = waiting[arg] + part if arg in waiting else part

# %% [markdown]
# The gradient is a node as well, so a gradient of a gradient is the second derivative: no line was
# written for it. The library's table works alike; `create_graph=True` asks it for Tensors:

# %%
x, curves = np.linspace(-4, 4, 401), []
our_x, their_x = Node(x), md.Tensor(x, requires_grad=True)
ours, theirs = call("tanh", our_x), md.tanh(their_x)
for order in range(4):
    difference = abs(ours.data - theirs.data).max()
    print(f"   derivative {order}:  ours and the library's differ by at most {difference:.1e}")
    assert difference < 1e-14
    curves.append(theirs.data)
    ours, theirs = gradient(ours, our_x), md.grad(theirs.sum(), their_x, create_graph=True)

# %% [markdown]
# ## The linear pairs
#
# The rule of a linear operation is its partner, whose rule is the first. Random $u$ and $v$:

# %%
v, index = np.random.default_rng(0).normal(size=(2, 3, 4)), (0, [0, 2, 2])
for A, params, transposed, back in (
        ("sum", {"axis": 0}, "broadcast_to", {"shape": (2, 3, 4)}),
        ("reshape", {"shape": (6, 4)}, "reshape", {"shape": (2, 3, 4)}),
        ("transpose", {"axes": (2, 0, 1)}, "transpose", {"axes": (1, 2, 0)}),
        ("getitem", {"index": index}, "scatter", {"index": index, "shape": (2, 3, 4)})):
    y = R[A](v, **params)
    u = np.random.default_rng(1).normal(size=y.shape)
    left, right = (u * y).sum(), (R[transposed](u, **back) * v).sum()
    print(f"   {A:9s} / {transposed:12s}   <u, A v> = {left:9.6f}   <A^T u, v> = {right:9.6f}")
    assert np.isclose(left, right, rtol=1e-12)
    assert np.allclose(R[A].adjoint(0)(u, None, v, **params), R[transposed](u, **back))
    assert np.allclose(R[transposed].adjoint(0)(v, None, u, **back), y)

# %% [markdown]
# ## The whole registry
#
# This is all the calculus that the library knows. "Twice" means that the rules can be
# differentiated again. Differences confirm it for the smooth operations of one argument:

# %%
print(f"   {'name':22s}{'arguments':34s}{'rules for':12s}twice")
for name, known in R.items():
    arguments = inspect.signature(known.forward)
    ruled = (a for a, rule in zip(arguments.parameters, known.adjoints, strict=False) if rule)
    print(f"   {name:22s}{arguments!s:34s}{', '.join(ruled):12s}{'yes' if known.twice else 'no'}")
for name in ("neg", "exp", "log", "sqrt", "tanh", "sigmoid", "log_softmax"):
    assert R[name].twice and md.gradcheck(R[name], np.array([0.3, 0.7, 1.9]), order=2) < 1e-4

# %%
figure, axes = subplots(size=(7.0, 3.2))
for curve, label, line in zip(curves, ("tanh", "tanh'", "tanh''"), ("-", "--", ":"), strict=False):
    axes.plot(x, curve, line, color=DARK if line == "-" else MIDDLE, label=label)
axes.set(xlabel="x", ylabel="value", title="one rule, walked over twice")
axes.legend()
path = save_figure(figure, "adjoints")
errors = curves[1] - 1 / np.cosh(x)**2, curves[2] + 2 * np.sinh(x) / np.cosh(x)**3
print(f"   largest difference from (adjoints.3): {np.abs(errors).max():.1e}")
assert np.abs(errors).max() < 1e-14

# %% [markdown]
# So: a formula for each operation, and one rule for each of its arguments. The rest is a walk.
#
# ## Exercises, and tasks: `minidrop grade start adjoints`
#
# 1. Add `sin` and `cos` to `RULES`. What is the tenth derivative of $\sin(x^2)$ at 0? How does the
#    time to find a derivative grow with its order?
# 2. Add a pair `sum` and `spread`, each the rule of the other. Train the network of lesson 1.
#
# ## References
#
# - M. Johnson, autodidact, on GitHub: rules `(g, y, *args)` in a table, after HIPS autograd.
# - Griewank, Walther (2008), Evaluating Derivatives, 2nd edition, SIAM.
