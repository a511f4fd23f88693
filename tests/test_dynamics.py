"""dynamics: every equation against its definition in loops, streaming, every "Differs"."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.dynamics import Directions
from minidrop.xp import host

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
GDV, GDE = md.gradient_direction_variance, md.gradient_direction_error


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(
        sum(x * x for x in a) * sum(y * y for y in b))


def by_pairs(grads):
    """(dynamics.3) as it is printed."""
    n, total = len(grads), 0.0
    for i in range(n):
        for j in range(i + 1, n):
            total += (1 - cosine(grads[i], grads[j])) / 2
    return 2 / (n * (n - 1)) * total


def by_reference(grads, reference):
    """(dynamics.4) as it is printed."""
    return sum((1 - cosine(g, reference)) / 2 for g in grads) / len(grads)


def gradients(n, d, seed=0, dtype="float64"):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(dtype)


def put(xp, *rows):
    return xp.asarray(np.array(rows, "float64"))


SIZES = st.tuples(st.integers(2, 9), st.integers(1, 12), st.integers(0, 2**32 - 1))


# --- (dynamics.1) and (dynamics.2): lengths -------------------------------------------------------

def test_dynamics_1_and_2_by_hand(xp):
    norms = md.gradient_norm(put(xp, [3, 4], [0, 0], [-5, 12]))
    assert isinstance(norms, xp.ndarray) and norms.dtype == "float64"
    assert_array_equal(host(norms), [5, 0, 13])
    w0, w = put(xp, 1, 2), put(xp, 4, -2)
    assert md.model_distance(w, w0) == md.model_distance(w0, w) == 5
    assert md.model_distance(w, w) == 0 and isinstance(md.model_distance(w, w0), float)


@PROPERTY
@given(size=SIZES)
def test_dynamics_1_and_2_are_the_roots_of_sums_of_squares(xp, size):
    grads = gradients(*size)
    due = [math.sqrt(sum(x * x for x in g)) for g in grads.tolist()]
    assert_allclose(host(md.gradient_norm(xp.asarray(grads))), due, rtol=1e-14)
    due = math.sqrt(sum((a - b)**2 for a, b in zip(*grads[:2].tolist(), strict=True)))
    assert_allclose(md.model_distance(*map(xp.asarray, grads[:2])), due, rtol=1e-14)


def test_dynamics_1_loses_nothing_of_float32(xp):
    # in float32 a sum of squares stops growing at 2^24: 1 added to it changes nothing
    g = xp.ones(2**12, "float32")
    g[0] = 2.0**12
    assert host(md.gradient_norm([g]))[0] == math.sqrt(2**24 + 2**12 - 1)
    w = xp.asarray(np.array([1.0, 2.0**25], "float32"))
    assert md.model_distance(w, xp.zeros(2, "float32")) == math.sqrt(1 + 2.0**50)
    assert md.model_distance(xp.full(1, 2.0**25, "float32"), xp.ones(1, "float32")) == 2**25 - 1


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_dynamics_1_and_2_squares_neither_overflow_nor_vanish(xp, size):
    g = put(xp, 3 * size, 4 * size)
    assert_allclose(host(md.gradient_norm([g]))[0], 5 * size, rtol=1e-14)
    assert_allclose(md.model_distance(g, -g), 10 * size, rtol=1e-14)
    assert_allclose(GDE([g, g], put(xp, 4 * size, -3 * size)), 0.5, rtol=1e-14)


# --- (dynamics.3), (dynamics.5) and (dynamics.6): gradient direction variance ---------------------

@pytest.mark.parametrize("grads, due", [
    ([[1, 0], [0, 1]], 0.5), ([[1, 2], [-1, -2]], 1.0), ([[1, 2], [2, 4], [0.5, 1]], 0.0),
    ([[1, 0], [1, 1]], (1 - 0.5**0.5) / 2), ([[1, 0], [-2, 0], [0, 3]], (1 + 0.5 + 0.5) / 3),
    ([[1, 0], [-0.5, 0.75**0.5], [-0.5, -0.75**0.5]], 0.75)])
def test_dynamics_3_by_hand(xp, grads, due):
    assert_allclose(GDV(put(xp, *grads)), due, atol=1e-15)


@PROPERTY
@given(size=SIZES)
def test_dynamics_3_and_6_are_the_same_number(xp, size):
    grads = gradients(*size)
    found = GDV(xp.asarray(grads))
    assert isinstance(found, float) and 0 <= found <= 1
    assert_allclose(found, by_pairs(grads.tolist()), atol=1e-14)


@PROPERTY
@given(size=SIZES)
def test_dynamics_5_is_the_mean_cosine_of_all_pairs(size):
    grads = gradients(*size)
    n, mean = len(grads), (grads / np.linalg.norm(grads, axis=1, keepdims=True)).mean(0)
    assert_allclose(1 - 2 * by_pairs(grads.tolist()), (n * mean @ mean - 1) / (n - 1), atol=1e-13)
    assert_allclose(GDV(grads), (1 - (n * mean @ mean - 1) / (n - 1)) / 2, atol=1e-13)


@PROPERTY
@given(size=SIZES, scale=st.floats(1e-100, 1e100))
def test_dynamics_3_and_4_depend_on_directions_alone_and_on_no_order(xp, size, scale):
    grads, reference = gradients(*size), gradients(1, size[1], seed=1)[0]
    long = grads * (scale * np.arange(1, len(grads) + 1))[:, None]
    for turned in (long, grads[::-1].copy()):
        turned = xp.asarray(turned)
        assert_allclose(GDV(turned), GDV(xp.asarray(grads)), atol=1e-14)
        assert_allclose(GDE(turned, xp.asarray(scale * reference)),
                        GDE(xp.asarray(grads), xp.asarray(reference)), atol=1e-14)


@PROPERTY
@given(size=SIZES)
def test_dynamics_3_and_4_stay_within_0_and_1(size):
    g = gradients(*size)[0]
    assert GDV([g, g]) == GDV([g, g, 2 * g]) == GDE([g], g) == 0        # exactly
    for opposite in (GDV([g, -g]), GDE([g, 3 * g], -g)):
        assert 1 - 1e-14 < opposite <= 1
    assert GDV([g, -g, g, -g]) <= 4 / (2 * 3) + 1e-14


def test_dynamics_3_of_equal_batches_is_0_however_many(xp):
    g = gradients(1, 1000, dtype="float32")[0]
    assert GDV(xp.asarray(np.stack([g] * 50))) == 0


def test_dynamics_6_and_7_see_small_differences_where_cosines_cancel(xp):
    # directions e0 + h e_i: half of 1 - cosine is h^2 / 2 (1 + h^2), and 1 - h^2 is 1 in float64
    h, n = 1e-9, 4
    grads = xp.asarray(np.eye(n + 1)[0] + h * np.eye(n + 1)[1:])
    assert_allclose(GDV(grads), h**2 / 2, rtol=1e-6)
    assert_allclose(GDE(grads, xp.asarray(np.eye(n + 1)[0])), h**2 / 4, rtol=1e-6)


# --- (dynamics.4) and (dynamics.7): gradient direction error --------------------------------------

@pytest.mark.parametrize("grads, reference, due", [
    ([[1, 0], [0, 1]], [1, 1], (1 - 0.5**0.5) / 2), ([[2, 1]], [-1, 2], 0.5),
    ([[1, 1], [2, 2]], [3, 3], 0.0), ([[1, 0], [-1, 0]], [2, 0], 0.5), ([[1, 2]], [-1, -2], 1.0)])
def test_dynamics_4_by_hand(xp, grads, reference, due):
    assert_allclose(GDE(put(xp, *grads), put(xp, *reference)), due, atol=1e-15)


def test_dynamics_4_of_two_halves_of_a_right_angle(xp):
    assert round(GDE(put(xp, [1, 0], [0, 1]), put(xp, 1, 1)), 6) == 0.146447


@PROPERTY
@given(size=SIZES)
def test_dynamics_4_and_7_are_the_same_number(xp, size):
    grads, reference = gradients(*size), gradients(1, size[1], seed=1)[0]
    found = GDE(xp.asarray(grads), xp.asarray(reference))
    assert isinstance(found, float) and 0 <= found <= 1
    assert_allclose(found, by_reference(grads.tolist(), reference.tolist()), atol=1e-14)


# --- (dynamics.8): signal and noise ---------------------------------------------------------------

@pytest.mark.parametrize("snr", [0.1, 1.0, 3.0])
def test_dynamics_8_holds_for_noise_at_right_angles(xp, snr):
    n, rho = 5, snr / math.sqrt(1 + snr**2)
    axes = np.eye(n + 1)
    grads, reference = xp.asarray(snr * axes[0] + axes[1:]), xp.asarray(axes[0])
    assert_allclose(GDV(grads), (1 - rho**2) / 2, rtol=1e-13)
    assert_allclose(GDE(grads, reference), (1 - rho) / 2, rtol=1e-13)


def test_dynamics_8_nearly_holds_in_many_dimensions():
    # 50 vectors in 20000 dimensions: the standard deviation of a cosine is at most 0.007, that of
    # the means 0.0002 and 0.0004; six of them are allowed
    d, n = 20_000, 50
    signal, noise = gradients(1, d, seed=1)[0], gradients(n, d, seed=2)
    signal /= np.linalg.norm(signal)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert abs(GDV(signal + noise) - 0.25) < 0.0015
    assert abs(GDE(signal + noise, signal) - (1 - 0.5**0.5) / 2) < 0.0025
    assert abs(GDV(noise) - 0.5) < 0.0015         # nothing in common


# --- one vector at a time -------------------------------------------------------------------------

@pytest.mark.slow
def test_50_gradients_of_2_million_weights_take_the_memory_of_a_few():
    n, d = 50, 2_000_000
    noise = np.random.default_rng(0).standard_normal(n + d, dtype="float32")
    windows = np.lib.stride_tricks.sliding_window_view(noise, d)[:n]       # (50, d), no copy
    given, reference = [], noise[:d] + 1
    tracemalloc.start()
    try:
        GDV(given.append(i) or g.copy() for i, g in enumerate(windows))
        found = [GDV(g.copy() for g in windows[:4]),
                 GDE((g.copy() for g in windows[:4]), reference)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert given == list(range(n))                # each once, in order
    assert peak < 5 * 8 * d                       # five vectors of float64; 50 of float32 are 25
    assert found == [GDV(windows[:4]), GDE(windows[:4], reference)]


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda rows: (md.Tensor(g) for g in rows)])
def test_every_way_to_give_gradients_gives_the_same_bits(xp, kind):
    grads, reference = xp.asarray(gradients(5, 7)), xp.asarray(gradients(1, 7, seed=1)[0])
    rows = list(grads)
    assert GDV(kind(rows)) == GDV(grads) == GDV(md.Tensor(grads))
    assert GDE(kind(rows), md.Tensor(reference)) == GDE(grads, reference)
    assert_array_equal(host(md.gradient_norm(kind(rows))), host(md.gradient_norm(grads)))
    assert md.model_distance(md.Tensor(rows[0]), rows[1]) == md.model_distance(rows[0], rows[1])


def test_no_gradient_is_changed_and_every_memory_order_gives_the_same_numbers(xp):
    grads = gradients(6, 8, dtype="float32")
    due, reference = GDV(xp.asarray(grads)), xp.asarray(grads[0] + 1)
    for turned in (np.asfortranarray(grads), np.repeat(grads, 2, axis=1)[:, ::2]):
        turned = xp.asarray(turned)
        before = host(turned).copy(), host(reference).copy()
        assert_allclose(GDV(turned), due, rtol=1e-14)
        GDE(turned, reference), md.gradient_norm(turned), md.model_distance(turned[0], reference)
        assert_array_equal(host(turned), before[0])
        assert_array_equal(host(reference), before[1])


def test_a_gradient_that_is_refused_does_not_count(xp):
    directions, due = Directions(put(xp, 1, 1)), put(xp, [1, 0], [0, 1])
    directions.add(due[0])
    for wrong in (0 * due[0], due[0] * math.nan, due[0][:1]):
        with pytest.raises(ValueError, match=r"grads\[1\]"):
            directions.add(wrong)
    assert directions.add(2 * due[1]) == 2 and directions.n == 2
    assert directions.variance() == GDV(due) and directions.error() == GDE(due, put(xp, 1, 1))


# --- "Differs" ------------------------------------------------------------------------------------

def test_dynamics_3_counts_each_pair_once(xp):
    grads = gradients(5, 3)
    ordered = sum((1 - cosine(grads[i], grads[j])) / 2
                  for i in range(5) for j in range(5) if i != j)
    assert_allclose(2 / (5 * 4) * ordered, 2 * GDV(xp.asarray(grads)))


def test_dynamics_3_is_no_similarity(xp):
    same, opposite = put(xp, [1, 2], [1, 2]), put(xp, [1, 2], [-1, -2])
    assert [cosine(*host(g)) for g in (same, opposite)] == pytest.approx([1, -1])
    assert [GDV(g) for g in (same, opposite)] == pytest.approx([0, 1])


def test_dynamics_3_is_not_the_mean_over_layers(xp):
    # a long first layer that agrees and a short second that does not
    layers = [np.array([[30.0, 40], [30, 40]]), np.array([[0.1], [-0.1]])]
    each = [GDV(xp.asarray(layer)) for layer in layers]
    assert np.mean(each) == pytest.approx(0.5)
    assert GDV(xp.asarray(np.concatenate(layers, axis=1))) == pytest.approx(0.01 / 2500.01)


def test_dynamics_3_of_consecutive_steps_sees_the_curvature(xp):
    # gradient descent without any noise on w1^2 / 2 + 10 w2^2
    curvature, w, along = put(xp, 1, 20), put(xp, 1, 1), []
    for _ in range(10):
        along.append(curvature * w)
        w = w - 0.09 * along[-1]
    assert GDV(along) > 0.3
    assert GDV(10 * [along[0]]) == 0              # at the same weights


def test_dynamics_4_against_the_mean_of_the_batches_misses_what_they_share(xp):
    grads = put(xp, *3 * [[0, 1]])                # all at a right angle to the true gradient
    assert GDE(grads, grads.mean(0)) == 0
    assert GDE(grads, put(xp, 1, 0)) == 0.5


# --- bad input ------------------------------------------------------------------------------------

def test_what_cannot_be_measured_is_refused_in_one_sentence(xp):
    g, zero = put(xp, 1, 2), put(xp, 0, 0)
    for error, words, use in [
            (ValueError, "at least two gradients, got 1", lambda: GDV([g])),
            (ValueError, "at least two gradients, got 0", lambda: GDV([])),
            (ValueError, "at least one gradient, got none", lambda: GDE([], g)),
            (ValueError, "at least one gradient, got none", lambda: md.gradient_norm([])),
            (ValueError, r"grads\[1\] is zero and has no direction", lambda: GDV([g, zero])),
            (ValueError, r"grads\[0\] is zero and has no direction", lambda: GDE([zero], g)),
            (ValueError, "reference is zero and has no direction", lambda: GDE([g], zero)),
            (ValueError, r"grads\[1\] must be as long as the other vectors, 2, got 1",
             lambda: GDV([g, g[:1]])),
            (ValueError, r"grads\[0\] must be as long as", lambda: GDE([g[:1]], g)),
            (ValueError, "params must be as long as params0, 2, got 1",
             lambda: md.model_distance(g[:1], g)),
            (ValueError, r"grads\[1\] must be finite, got nan", lambda: GDV([g, g * math.nan])),
            (ValueError, r"grads\[0\] must be finite, got inf",
             lambda: md.gradient_norm([put(xp, -math.inf, 1)])),
            (ValueError, "reference must be finite", lambda: GDE([g], put(xp, 1, math.inf))),
            (ValueError, "params - params0 must be finite", lambda: md.model_distance(
                g, put(xp, 1, math.nan))),
            (ValueError, r"grads\[0\] must be a flat vector, \(d,\), got shape \(1, 2\); minidrop",
             lambda: GDV([g[None]])),
            (ValueError, r"grads must have shape \(n, d\) or be an iterable", lambda: GDV(g)),
            (ValueError, "reference must be a flat vector", lambda: GDE([g], g[None])),
            (TypeError, r"grads\[0\] must hold floats", lambda: GDV([g.astype("int64")])),
            (TypeError, "params must be a NumPy", lambda: md.model_distance([1.0], g)),
            (TypeError, "grads must be an array", lambda: GDV(None))]:
        with pytest.raises(error, match=words):
            use()
