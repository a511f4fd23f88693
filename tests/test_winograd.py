"""Winograd's convolution: its matrices exactly, its results against the plain formula."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidrop as md
from minidrop.fast import choice, winograd
from minidrop.ops import window

HALF = Fraction(1, 2)
FEW, USUAL, OURS = (0, 1, -1), (0, 1, -1, 2, -2), winograd.POINTS[3]
EXACT = [tuple(Fraction(p).limit_denominator(9) for p in points)
         for points in (FEW, USUAL, OURS, (3, HALF), (0, 1, -1, 2, -2, HALF, -HALF))]
WIDE = (0, 1, -1, 3, -3, 1 / 3, -1 / 3)
LONGER = tuple(Fraction(p).limit_denominator(9) for p in winograd.POINTS[5])
ONE = (1, 1)


def exact_matrices(points, taps=3):
    return [np.array(rows, dtype=object) for rows in winograd.matrices(points, taps)]


def units(*shape):
    """All arrays with a single 1, in exact numbers."""
    for place in itertools.product(*map(range, shape)):
        array = np.full(shape, Fraction(0), dtype=object)
        array[place] = Fraction(1)
        yield array


def correlated(d, g):
    """d and g, of one or two axes, by the definition."""
    places = [range(n - k + 1) for n, k in zip(d.shape, g.shape, strict=True)]
    y = np.empty([len(at) for at in places], dtype=object)
    for at in itertools.product(*places):
        y[at] = (d[tuple(slice(i, i + k) for i, k in zip(at, g.shape, strict=True))] * g).sum()
    return y


def test_winograd_1_2_the_usual_matrices_of_two_outputs():
    A, G, BT = exact_matrices(EXACT[0])
    assert A.T.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]
    assert G.tolist() == [[-1, 0, 0], [HALF] * 3, [HALF, -HALF, HALF], [0, 0, 1]]
    assert BT.tolist() == [[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]


@pytest.mark.parametrize("taps, points", [*((3, points) for points in EXACT), (5, EXACT[4]),
                                          (5, LONGER), (2, FEW)])
def test_winograd_3_one_line_is_exact(taps, points):
    """Both sides are bilinear, so that equality for unit vectors is equality."""
    A, G, BT = exact_matrices(points, taps)
    assert A.shape[1] == len(points) + 2 - taps
    for d, g in itertools.product(units(len(points) + 1), units(taps)):
        assert (A.T @ ((G @ g) * (BT @ d)) == correlated(d, g)).all()


@pytest.mark.slow
@pytest.mark.parametrize("points", EXACT[:3])
def test_winograd_4_a_tile_is_exact(points):
    A, G, BT = exact_matrices(points)
    filters = [(g, G @ g @ G.T) for g in units(3, 3)]
    tiles = [(d, BT @ d @ BT.T) for d in units(len(BT), len(BT))]
    for (d, V), (g, U) in itertools.product(tiles, filters):
        assert (correlated(d, g) == A.T @ (U * V) @ A).all()


@pytest.mark.slow
@pytest.mark.parametrize("points", EXACT[:3])
def test_winograd_6_the_gradient_of_a_filter_is_exact(points):
    """dg is the tile correlated with dY."""
    A, G, BT = exact_matrices(points)
    outputs = [(dy, A @ dy @ A.T) for dy in units(A.shape[1], A.shape[1])]
    tiles = [(d, BT @ d @ BT.T) for d in units(len(BT), len(BT))]
    for (d, V), (dy, Z) in itertools.product(tiles, outputs):
        assert (correlated(d, dy) == G.T @ (V * Z) @ G).all()


@pytest.mark.slow
@pytest.mark.parametrize("points", EXACT[:3])
def test_winograd_7_the_gradient_of_a_tile_is_exact(points):
    """dd is the cotangent among zeros, correlated with the filter turned round."""
    A, G, BT = exact_matrices(points)
    outputs = [(dy, A @ dy @ A.T) for dy in units(A.shape[1], A.shape[1])]
    filters = [(g, G @ g @ G.T) for g in units(3, 3)]
    for (g, U), (dy, Z) in itertools.product(filters, outputs):
        among = np.pad(dy, 2, constant_values=Fraction(0))
        assert (correlated(among, g[::-1, ::-1]) == BT.T @ (U * Z) @ BT).all()


@st.composite
def convolutions(draw):
    """Images of any size that has an output, filters of 3x3 or 5x5, paddings."""
    taps = draw(st.sampled_from([3, 3, 5]))
    padding = draw(st.tuples(*[st.integers(0, taps - 1)] * 2))
    size = [draw(st.integers(max(1, taps - 2 * p), 13)) for p in padding]
    n, c, o = draw(st.integers(0, 11)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return (n, c, *size), (o, c, taps, taps), {"stride": ONE, "padding": padding}


@pytest.mark.slow
@settings(max_examples=90, deadline=None, derandomize=True, database=None)
@given(shapes=convolutions(), points=st.sampled_from([FEW, USUAL, OURS]), cached=st.sampled_from(
    [1, 3000, winograd.CACHED]), last=st.booleans(), back=st.booleans(),
    seed=st.integers(0, 2**32))
def test_results_and_gradients_are_the_plain_ones(shapes, points, cached, last, back, seed):
    """`back`: step by step, or as a convolution of the cotangent."""
    shape, filters, how = shapes
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(size) for size in (shape, filters, filters[:1]))
    if last:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    g = rng.standard_normal(winograd.conv2d(x, w, b, **how).shape)

    def everything():
        tensors = [md.Tensor(array, requires_grad=True) for array in (x, w, b)]
        return (window.conv2d(x, w, b, **how, groups=1), window.conv2d(x, w, None, **how, groups=1),
                window.conv2d_dx(g, w, shape=x.shape, **how, groups=1),
                window.conv2d_dw(g, x, size=filters[2:], **how, groups=1),
                *md.grad(window.conv2d(*tensors, **how, groups=1), tensors, g=g),
                *md.grad(window.conv2d(*tensors, **how, groups=1), tensors[1:], g=g),
                md.grad(window.conv2d(x, w, tensors[2], **how, groups=1), tensors[2], g=g))

    with choice.using("plain"):
        plain = everything()
    with choice.using("winograd"), pytest.MonkeyPatch.context() as patch:
        patch.setitem(winograd.POINTS, 3, points)
        patch.setattr(winograd, "CACHED", cached)
        patch.setattr(winograd, "TILES", 1)
        patch.setattr(winograd, "_shorter", lambda g, x: back)
        fast = everything()
    for ours, due in zip(fast, plain, strict=True):
        np.testing.assert_allclose(ours, due, rtol=1e-10, atol=1e-10)


def test_it_runs_where_the_equations_hold():
    assert winograd.runs((2, 3, 6, 6), (4, 3, 3, 3), ONE, (2, 0))
    assert winograd.runs((2, 3, 6, 6), (4, 3, 5, 5), ONE, (4, 0))
    for size, stride, padding in (((3, 5), ONE, ONE), ((3, 3), (1, 2), ONE), ((3, 3), ONE, (3, 0)),
                                  ((5, 5), ONE, (0, 5)), ((2, 2), ONE, (0, 0))):
        assert not winograd.runs((2, 3, 6, 6), (4, 3, *size), stride, padding)


@pytest.mark.parametrize("images, filters, chosen", [
    ((64, 32, 32, 32), (32, 32, 3, 3), True), ((32, 64, 8, 8), (64, 64, 3, 3), True),
    ((64, 64, 7, 7), (64, 64, 3, 3), True), ((64, 64, 5, 5), (64, 64, 3, 3), False),
    ((64, 3, 32, 32), (32, 3, 3, 3), False), ((64, 24, 28, 28), (24, 24, 3, 3), True),
    ((64, 8, 32, 32), (8, 8, 3, 3), False), ((64, 16, 14, 14), (16, 16, 3, 3), False),
    ((1, 64, 16, 16), (64, 64, 3, 3), False), ((0, 64, 16, 16), (64, 64, 3, 3), False),
    ((64, 64, 16, 16), (64, 64, 5, 5), True), ((64, 20, 12, 12), (50, 20, 5, 5), True),
    ((64, 1, 28, 28), (20, 1, 5, 5), False), ((64, 64, 16, 16), (64, 64, 7, 7), False)])
def test_it_is_chosen_for_many_channels_and_tiles(images, filters, chosen):
    for direction in choice.DIRECTIONS:
        found = choice.strategy(images, filters, ONE, ONE, "float32", direction)
        assert (found == "winograd") == chosen


def test_with_16_channels_it_is_chosen_for_gradients_alone():
    shapes = (32, 16, 32, 32), (16, 16, 3, 3), ONE, ONE, "float32"
    assert [choice.strategy(*shapes, way) == "winograd" for way in choice.DIRECTIONS] == [
        False, True, True, True]


def test_it_is_not_chosen_for_numbers_that_cannot_hold_its_fractions():
    images, filters = (64, 32, 32, 32), (32, 32, 3, 3)
    for dtype in ("float16", "int64"):
        assert choice.strategy(images, filters, ONE, ONE, np.dtype(dtype), "both") == "gathered"


def off(results, due):
    """The largest error as a part of the largest entry."""
    return max(abs(a - b).max() / abs(b).max() for a, b in zip(results, due, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("n, channels, size, taps, most, others", [
    (8, 16, 32, 3, 2.5e-6, USUAL), (8, 64, 16, 3, 2.5e-6, USUAL), (4, 256, 8, 3, 2.5e-6, USUAL),
    (8, 16, 32, 5, 1e-5, WIDE), (8, 64, 16, 5, 1e-5, WIDE), (4, 256, 8, 5, 1e-5, WIDE)])
def test_float32_is_off_by_less_than_the_docstring_says(n, channels, size, taps, most, others,
                                                        monkeypatch):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, n, channels, size, size))
    w, pad = rng.standard_normal((channels, channels, taps, taps)), (taps // 2,) * 2

    def everything(dtype):
        x_, w_, g_ = (array.astype(dtype) for array in (x, w, g))
        found = winograd.conv2d_back({0, 1}, g_, x_, w_, ONE, pad)
        results = winograd.conv2d(x_, w_, None, ONE, pad), found[0], found[1]
        assert all(array.dtype == dtype for array in results)
        return results

    due = everything("float64")
    assert off(everything("float32"), due) < most
    monkeypatch.setitem(winograd.POINTS, taps, others)
    assert off(everything("float32"), due) > most


@pytest.mark.parametrize("taps, padding, shorter", [(5, 0, True), (5, 2, False), (3, 1, False)])
def test_the_way_back_is_step_by_step_where_a_cotangent_has_fewer_tiles(
        taps, padding, shorter, monkeypatch):
    x, w = md.gaussian(0, (2, 3, 12, 12)), md.gaussian(1, (4, 3, taps, taps))
    y = winograd.conv2d(x, w, None, ONE, (padding,) * 2)
    taken = []
    step_by_step = winograd._step_by_step
    monkeypatch.setattr(winograd, "_step_by_step",
                        lambda *args: taken.append(1) or step_by_step(*args))
    winograd.conv2d_back({0, 1}, y, x, w, ONE, (padding,) * 2)
    assert bool(taken) == shorter


@pytest.mark.slow
@pytest.mark.parametrize("padding", [ONE, (0, 0)])
@pytest.mark.parametrize("n, size", [(19, 20), (64, 9)])
def test_the_bits_do_not_depend_on_the_number_of_threads(n, size, padding, monkeypatch):
    x, w = md.gaussian(0, (n, 32, size, size)), md.gaussian(1, (40, 32, 3, 3))
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        y = winograd.conv2d(x, w, None, ONE, padding)
        gradients = winograd.conv2d_back({0, 1, 2}, y, x, w, ONE, padding)
        found.append([a.tobytes() for a in (y, *gradients.values())])
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_results_lie_channels_last():
    x, w = md.gaussian(0, (9, 4, 7, 8)), md.gaussian(1, (5, 4, 3, 3))
    y = winograd.conv2d(x, w, None, ONE, ONE)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    assert winograd.conv2d_dx(y, w, x.shape, ONE, ONE).transpose(0, 2, 3, 1).flags.c_contiguous
