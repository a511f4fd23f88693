# %% [markdown]
# # Penalties: what becomes of a weight that has to pay for its size?
#
# A weight goes where the data want it. If it has to pay for its size, it stops before. Here are
# five weights that the data want, and what L2, L1 and max-norm leave of them:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

soft = lambda w, force: np.sign(w) * np.maximum(abs(w) - force, 0)           # (l1.3)
u = np.array([[2.0, -1.2, 0.8, 0.4, -0.1]])
rows = {"data": u, "L2": u / (1 + 0.5), "L1": soft(u, 0.5), "max-norm": md.max_norm(u, limit=1.5)}
for name, w in rows.items(): print(f"   {name:10}", *(f"{value:6.2f}" for value in w[0] + 0))

# %% [markdown]
# ## The equations
#
# Let the loss be $(w - u)^2 / 2$: the data want $u$. L2 adds $\lambda w^2 / 2$, whose force grows
# with the weight: all shrink by one factor. L1 adds $\lambda |w|$, whose force is the same for all:
# each moves by $\lambda$, and small ones stop at 0. Max-norm adds nothing. After a step it shortens
# the weights of each unit to the length $c$, if they are longer:
#
# $$ \mathrm{argmin}_w \left( \tfrac12 (w - u)^2 + \tfrac{\lambda}{2} w^2 \right)
#    = u / (1 + \lambda) \tag{penalties.1} $$
# $$ \mathrm{argmin}_w \left( \tfrac12 (w - u)^2 + \lambda |w| \right)
#    = \mathrm{sign}(u) \max(|u| - \lambda, 0) \tag{l1.3} $$
# $$ \Pi(w) = w \, \min(1, \; c / \lVert w \rVert_2) \tag{max_norm.1} $$
#
# ## In array code
#
# In a linear layer the inputs $X$ tie the weights together. L2 has a closed form there too, ridge
# regression. With orthonormal columns each weight is alone again, with $u = X^T t$. At the minimum
# the library's gradient is 0; where L1 makes a weight 0, the data pull with at most $\lambda$:

# %%
rng, force = np.random.default_rng(0), 0.5
X, t = rng.normal(size=(20, 5)), rng.normal(size=20)
Q = np.linalg.qr(X)[0]                            # orthonormal columns
def gradient(w, X, penalty):
    w = md.Tensor(w, requires_grad=True)
    return md.grad(((X @ w - t)**2).sum() / 2 + force * penalty(w), w)
ridge, lasso = np.linalg.solve(X.T @ X + force * np.eye(5), X.T @ t), soft(Q.T @ t, force)
print("   ridge", ridge.round(3), "  L1, orthonormal", lasso.round(3) + 0)
assert np.allclose(gradient(ridge, X, md.l2), 0, atol=1e-12)
assert np.allclose(gradient(Q.T @ t / (1 + force), Q, md.l2), 0, atol=1e-12)     # (penalties.1)
pull = gradient(lasso, Q, md.l1)                  # the library's slope of |w| is 0 at 0
assert np.allclose(pull[lasso != 0], 0, atol=1e-12) and (abs(pull[lasso == 0]) <= force).all()
assert np.allclose(md.max_norm(u, 1.5), u * min(1, 1.5 / np.linalg.norm(u)))

# %% [markdown]
# ## Dropout is such a penalty, one that adapts
#
# Drop each entry of $X$ for itself, and average over all masks $R$. With $\odot$ entry by entry,
# and the diagonal matrix $\Gamma$ of the lengths of the columns of $X$:
#
# $$ \mathbb{E}_R \, \lVert t - (R \odot X) \, w / q \rVert^2
#    = \lVert t - X w \rVert^2 + \tfrac{p}{q} \, \lVert \Gamma w \rVert^2 \tag{dropout.7} $$
#
# So a weight pays by the size of its input. Measure one in centimetres for metres: its weight is a
# hundredth, and dropout's price is the same. L2's is not. Three by three entries have 512 masks:

# %%
p, X, t, w = 0.4, X[:3, :3], t[:3], rng.normal(size=3)
for name, unit in (("metres", np.ones(3)), ("centimetres", np.array([1, 100, 1]))):
    Z, v = X * unit, w / unit                     # the second input in other units
    cost = md.exact_moments(lambda R, Z=Z, v=v: ((t - md.dropout(Z, R, p) @ v)**2).sum(), (3, 3), p)
    price = p / (1 - p) * ((np.linalg.norm(Z, axis=0) * v)**2).sum()
    print(f"   {name:12} mean of all masks {cost[0]:.4f}   price {price:.4f}   L2 {md.l2(v):.4f}")
    assert np.isclose(cost[0], ((t - Z @ v)**2).sum() + price, rtol=1e-12)

# %% [markdown]
# ## Decay beside the step
#
# Under SGD, L2 is a decay: at the learning rate $\eta$ a step first takes the share $\eta \lambda$
# of a weight (l2.3). Adam divides each gradient by its size, the penalty's too. So a weight with no
# other gradient moves by $\eta$, for any $\lambda$ (l2.5). AdamW decays beside the step (l2.6):

