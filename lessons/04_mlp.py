# %% [markdown]
# # An MLP: what does a network know when it knows 100 digits by heart?
#
# A multilayer perceptron is a few matrix products with a bend between them. With 192 weights for
# each example it can learn all of them by heart. But we want it to know digits that it has not
# seen. Here are three of the 100, of 8 x 8 pixels:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, MIDDLE, save_figure, subplots

digits = md.data.digits()
x, y = digits.train[0][:100], digits.train[1][:100]
for row in x[:3].reshape(3, 8, 8).swapaxes(0, 1):
    print("  ", "     ".join("".join(2 * " .:*#"[int(4 * ink)] for ink in part) for part in row))
print("  ", "     ".join(f"{'label ' + str(label):16s}" for label in y[:3]))

# %% [markdown]
# ## The equations
#
# Two layers, with 256 units between them. An example is a row of $x$:
#
# $$ h = \max(0, x W_1^T + b_1), \qquad z = h W_2^T + b_2 \tag{mlp.1} $$
#
# Softmax makes ten probabilities of the ten numbers $z$, the *logits*. The loss is the surprise at
# the right one, the cross-entropy, in nats (units of the natural logarithm):
#
# $$ s_{ik} = e^{z_{ik}} / \sum_j e^{z_{ij}}, \qquad L = - \sum_i \ln(s_{i, y_i}) / N \tag{mlp.2} $$
#
# Its gradient is as simple as can be, with $t_{ik} = 1$ for the right class and 0 for the others:
#
# $$ \bar{z} = (s - t) / N \tag{mlp.3} $$
#
# From there the rules of lesson 1 go back through the layers. Each weight takes a step down, with
# momentum $\mu$ and learning rate $\eta$:
#
# $$ v \leftarrow \mu v + \bar{w}, \qquad w \leftarrow w - \eta v \tag{mlp.4} $$
#
# ## In array code
#
# Without the library, but from the library's first weights, so that both can be compared:

# %%
lr, momentum = 0.1, 0.9


def mlp(seed):
    return md.nn.Sequential(md.nn.Linear(64, 256), md.nn.ReLU(), md.nn.Linear(256, 10)).init(seed)


def step(weights, velocities, x, y):
    w1, b1, w2, b2 = weights
    h = np.maximum(0, x @ w1.T + b1)                                        # (mlp.1)
    z = h @ w2.T + b2
    s = np.exp(z - z.max(1, keepdims=True))                                 # e^z stays finite
    s /= s.sum(1, keepdims=True)                                            # (mlp.2)
    loss = -np.log(s[np.arange(len(y)), y]).mean()
    dz = (s - np.eye(10, dtype="float32")[y]) / len(y)                      # (mlp.3)
    da = dz @ w2 * (h > 0)
    gradients = da.T @ x, da.sum(0), dz.T @ h, dz.sum(0)
    for w, v, g in zip(weights, velocities, gradients, strict=True):
        v[:] = momentum * v + g                                             # (mlp.4)
        w -= lr * v
    return loss


net, sgd = mlp(seed=0), md.optim.SGD(lr, momentum)
weights = [w.data.copy() for w in net.parameters()]
velocities = [np.zeros_like(w) for w in weights]
print("   weights:", sum(w.size for w in weights))
for i in range(0, 100, 20):
    bare = step(weights, velocities, x[i:i + 20], y[i:i + 20])
    library = md.train_step(net, sgd, x[i:i + 20], y[i:i + 20])
    print(f"   step {i // 20}   loss {bare:.6f}   library {library:.6f}")
    assert np.isclose(bare, library, rtol=1e-5)
assert sum(w.size for w in weights) == 19_210

# %% [markdown]
# ## 100 digits by heart
#
# Now `md.fit` repeats the step: batches of 20, five seeds. In each epoch, a pass through the 100
# digits, their order is new. After it we look at the loss on the 100 digits, and on the 300
# validation digits that it never trains on. Learning rate and length were chosen to show the turn
# there. The test digits are not used.

# %%
few, epochs, seeds = digits._replace(train=(x, y)), quick(150, 3), range(quick(5, 2))
learned, histories = [], []


def look(step, net, loss):
    if step % 5 == 4:                             # the last of an epoch's five batches
        learned.append(md.evaluate(net, few.train).loss)


for seed in seeds:
    histories.append(md.fit(mlp(seed), md.optim.SGD(lr, momentum), few, epochs, batch_size=20,
                            seed=seed, recorder=look, progress=f"   seed {seed}"))
learned = np.reshape(learned, (len(seeds), epochs))
unseen = np.array([history.validation_loss for history in histories])
accuracy = np.array([history.validation_accuracy for history in histories])
turn = unseen.mean(0).argmin()
for epoch in (turn, epochs - 1):
    means = [figures[:, epoch].mean() for figures in (learned, unseen, 100 * accuracy)]
    print("   epoch {:3d}   training loss {:.4f}   validation loss {:.3f}   validation accuracy "
          "{:.1f} %".format(epoch + 1, *means))
if not smoke():
    assert learned[:, -1].max() < 0.01 and (unseen[:, -1] > unseen[:, turn]).all()
    assert abs(accuracy[:, -1] - accuracy[:, turn]).max() < 0.02 and accuracy[:, -1].min() > 0.9

# %% [markdown]
# With every seed the validation loss has turned, while the training loss goes on to 0. The accuracy
# hardly moves: being right is one thing, and how sure the network is of what it says is another.
#
# One number: the gap, in the end, between the losses on digits it learned and on digits it did not.
# With it comes the 95 % interval of the mean over the seeds (Student's t, four degrees of freedom).

# %%
gaps = unseen[:, -1] - learned[:, -1]
print(f"   validation loss minus training loss: {md.mean_interval(gaps)} nats")
figure, axes = subplots(size=(7.0, 3.2))
for curves, colour in ((unseen, DARK), (learned, MIDDLE)):
    axes.plot(range(1, epochs + 1), curves.T, color=colour, linewidth=0.6, alpha=0.35)
axes.plot(range(1, epochs + 1), unseen.mean(0), color=DARK, label="300 validation digits")
axes.plot(range(1, epochs + 1), learned.mean(0), "--", color=MIDDLE, label="100 training digits")
axes.plot(turn + 1, unseen.mean(0)[turn], "o", color=DARK)
axes.set(xlabel="epoch", ylabel="loss (nats)", ylim=(0, 0.6), title="five seeds and their means")
axes.legend()
path = save_figure(figure, "mlp")

# %% [markdown]
# So: enough to read more than nine in ten new digits. What it does not know is how sure it may be.
#
# ## Exercises, and tasks: `minidrop grade start mlp activations adam`
#
# 1. Whose loss rises after the turn, that of the digits the network gets right or of the others?
# 2. Train with 50, 100, 200, 400 and 1,197 digits. Draw the gap against their number.
#
# ## References
#
# - Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating errors, Nature
#   323, 533-536.
# - Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, arXiv:1706.04599,
#   section 3: the loss overfits while the accuracy does not.
