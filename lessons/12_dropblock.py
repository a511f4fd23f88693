# %% [markdown]
# # DropBlock: why drop squares where dropout drops pixels?
#
# In a feature map neighbours are alike. Dropout silences single pixels, and part of what is missing
# can be read off those around them: a gap that is filled teaches nothing. DropBlock silences whole
# squares. It draws where the squares start (the seeds, `o`), only where a whole square fits, and
# every channel of every example has its own:

# %%
import numpy as np

import minidrop as md
from minidrop import nn
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

seeds = md.dropblock_seeds(md.Stream(5, "picture"), (1, 3, 7, 14), p=0.3, block=3)
masks = md.dropblock_mask(seeds, block=3)
starts = np.pad(seeds, ((0, 0), (0, 0), (0, 2), (0, 2)))
for rows in np.where(starts, "o", np.where(masks, "#", "."))[0].transpose(1, 0, 2):
    print("   ", "     ".join("".join(row) for row in rows))

# %% [markdown]
# ## The equations
#
# A map has $H \times W$ pixels, a block $b \times b$. The share $p$ of the pixels should go. So one
# pixel in $b^2 / p$ may be a seed, and a few more, since blocks fit in fewer places:
#
# $$ \gamma = \frac{p}{b^2} \cdot \frac{H W}{(H - b + 1)(W - b + 1)} \tag{dropblock.1} $$
# $$ s_{ij} \sim \mathrm{Bernoulli}(\gamma) \tag{dropblock.2} $$
#
# A pixel is dropped if a seed lies at most $b - 1$ above it and to its left. What is kept is scaled
# by the number of entries over the number kept, in the whole batch ($\odot$: entry by entry):
#
# $$ m_{hw} = 1 - \max_{0 \le u, v < b} s_{h-u, w-v} \tag{dropblock.3} $$
# $$ y = m \odot x \cdot |m| / \sum m \tag{dropblock.4} $$
#
# ## In array code
#
# With zeros around the seeds, the maximum is that of a sliding window:

# %%
p, b, x = 0.3, 3, np.arange(1.0, 295).reshape(1, 3, 7, 14)
rate = p / b**2 * 7 * 14 / ((7 - b + 1) * (14 - b + 1))
around = np.pad(seeds, ((0, 0), (0, 0), (b - 1, b - 1), (b - 1, b - 1)))
windows = np.lib.stride_tricks.sliding_window_view(around, (b, b), axis=(2, 3))
mask = ~windows.any(axis=(4, 5))
y = mask * x * mask.size / mask.sum()
print(f"   a seed has the probability {rate:.4f}; {1 - mask.mean():.2f} of the pixels are dropped")
assert np.isclose(rate, md.dropblock_rate(p, b, 7, 14)) and np.array_equal(mask, masks)
assert np.allclose(y, md.dropblock(x, mask)) and np.isclose(md.dropblock(x**0, mask).sum(), x.size)

# %% [markdown]
# ## How often is a pixel dropped? Not with probability p
#
# A pixel in the middle lies in up to $b^2$ blocks, a corner in one, and blocks overlap:
#
# $$ P(m_{hw} = 0) = 1 - (1 - \gamma)^{c_h c_w}, \quad
#    c_h = \min(h, H - b) - \max(h - b + 1, 0) + 1 \tag{dropblock.5} $$
#
# ($c_w$ likewise, with $w$ and $W$.) We need not believe it: for 5 x 5 pixels and $b = 3$ there are
# 9 places, so 512 draws, and we add them up:

# %%
rate = md.dropblock_rate(0.1, 3, 5, 5)
drops = sum(rate**draw.sum() * (1 - rate)**(~draw).sum()
            * ~md.dropblock_mask(draw.reshape(1, 1, 3, 3), 3)[0, 0] for draw in md.all_masks(9))
assert np.allclose(drops, md.dropblock_drop_map(0.1, 3, 5, 5), atol=1e-12)
print(f"   5 x 5, b = 3: {drops[2, 2]:.3f} in the middle, {drops[0, 0]:.3f} in the corners")

# %% [markdown]
# ## What do the neighbours know?
#
# Five small networks learn 1,197 digits. Then a quarter of their 8 x 8 maps is dropped ($p$ is read
# off the exact drop map), and each dropped pixel is guessed: it becomes the mean of its four
# neighbours, again and again, until little changes. How much of the variance around the mean of
# the map's kept pixels does that explain? (The fitted reader of the lesson before tells more.)