# %%
zero = np.zeros((1, 1), "float32")                # an input of 0 gives the weight no gradient
for strength in (0.001, 0.1):
    nets = [md.nn.Linear(1, 1, bias=False).init(0) for _ in range(3)]
    for net, rule in zip(nets, (md.optim.SGD, md.optim.Adam, md.optim.AdamW), strict=True):
        net.weight.data[:] = 1
        md.train_step(net, rule(lr=0.1, weight_decay=strength), zero, zero, md.mse_loss)
    moved = [1 - net.weight.item() for net in nets]
    print(f"   lambda = {strength}: SGD, Adam and AdamW move it by", *np.round(moved, 4))
    assert np.allclose(moved, [0.1 * strength, 0.1, 0.1 * strength], rtol=0, atol=1e-5)

# %% [markdown]
# ## Which of them helps?
#
# 128 hidden units learn 300 digits, 60 of them with labels dealt out anew. Eight seeds have each
# penalty (L1 by (l1.3) after a step, so that zeros are zeros), dropout, or dropout and max-norm.
# Each strength is the best of five, if alone, on the validation digits, with other seeds. How far
# does the test loss fall (95 %), and what becomes of hidden weights and output units?

# %%
digits, epochs, seeds, lr = md.data.digits(), quick(60, 1), range(quick(8, 2)), 0.05
x, y = (part[:300].copy() for part in digits.train)
y[:60] = y[:60][md.permutation(0, 60)]
METHODS = {"none": (0, 0, 0, 99), "L2": (0, 0.005, 0, 99),        # dropout, L2, L1, limit
           "L1": (0, 0, 0.008, 99), "max-norm": (0, 0, 0, 1.7),
           "dropout": (0.65, 0, 0, 99), "both": (0.65, 0, 0, 1.7)}
def train(name, seed):
    def project(net):
        for w in (net.hidden1.linear.weight.data, net.out.weight.data):
            w[:] = md.max_norm(soft(w, np.float32(lr * l1)), limit)
    p, decay, l1, limit = METHODS[name]
    net = md.models.place(md.models.mlp(64, 128, 10), "hidden1.drop", md.Dropout(p)).init(seed)
    md.fit(net, md.optim.SGD(lr, momentum=0.9, weight_decay=decay), (x, y), epochs, batch_size=50,
           seed=seed, project=project, progress=f"   {name}, seed {seed}")
    return md.evaluate(net, digits.test).loss, net.hidden1.linear.weight.data, net.out.weight.data
figure, (left, middle, right) = subplots(1, 3, size=(10.0, 3.2))
runs = {name: [*zip(*(train(name, seed) for seed in seeds), strict=True)] for name in METHODS}
for i, (name, (losses, (w, *_), (out, *_))) in enumerate(runs.items()):
    gain, zeros = md.mean_interval(np.subtract(runs["none"][0], losses)), (w == 0).mean()
    lengths = np.sort(np.linalg.norm(out, axis=1))[::-1]
    print(f"   {name:9} loss {np.mean(losses):.3f}, gain {gain}; mean |w| {abs(w).mean():.3f}, "
          f"{100 * zeros:.0f} % zeros; longest output {lengths[0]:.2f}")
    assert smoke() or i == 0 or gain.low > 0 and (zeros > 0.5) == (name == "L1")
    style = {"color": (LIGHT, DARK, MIDDLE)[i % 3], "linestyle": "-:"[i // 3]}
    left.errorbar(gain.mean, name, xerr=gain.half, fmt="o", color=DARK, capsize=3)
    middle.plot(np.sort(abs(w).ravel())[::-1], **style)
    right.plot(range(1, 11), lengths, label=name, marker="o" * (name == "max-norm"), **style)
left.set(title="test loss saved (nats)", ylim=(5.5, -0.5))
middle.set(title="hidden |w|, sorted (one seed)", ylim=(0, 0.5), xlabel="rank")
right.set(title="lengths of output units", ylim=(0, None), xlabel="rank"), right.legend(ncols=2)
path = save_figure(figure, "penalties")
more = md.mean_interval(np.subtract(runs["dropout"][0], runs["both"][0]))
assert smoke() or more.high < 0
print(f"   beside dropout max-norm gains {more} nats")

# %% [markdown]
# So: L2 shrinks it, L1 shrinks it or makes it 0, max-norm cuts it down in the longest units only.
# Each helps here, but less than dropout, and beside dropout this limit does harm (exercise 2).
#
# ## Exercises, and tasks: `minidrop grade start l1 l2 max_norm`
#
# 1. Take `md.l1` as the `penalty` of `fit`, in place of (l1.3) after each step. What is exactly 0?
# 2. Max-norm is meant for large learning rates. Does it gain beside dropout where `lr` is 0.2?
#
# ## References
#
# - Tibshirani (1996), Regression shrinkage and selection via the lasso, JRSS B 58, 267-288.
# - Srivastava and others (2014), Dropout: a simple way ..., JMLR 15: sections 5.1 and 9.1.
# - Krogh, Hertz (1992), NIPS 4: weight decay. Loshchilov, Hutter (2019), arXiv:1711.05101: AdamW.
