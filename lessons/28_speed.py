# %% [markdown]
# # Speed: where does the time of a convolution go?
#
# Here is one layer, written five times: 64 filters of 3 x 3 on 16 images of 32 x 32 pixels with 32
# channels (lesson 10). The results are equal up to rounding. The times differ by a factor of over
# 1,000. It depends on who does the work, and on what it waits for.
#
# ## The equations
#
# With a border of 0 around $x$, the layer is this sum. The first program is the same, in loops:
#
# $$ y_{noij} = \sum_{cuv} w_{ocuv} \, x_{n, c, i+u, j+v} \tag{speed.1} $$

# %%
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from time import perf_counter, process_time
from timeit import repeat

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from threadpoolctl import threadpool_limits

import minidrop as md
from minidrop.bench.machine import processor
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots
from minidrop.xp import threads

rng = np.random.default_rng(0)
def border(x): return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
def loops(x, w):
    (N, C, H, W), O, x = x.shape, len(w), border(x)
    y = np.zeros((N, O, H, W), x.dtype)
    for n, o, i, j in np.ndindex(N, O, H, W):
        for c, u, v in np.ndindex(C, 3, 3):
            y[n, o, i, j] += w[o, c, u, v] * x[n, c, i + u, j + v]                # (speed.1)
    return y
# %% [markdown]
# ## In array code: leave the inner loops to NumPy
#
# Python asks every number what it is before it multiplies. So turn the loops inside out: weights of
# a filter in Python, filters and places in NumPy, which asks once for an array:
# %%
def slices(x, w):
    (N, C, H, W), x = x.shape, border(x)
    y = np.zeros((N, len(w), H, W), x.dtype)
    for c, u, v in np.ndindex(C, 3, 3):
        y += w[:, c, u, v, None, None] * x[:, None, c, u:u + H, v:v + W]
    return y
# %% [markdown]
# ## One product: use a number often while it is there
#
# Now arithmetic waits for memory. $F$ operations, $f$ a second, and $B$ bytes, $b$ a second, take
#
# $$ t \ge \max ( F / f, \; B / b ) \tag{speed.2} $$
#
# For two operations `slices` moves 16 bytes: the product is written and read, $y$ is read and
# written. The BLAS, a library that does NumPy's `@`, loads a tile of a matrix once and uses each
# number many times. The layer is one product if windows become rows, 9 numbers for one (im2col).

# %%
def product(x, w):
    N, C, H, W = x.shape
    windows = sliding_window_view(border(x), (3, 3), axis=(2, 3))                 # N C H W 3 3
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * H * W, C * 9)
    return (rows @ w.reshape(-1, C * 9).T).reshape(N, H, W, -1).transpose(0, 3, 1, 2)
# %% [markdown]
# ## Runs and blocks: copy straight, and not far
#
# Much of that time is the copy. A window's numbers lie apart: three, then a jump. With the channels
# last in memory, three pixels are a run of 96 numbers. And all rows are 19 MB, too many for the
# cache, the small memory beside a core. Those of 16 lines of pixels are 0.6 MB: many are still
# there when the product asks for them. Last, `cores` shares the images out, a thread for each core:
# NumPy works for all at once, Python runs the lines of one at a time. The BLAS uses one thread.

