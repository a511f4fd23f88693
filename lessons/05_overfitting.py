# %% [markdown]
# # Overfitting: is a network that knows its examples by heart of any use?
#
# Take 300 digits and deal their labels out anew, at random. Now there is nothing to understand in
# them, and all that a network can do is to learn them by heart. Ten digits, what they are, and what
# the network is told:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

digits = md.data.digits()
x, y = digits.train[0][:300], digits.train[1][:300]
dealt = y[md.permutation(0, 300)]
print("   digit", *y[:10], "\n   told ", *dealt[:10])


def network(p, seed):
    return md.nn.Sequential(
        md.nn.Linear(64, 256), md.nn.ReLU(), md.Dropout(p),
        md.nn.Linear(256, 256), md.nn.ReLU(), md.Dropout(p), md.nn.Linear(256, 10)).init(seed)


parrot = network(0.0, seed=0)
md.fit(parrot, md.optim.SGD(lr=0.05, momentum=0.9), (x, dealt), quick(80, 2), batch_size=20,
       progress="   by heart")
known, right = (md.evaluate(parrot, part).accuracy for part in ((x, dealt), digits.test))
print(f"   training accuracy {known:.1%}   test accuracy {right:.1%}")
assert smoke() or (known > 0.99 and right < 0.2)

# %% [markdown]
# It knows them all and has learned nothing. What counts is the loss on examples that took no part.
#
# ## The equations
#
# How far do the two lie apart? Take least squares with $D$ weights, $N$ examples, and targets
# $t = X w + \sigma \epsilon$, with noise $\epsilon$ of mean 0 and variance 1. On average, the
# mean squared errors of the fit, on its own targets and on new ones for the same $X$, are
#
# $$ \mathbb{E} \, L_{\mathrm{train}} = \sigma^2 (1 - D / N), \qquad
#    \mathbb{E} \, L_{\mathrm{new}} = \sigma^2 (1 + D / N) \tag{overfitting.1} $$
#
# The fit follows the noise in $D$ of $N$ directions. This share of it is missing from the training
# loss, and added to the loss on new targets. With $D = N$ all targets are known by heart.
#
# ## In array code
#
# With noise $\pm 1$ on eight examples there are 256 cases, equally likely, and we can fit each. The
# library's loss agrees with ours, and is flat at the solution:

# %%
rng, sigma, n = np.random.default_rng(0), 0.5, 8
for d in (2, 4, 8):
    X, w = rng.normal(size=(n, d)), rng.normal(size=d)
    train, new = [], []
    for signs in md.all_masks(n):
        t = X @ w + sigma * np.where(signs, 1, -1)
        fitted = np.linalg.lstsq(X, t, rcond=None)[0]
        train.append(((X @ fitted - t)**2).mean())
        new.append(((X @ fitted - X @ w)**2).mean() + sigma**2)   # new noise adds its variance
    print(f"   D = {d}   training {np.mean(train):.4f}   new {np.mean(new):.4f}")
    assert np.isclose(np.mean(train), sigma**2 * (1 - d / n), atol=1e-12)
    assert np.isclose(np.mean(new), sigma**2 * (1 + d / n), atol=1e-12)
    tensor = md.Tensor(fitted, requires_grad=True)
    loss = md.mse_loss(X @ tensor, t)
    assert np.isclose(loss.data, train[-1]) and np.allclose(md.grad(loss, tensor), 0)

# %% [markdown]
# ## What helps?
#
# Back to true labels, and 85,002 weights for 300 digits. Two remedies: to stop at the epoch whose
# validation loss is least, and dropout, which silences each unit with probability $p$ at every step
# (the next lesson). Each of eight seeds deals out all 1,797 digits anew: 300 to train, 300 to
# validate, 1,197 to test. The settings were chosen before, on another split's validation digits.

# %%
images, labels = (np.concatenate([part[i] for part in digits]) for i in (0, 1))
size, batches, epochs, seeds = 300, 10, quick(40, 2), range(quick(8, 2))


