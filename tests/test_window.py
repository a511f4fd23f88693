"""Unfolding, convolution and pooling: against loops, and every fast way against the plain one."""

import contextvars
import itertools
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minidrop as md
from minidrop import Tensor, nn
from minidrop.doctor import report
from minidrop.fast import choice, windows
from minidrop.ops import window
from minidrop.xp import host

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])


def by_loops(x, w, b, stride, padding, groups):
    """The convolution as its definition reads."""
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    (filters, per_group, kh, kw), (n, _, height, width) = w.shape, x.shape
    places = [range(0, s - k + 1, step) for s, k, step in
              zip((height, width), (kh, kw), stride, strict=True)]
    y = np.empty((n, filters, *map(len, places)))
    for o in range(filters):
        first = o // (filters // groups) * per_group
        for (i, top), (j, left) in itertools.product(*map(enumerate, places)):
            part = x[:, first:first + per_group, top:top + kh, left:left + kw]
            y[:, o, i, j] = (part * w[o]).sum((1, 2, 3)) + b[o]
    return y


@st.composite
def convolutions(draw):
    """Small images, filters and how they meet, all drawn."""
    size, stride = (draw(st.tuples(*[st.integers(1, 3)] * 2)) for _ in range(2))
    padding = draw(st.tuples(*[st.integers(0, 3)] * 2))
    height, width = (draw(st.integers(max(1, k - 2 * p), 6))
                     for k, p in zip(size, padding, strict=True))
    groups, n = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    channels, filters = (groups * draw(st.integers(1, 2)) for _ in range(2))
    return ((n, channels, height, width), (filters, channels // groups, *size),
            {"stride": stride, "padding": padding, "groups": groups})


def images(xp, rng, shape, last=False):
    """Random float64 images, with `last` in channels-last memory."""
    if last:
        n, c, h, w = shape
        return xp.asarray(rng.standard_normal((n, h, w, c))).transpose(0, 3, 1, 2)
    return xp.asarray(rng.standard_normal(shape))


@PROPERTY
@given(shapes=convolutions(), last=st.booleans(), seed=st.integers(0, 2**32))
def test_conv2d_is_its_definition(xp, shapes, last, seed):
    shape, filters, how = shapes
    rng = np.random.default_rng(seed)
    x, w = images(xp, rng, shape, last), xp.asarray(rng.standard_normal(filters))
    b = xp.asarray(rng.standard_normal(filters[:1]))
    due = by_loops(host(x), host(w), host(b), **how)
    np.testing.assert_allclose(host(md.conv2d(x, w, b, **how)), due, rtol=1e-12, atol=1e-12)


@settings(PROPERTY, max_examples=60)
@given(shapes=convolutions(), name=st.sampled_from(sorted({*choice.STRATEGIES} - {"plain"})),
       last=st.booleans(), seed=st.integers(0, 2**32))
def test_every_strategy_is_the_plain_one(shapes, name, last, seed):
    """All that is convolved, and the gradients one by one and in one sweep."""
    shape, filters, how = shapes
    how["groups"], filters = 1, (filters[0], shape[1], *filters[2:])
    rng = np.random.default_rng(seed)
    x, w, b = images(np, rng, shape, last), rng.standard_normal(filters), np.ones(filters[0])
    g = images(np, rng, md.conv2d(x, w, **how).shape, not last)

    def everything():
        tensors = [Tensor(array, requires_grad=True) for array in (x, w, b)]
        return (window.conv2d(x, w, b, **how), window.conv2d_dx(g, w, shape=x.shape, **how),
                window.conv2d_dw(g, x, size=w.shape[2:], **how),
                *md.grad(window.conv2d(*tensors, **how), tensors, g=g))

    with choice.using("plain"):
        plain = everything()
    with choice.using(name, "gathered"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "CACHED", 40)      # many blocks
        patch.setattr(windows, "PARTS", 1)        # in one part
        fast = everything()
    for ours, due in zip(fast, plain, strict=True):
        np.testing.assert_allclose(ours, due, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", choice.STRATEGIES)
@pytest.mark.parametrize("stride, padding", [(1, 1), (2, 0)])
def test_the_bits_do_not_depend_on_the_number_of_threads(name, stride, padding, monkeypatch):
    monkeypatch.setenv("MINIDROP_CONV", f"{name}, plain")
    x, w = md.gaussian(0, (19, 8, 20, 20)), md.gaussian(1, (16, 8, 3, 3))
    how, found = {"stride": (stride,) * 2, "padding": (padding,) * 2, "groups": 1}, []
    for threads in (1, 2, 5):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        y = window.conv2d(x, w, None, **how)
        back = window.conv2d.joint([0, 1, 2], y, y, x, w, None, **how)
        found.append([a.tobytes() for a in (
            y, *back.values(), window.conv2d_dx(y, w, shape=x.shape, **how),
            window.conv2d_dw(y, x, size=(3, 3), **how), md.max_pool2d(x, 2))])
    assert found[0] == found[1] == found[2]


def test_a_block_of_images_is_the_same_alone_and_in_a_batch():
    x, layer = md.gaussian(0, (40, 8, 12, 12)), nn.Conv2d(8, 4, 3).init(0)
    np.testing.assert_array_equal(layer(x).data[:8], layer(x[:8]).data)


def test_unfold_and_fold_are_adjoint_and_fold_counts_the_windows(xp):
    where = {"size": (3, 2), "stride": (2, 1), "padding": (1, 0)}
    x, ones = xp.asarray(np.random.default_rng(0).standard_normal((2, 3, 5, 4))), xp.ones
    u = window.unfold(x, **where)
    v = xp.asarray(np.random.default_rng(1).standard_normal(u.shape))
    folded = window.fold(v, shape=x.shape, stride=(2, 1), padding=(1, 0))
    assert float((u * v).sum()) == pytest.approx(float((x * folded).sum()), rel=1e-12)
    counts = window.fold(ones(u.shape), shape=x.shape, stride=(2, 1), padding=(1, 0))
    assert host(counts)[0, 0].tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1],
                                           [2, 4, 4, 2], [1, 2, 2, 1]]


