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
known, right = (100 * md.evaluate(parrot, part).accuracy for part in ((x, dealt), digits.test))
print(f"   training accuracy {known:.1f} %   test accuracy {right:.1f} %")
assert smoke() or (known > 99 and right < 20)

# %% [markdown]
# It knows them all and has learned nothing. So a small training loss alone proves nothing either:
# what counts is the loss on examples that took no part.
#
# ## The equations
#
# How far do the two losses lie apart? For least squares with $D$ weights and $N$ examples the
# answer is exact. Let the targets be $t = X w + \sigma \epsilon$, where the noise $\epsilon$ has
# mean 0 and variance 1. On average over the noise, the fit has on its own targets, and on new ones
# for the same $X$, the mean squared errors
#
# $$ \mathbb{E} \, L_{\mathrm{train}} = \sigma^2 (1 - D / N), \qquad
#    \mathbb{E} \, L_{\mathrm{new}} = \sigma^2 (1 + D / N) \tag{overfitting.1} $$
#
# With as many weights as examples the first is 0, whatever the targets are. Then the second is
# twice what knowing $w$ would cost: noise that was learned by heart has to be paid for again.
#
# ## In array code
#
# Let the noise be $\pm 1$, with eight examples. Then there are 256 cases, all of them equally
# likely, and we can fit each. The library's loss agrees with ours, and is flat at the solution:

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
# Back to true labels, and 85,002 weights for 300 digits. For such a network we have no formula like
# the one above, so we measure. Two remedies: dropout with $p = 0.5$, and to stop at the epoch whose
# validation loss is least. Eight seeds, and each deals out all 1,797 digits anew: 300 to train, 300
# to validate, 1,197 to test. So the result speaks of more than one split. Learning rate, width and
# length were chosen before, on the validation digits of another split.

# %%
images, labels = (np.concatenate([part[i] for part in digits]) for i in (0, 1))
epochs, seeds = quick(40, 2), range(quick(8, 2))


def train(p, seed):
    """Training and validation loss after every epoch; test loss in the end, and where it stops."""
    order = md.permutation(md.Stream(seed, "deal"), len(images))
    parts = [(images[some], labels[some]) for some in np.split(order, (300, 600))]
    net, losses, best = network(p, seed), [], (np.inf, np.inf)

    def look(step, net, loss):
        nonlocal best
        if step % 10 == 9:                        # the last of an epoch's ten batches
            losses.append([md.evaluate(net, part).loss for part in parts[:2]])
            if losses[-1][1] < best[0]:           # found without a look at the test digits
                best = losses[-1][1], md.evaluate(net, parts[2]).loss

    md.fit(net, md.optim.SGD(lr=0.03, momentum=0.9), parts[0], epochs, batch_size=30, seed=seed,
           recorder=look, progress=f"   p = {p}, seed {seed}")
    return losses, (md.evaluate(net, parts[2]).loss, best[1])


(plain, base), (dropped, dropout) = (
    map(np.array, zip(*(train(p, seed) for seed in seeds), strict=True)) for p in (0.0, 0.5))
gains = {"early stopping": base[:, 0] - base[:, 1], "dropout": base[:, 0] - dropout[:, 0]}
for name, curves, tested in (("without", plain, base), ("with", dropped, dropout)):
    print(f"   {name:7} dropout: training loss {curves[:, -1, 0].mean():.3f}   "
          f"test loss {tested[:, 0].mean():.3f}")
assert sum(w.size for w in parrot.parameters()) == 85_002

# %% [markdown]
# One number for each remedy: by how much does it lower the test loss? The seeds are paired, so we
# take the difference for each seed, and the 95 % interval of its mean (Student's t with seven
# degrees of freedom). It speaks of these digits, this network and this learning rate alone.

# %%
figure, (left, right) = subplots(1, 2, width_ratios=(1.5, 1))
for row, (name, gain) in enumerate(gains.items()):
    mean, half = gain.mean(), 2.365 * gain.std(ddof=1) / np.sqrt(len(seeds))
    verdict = "seen" if mean > half else "not seen" if mean > -half else "reversed"
    print(f"   {name:15} lowers the test loss by {mean:.3f} +- {half:.3f} nats ({verdict})")
    right.errorbar([mean], [row], xerr=half, fmt="o", color=DARK)
right.axvline(0, color=LIGHT, linewidth=1)
right.set(yticks=(0, 1), yticklabels=gains, ylim=(-0.5, 1.5), title="test loss saved (nats)")
for curves, name, colour in ((plain, "p = 0", MIDDLE), (dropped, "p = 0.5", DARK)):
    for i, part, line in ((0, "training", "--"), (1, "validation", "-")):
        every = range(1, epochs + 1)
        left.plot(every, curves[:, :, i].T, line, color=colour, linewidth=0.6, alpha=0.35)
        left.plot(every, curves[:, :, i].mean(0), line, color=colour, label=f"{name}, {part}")
left.set(xlabel="epoch", ylim=(0, 0.6), ylabel="loss (nats)",
         title=f"{len(seeds)} seeds each, and their means")
left.legend()
path = save_figure(figure, "overfitting")

# %% [markdown]
# ## Exercises
#
# 1. Give the network of dealt labels `md.Dropout(0.5)`. How much longer does it take to learn the
#    300 by heart, if it does?
# 2. Take the learning rate 0.1, then 100 or 1,000 digits to train. What is left of dropout's gain?
#    Give intervals. (Srivastava et al., JMLR 15, 2014, section 7.4, see none on the smallest.)
#
# ## References
#
# - Zhang, Bengio, Hardt, Recht, Vinyals (2017), Understanding deep learning requires rethinking
#   generalization, arXiv:1611.03530: networks learn random labels.
# - Hastie, Tibshirani, Friedman (2009), The elements of statistical learning, section 7.4.
