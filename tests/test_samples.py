"""Norms of each sample with channels side by side are the plain ones, forward and in gradients."""

import itertools

import numpy as np
import pytest

import minidrop as md
from minidrop.fast import samples
from minidrop.ops import normal as plain

AXES = {"groups": (2, 3, 4), "instance": (3, 4), "layer": (1, 2, 3, 4), "channels": (1, 2)}
SIZES = [(1, 2, 2, 3, 3), (5, 3, 2, 4, 1), (7, 1, 6, 5, 3), (6, 2, 4, 8, 6)]
LARGE = 6, 4, 8, 16, 8


@pytest.fixture(autouse=True)
def in_small_pieces(monkeypatch):
    monkeypatch.setattr(samples, "SMALL", 1)
    monkeypatch.setattr(samples, "PIECE", 200)
    samples._layout.cache_clear()
    yield
    samples._layout.cache_clear()


def arrays(n, groups, each, *places, dtype="float64", shift=0.0):
    """x, w, b and a cotangent: (N, G, C / G, H, W), of which the memory is (N, H, W, G, C / G)."""
    def images(seed):
        return md.gaussian(seed, (n, *places, groups, each)).transpose(0, 3, 4, 1, 2)

    w, b = (md.gaussian(seed, (1, groups, each, 1, 1)) for seed in (3, 4))
    return [v.astype(dtype) for v in (images(1) + np.float64(shift), w, b, images(2))]


def both(x, w, b, g, axes, eps=1e-5):
    """(y, mean, r, gx, gw, gb) from the fast path and from the plain one."""
    each = samples.samples_of(x, axes, w, b)
    y, mean, r = samples.normed(x, w, b, eps, each)
    gx, gw, gb = samples.gradients(g, x, w, mean, r, each)
    fast = y, mean, r, gx, plain.back_to(gw, w), plain.back_to(gb, b)
    y, (mean, r) = plain._samples(x, w, b, axes, eps)
    return fast, (y, mean, r, *plain._samples_back(g, x, w, b, axes, mean, r))


@pytest.mark.parametrize("size, axes, affine",
                         list(itertools.product(SIZES, AXES.values(), [0, 1])))
def test_it_is_the_plain_norm_and_its_gradients(size, axes, affine):
    x, w, b, g = arrays(*size)
    for found, due in zip(*both(x, *([w, b] if affine else [1.0, 0.0]), g, axes), strict=True):
        assert np.shape(found) == np.shape(due)
        np.testing.assert_allclose(found, due, rtol=1e-9, atol=1e-9)
        if np.ndim(found) and found.size == x.size:
            places = [i for i, n in enumerate(x.shape) if n > 1]
            assert [found.strides[i] for i in places] == [x.strides[i] for i in places]


@pytest.mark.parametrize("order", [lambda g: g, lambda g: np.ascontiguousarray(g)])
def test_a_gradient_in_any_order_of_memory(order):
    x, w, b, g = arrays(*LARGE)
    fast, due = both(x, w, b, order(g), AXES["groups"])
    np.testing.assert_allclose(fast[3], due[3], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 3e4])
def test_a_large_mean_costs_no_digits(shift):
    x, w, b, g = arrays(*LARGE, dtype="float32", shift=shift)
    fast, _ = both(x, w, b, g, AXES["groups"])
    _, exact = both(*(v.astype("float64") for v in (x, w, b, g)), AXES["groups"])
    np.testing.assert_allclose(fast[0], exact[0], rtol=1e-4, atol=1e-4)
    assert {v.dtype.name for v in fast} == {"float32"}


def test_a_constant_channel_gives_its_bias():
    x, w, b, g = arrays(*LARGE, dtype="float32")
    x[:, 1] = 1e4
    fast, _ = both(x, w, b, g, AXES["groups"])
    np.testing.assert_allclose(fast[0][:, 1], np.broadcast_to(b, x.shape)[:, 1], atol=1e-5)


def test_many_equal_numbers_are_their_mean():
    x, w, b, g = arrays(1, 2, 4, 256, 256, dtype="float32")
    x[:] = 12345.678
    fast, _ = both(x, w, b, g, AXES["groups"])
    np.testing.assert_allclose(fast[0], np.broadcast_to(b, x.shape), atol=1e-3)


def test_no_number_of_threads_changes_a_bit(monkeypatch):
    x, w, b, g = arrays(24, 4, 8, 16, 8, dtype="float32")
    monkeypatch.setattr("minidrop.xp.LEAST", 8)
    found = set()
    for threads in (1, 2, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        fast, _ = both(x, w, b, g, AXES["groups"])
        found.add(b"".join(v.tobytes() for v in fast))
    assert len(found) == 1


@pytest.mark.parametrize("change", [
    lambda x, w: (np.ascontiguousarray(x), w), lambda x, w: (x[:, :, ::2], w[:, :, ::2]),
    lambda x, w: (x.astype("f2"), w), lambda x, w: (x[:0], w), lambda x, w: (x, w + 0 * x[:, :1]),
    lambda x, w: (x, w + 0 * x[:1])],
    ids=["C", "strided", "half", "empty", "by sample", "by place"])
def test_what_does_not_fit_takes_the_plain_way(change):
    x, w, *_ = arrays(*LARGE)
    assert samples.samples_of(x, AXES["groups"], w, w) is not None
    changed, weight = change(x, w)
    assert samples.samples_of(changed, AXES["groups"], weight, weight) is None
    assert samples.samples_of(x, (0, 3, 4), w, w) is None


def test_group_norm_of_images_takes_it(monkeypatch):
    taken, normed = [], samples.normed
    monkeypatch.setattr(samples, "normed", lambda *given: taken.append(1) or normed(*given))
    x = md.gaussian(0, (4, 8, 8, 16)).transpose(0, 3, 1, 2)
    md.group_norm(x, 4)
    assert taken
