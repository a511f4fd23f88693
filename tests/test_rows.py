"""The norm of every row at once is the plain norm, forward and in all gradients."""

import numpy as np
import pytest

import minidrop as md
from minidrop.bench.memory import our_peak
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


@pytest.mark.parametrize("shift", [0.0, 2.0, 3.8, 4.2, 3e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_again_it_is_the_same(shape, dtype, shift):
    """Bit for bit, unless a mean is 4 deviations off 0: then as close to the exact result."""
    x, w, b, _ = arrays(shape, dtype, shift)
    x = rows.rows_of(x, (len(shape) - 1,), w, b)
    y, mean, r = rows.normed(x, w, b, 1e-6)
    found = rows.again(x, w, b, mean, r)
    if (abs(mean) * r < rows.FAR).all():
        np.testing.assert_array_equal(found, y)
    else:
        np.testing.assert_allclose(found, y, rtol=0, atol=64 * np.finfo(dtype).eps * abs(y).max())
    assert found.dtype == dtype


def test_a_norm_keeps_no_result_for_a_layer_that_reads_it_again():
    """Beside x: the statistics, and the result of the linear layer."""
    x = md.Tensor(md.gaussian(0, (1024, 192)), requires_grad=True)
    norm, layer = md.LayerNorm(192).init(0), md.nn.Linear(192, 8).init(0)
    held = our_peak(lambda: [layer(norm(x)) for _ in range(16)])
    assert held < 3 * x.data.nbytes / 1e6         # with all 16 results it would be more than 16


@pytest.mark.parametrize("net", [
    lambda: md.nn.Sequential(md.LayerNorm(96), md.nn.Linear(96, 5)),
    lambda: md.nn.Sequential(md.LayerNorm(96), md.LayerNorm(96), md.nn.Linear(96, 5)),
    lambda: md.nn.Sequential(md.nn.Linear(96, 96), md.LayerNorm(96), md.nn.GELU())],
    ids=["linear", "twice", "gelu"])
def test_gradients_are_the_bits_of_those_with_all_results_kept(net, monkeypatch):
    x, found = md.gaussian(0, (128, 7, 96)), []
    for many in (1, 1 << 60):
        monkeypatch.setattr(plain, "MANY", many)
        model = net().init(0)
        y = (model(x) ** 2).sum()
        weights = list(model.parameters())
        ways = [*md.grad(y, weights), *md.grad(y, weights, create_graph=True)]
        y.backward()
        found.append([getattr(g, "data", g) for g in (*ways, *(w.grad for w in weights))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


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