# %%
def blocks(x, w, y=None, k=16):
    (N, C, H, W), O = x.shape, len(w)
    y = np.empty((N, H, W, O), x.dtype) if y is None else y
    filters = w.transpose(2, 3, 1, 0).reshape(9 * C, O)
    image, rows = np.zeros((H + 2, W + 2, C), x.dtype), np.empty((k, W, 3, 3, C), x.dtype)
    windows = sliding_window_view(image, (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    for n in range(N):
        image[1:-1, 1:-1] = x[n].transpose(1, 2, 0)
        for i in range(0, H, k):
            rows[:H - i] = windows[i:i + k]
            np.matmul(rows[:H - i].reshape(-1, 9 * C), filters, out=y[n, i:i + k].reshape(-1, O))
    return y.transpose(0, 3, 1, 2)
def cores(x, w):
    (N, _, H, W), T = x.shape, min(threads(), len(x))
    y = np.empty((N, H, W, len(w)), x.dtype)
    with ThreadPoolExecutor(T) as pool:
        list(pool.map(blocks, np.array_split(x, T), T * [w], np.array_split(y, T)))
    return y.transpose(0, 3, 1, 2)
versions = loops, slices, product, blocks, cores
x, w = rng.normal(size=(2, 3, 10, 5)), rng.normal(size=(4, 3, 3, 3))
assert all(np.allclose(version(x, w), loops(x, w), rtol=0, atol=1e-13) for version in versions)
# %%
def ms(f, *args, timer=perf_counter):             # the least: other programs may be at work
    return 1e3 * min(repeat(lambda: f(*args), timer=timer, number=1, repeat=quick(20, 3)))
N, C, O, H = quick((16, 32, 64, 32), (2, 4, 8, 8))
x, w = (rng.normal(size=s).astype("float32") for s in ((N, C, H, H), (O, C, 3, 3)))
with threadpool_limits(1, "blas"):
    y, square = slices(x, w), np.ones((512, 512), "float32")
    times = {"loops": y.size / 128 * ms(loops, x[:1, :, :4, :4], w[:8])}    # from 128 of all
    for version in versions[1:]:
        assert abs(version(x, w) - y).max() <= 1e-4 * abs(y).max()
        times[version.__name__] = ms(version, x, w)
    times["minidrop"] = ms(lambda: md.conv2d(x, w, padding=1))
    f, b = 2e-6 * 512**3 / ms(np.matmul, square, square), 2e-6 * y.nbytes / ms(np.copyto, y + 0, y)
    one, all_ = (ms(version, x, w, timer=process_time) for version in (blocks, cores))
if find_spec("torch") and not smoke():
    from torch import conv2d, from_numpy
    times["PyTorch"] = ms(conv2d, from_numpy(x), from_numpy(w), None, 1, 1)
F = 2e-6 * 9 * C * y.size                         # in 10^6, as f and b are per millisecond
least = dict.fromkeys([*times][:4], F / f) | {"cores": F / f / threads()}
least["slices"] = max(F / f, 8 * F / b)           # for the others F / f is larger
print(f"   {processor()}, a core: f = {f:.0f} GFLOP/s by NumPy's BLAS, b = {b:.0f} GB/s")
figure, axis = subplots(size=(8.0, 2.8))
for row, (name, time) in enumerate(times.items()):
    print(f"   {name:8s} {time:10.1f} ms", *[f"at least {t:.1f}" for t in [least.get(name)] if t])
    axis.plot([least.get(name, time), time], [row, row], color=LIGHT, zorder=1)
    axis.plot(time, row, "o", color=DARK if row < 5 else LIGHT)
    axis.text(1.3 * time, row, f"{time:,.1f} ms", va="center")
axis.plot([*least.values()], range(5), "|", color=MIDDLE, markersize=12, markeredgewidth=2)
axis.set(xscale="log", xlabel="ms; upright: the least by (speed.2)", ylim=(len(times) - 0.4, -0.6),
         yticks=range(len(times)), yticklabels=times)
path = save_figure(figure, "speed")
print(f"   cores gain {times['blocks'] / times['cores']:.1f}; work {all_:.1f} ms, one {one:.1f}")
assert smoke() or times["loops"] > 1000 * times["cores"] and all_ < 2 * one
assert smoke() or times["loops"] > 5 * times["slices"] > 10 * times["product"]

# %% [markdown]
# So: with loops it goes to the interpreter, with `slices` to memory, with `product` to the copy.
# What is left then is arithmetic, shared out. Two cores work little more than one, but gain less
# than twice: threads start, take turns at Python's lines, share the way to memory, and a core with
# other programs. A library with wider instructions is below our least. And arithmetic can be less,
# as in minidrop (Winograd). Where 3 numbers $g$ slide over 4, $d$, 4 products do for 6. With
# $m_1 = (d_0 - d_2) g_0$, $m_4 = (d_1 - d_3) g_2$ they give $m_1 + m_2 + m_3$, $m_2 - m_3 - m_4$.
#
# ## Exercises
#
# 1. Call `blocks` with k = 1, 2, 4, 8, 32. How large is `rows` where it is fastest, and why?
# 2. Find $m_2$ and $m_3$. How many products do 2 x 2 outputs of a 3 x 3 filter need?
#
# ## References
#
# - Chellapilla, Puri, Simard (2006), IWFHR: im2col. Lavin, Gray (2016), CVPR: Winograd.
# - Williams, Waterman, Patterson (2009), CACM 52(4), 65-76: the roofline model, (speed.2).
