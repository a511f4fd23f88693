# %% [markdown]
# # Convolution: how can nine weights do the work of a matrix?
#
# A convolution layer lays a small filter on an image, wherever it fits, and adds up what lies below
# times the filter's weights. That is a linear map, so a matrix does it, and images with a single 1
# show its columns: here for 4 x 4 pixels and a filter with the weights 1 to 9. There are four
# places, so four rows. Each holds the same nine weights, moved along, and zeros:

# %%
import numpy as np

import minidrop as md
from minidrop import nn
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots
from minidrop.tape import REGISTRY

nine = np.arange(1.0, 10).reshape(1, 1, 3, 3)
matrix = md.conv2d(np.eye(16).reshape(16, 1, 4, 4), nine).reshape(16, 4).T
for row in matrix:
    print("  ", *(f"{weight:.0f}" if weight else "." for weight in row))
    assert np.array_equal(row[row != 0], nine.ravel())

# %% [markdown]
# ## The equations
#
# Filter $o$ has k x k weights for each channel $c$ of image $n$, in rows $u$ and columns $v$. It is
# laid down every $s$ pixels (the stride), with $p$ zeros around the image (the padding): $H$ rows
# give $H_y$. No weight depends on the place $(i, j)$. So at stride 1 the layer is *equivariant*: if
# $T$ moves an image, the result moves along (what moves in is $b_o$), unless a border cuts it off.
# Mathematicians call this a cross-correlation, and turn the filter round for a convolution.
#
# $$ y_{noij} = b_o + \sum_{cuv} w_{ocuv} \, x_{n, c, si+u-p, sj+v-p} \tag{convolution.1} $$
# $$ H_y = \lfloor (H + 2p - k) / s\rfloor{} + 1 \tag{convolution.2} $$
# $$ y(T x) = T y(x) \tag{convolution.3} $$
#
# ## In array code
#
# First place by place, then fast: `windows` is a view, and with a window in each row the layer is
# one matrix product. With as many `groups` as channels every channel has filters of its own
# (depthwise). Last, images move down by a row, within the border and away from it.

# %%
rng, s, p = np.random.default_rng(0), 2, 1
x, w, b = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(5, 3, 3, 3)), rng.normal(size=5)
padded, y = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))), np.empty((2, 5, 4, 4))
for n, o, i, j in np.ndindex(y.shape):
    y[n, o, i, j] = b[o] + (w[o] * padded[n, :, s*i:s*i + 3, s*j:s*j + 3]).sum()  # (convolution.1)

windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::s, ::s]
rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(2 * 4 * 4, 3 * 3 * 3)
fast = (rows @ w.reshape(5, 27).T + b).reshape(2, 4, 4, 5).transpose(0, 3, 1, 2)
assert np.shares_memory(windows, padded) and np.array_equal(windows, md.unfold(x, 3, s, p))
assert np.allclose(fast, y) and np.allclose(md.conv2d(x, w, b, stride=s, padding=p), y)
for k, stride, pad in ((1, 1, 0), (3, 1, 1), (2, 2, 0), (3, 2, 1), (5, 3, 2), (8, 1, 0)):
    assert md.unfold(x, k, stride, pad).shape[2] == (8 + 2*pad - k) // stride + 1  # (convolution.2)
