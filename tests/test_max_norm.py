"""Max-norm: the projection by hand, as the nearest point, at extremes, and in a run."""

import numpy as np
import pytest

import minidrop as md
from minidrop import nn
from minidrop.check import gradcheck
from minidrop.optim import SGD
from minidrop.xp import host


def rows(w):
    return host(w).reshape(len(w), -1)


def lengths(w):
    return np.sqrt((rows(w).astype("float64") ** 2).sum(1))


def test_max_norm_1_by_hand(xp):
    w = xp.asarray([[3.0, 4.0], [1.0, 2.0], [0.0, 0.0], [-6.0, -8.0]])
    due = [[1.8, 2.4], [1.0, 2.0], [0.0, 0.0], [-1.8, -2.4]]
    np.testing.assert_allclose(host(md.max_norm(w, 3)), due, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", [0.1, 1.0, 3.0, 100.0])
def test_max_norm_1_is_the_textbook_formula(limit, dtype, xp):
    w = np.random.default_rng(0).standard_normal((200, 7)).astype(dtype)
    due = w * np.minimum(1, limit / np.sqrt((w.astype("float64") ** 2).sum(1, keepdims=True)))
    found = md.max_norm(xp.asarray(w), limit)
    assert found.dtype == dtype
    np.testing.assert_allclose(host(found), due, rtol=1e-6 if dtype == "float32" else 1e-14)


def test_max_norm_1_within_the_limit_nothing_changes(xp):
    w = np.random.default_rng(0).standard_normal((500, 5)).astype("float32")
    w *= (np.random.default_rng(1).random((500, 1)) / lengths(w)[:, None]).astype("float32")
    np.testing.assert_array_equal(host(md.max_norm(xp.asarray(w), 1.0)), w)
    on_the_sphere = np.array([[3.0, 4.0], [0.0, -5.0]], "float32")
    np.testing.assert_array_equal(host(md.max_norm(xp.asarray(on_the_sphere), 5)), on_the_sphere)


def test_max_norm_1_convolution_weights_are_rows_too(xp):
    w = xp.asarray(np.random.default_rng(0).standard_normal((6, 3, 2, 2)))
    found = md.max_norm(w, 0.5)
    np.testing.assert_allclose(rows(found), host(md.max_norm(w.reshape(6, 12), 0.5)), rtol=1e-15)
    np.testing.assert_allclose(lengths(found), 0.5, rtol=1e-15)


def test_max_norm_2_no_point_of_the_ball_is_nearer(xp):
    """<w - P, u - P> <= 0 for all u in the ball: the largest <w - P, u> is c |w - P|, at P."""
    w = np.random.default_rng(0).standard_normal((100, 4))
    p = host(md.max_norm(xp.asarray(w), 1.5))
    away = w - p
    assert (lengths(away) > 0).sum() > 50 and lengths(p).max() <= 1.5 * (1 + 1e-15)
    np.testing.assert_allclose((away * p).sum(1), 1.5 * lengths(away), atol=1e-14)


def test_max_norm_3_twice_is_once(xp):
    w = xp.asarray(np.random.default_rng(0).standard_normal((1000, 9)).astype("float32"))
    once = md.max_norm(w, 2.0)
    np.testing.assert_allclose(host(md.max_norm(once, 2.0)), host(once), rtol=2e-7)
    assert lengths(once).max() <= 2.0 * (1 + 2e-7)


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e-3, 1e10, 1e30, 3e38])
@pytest.mark.parametrize("limit", [1.0, 1e30])
def test_float32_of_any_size_neither_overflows_nor_vanishes(size, limit, xp):
    w = np.array([[size, 0.0], [0.0, 0.0], [size, -size]], "float32")
    length = lengths(w)
    found = md.max_norm(xp.asarray(w), limit)
    np.testing.assert_allclose(lengths(found), np.minimum(length, limit), rtol=1e-6)


def test_tensors_give_tensors_and_the_formula_has_its_gradient(xp):
    w = np.random.default_rng(0).standard_normal((5, 3))
    w[2] = 0
    found = md.max_norm(md.Tensor(xp.asarray(w), requires_grad=True), 1.2)
    assert isinstance(found, md.Tensor)
    gradcheck(lambda t: md.max_norm(t, 1.2), xp.asarray(w))