def train(p, seed):
    """Training and validation loss after every epoch; test loss in the end, and where it stops."""
    order = md.permutation(md.Stream(seed, "deal"), len(images))
    parts = [(images[i], labels[i]) for i in np.split(order, (size, size + 300))]
    net, losses, best = network(p, seed), [], (np.inf, np.inf)

    def look(step, net, loss):
        nonlocal best
        if (step + 1) % batches == 0:             # the end of an epoch
            losses.append([md.evaluate(net, part).loss for part in parts[:2]])
            if losses[-1][1] < best[0]:           # found without a look at the test digits
                best = losses[-1][1], md.evaluate(net, parts[2]).loss

    md.fit(net, md.optim.SGD(lr=0.03, momentum=0.9), parts[0], epochs,
           batch_size=size // batches, seed=seed, recorder=look, progress=f"   p = {p} ({seed})")
    return losses, (md.evaluate(net, parts[2]).loss, best[1])


runs = {p: [train(p, seed) for seed in seeds] for p in (0.0, 0.5)}
curves = {p: np.array([losses for losses, _ in runs[p]]) for p in runs}   # (seeds, epochs, 2)
tested = {p: np.array([losses for _, losses in runs[p]]) for p in runs}   # (seeds, 2)
for p in runs:
    print(f"   p = {p}   training loss {curves[p][:, -1, 0].mean():.3f}   "
          f"test loss {tested[p][:, 0].mean():.3f}")
assert sum(w.size for w in parrot.parameters()) == 85_002
assert smoke() or (curves[0.0][:, -1, 0].max() < 0.02 and tested[0.0].max() < np.log(10) / 5)

# %% [markdown]
# By how much does each remedy lower the test loss? With 95 % intervals (Student's t, 7 degrees):

# %%
base, stopped = tested[0.0].T
gains = {"early stopping": base - stopped, "dropout": base - tested[0.5][:, 0]}
figure, (left, right) = subplots(1, 2, width_ratios=(1.5, 1))
for row, (name, gain) in enumerate(gains.items()):
    mean, half = md.mean_interval(gain)
    verdict = "seen" if mean > half else "not seen"
    print(f"   {name:15} lowers the test loss by {mean:.3f} +- {half:.3f} nats ({verdict})")
    right.errorbar([mean], [row], xerr=half, fmt="o", color=DARK)
right.axvline(0, color=LIGHT, linewidth=1)
right.set(yticks=(0, 1), yticklabels=gains, ylim=(-0.5, 1.5), title="test loss saved (nats)")
for p, colour in ((0.0, MIDDLE), (0.5, DARK)):
    for i, part, line in ((0, "training", "--"), (1, "validation", "-")):
        lines, every = curves[p][:, :, i], range(1, epochs + 1)
        left.plot(every, lines.T, line, color=colour, linewidth=0.6, alpha=0.35)
        left.plot(every, lines.mean(0), line, color=colour, label=f"p = {p}, {part}")
left.set(xlabel="epoch", ylim=(0, 0.6), title="loss (nats): eight seeds, and their means")
left.legend()
path = save_figure(figure, "overfitting")

# %% [markdown]
# So: it can be. These networks know their 300 digits by heart too, and a new digit costs them less
# than a fifth of what guessing does, $\ln \, 10$ nats. Only digits that took no part can tell.
#
# ## Exercises
#
# 1. Train `network(0.5, 0)` on the dealt labels, with a `recorder` like `look` that asks for the
#    training accuracy. How much longer does it take to learn the 300 by heart, if it does?
# 2. Take `size` 100, then 1,000. What is left of dropout's gain? Give intervals. (Srivastava and
#    others, section 7.4, see none on their smallest sets.)
#
# ## References
#
# - Zhang and others (2017), Understanding deep learning requires rethinking generalization,
#   arXiv:1611.03530.
# - Hastie, Tibshirani, Friedman (2009), The elements of statistical learning, section 7.4.
# - Srivastava and others (2014), Dropout: a simple way ..., JMLR 15 (in full in the next lesson).