# %%
def maps_of(seed):
    channels, size = digits.test[0].shape[1:3]
    net = nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(),
                        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Flatten(), nn.Linear(16 * (size // 2)**2, 10)).init(seed)
    md.fit(net, md.optim.SGD(0.05, momentum=0.9), digits, quick(5, 1), batch_size=32, seed=seed)
    return nn.Sequential(*net[:4]).eval()(digits.test[0][:quick(150, 10)]).data
def seeds_for(share, block, seed):
    rates = np.linspace(0, 1, 101)
    shares = [md.dropblock_drop_map(rate, block, *maps[0].shape[2:]).mean() for rate in rates]
    return md.dropblock_seeds(seed, maps[seed].shape, float(np.interp(share, shares, rates)), block)
def explained(x, mask):
    kept = np.maximum(mask.sum((2, 3), keepdims=True), 1)
    guess = mean = np.where(mask, x, (x * mask).sum((2, 3), keepdims=True) / kept)
    for _ in range(quick(40, 5)):
        a = np.pad(guess, ((0, 0), (0, 0), (1, 1), (1, 1)), "edge")
        around = a[:, :, 2:, 1:-1] + a[:, :, :-2, 1:-1] + a[:, :, 1:-1, 2:] + a[:, :, 1:-1, :-2]
        guess = np.where(mask, x, around / 4)
    return 1 - ((x - guess)**2).sum() / ((x - mean)**2).sum()

digits, blocks = md.data.digits(image=True), (1, 2, 3, 4, 5)
maps = [maps_of(seed) for seed in range(quick(5, 2))]
seeds = {b: [seeds_for(0.25, b, seed) for seed in range(len(maps))] for b in blocks}
masks = {b: [md.dropblock_mask(draw, b) for draw in seeds[b]] for b in blocks}
assert smoke() or all(abs(0.75 - mask.mean()) < 0.01 for b in blocks for mask in masks[b])
known = 100 * np.array([list(map(explained, maps, masks[b])) for b in blocks])
half = md.mean_interval(known.T).half                             # 95 %, Student's t
for b, mean, wide in zip(blocks, known.mean(1), half, strict=True):
    print(f"   {b} x {b}: the neighbours explain {mean:4.1f} +- {wide:.1f} % of what is lost")
assert smoke() or (known[0] > 20).all() and (known[4] < 10).all()

# %% [markdown]
# ## Another rule
#
# timm (image models for PyTorch) draws seeds on the whole map, at the rate (dropblock.1), which is
# meant for fewer places. Where block and map are 7 x 7, there is one place, and $\gamma = p$. timm
# draws in 49. `seeds="all"` is its rule. For $p = 0.1$:

# %%
for size in (7, 14, 28):
    paper, timm = (md.dropblock_drop_map(0.1, 7, size, size, s).mean() for s in ("valid", "all"))
    print(f"   {size:2d} x {size:2d}, b = 7: {paper:.4f} of the map, by timm's rule {timm:.3f}")
figure, axes = subplots(1, 3, size=(10, 3.2), width_ratios=(1, 1, 1.6))
fair = np.all([masks[b][0].mean((2, 3)) == 0.75 for b in (1, 4)], axis=0)    # a quarter goes
place = np.unravel_index((maps[0].sum((2, 3)) * fair).argmax(), fair.shape)   # and most ink
pixels = range(maps[0].shape[-1])
for axis, b in zip(axes, (1, 4), strict=False):
    axis.imshow(maps[0][place], vmin=-0.4)
    axis.pcolor(pixels, pixels, np.where(masks[b][0][place], np.nan, 0), shading="nearest",
                hatch="////", edgecolor=MIDDLE, linewidth=0)
    axis.plot(*np.nonzero(seeds[b][0][place])[::-1], "ko", markersize=4)
    axis.set(title=f"b = {b}; hatched: dropped", xticks=[], yticks=[], frame_on=False)
axes[2].plot(blocks, known, color=LIGHT, linewidth=0.8)
axes[2].errorbar(blocks, known.mean(1), half, color=DARK, capsize=3)
axes[2].set(title="explained by neighbours (%)", xlabel="b (pixels)", xticks=blocks, ylim=(0, None))
path = save_figure(figure, "dropblock")

# %% [markdown]
# So: because neighbours tell a third of what single pixels lose, of a square of 5 x 5 hardly any.
#
# ## Exercises, and tasks: `minidrop grade start dropblock`
#
# 1. Take the 32 x 32 pictures of `md.data.shapes(500)` as `digits`, larger $b$ too, and remove the
#    last assertion. Which $b$ leaves the neighbours as little as $b = 3$ does here, if any?
# 2. Put `md.DropBlock(0.2, 3)` behind each ReLU. Does a ramp, `schedules={"*.p":
#    md.linear_ramp(0, 0.2, steps)}`, help, as in the paper? Take five seeds and give an interval.
#
# ## References
#
# - Ghiasi, Lin, Le (2018), DropBlock: a regularization method for convolutional networks, NeurIPS,
#   arXiv:1810.12890. timm's rule: `timm/layers/drop.py`, version 1.0.31.
