"""Kernels in CUDA C equal their twins, on a CPU that plays the GPU.

A grid of one block, of a few and of many must give the same.  Each kernel is broken on purpose too:
`BROKEN` lists slips, and each must be noticed by the check of its kernel.
"""

import itertools

import numpy as np
import pytest

import minidrop as md
from minidrop.device import draws, losses, masks, steps
from minidrop.fast import draws as host_draws
from minidrop.ops import fused
from tests.compilers import both_types, check_noticed, close, needs_gcc, same
from tests.strict import kernels

pytestmark = pytest.mark.strict
MODULES = {"draws": draws, "losses": losses, "masks": masks, "steps": steps}


# --- draws ----------------------------------------------------------------------------------------

BLOCKS = [0, 7, 2**32 - 1, 2**64 - 2, 2**64 + 5]
BOUNDS = [1, 2**15, 2**16, 2**16 + 1, 2**31, 2**31 + 12345, 3 * 2**30 + 2**15, 2**32 - 1]


def ties(key, n):
    """Bounds of which the high half is that of a number drawn, so that the low plane decides."""
    numbers = host_draws.bits(key, 5, 75, n)[::n // 7].tolist()
    return [number + more for number in numbers for more in (0, 1)]


def check_draws(cupy, n=1003):
    key, on_device = (2**63 + 12345, 2**64 - 9), draws
    for m, block in itertools.product((0, 1, 3, 4, 15, 16, 17, n), BLOCKS):
        same(on_device.words(key, block, m), host_draws.words(key, block, m))
        same(on_device.bits(key, block, block + 70, m), host_draws.bits(key, block, block + 70, m))
    for bound in BOUNDS + ties(key, n):
        same(on_device.below(key, 5, 75, n, bound), host_draws.below(key, 5, 75, n, bound))


@needs_gcc
def test_draws_are_the_hosts_bit_by_bit(cupy, grid):
    check_draws(cupy)


def test_without_kernels_the_draws_are_the_same(cupy, monkeypatch):
    monkeypatch.setattr(kernels, "COMPILER", None)
    monkeypatch.setenv("MINIDROP_KERNELS", "off")
    here, there = md.noise.Stream(3, "a"), md.noise.Stream(3, "a", "cupy")
    for draw in (lambda s: s.words(9), lambda s: s.bits((3, 7)), lambda s: s.below(2**31, 99)):
        same(draw(there), draw(here))
    monkeypatch.setenv("MINIDROP_KERNELS", "perhaps")
    with pytest.raises(ValueError, match="MINIDROP_KERNELS must be 'on' or 'off', got 'perhaps'"):
        there.bits(3)


# --- masks ----------------------------------------------------------------------------------------

SHAPES = [((5,), (5,)), ((4, 6), (6,)), ((4, 6), (4, 1)), ((4, 6), (1, 1)), ((4, 6), ()),
          ((3, 4, 5, 2), (3, 4, 1, 1)), ((3, 4, 5, 2), (3, 1, 5, 2)), ((3, 4, 5, 2), (4, 5, 1)),
          ((3, 1, 5, 2), (3, 1, 1, 1)), ((0, 3), (0, 3)), ((2, 0), (1, 1)), ((33, 65), (33, 65))]


def check_masks(cupy, dtype="float32", orders=(lambda x: x,)):
    for (shape, of_mask), order, by_array in itertools.product(SHAPES, orders, (False, True)):
        x = np.random.default_rng(0).normal(size=shape).astype(dtype)
        mask = np.random.default_rng(1).random(of_mask) < 0.6
        scale = np.asarray(1 / 0.7, dtype) if by_array else 1 / 0.7
        due = x * mask * scale
        x_there, mask_there = order(cupy.asarray(x)), cupy.asarray(mask)
        scale_there = cupy.asarray(scale) if by_array else scale
        assert masks.runs(x_there, mask_there, scale_there)
        found = masks.masked(x_there, mask_there, scale_there)
        same(found, due)
        kept = [i for i, n in enumerate(shape) if n > 1 and x.size]
        assert [found.strides[i] for i in kept] == [x_there.strides[i] for i in kept]


def reversed_axes(x):
    return x.T.copy().T


@needs_gcc
@both_types
def test_masks_are_products(cupy, grid, dtype):
    check_masks(cupy, dtype, [lambda x: x, reversed_axes])


@needs_gcc
def test_what_the_kernel_of_masks_leaves_to_array_code(cupy):
    runs, x, mask = masks.runs, cupy.ones((2, 3), "float32"), cupy.ones((2, 3), bool)
    assert runs(x, mask, 2.0) and runs(x, mask, 2) and runs(x, mask, cupy.ones((), "float32"))
    for others in ((x.astype("float16"), mask, 2.0), (x, mask.astype("float32"), 2.0),
                   (x, mask, np.float32(2)), (x, mask, cupy.ones(1)), (x, cupy.ones(2, bool), 2.0),
                   (x, cupy.ones((1, 2, 3), bool), 2.0), (x, mask, cupy.ones(3, "float32")),
                   (x[0, 0], mask[0, 0], 2.0), (x, np.array(True), 2.0),
                   (np.ones(2), np.ones(2, bool), 2.0)):
        assert not runs(*others)


@needs_gcc
def test_a_dropped_inf_gives_nan_and_gaps_are_copied(cupy):
    x = cupy.asarray([np.inf, np.nan, 1.0, -2.0, 3.0, 9.0])
    mask = cupy.asarray([False, False, True, True, True, False])
    due = np.array([np.nan, np.nan, 2.0, -4.0, 6.0, 0.0])
    np.testing.assert_array_equal(fused.masked(x, mask, 2.0).get(), due)
    np.testing.assert_array_equal(fused.masked(x[::2], mask[::2], 2.0).get(), due[::2])


# --- losses ---------------------------------------------------------------------------------------

def residual(z, y):
    """Of the cross-entropy, by its gradient."""
    leaf = md.Tensor(z, requires_grad=True)
    return len(z) * md.grad(fused.softmax_cross_entropy(leaf, y), leaf)


def check_losses(cupy, dtype="float32", sizes=((1, 1), (4, 10), (3, 33), (2, 300))):
    for (n, k), scale in itertools.product(sizes, (1, 300)):
        draw = np.random.default_rng(n)
        z = (scale * draw.normal(size=(n, k)) + 5).astype(dtype)
        shares = draw.random((n, k)).astype(dtype)
        for y in (draw.integers(0, k, n), draw.integers(0, k, n).astype("uint8"), shares):
            there = cupy.asarray(z), cupy.asarray(y)
            assert losses.runs(*there)
            rows = [fused.softmax_cross_entropy(z[i:i + 1], y[i:i + 1]) for i in range(n)]
            close(losses.cross_entropies(*there), np.array(rows, dtype), 1.5)
            close(losses.residual(*there), residual(z, y), 1)
            close(fused.softmax_cross_entropy(*there), fused.softmax_cross_entropy(z, y), 1.5)


@needs_gcc
@both_types
def test_losses_and_residuals_are_those_of_array_code(cupy, grid, dtype):
    check_losses(cupy, dtype)


@needs_gcc
@both_types
@pytest.mark.parametrize("label", [-1, -2**63, 3, 4, 2**40, 2**62])
def test_a_row_with_a_wrong_label_is_nan_and_nothing_is_read_by_it(cupy, grid, dtype, label):
    z, y = np.random.default_rng(0).normal(size=(5, 3)).astype(dtype), np.array([0, 1, 0, 2, 1])
    for function in (losses.cross_entropies, losses.residual):
        due = function(cupy.asarray(z), cupy.asarray(y)).get()
        assert np.isfinite(due).all()
        due[2] = np.nan
        same(function(cupy.asarray(z), cupy.asarray(np.where(np.arange(5) == 2, label, y))), due)


@needs_gcc
def test_a_step_with_a_wrong_label_is_over_before_the_label_is_told(cupy):
    net, x = md.nn.Linear(4, 3).init(0), np.eye(4, dtype="float32")
    y = np.array([0, 1, 2, 2**40])
    there = net.to("cupy"), md.optim.SGD(0.1), cupy.asarray(x), cupy.asarray(y)
    assert np.isnan(md.train_step(*there).get())
    with pytest.raises(ValueError, match=r"^labels must lie in 0\.\.2, got 0\.\.1099511627776$"):
        md.fit(net.init(0), md.optim.SGD(0.1), (x, y), 1, backend="cupy", progress=False)


@needs_gcc
def test_rows_that_are_not_finite(cupy):
    z = np.array([[np.inf, 0, 1], [-np.inf, 0, 1], [np.nan, 0, 1], [0, 0, np.nan], [1e38, 0, 1],
                  [-np.inf] * 3], "float32")
    with np.errstate(invalid="ignore"):
        due = residual(z, np.arange(6) % 3)
    found = residual(cupy.asarray(z), cupy.arange(6) % 3).get()
    np.testing.assert_allclose(found, due, rtol=1e-6)


@needs_gcc
def test_what_the_kernels_of_losses_leave_to_array_code(cupy):
    runs, z, y = losses.runs, cupy.ones((2, 3), "float32"), cupy.arange(2)
    assert runs(z, y) and runs(z, z) and runs(z[:, ::2], y) and runs(z[:0], y[:0])
    for others in ((z.astype("float16"), y), (z, z.astype("float64")), (z[:, :0], y), (z, z[0]),
                   (z[None], z[None]), (z.get(), y.get()), (z, z[:1])):
        assert not runs(*others)


# --- steps of optimizers --------------------------------------------------------------------------

RULES = [lambda: md.optim.SGD(0.1), lambda: md.optim.SGD(0.1, momentum=0.9, weight_decay=0.01),
         lambda: md.optim.SGD(0.1, momentum=0.9, nesterov=True), lambda: md.optim.Adam(0.01),
         lambda: md.optim.Adam(0.01, weight_decay=0.1), lambda: md.optim.AdamW(0.01)]


class Many(md.nn.Module):
    """Parameters of many sizes; the last one is frozen, every third has no decay."""

    def __init__(self, dtype, count=70):
        draw = np.random.default_rng(0)
        self.weights = [md.nn.Parameter((1 + i % 5, 3), md.gaussian) for i in range(count)]
        for i, w in enumerate(self.weights):
            w.data = draw.normal(size=w.shape).astype(dtype)
            w.decay, w.requires_grad = i % 3 > 0, i < count - 1


def steps_of(make, dtype, backend, steps=3):
    """The parameters and the state after some steps."""
    net, rule, draw = Many(dtype).to(backend), make(), np.random.default_rng(1)
    for i in range(steps):
        for w in net.weights:
            w.grad = md.xp.asarray(draw.normal(size=w.shape).astype(dtype), like=w.data) \
                if backend == "numpy" else md.xp.to_backend(draw.normal(size=w.shape).astype(dtype),
                                                            "cupy")
        net.weights[3].requires_grad = i != 1     # frozen for a while: a count of its own
        rule.step(net)
        assert all(w.grad is None for w in net.weights)
    return [w.data for w in net.weights], rule.state_dict()


def check_steps(cupy, dtype="float32"):
    for make in RULES:
        (found, state), (due, due_state) = (steps_of(make, dtype, b) for b in ("cupy", "numpy"))
        for a, b in zip(found, due, strict=True):
            close(a, b, 1)
        assert state.keys() == due_state.keys()
        for key, array in state.items():
            close(cupy.asarray(array), due_state[key], 1)


@needs_gcc
@both_types
def test_steps_are_those_of_the_rules(cupy, grid, dtype):
    check_steps(cupy, dtype)


# --- the kernels, broken --------------------------------------------------------------------------

CHECKS = {"draws": check_draws, "masks": check_masks, "losses": check_losses,
          "steps": check_steps}
BROKEN = [
    ("draws", "start1 + (c0 < (word)(i + 1))", "start1"),
    ("draws", "high0 ^ c3 ^ k1", "high0 ^ c3"), ("draws", "r < ROUNDS", "r < 9"),
    ("draws", "4 * i + j < n) out", "true) out"), ("draws", "16 * i + j < n) out[16", "1) out[16"),
    ("draws", "half_of(high, j) << 16 | half_of(low, j)", "half_of(high, j) << 16"),
    ("draws", "tied |= half_of(high, j) == top", ""), ("draws", "half_of(low, j) < rest", "true"),
    ("draws", "half_of(high, j) < top", "half_of(high, j) <= top"),
    ("draws", "16 * i + 16 <= n", "true"), ("draws", "& 1;", "& 0;"),
    ("draws", "[2 * i + 1] = eight[1]", "[2 * i + 1] = eight[0]"),
    ("masks", "i / inner % size", "i % size"), ("masks", "i / inner % size", "i / inner"),
    ("masks", "* (T)scale", ""), ("masks", "* scale[0]", ""), ("masks", "(T)mask", "(T)!mask"),
    ("losses", "row.largest = together(row.largest, true);", ""),
    ("losses", "z[j] > row.largest ? z[j] : row.largest", "z[j]"),
    ("losses", "row.sum = together(row.sum, false);", ""), ("losses", "- row.largest)", ")"),
    ("losses", "log(row.sum) * shares", "log(row.sum)"), ("losses", "/ row.sum * s", "* s"),
    ("losses", "j == y[i]", "j != y[i]"), ("losses", "z + i * k", "z"),
    ("losses", "shares = together(shares, false);", ""), ("losses", "__syncthreads();", ""),
    ("losses", "    __syncthreads();                              // oth", "// oth"),
    ("losses", "half /= 2", "half /= 4"), ("losses", "other > mine", "other < mine"),
    ("steps", "(table.a[p]) g +=", "(true) g -="), ("steps", "(T)momentum * *v + g;", "g;"),
    ("steps", "nesterov ? g", "!nesterov ? g"),
    ("steps", "*w *= (T)(1 - lr * table.a[p])", "*w *= (T)(1 - lr)"), ("steps", "(g * g)", "g"),
    ("steps", " / (T)table.c[p]", ""), ("steps", "lr / table.b[p]", "lr"),
    ("steps", "+ (T)eps", "+ 1"), ("steps", "&& decoupled", ""),
    ("masks", "(i, n) y", "(i, n + 1) y"), ("masks", "(i, n) y", "(i, n - 1) y"),
]


@needs_gcc
@pytest.mark.parametrize("name, right, wrong", BROKEN)
def test_a_broken_kernel_is_noticed(stand_in, monkeypatch, name, right, wrong):
    check_noticed(monkeypatch, MODULES[name], right, wrong, lambda: CHECKS[name](stand_in))