def test_one_group_a_channel_is_a_depthwise_convolution(xp):
    rng = np.random.default_rng(0)
    x, w = images(xp, rng, (2, 3, 5, 5)), xp.asarray(rng.standard_normal((3, 1, 3, 3)))
    whole = md.conv2d(x, w, groups=3)
    for c in range(3):
        np.testing.assert_allclose(host(whole[:, c:c + 1]),
                                   host(md.conv2d(x[:, c:c + 1], w[c:c + 1])), rtol=1e-12)


def test_the_first_of_equal_largest_entries_takes_the_gradient(xp):
    x = Tensor(xp.asarray([[[[1.0, 7.0, 7.0], [7.0, 7.0, 7.0]]]]), requires_grad=True)
    md.max_pool2d(x, 2, stride=1).backward(xp.asarray([[[[1.0, 10.0]]]]))
    assert host(x.grad).tolist() == [[[[0, 11, 0], [0, 0, 0]]]]
    first = md.grad(md.max_pool2d(x, 2, stride=1).sum(), x, create_graph=True)       # by the twin
    assert host(first.data).tolist() == [[[[0, 2, 0], [0, 0, 0]]]]


def test_a_window_beyond_the_border_never_wins_with_its_padding(xp):
    x = xp.asarray([[[[-5.0, -6.0], [-7.0, -8.0]]]])
    assert host(md.max_pool2d(x, 2, padding=1))[0, 0].tolist() == [[-5, -6], [-7, -8]]
    assert host(md.avg_pool2d(x, 2, padding=1))[0, 0].tolist() == [[-1.25, -1.5], [-1.75, -2]]


def test_results_lie_channels_last_and_stay_float32(xp):
    x = xp.asarray(md.gaussian(0, (2, 3, 8, 8)))
    y = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)).init(0).to(
        "numpy" if xp is np else "cupy")(x)
    assert y.dtype == "float32" and y.shape == (2, 4, 3, 3)
    if xp is np:
        assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


WHERE = ((2, 3, 6, 6), (4, 3, 3, 3), (1, 1), (1, 1), "float32", "forward")


def test_a_strategy_can_be_asked_for_by_name(monkeypatch):
    assert choice.strategy(*WHERE) in choice.STRATEGIES
    monkeypatch.setenv("MINIDROP_CONV", "plain")
    assert choice.strategy(*WHERE) == "plain"
    with choice.using("gathered"):                # goes before the environment
        assert choice.strategy(*WHERE) == "gathered"
    assert choice.strategy(*WHERE) == "plain"
    assert "VGG 3x3 plain" in dict(report())["convolutions"]


def test_a_wish_holds_in_its_own_thread_and_in_copies_of_its_context():
    found = []

    def ask():
        found.append(choice.strategy(*WHERE))

    with choice.using("plain"):
        for run in (lambda ask: ask(), contextvars.copy_context().run):
            thread = threading.Thread(target=run, args=(ask,))
            thread.start()
            thread.join(30)
    assert found == ["gathered", "plain"]


def test_the_doctor_says_for_each_shape_what_runs_and_where_nothing_can(monkeypatch):
    monkeypatch.setenv("MINIDROP_CONV", "winograd")
    found = dict(report())["convolutions"]
    assert "VGG 3x3 winograd; " in found and "1x1 an error, as winograd cannot; " in found
    monkeypatch.setenv("MINIDROP_CONV", "winograd,plain")
    assert "VGG 3x3 winograd; ResNet 3x3 winograd; ResNet 3x3 stride 2 plain; " in dict(
        report())["convolutions"]


@pytest.mark.parametrize("n, filters, groups", [(0, 4, 1), (0, 4, 2), (2, 0, 1), (2, 0, 2),
                                                (0, 0, 1)])
@pytest.mark.parametrize("padding", [0, 1])
def test_no_images_or_no_filters_give_an_empty_result_and_gradients_of_zero(
        xp, n, filters, groups, padding):
    shapes = (n, 4, 5, 6), (filters, 4 // groups, 3, 3), (filters,)
    leaves = [Tensor(xp.ones(shape, "float32"), requires_grad=True) for shape in shapes]
    y = md.conv2d(*leaves, padding=padding, groups=groups)
    assert y.shape == (n, filters, 3 + 2 * padding, 4 + 2 * padding) and y.size == 0
    for order in (False, True):
        for found, shape in zip(md.grad(y.sum(), leaves, create_graph=order), shapes, strict=True):
            found = host(found.data if order else found)
            assert found.shape == shape and not found.any() and found.dtype == "float32"


def test_a_wrong_wish_is_one_sentence(monkeypatch):
    with pytest.raises(ValueError, match="using must name strategies among 'plain', 'gathered'"
                       ".*, got 'fft'"), choice.using("fft"):
        pass
    monkeypatch.setenv("MINIDROP_CONV", "gathered,best")
    with pytest.raises(ValueError, match="MINIDROP_CONV must name strategies .*, got 'best'"):
        choice.strategy(*WHERE)
    assert "got 'best'" in dict(report())["convolutions"]
    monkeypatch.setitem(choice.STRATEGIES, "best", SimpleNamespace(runs=lambda *shapes: False))
    assert choice.strategy(*WHERE) == "gathered"
    with pytest.raises(ValueError, match="using asks for 'best', which cannot convolve images "), \
            choice.using("best"):
        choice.strategy(*WHERE)