alone = [md.conv2d(x[:, [c]], w[[c], :1]) for c in range(3)]
assert np.allclose(md.conv2d(x, w[:3, :1], groups=3), np.concatenate(alone, 1))
def down(a): return np.pad(a[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
for above, equal in ((2, True), (0, False)):                # from the border: the result is cut off
    image = np.pad(x[:, :, :4, :4], ((0, 0), (0, 0), (above, 4 - above), (2, 2)))
    before, after = (md.conv2d(a, w, b, padding=1) - b[:, None, None] for a in (image, down(image)))
    assert np.allclose(after, down(before)) == equal                              # (convolution.3)

# %% [markdown]
# ## The gradient is made of convolutions
#
# Let $U$ be unfold, which gives the windows. Its adjoint (lesson 2) is fold, which adds them up:
#
# $$ \langle z, U x\rangle = \langle U^T z, x\rangle \tag{convolution.4} $$
#
# The filters spread a gradient $g$ in $y$ over the windows, and fold brings it to the images. At
# stride 1 that is a convolution of $g$, padded by $k - 1 - p$, with the filters turned round. The
# gradient in the filters is one too: of the images, padded by $p$, with $g$ as the filter.

# %%
z, fold = rng.normal(size=windows.shape), REGISTRY["fold"]
folded = fold(z, x.shape, (s, s), (p, p))
assert np.isclose((z * windows).sum(), (folded * x).sum(), rtol=1e-12)            # (convolution.4)
def swap(a): return a.swapaxes(0, 1)
tx, tw = (md.Tensor(a, requires_grad=True) for a in (x, w))
for pad in range(3):
    g = rng.normal(size=(2, 5, 6 + 2 * pad, 6 + 2 * pad))
    dx, dw = md.grad(md.conv2d(tx, tw, padding=pad), [tx, tw], g=g)
    spread = np.einsum("noij, ocuv -> ncijuv", g, w)
    assert np.allclose(dx, fold(spread, x.shape, (1, 1), (pad, pad)))
    assert np.allclose(dx, md.conv2d(g, swap(w)[:, :, ::-1, ::-1], padding=3 - 1 - pad))
    assert np.allclose(swap(dw), md.conv2d(swap(x), swap(g), padding=pad))

# %% [markdown]
# ## Does it help? Digits that move
#
# Three networks of 4,350 parameters learn 1,197 digits in the middle of 12 x 12 pixels, four seeds
# each. Two see through filters: one reads its maps by place, one the largest entry of each. Then
# 300 test digits move by 0, 1 or 2 pixels up, down, left or right. What a filter sees moves along.
# That misleads a layer that reads by place, but the largest entry stays. (Of five learning rates
# from 0.01 to 0.2, 0.05 was best for all three, on 300 validation digits in the middle.)

# %%
def canvas(a, i=0, j=0): return np.pad(a, ((0, 0), (0, 0), (2 + i, 2 - i), (2 + j, 2 - j)))
def see(c, o, k): return nn.Conv2d(c, o, k, padding=k // 2), nn.ReLU()
def learn(name, seed):
    net, few = nn.Sequential(*NETS[name]).init(seed), quick(1197, 32)
    assert sum(weight.size for weight in net.parameters()) == 4_350
    md.fit(net, md.optim.SGD(lr=0.05, momentum=0.9), (canvas(seen[:few]), labels[:few]),
           epochs=quick(8, 1), batch_size=32, seed=seed, progress=f"   {name}, seed {seed}")
    return [100 * np.mean([md.evaluate(net, (canvas(new[:few], *move), answers[:few])).accuracy
                           for move in {(d, 0), (-d, 0), (0, d), (0, -d)}]) for d in range(3)]
(seen, labels), _, (new, answers) = md.data.digits(image=True)
NETS = {
    "linear": (nn.Flatten(), nn.Linear(144, 28), nn.ReLU(), nn.Linear(28, 10)),
    "filters, read by place": (*see(1, 7, 5), nn.MaxPool2d(2), *see(7, 27, 3), nn.MaxPool2d(2),
                               nn.Flatten(), nn.Linear(27 * 3 * 3, 10)),
    "filters, largest entry": (*see(1, 20, 5), *see(20, 20, 3), nn.MaxPool2d(12), nn.Flatten(),
                               nn.Linear(20, 10))}
right = np.array([[learn(name, seed) for seed in range(quick(4, 2))] for name in NETS])
for name, means in zip(NETS, right.mean(1), strict=True):
    print(f"   {name:22s}", *(f"  moved by {d}: {mean:.1f} %" for d, mean in enumerate(means)))
ahead = right[2, :, 2] - right[1, :, 2]                           # two pixels away, paired seeds
half = md.mean_interval(ahead).half                               # 95 %, Student's t
print(f"   two pixels away, largest minus by place: {ahead.mean():.0f} +- {half:.0f} points")
assert smoke() or ahead.min() > 40 and (right[2, :, 0] - right[2, :, 2]).mean() < 3
edge = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], "float32").reshape(1, 1, 3, 3)
digits = [canvas(new[3:4], *move) for move in ((0, 0), (1, 2))]
maps = [md.relu(md.conv2d(digit, edge, padding=1)) for digit in digits]
tiles = [np.pad(a[0, 0] / a.max(), 1, constant_values=0.4) for a in digits + maps]
figure, (panel, curves) = subplots(1, 2, width_ratios=(1, 1.6))
panel.imshow(np.block([tiles[:2], tiles[2:]]))
panel.set(title="a digit moves, and so do\nits upper edges", xticks=[], yticks=[], frame_on=False)
for name, runs, ink, line in zip(NETS, right, (LIGHT, MIDDLE, DARK), (":", "--", "-"), strict=True):
    curves.plot(range(3), runs.T, color=ink, linewidth=0.6, alpha=0.4)
    curves.plot(range(3), runs.mean(0), line, color=ink, label=name)
curves.set(xlabel="pixels moved", ylabel="test accuracy (%)", xticks=range(3), ylim=(0, 100))
curves.legend()
path = save_figure(figure, "convolution")

# %% [markdown]
# So: by doing the same at every place. What a filter learns at one it knows at all others: a digit
# that moved is read nearly as well, if the layer behind does not ask for the place.
#
# ## Exercises, and tasks: `minidrop grade start convolution`
#
# 1. Let `md.fit(..., batch=...)` move each mini-batch at random. Does "linear" catch up?
# 2. Lay the digits on 24 x 24 pixels. The filters read by their largest entry fit there too: the
#    logits, with `MaxPool2d(24)`, are the same for moves by up to 4 pixels. Why not on 12 x 12?
#
# ## References
#
# - LeCun, Bottou, Bengio, Haffner (1998), Proceedings of the IEEE 86, 2278-2324.
# - Chellapilla, Puri, Simard (2006), IWFHR: the layer as one matrix product.
