"""Every fast path is its plain twin, however arrays lie in memory and whatever is in them.

Arrays are in other orders, backwards, with gaps, repeated and read-only; they are empty, small and
large for the path; some hold nan or infinities.  Three threads share even the smallest work.  Where
the twin is finite the two agree, and what is nan or inf is so in both: which of the two may differ,
since sums are taken in another order.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidrop import Tensor, grad
from minidrop.fast import channels, choice, masks, products, rectified, samples, windows, winograd
from minidrop.fast.gathered import Gathered
from minidrop.ops import fused, window
from minidrop.ops.normal import normal

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::RuntimeWarning")]
TRIES = settings(max_examples=300, deadline=None, derandomize=True, database=None)
CLOSE = {"float32": 1e-4, "float64": 1e-11}
SMALL = {"minidrop.xp.LEAST": 64, "minidrop.xp.ALIGN": 1, "minidrop.xp.threads": lambda: 3,
         "minidrop.xp.chunks.__defaults__": (1, 64)}           # numbers in a pass


def gaps(x):
    wide = np.zeros([n + 3 for n in x.shape], x.dtype)
    inner = wide[tuple(slice(1, 1 + n) for n in x.shape)]
    inner[...] = x
    return inner


def frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 1 else x


def repeated(x, axis):
    return np.broadcast_to(x.take([0], axis), x.shape) if x.shape[axis] else x


def backwards(x):
    turned = (slice(None, None, -1),) * x.ndim
    return x[turned].copy()[turned]


LAYOUTS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "last": last, "gaps": gaps,
           "frozen": frozen, "backwards": backwards, "first repeated": lambda x: repeated(x, 0),
           "last repeated": lambda x: repeated(x, -1)}


class Draw:
    """Random arrays in random layouts; every fifth run has nan or infinities in them."""

    def __init__(self, seed, dtype):
        self.rng, self.dtype = np.random.default_rng(seed), dtype
        self.bad = self.pick([(), (), (), (), (np.nan, np.inf, -np.inf)])

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def sizes(self, count, most=6):
        return tuple(int(n) for n in self.rng.integers(0 if self.rng.random() < 0.1 else 1, most,
                                                       count))

    def laid(self, x):
        return LAYOUTS[self.pick(list(LAYOUTS))](x) if x.ndim else x

    def numbers(self, *shape, bad=True):
        x = np.asarray(self.rng.standard_normal(shape), self.dtype)
        if bad and self.bad:
            spots = self.rng.random(shape) < 0.02
            x[spots] = self.rng.choice(self.bad, spots.sum())
        return self.laid(x)

    def mask(self, *shape):
        return self.laid(np.asarray(self.rng.random(shape) < 0.5))


def agree(found, due, dtype):
    for ours, plain in zip(found, due, strict=True):
        assert (ours.shape, ours.dtype) == (plain.shape, plain.dtype)
        finite = np.isfinite(plain)
        assert (np.isfinite(ours) == finite).all()
        limit = CLOSE[dtype] * max(1.0, abs(plain[finite]).max(initial=0))
        np.testing.assert_allclose(ours[finite], plain[finite], rtol=0, atol=limit)


def patched(test):
    """With many threads and small limits, so that every path is taken."""
    @TRIES
    @given(seed=st.integers(0, 2**32), dtype=st.sampled_from(sorted(CLOSE)))
    def run(seed, dtype):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SMALL.items():
                patch.setattr(name, value)
            test(Draw(seed, dtype), patch)

    return run


@patched
def test_relu(draw, patch):
    shape = draw.sizes(draw.pick([1, 2, 4]))
    x, g = draw.numbers(*shape), draw.numbers(*shape)
    patch.setattr(rectified, "SMALL", 1)
    patch.setattr(rectified, "WIDTH", 7)
    y = draw.laid(np.maximum(x, 0))
    agree([rectified.relu(x), rectified.gradient(g, y)], [np.maximum(x, 0), g * (y > 0)],
          draw.dtype)


@patched
def test_masks(draw, patch):
    shape = draw.sizes(draw.pick([1, 2, 4]))
    few = tuple(draw.pick([1, n]) for n in shape)[draw.pick([0, 1]):]
    x, mask = draw.numbers(*shape), draw.mask(*draw.pick([few, shape]))
    scale = draw.pick([1.0, 2.5])
    agree([masks.masked(x, mask, scale)], [(x * mask * scale).astype(x.dtype)], draw.dtype)


@patched
def test_masked_weights(draw, patch):
    n, o, i = draw.sizes(3)
    x, w, mask = draw.numbers(n, i), draw.numbers(o, i), draw.mask(n, o, i)
    agree([masks.masked_linear(x, w, mask)], [np.einsum("noi,ni->no", mask * w, x)], draw.dtype)


@patched
def test_linear(draw, patch):
    for name, value in (("PIECE", 1 << 10), ("ALONE", 1 << 8), ("BROAD", 4)):
        patch.setattr(products, name, value)
    outer, (n, o) = draw.sizes(draw.pick([1, 2])), draw.sizes(2, most=40)
    arrays = draw.numbers(*outer, n), draw.numbers(o, n), draw.numbers(o)
    g = draw.numbers(*outer, o)

    def everything(f):
        leaves = [Tensor(array, requires_grad=True) for array in arrays]
        y = f(*leaves)
        return [y.data, *grad(y, leaves, g=g)]

    agree(everything(fused.linear), everything(lambda x, w, b: x @ w.T + b), draw.dtype)


@patched
def test_norms(draw, patch):
    shape = draw.pick([(4, 3), (5, 2, 7), (2, 3, 4, 5), (2, 60), (3, 2, 3, 2, 6), (3, 4, 130)])
    axes = draw.pick([(0,), (len(shape) - 1,), (0, len(shape) - 1), tuple(range(1, len(shape)))])
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    like = draw.pick([kept, shape[1:], shape[-1:], ()])
    shift = draw.pick([0, 20 * (draw.dtype == "float64")])    # the twin loses digits of float32
    x, g = draw.laid(draw.numbers(*shape) + shift), draw.numbers(*shape)
    arrays = x.astype(draw.dtype), *(draw.numbers(*like, bad=False) for _ in range(2))
    for file in (channels, samples):
        patch.setattr(file, "SMALL", 1)
    patch.setattr(samples, "PIECE", 50)
    patch.setattr(channels, "ROWS", 1)

    def everything(f):
        leaves = [Tensor(array, requires_grad=True) for array in arrays]
        y = f(*leaves, axes=axes, eps=0.1)
        return [y.data, *grad(y, leaves, g=g)]

    agree(everything(normal), everything(normal.twin), draw.dtype)


@patched
def test_convolutions(draw, patch):
    """All but nan and infinities in gradients of filters, which meet other zeros around images."""
    size, stride = draw.pick([(1, 1), (3, 3), (2, 4), (9, 1)]), draw.pick([(1, 1), (2, 1), (7, 5)])
    padding = draw.pick([(0, 0), (1, 1), (2, 0), (11, 3)])
    n, c, o = draw.sizes(1)[0], *(max(1, k) for k in draw.sizes(2))
    pixels = (max(1, k - 2 * p) + k2 for k, p, k2 in zip(size, padding, draw.sizes(2, 9),
                                                         strict=True))
    x, w, b = draw.numbers(n, c, *pixels), draw.numbers(o, c, *size, bad=False), draw.numbers(o)
    how = {"stride": stride, "padding": padding, "groups": 1}
    wanted = [0, 2] if draw.bad else [0, 1, 2]
    name = "gathered" if draw.bad else draw.pick(sorted({*choice.STRATEGIES} - {"plain"}))
    patch.setattr(windows, "CACHED", draw.pick([1, 200, 1 << 19]))

    def everything(*names):
        with choice.using(*names):
            y = window.conv2d(x, w, b, **how)
            back = window.conv2d.joint(wanted, g(y), y, x, w, b, **how)
            return [y, *(back[i] for i in wanted)]

    made = []

    def g(y):
        made.append(draw.numbers(*y.shape)) if not made else None
        return made[0]

    agree(everything("plain"), everything(name, "gathered"), draw.dtype)


def too_large(path):
    """A fast path whose result, or each of several by number, or the first, is 1 % too large."""
    def wrong(*arrays, **settings):
        made = path(*arrays, **settings)
        if isinstance(made, dict):
            return {i: array * 1.01 for i, array in made.items()}
        return made * 1.01 if isinstance(made, np.ndarray) else (made[0] * 1.01, *made[1:])

    return wrong


@pytest.mark.parametrize("test, place, name", [
    (test_relu, rectified, "relu"), (test_relu, rectified, "gradient"),
    (test_masks, masks, "masked"), (test_masked_weights, masks, "masked_linear"),
    (test_linear, fused, "product"), (test_linear, fused, "products"),
    (test_norms, channels, "scaled"), (test_norms, channels, "gradients"),
    (test_norms, samples, "normed"), (test_norms, samples, "gradients"),
    (test_convolutions, Gathered, "conv2d"), (test_convolutions, Gathered, "conv2d_back"),
    (test_convolutions, winograd, "conv2d"), (test_convolutions, winograd, "conv2d_back"),
], ids=lambda part: getattr(part, "__name__", str(part)).rpartition(".")[2])
def test_a_fast_path_that_is_wrong_is_noticed(test, place, name, monkeypatch):
    monkeypatch.setattr(place, name, too_large(getattr(place, name)))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test()
