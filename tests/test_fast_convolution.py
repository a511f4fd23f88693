"""The strategies for convolutions against the plain formula, over more shapes and block sizes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidrop as md
from minidrop.check import gradcheck
from minidrop.fast import choice, gathered, windows, winograd
from minidrop.ops import window

pytestmark = pytest.mark.slow
FAST = sorted({*choice.STRATEGIES} - {"plain"})
ORDERS = {                                        # how images may lie in memory
    "first": lambda x: x, "strided": lambda x: np.repeat(x, 2, 3)[..., ::2],
    "last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "half": lambda x: np.concatenate([x, x], 1).transpose(0, 2, 3, 1).copy().transpose(
        0, 3, 1, 2)[:, :x.shape[1]],
    "turned": lambda x: x[::-1, :, ::-1].copy()[::-1, :, ::-1]}


@st.composite
def cases(draw):
    """Images, filters, and how they meet, with the settings that cut the work."""
    size = draw(st.sampled_from([(1, 1), (3, 3), (5, 5), (2, 4), (4, 4), (1, 3)]))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (4, 4)]))
    padding = draw(st.tuples(*[st.integers(0, 2)] * 2))
    height, width = (draw(st.integers(max(1, k - 2 * p), 12))
                     for k, p in zip(size, padding, strict=True))
    n, c, o = draw(st.integers(0, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    cuts = {"CACHED": draw(st.sampled_from([1, 60, 900, 1 << 19])),
            "PARTS": draw(st.sampled_from([1, 2, 8])), "SUMS": draw(st.sampled_from([1, 1 << 20]))}
    return (n, c, height, width), (o, c, *size), {"stride": stride, "padding": padding}, cuts


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(case=cases(), name=st.sampled_from(FAST), dtype=st.sampled_from(["float32", "float64"]),
       orders=st.tuples(*[st.sampled_from(sorted(ORDERS))] * 2), seed=st.integers(0, 2**32))
def test_every_strategy_is_the_plain_one_however_it_is_cut(case, name, dtype, orders, seed):
    shape, filters, how, cuts = case
    how["groups"], rng = 1, np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in (shape, filters, filters[:1]))
    with choice.using("plain"):
        due = [window.conv2d(x, w, b, **how)]
        g = rng.standard_normal(due[0].shape).astype(dtype)
        due += window.conv2d.joint([0, 1, 2], g, due[0], x, w, b, **how).values()
    x, g = (ORDERS[order](a) for order, a in zip(orders, (x, g), strict=True))
    with choice.using(name, "gathered"), pytest.MonkeyPatch.context() as patch:
        for setting, value in cuts.items():
            patch.setattr(windows, setting, value)
        found = window.conv2d.joint([0, 1, 2], g, None, x, w, b, **how)
        found = [window.conv2d(x, w, b, **how), *(found[i] for i in range(3))]
    for ours, plain in zip(found, due, strict=True):
        assert (ours.dtype, ours.shape) == (plain.dtype, plain.shape)
        largest = max(1.0, abs(plain).max(initial=0))
        limit = (3e-5 if dtype == "float32" else 1e-12) * largest
        np.testing.assert_allclose(ours, plain, rtol=0, atol=limit)


@pytest.mark.parametrize("name", choice.STRATEGIES)
@pytest.mark.parametrize("padding", [0, 1])
def test_one_sweep_gives_what_is_wanted_and_no_more(name, padding):
    x, w = md.gaussian(0, (5, 3, 8, 8)), md.gaussian(1, (4, 3, 3, 3))
    how = {"stride": (1, 1), "padding": (padding,) * 2, "groups": 1}
    with choice.using(name):
        y = window.conv2d(x, w, None, **how)
        whole = window.conv2d.joint([0, 1, 2], y, y, x, w, None, **how)
        for wanted in itertools.chain.from_iterable(
                itertools.combinations(range(3), count) for count in (1, 2)):
            some = window.conv2d.joint(list(wanted), y, y, x, w, None, **how)
            assert sorted(some) == list(wanted)
            for i in wanted:
                np.testing.assert_allclose(some[i], whole[i], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", choice.STRATEGIES)
def test_the_second_derivative_holds_with_every_strategy(name):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((2, 2, 5, 4), (3, 2, 3, 3), (3,)))
    with choice.using(name):
        gradcheck(lambda *args: md.conv2d(*args, padding=1), x, w, b, order=2)


@pytest.mark.parametrize("name", choice.STRATEGIES)
def test_biases_of_more_digits_leave_the_result_in_float32(name):
    x, w, b = np.ones((2, 3, 8, 8), "f"), np.ones((4, 3, 3, 3), "f"), np.arange(4.0)
    with choice.using(name):
        y = md.conv2d(x, w, b)
    assert y.dtype == "float32" and y[0, :, 0, 0].tolist() == [27, 28, 29, 30]


def test_inputs_are_left_alone_and_results_are_not_shared_memory():
    """Scratch arrays are used again: nothing that is handed out may lie in them."""
    x, w = md.gaussian(0, (4, 3, 8, 8)), md.gaussian(1, (4, 3, 3, 3))
    how = {"stride": (1, 1), "padding": (1, 1), "groups": 1}
    for name in FAST:
        with choice.using(name):
            def once(x=x):
                y = window.conv2d(x, w, None, **how)
                return [y, *window.conv2d.joint([0, 1, 2], y, y, x, w, None, **how).values()]

            first = once()
            kept = [a.copy() for a in (x, w, *first)]
            once(x + 1)
            for now, before in zip((x, w, *first), kept, strict=True):
                np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("to", ["float32", "float64", "int32"])
@pytest.mark.parametrize("order", ORDERS)
def test_pixels_are_put_as_numbers_are_assigned(order, to, channels):
    x = 9 * md.gaussian(0, (2, channels, 4, 5))
    x[0, 0, :3, 0] = np.nan if to != "int32" else 0, -0.0, 5.5
    given = ORDERS[order](x).transpose(0, 2, 3, 1)
    for of in (lambda a: a, lambda a: a[:, ::2], lambda a: a.transpose(2, 0, 1, 3),
               lambda a: a[:0], lambda a: a[..., ::-1]):
        out, due = np.zeros((2, *given.shape), to)
        windows.put(of(out), of(given))
        of(due)[...] = of(given)
        np.testing.assert_array_equal(out.view("u1"), due.view("u1"))


def everything(x, w, b, g, how):
    """The result and the gradients."""
    back = window.conv2d.joint([0, 1, 2], g, None, x, w, b, **how)
    return [window.conv2d(x, w, b, **how), *(back[i] for i in range(3))]


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("stride", [1, 2])
def test_names_that_share_scratch_memory_do_not_meet(name, stride, monkeypatch):
    """The bits are those with memory of its own for each use, in whatever state it is."""
    x, w, b = (md.gaussian(i, s) for i, s in enumerate(((9, 4, 10, 9), (5, 4, 3, 3), (5,))))
    how = {"stride": (stride,) * 2, "padding": (1, 1), "groups": 1}
    monkeypatch.setattr(windows, "CACHED", 1500)              # many blocks, one after the other
    monkeypatch.setattr(winograd, "CACHED", 1500)
    monkeypatch.setattr(winograd, "TILES", 1)
    with choice.using(name, "gathered"):
        g = window.conv2d(x, w, b, **how)
        shared = everything(x, w, b, g, how)
        for module in (windows, gathered, winograd):
            monkeypatch.setattr(module, "scratch", lambda _, shape, dtype: np.full(
                shape, np.nan, dtype))
        for ours, alone in zip(shared, everything(x, w, b, g, how), strict=True):
            np.testing.assert_array_equal(ours, alone)


@pytest.mark.parametrize("name, run", [("gathered", 1), ("gathered2", 2), ("gathered4", 4)])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_reaches_the_windows_of_its_row_and_no_further(name, run, bad):
    x, w = md.gaussian(0, (3, 2, 9, 10)), md.gaussian(1, (4, 2, 3, 3))
    how = {"stride": (1, 1), "padding": (0, 0), "groups": 1}
    x[1, 0, 4, 3] = bad
    with choice.using("plain"):
        due = ~np.isfinite(window.conv2d(x, w, None, **how))
    rows = due.reshape(*due.shape[:3], -1, run).any(-1, keepdims=True)
    with choice.using(name):
        found = ~np.isfinite(window.conv2d(x, w, None, **how)).reshape(*rows.shape[:4], run)
    assert (found == rows).all() and due.any()


@pytest.mark.parametrize("images, filters, stride, padding, forward, both", [
    ((64, 1, 28, 28), (20, 1, 5, 5), 1, 0, "gathered2", "gathered2"),
    ((64, 3, 32, 32), (32, 3, 3, 3), 1, 1, "gathered2", "gathered"),
    ((64, 20, 12, 12), (50, 20, 5, 5), 1, 0, "winograd", "winograd"),
    ((32, 16, 32, 32), (32, 16, 3, 3), 2, 1, "gathered", "gathered"),
    ((32, 64, 8, 8), (64, 64, 1, 1), 1, 0, "gathered", "gathered"),
    ((32, 3, 32, 32), (192, 3, 4, 4), 4, 0, "gathered", "gathered"),
    ((4, 64, 64, 64), (64, 64, 3, 3), 1, 1, "winograd", "winograd"),
    ((4, 64, 128, 128), (64, 64, 3, 3), 1, 1, "gathered", "gathered")])    # 38 MB a thread
def test_shapes_alone_choose(images, filters, stride, padding, forward, both):
    for way, name in (("forward", forward), ("both", both)):
        assert choice.strategy(images, filters, (stride,) * 2, (padding,) * 2, "float32",
                               way) == name
