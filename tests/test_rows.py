"""The norm of every row at once is the plain norm, forward and in all gradients."""

import numpy as np
import pytest

import minidrop as md
from minidrop.fast import rows
from minidrop.ops import normal as plain

SHAPES = [(1, 2), (3, 5), (2, 3, 7), (33, 65, 24), (700, 300)]


def arrays(shape, dtype="float32", shift=0.0):
    """x, w, b and a cotangent."""
    return [np.asarray(md.gaussian(seed, size), dtype) + add for seed, (size, add) in enumerate(
        ((shape, shift), (shape[-1:], 1.0), (shape[-1:], 0.0), (shape, 0.0)))]


@pytest.mark.parametrize("shift", [0.0, 1e3])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_plain_norm_and_its_gradients(shape, shift):
    x, w, b, g = arrays(shape, "float64", shift)
    axes = (len(shape) - 1,)
    y, kept = plain.normal.forward(x, w, b, axes, 1e-5)
    due, (mean, r) = plain._samples(x, w, b, axes, 1e-5)
    for found, other in zip((y, *kept), (due, mean, r), strict=True):
        assert found.shape == other.shape
        np.testing.assert_allclose(found, other, rtol=1e-10, atol=1e-10)
    made = plain.normal.joint([0, 1, 2], g, y, x, w, b, axes, 1e-5, kept)
    for i, other in enumerate(plain._samples_back(g, x, w, b, axes, mean, r)):
        assert made[i].shape == other.shape
        np.testing.assert_allclose(made[i], other, rtol=1e-9, atol=1e-9)


def test_a_large_mean_costs_no_digits():
    x, w, b, g = arrays((4, 192), shift=3e4)
    y, (mean, r) = plain.normal.forward(x, w, b, (1,), 1e-6)
    exact = plain._samples(*(v.astype("float64") for v in (x, w, b)), (1,), 1e-6)[0]
    np.testing.assert_allclose(y, exact, rtol=1e-4, atol=1e-4)
    assert y.dtype == mean.dtype == r.dtype == "float32"


def test_no_number_of_threads_changes_a_bit(monkeypatch):
    x, w, b, g = arrays((130, 65, 48))
    found = set()
    for threads in (1, 2, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        y, kept = plain.normal.forward(x, w, b, (2,), 1e-6)
        made = plain.normal.joint([0, 1, 2], g, y, x, w, b, (2,), 1e-6, kept)
        found.add(b"".join(v.tobytes() for v in (y, *kept, *made.values())))
    assert len(found) == 1


@pytest.mark.parametrize("change", [
    lambda x, w: (x.T, w), lambda x, w: (x[:, ::2], w[::2]), lambda x, w: (x.astype("f2"), w),
    lambda x, w: (x, 1.0), lambda x, w: (x, w.astype("f8")), lambda x, w: (x, w[None].T),
    lambda x, w: (x[:0], w)], ids=["F", "strided", "half", "number", "mixed", "column", "empty"])
def test_what_does_not_fit_takes_the_plain_way(change):
    x, w, *_ = arrays((6, 6))
    assert rows.rows_of(x, (1,), w, w) is not None
    assert rows.rows_of(*change(x, w)[:1], (1,), change(x, w)[1], w) is None
    assert rows.rows_of(x, (0,), w, w) is None
