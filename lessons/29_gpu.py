# %% [markdown]
# # The same code on a GPU: what changes, and when does it pay?
#
# CuPy has NumPy's functions under NumPy's names, for arrays that lie in the memory of a GPU. So an
# equation need not be written twice, if it asks its array where it lies:

# %%
from time import perf_counter

import numpy as np

import minidrop as md
from minidrop.lesson import quick, smoke
from minidrop.plots import DARK, LIGHT, save_figure, subplots
from minidrop.xp import array_module, backend_module, host

try:
    there, why = {"numpy": np, "cupy": backend_module("cupy")}, "NumPy and CuPy"
except ValueError as error:                       # no package, no driver or no GPU
    there, why = {"numpy": np}, f"NumPy alone: {error}"
print(f"   here: {why}")
def softmax(z):
    xp = array_module(z)                          # NumPy or CuPy: the array decides
    e = xp.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
z = np.random.default_rng(0).normal(size=(256, 64)).astype("float32")
for xp in there.values():
    y = softmax(xp.asarray(z))
    assert array_module(y) is xp and np.allclose(host(y), md.softmax(z), atol=1e-6)

# %% [markdown]
# ## The equations: launches and bytes
#
# The host, the machine's own processor, tells the GPU what to compute, one array function after
# another, and does not wait. To launch a kernel, a program for the GPU, has a price $\ell$,
# whatever it works on. Then numbers come from memory and go there, $b$ bytes a second. $k$
# launches, one after another, that move $B$ bytes take
#
# $$ t = k \, \ell + B / b \tag{gpu.1} $$
#
# and if an array of $n$ numbers costs $\beta$ bytes for each, both terms are equal at
#
# $$ n_{1/2} = k \, \ell \, b / \beta \tag{gpu.2} $$
#
# Below it the launches count, and above it the bytes.
#
# ## In array code
#
# How many launches does softmax take, and how many bytes? Arrays that count tell:
# %%
launches = []
class Counting(np.ndarray):
    def __array_ufunc__(self, function, method, *arrays, **named):
        plain = [np.asarray(a) for a in arrays]
        y = getattr(function, method)(*plain, **named)
        launches.append((function.__name__, sum(a.nbytes for a in plain) + y.nbytes))
        return y.view(Counting)
softmax(z.view(Counting))
k, beta = len(launches), sum(moved for _, moved in launches) / z.size
print("   softmax launches", ", ".join(f"{name} ({moved / z.size:.1f} bytes a number)"
                                       for name, moved in launches))
assert [name for name, _ in launches] == ["maximum", "subtract", "exp", "add", "divide"]
assert 32 < beta < 33                             # 8 passes of 4 bytes, and a little for the rows
sheet = k * 5e-6 * 2e12 / beta                    # say, 5 microseconds and 2,000 GB/s
print(f"   with 5 us and 2,000 GB/s, (gpu.2): {sheet:,.0f} numbers")
assert 1.5e6 < sheet < 1.6e6

# %% [markdown]
# So a small network leaves a fast GPU idle: it waits for launches. That is why minidrop has one
# kernel for all of softmax (`minidrop/device`), equal to array code by test. And whoever asks for a
# value, by `float(loss)` or `if x.max() > 1`, waits for all launches before. A step must not do so.
#
# ## The same masks
#
# A generator with a hidden state would have to be on one of the two. A `Stream` (lesson 6) is made
# by Philox, which computes block $i$ from a key and $i$ alone: any thread can make any block.

# %%
words, one = md.Stream(7, "drop").words(40), md.Stream(7, "drop")
one.state = *one.key, 5                           # block 5, without those before it
assert (one.words(4) == words[20:24]).all()
masks = [host(md.dropout_mask(md.Stream(7, "drop", name), 10_000, 0.5)) for name in there]
assert all((mask == masks[0]).all() for mask in masks)       # on all backends, bit for bit

# %% [markdown]
# ## Experiment: from 64 numbers to millions
#
# A CPU has a price and a pace too. There the price of a launch is Python's and NumPy's. The pace is
# arithmetic's more than memory's: read $b$ as the bytes that pass in a second, whatever they wait
# for. We read $\ell$ off at the smallest array, and $b$ where a number is cheapest.

# %%
def seconds(name, n):
    x = there[name].asarray(np.ones((n // 64, 64), "float32"))
    wait = there[name].cuda.get_current_stream().synchronize if name == "cupy" else lambda: None
    softmax(x), wait()
    best, turns = np.inf, quick(max(1, min(100, 2**20 // n)), 2)
    for _ in range(quick(5, 2)):
        start = perf_counter()
        for _ in range(turns):
            softmax(x)
        wait()                                    # otherwise the launches alone are timed
        best = min(best, (perf_counter() - start) / turns)
    return best

sizes = 2**np.arange(6, quick(24, 13))
figure, axis = subplots(size=(6.5, 3.6))
for name, colour in zip(there, (DARK, LIGHT), strict=False):
    times = np.array([seconds(name, int(n)) for n in sizes])
    price, b = times[0] / k, beta / min(times / sizes)
    half = k * price * b / beta                   # (gpu.2)
    print(f"   {name}: a launch costs {1e6 * price:.1f} us, {b / 1e9:.1f} GB pass in a second, "
          f"both are equal at {half:,.0f} numbers")
    axis.loglog(sizes, 1e9 * times / sizes, "o", color=colour, label=f"{name}, measured")
    axis.loglog(sizes, 1e9 * (k * price + beta * sizes / b) / sizes, color=colour, label="(gpu.1)")
    assert smoke() or times[0] / sizes[0] > 5 * min(times / sizes)
axis.set(xlabel="numbers in the array", ylabel="ns a number",
         title=f"softmax, on what is here: {', '.join(there)}")
axis.legend()
path = save_figure(figure, "gpu")

# %% [markdown]
# A number costs over 5 times as much in the smallest array as where it is cheapest. `fit` moves
# network and data once, and gives the network back:

# %%
digits, runs = md.data.digits(), {}
for name in there:
    net = md.models.mlp(64, 32, 10).init(seed=0)
    runs[name] = md.fit(net, md.optim.SGD(lr=0.1, momentum=0.9), digits.train, quick(5, 1),
                        backend=name, progress=False).loss
    print(f"   {name}: loss {runs[name][0]:.4f} at first and {runs[name][-1]:.4f} at last")
    assert isinstance(net.hidden1.linear.weight.data, np.ndarray)       # back on the host
    assert np.allclose(runs[name][:10], runs["numpy"][:10], rtol=1e-3)  # but for rounding

# %% [markdown]
# So: the array changes, the code does not. A GPU pays where bytes count and not launches: with
# arrays well above $n_{1/2}$ numbers, and while nobody asks for a value in between.
#
# ## Exercises
#
# 1. Count launches and bytes of batch norm, and of a step of SGD with momentum. Which of them could
#    be one kernel, what would (gpu.1) save, and at which sizes?
# 2. Put `if y.max() > 1: raise ValueError` into `softmax` and time it. What happens on a GPU?
#
# ## References
#
# - Okuta, Unno, Nishino, Hido, Loomis (2017), LearningSys at NIPS: CuPy.
# - Salmon, Moraes, Dror, Shaw (2011), SC: Philox. Hockney, Jesshope (1981), *Parallel Computers*:
#   the half-performance length, (gpu.2).