# --- on a network --------------------------------------------------------------------------------

def net():
    layers = nn.Sequential(first=nn.Linear(6, 8), act=nn.ReLU(), last=nn.Linear(8, 3)).init(0)
    for w in layers.parameters():
        w.data *= 10
    return layers


def test_a_row_of_one_entry_keeps_its_length_whatever_that_entry_is(xp):
    w = md.Tensor(xp.asarray(np.array([[3.0, 0.0]])), requires_grad=True)
    (md.max_norm(w, 1.5) * xp.asarray([[1.0, 10.0]])).sum().backward()
    assert host(w.grad).tolist() == [[0.0, 5.0]]                 # 10 c / |w|


def test_a_network_is_projected_in_place_and_biases_are_left_alone(xp, backend):
    model = net().to(backend)
    before = {path: (w.data, w.data.copy()) for path, w in model.named_parameters()}
    md.apply_max_norm(model, 0.7)
    for path, w in model.named_parameters():
        array, copy = before[path]
        assert w.data is array
        due = md.max_norm(copy, 0.7) if w.ndim > 1 else copy
        np.testing.assert_array_equal(host(w.data), host(due))


def test_a_pattern_picks_weights_and_frozen_ones_keep_their_values():
    model, untouched = net(), net()
    md.apply_max_norm(model, 0.7, pattern="last.*")
    assert (model.first.weight.data == untouched.first.weight.data).all()
    assert lengths(model.last.weight.data).max() < 0.71
    model.first.weight.requires_grad = False
    md.apply_max_norm(model, 0.7)
    assert (model.first.weight.data == untouched.first.weight.data).all()
    for pattern in ("bias", "*.bias"):
        with pytest.raises(ValueError, match="pattern .* matches no weight"):
            md.apply_max_norm(model, 0.7, pattern)


def test_what_is_no_weight_is_not_projected_and_no_pattern_finds_it(xp, backend):
    """Rows of log sigma^2 = -10 are far longer than 1; shortened, they would be more noise."""
    model = nn.Sequential(md.Variational(nn.Linear(4, 3)), nn.Tanh(),
                          md.L0(nn.Linear(3, 2), gates="weight", start=5.0)).init(0).to(backend)
    before = {path: host(w.data).copy() for path, w in model.named_parameters()}
    md.apply_max_norm(model, 0.1)
    for path, w in model.named_parameters():
        assert (host(w.data) == before[path]).all() == (not path.endswith("weight"))
    for pattern in ("*.log_sigma2", "*.log_alpha"):
        with pytest.raises(ValueError, match="matches no weight of two or more axes"):
            md.apply_max_norm(model, 0.1, pattern)


def test_after_every_step_of_a_run_no_unit_is_longer_than_the_limit():
    x, y, seen = md.gaussian(0, (32, 6)), md.integers(1, 3, 32), []

    def look(step, model, loss):
        seen.append(max(lengths(w.data).max() for w in model.parameters() if w.ndim > 1))

    md.fit(net(), SGD(lr=1.0), (x, y), epochs=4, batch_size=8, progress=False, recorder=look,
           project=lambda model: md.apply_max_norm(model, 0.9))
    assert len(seen) == 16 and max(seen) <= 0.9 * (1 + 1e-6) and min(seen) > 0.8


@pytest.mark.parametrize("w, limit, kind, message", [
    (np.ones((2, 2)), 0, ValueError, "limit must be above 0, got 0"),
    (np.ones((2, 2)), -1, ValueError, "limit must be finite and at least 0, got -1"),
    (np.ones((2, 2)), float("inf"), ValueError, "limit must be finite"),
    (np.ones(2), 1, ValueError, r"w must have shape \(out, ...\)"),
    (np.ones((0, 2)), 1, ValueError, "not empty"),
])
def test_a_mistake_is_named(w, limit, kind, message):
    with pytest.raises(kind, match=message):
        md.max_norm(w, limit)
