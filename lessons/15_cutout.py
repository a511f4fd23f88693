# %% [markdown]
# # Cutout: what can a network learn from an image with a hole in it?
#
# A pixel that is missing can be guessed from its neighbours. When a square is missing, there are
# none. Cutout erases one square from every training image, at a random place, and leaves the label
# as it is. Here is one digit as it came, and three times with a square of 4 x 4 pixels erased:

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

digits = md.data.digits(image=True)               # (N, 1, 8, 8), grey values in 0..1
x, y = digits.train
shown = np.concatenate([x[:1], md.Cutout(4, fill=-1.0)(5, x[[0, 0, 0]], None)[0]])[:, 0]
for row in shown.transpose(1, 0, 2):
    print("   ", "    ".join("".join("  " if v < 0 else ". " if v < 0.3 else "# " for v in image)
                             for image in row))

# %% [markdown]
# ## The equations
#
# Any pixel of image $n$ may be the centre $(a_n, b_n)$, even one in a corner:
#
# $$ a_n \sim \mathrm{Uniform}\{0, \dots, H-1\}, \quad b_n \sim \mathrm{Uniform}\{0, \dots, W-1\}
#    \tag{cutout.1} $$
#
# The mask is 0 in the square of $L \times L$ pixels around it, as far as it lies in the image:
#
# $$ m_{nij} = 0 \;\text{ if } 0 \le i - a_n + \lfloor L/2 \rfloor < L \;\text{ and }
#    0 \le j - b_n + \lfloor L/2 \rfloor < L, \quad 1 \;\text{ otherwise} \tag{cutout.2} $$
#
# The square gets the fill $f_c$, by default 0. Nothing is rescaled, and evaluation erases nothing.
#
# $$ y_{ncij} = m_{nij} \, x_{ncij} + (1 - m_{nij}) \, f_c \tag{cutout.3} $$
#
# ## In array code
#
# A place lies in the square if its row and its column do. So two comparisons with the centres, of
# shapes (N, H) and (N, W), make all masks at once:

# %%
centers, L = np.array([[0, 0], [4, 4], [7, 7], [0, 4]]), 4
row = np.arange(8) - (centers[:, :1] - L // 2)
column = np.arange(8) - (centers[:, 1:] - L // 2)
inside = ((row >= 0) & (row < L))[:, :, None] & ((column >= 0) & (column < L))[:, None, :]
mask = ~inside[:, None]

assert np.array_equal(mask, md.cutout_mask(centers, L, height=8, width=8))
assert np.array_equal(np.where(mask, x[:4], 0), md.cutout(x[:4], mask))
for center, erased in zip(centers, inside.sum((1, 2)), strict=True):
    print(f"   centre {tuple(map(int, center))}: {erased:2} pixels erased")
assert inside.sum((1, 2)).tolist() == [4, 16, 9, 8]

# %% [markdown]
# ## How much is erased, exactly
#
# A square over the border erases less. All 64 centres are equally likely, so the mean of the 64
# masks gives the chance of every pixel, and the mean area, without any sampling:
#
# $$ \mathbb{E}[A_n] = w_H \, w_W, \qquad w_H = L - \lfloor L^2 / 4 \rfloor / H \tag{cutout.5} $$
#
# Pixels near the border are erased less often, down to half as often in the last row:

# %%
every = np.stack(np.indices((8, 8)).reshape(2, -1), axis=1)
chance = {L: (~md.cutout_mask(every, L, 8, 8)).mean((0, 1)) for L in (2, 3, 4, 5, 8)}
for L, at in chance.items():
    print(f"   L = {L}: {at.sum():5.2f} of {L * L:2} pixels; chance {at[4, 4]:.3f} in the middle, "
          f"{at[0, 0]:.3f} and {at[7, 7]:.3f} in two corners")
    assert np.isclose(at.sum(), (L - L**2 // 4 / 8)**2, atol=1e-12)
assert np.allclose(chance[4][:, 4], np.array([3, 4, 4, 4, 4, 4, 3, 2]) / 8 * 4 / 8)

# %% [markdown]
# ## Does it help? Whole digits, and digits with a hole
#
# A small network is trained without cutout and with squares of two sizes, six seeds each: the same
# data, first weights and order. It is tested on 300 other digits as they are, and ten times each
# with holes of several sizes, the same for all networks. What is gained in points of accuracy has a
# 95 % interval over the paired seeds (Student's t). Nothing was chosen on the test digits.

# %%
test, labels = digits.test
lengths, seeds, epochs = (0, 1, 2, 3, 4, 5, 6), range(quick(6, 2)), quick(15, 1)
ten = md.cutout_centers(0, 10 * len(test), 8, 8)
holed = {k: md.cutout(test.repeat(10, axis=0), md.cutout_mask(ten, k, 8, 8)) for k in lengths}


def accuracies(L, seed):
    net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(64, 128), md.nn.ReLU(),
                           md.nn.Linear(128, 128), md.nn.ReLU(), md.nn.Linear(128, 10)).init(seed)
    md.fit(net, md.optim.SGD(lr=0.03, momentum=0.9), digits.train, epochs, batch_size=32,
           batch=md.Cutout(L), seed=seed, progress=f"   L = {L}, seed {seed}")
    return [100 * md.evaluate(net, (holed[k], labels.repeat(10))).accuracy for k in lengths]


runs = {L: np.array([accuracies(L, seed) for seed in seeds]) for L in (0, 2, 4)}
verdict = {}
for L, k in ((2, 0), (2, 4), (4, 0), (4, 4)):
    gain = runs[L][:, k] - runs[0][:, k]
    half = md.mean_interval(gain).half
    verdict[L, k] = "gain" if gain.mean() > half else "loss" if gain.mean() < -half else "level"
    print(f"   L = 0 -> {L}, {f'holes of {k} x {k}' if k else 'whole digits'}: "
          f"{runs[0][:, k].mean():.1f} -> {runs[L][:, k].mean():.1f} % are read, "
          f"{gain.mean():+.1f} +- {half:.1f} points ({verdict[L, k]})")
assert smoke() or list(verdict.values()) == ["level", "gain", "loss", "gain"]

# %%
figure, (left, middle, right) = subplots(1, 3, size=(10.0, 3.0), width_ratios=(1, 1, 1.4))
tiles = np.pad(shown, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
picture = np.block([[tiles[0], tiles[1]], [tiles[2], tiles[3]]])[:-1, :-1]
left.imshow(picture, vmin=0)
left.pcolor(range(17), range(17), np.where(picture < 0, -1, np.nan), vmin=0, vmax=1,
            shading="nearest", hatch="/////", edgecolor=MIDDLE, linewidth=0)
left.set_title("a digit, hatched: erased")
middle.imshow(chance[4], vmin=0, vmax=0.3)
middle.set_title("chance to be erased,\nL = 4: from 1/16 to 1/4")
for axis in (left, middle):
    axis.axis("off")
for (L, found), colour, line in zip(runs.items(), (MIDDLE, LIGHT, DARK), ("--", "-", "-"),
                                    strict=True):
    right.plot(lengths, found.T, line, color=colour, linewidth=0.5, alpha=0.35)
    right.plot(lengths, found.mean(0), line, color=colour, label=f"trained with L = {L}")
right.set(xlabel="side of the hole in the test digits", ylabel="accuracy (%)", xticks=lengths,
          title=f"{len(seeds)} seeds each, and their means")
right.legend()
path = save_figure(figure, "cutout")

# %% [markdown]
# So: to read a digit by the parts that are left. The size of the hole sets the price. 4 x 4 is a
# quarter of the image: too much here, and whole digits are read worse. For 2 x 2 no price is seen.
#
# ## Exercises, and tasks: `minidrop grade start cutout flip_crop`
#
# 1. The fill 0 is the white of the paper here; in normalised images it is the mean of the channel.
#    Train and test with `fill=` the mean grey value of the training digits. What changes?
# 2. Erase as many pixels one by one: `batch=` takes any function of (rng, x, y), here to return
#    `md.dropout_original(x, md.dropout_mask(rng, x.shape, p=12.25 / 64)), y`. Test both networks on
#    both kinds of holes. Which reads better what it has not met?
#
# ## References
#
# - DeVries, Taylor (2017), Improved regularization of convolutional neural networks with cutout,
#   arXiv:1708.04552.
#
# `minidrop show cutout` prints every equation beside the line that computes it.
