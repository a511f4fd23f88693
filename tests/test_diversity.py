"""diversity: by hand, beside plain loops, and the exact parts of an ensemble's loss."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.diversity import LOSSES
from minidrop.xp import host

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None)
SIZES = {"m": st.integers(2, 5), "n": st.integers(1, 7), "k": st.integers(2, 4),
         "seed": st.integers(0, 99)}


def draw(m, n, k, seed, sharp=3.0):
    """Probabilities (m, n, k) and labels (n,), of confident and of undecided members."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(m, n, k)) * rng.uniform(0.1, sharp, size=(m, 1, 1))
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True), rng.integers(k, size=n)


def rows(*members, classes=3):
    """Probabilities 1 for the classes that each member predicts."""
    return np.eye(classes)[np.array(members)]


# --- (diversity.1) --------------------------------------------------------------------------------

@PROPERTY
@given(**SIZES)
def test_diversity_1_is_numpys_correlation_of_the_flattened_outputs(m, n, k, seed):
    probs, _ = draw(m, n, k, seed)
    found = md.correlation(probs)
    assert_allclose(found, np.corrcoef(probs.reshape(m, -1)), atol=1e-12)
    assert_array_equal(found, found.T)
    assert_array_equal(np.diag(found), 1)
    assert abs(found).max() <= 1


def test_diversity_1_by_hand(xp):
    """Deviations from 1/2: (1, -1, 1, -1) / 2 and (1, -1, -1, 1) / 2, at right angles."""
    a, b = np.array([[1.0, 0], [1, 0]]), np.array([[1.0, 0], [0, 1]])
    found = md.correlation(xp.asarray(np.stack([a, b, 1 - a])))
    assert type(found) is xp.ndarray and found.dtype == "float64"
    assert_allclose(host(found), [[1, 0, -1], [0, 1, 0], [-1, 0, 1]], atol=1e-15)


def test_diversity_1_is_over_all_numbers_and_no_mean_over_classes_or_examples():
    probs, _ = draw(2, 5, 3, 0)
    by_class = np.mean([np.corrcoef(probs[:, :, k])[0, 1] for k in range(3)])
    by_example = np.mean([np.corrcoef(probs[:, n])[0, 1] for n in range(5)])
    found = md.correlation(probs)[0, 1]
    assert abs(found - by_class) > 0.01 and abs(found - by_example) > 0.01


# --- (diversity.2) and (diversity.3) --------------------------------------------------------------

@PROPERTY
@given(**SIZES)
def test_diversity_2_is_what_sets_of_examples_give(m, n, k, seed):
    probs, y = draw(m, n, k, seed)
    wrong = [{i for i in range(n) if p[i].argmax() != y[i]} for p in probs]
    found, union = md.error_overlap(probs, y), md.error_overlap(probs, y, per="union")
    for i, j in itertools.product(range(m), repeat=2):
        both, either = len(wrong[i] & wrong[j]), len(wrong[i] | wrong[j])
        assert_array_equal(found[i, j], both / len(wrong[i]) if wrong[i] else math.nan)
        assert_array_equal(union[i, j], both / either if either else math.nan)
    assert_array_equal(union, union.T)


def test_diversity_2_by_hand(xp):
    """Errors {0, 1}, {1, 2, 3}, none."""
    probs = xp.asarray(rows([1, 1, 0, 0, 0], [0, 1, 2, 1, 0], [0, 0, 0, 0, 0]).astype("float32"))
    y, nan = xp.zeros(5, "int64"), math.nan
    found = md.error_overlap(probs, y)
    assert type(found) is xp.ndarray and found.dtype == "float64"
    assert_allclose(host(found), [[1, 1 / 2, 0], [1 / 3, 1, 0], [nan, nan, nan]])
    assert_allclose(host(md.error_overlap(probs, y, per="union")),
                    [[1, 1 / 4, 0], [1 / 4, 1, 0], [0, 0, nan]])


def test_diversity_3_independent_errors_overlap_by_chance():
    """All combinations of 5 outcomes, 2 of them wrong, with 7, 3 of them wrong: no dependence."""
    outcomes = [(int(a < 2), int(b < 3)) for a in range(5) for b in range(7)]
    probs, y = rows(*zip(*outcomes, strict=True)), np.zeros(35, int)
    first, second = 2 / 5, 3 / 7
    assert_allclose(md.error_overlap(probs, y), [[1, second], [first, 1]], rtol=1e-15)
    union = first * second / (first + second - first * second)
    assert_allclose(md.error_overlap(probs, y, per="union"), [[1, union], [union, 1]], rtol=1e-15)


# --- (diversity.4) --------------------------------------------------------------------------------

@PROPERTY
@given(**SIZES)
def test_diversity_4_counts_examples(m, n, k, seed):
    probs, _ = draw(m, n, k, seed)
    found = md.disagreement(probs)
    for i, j in itertools.product(range(m), repeat=2):
        differ = sum(probs[i, e].argmax() != probs[j, e].argmax() for e in range(n))
        assert found[i, j] == differ / n


def test_diversity_4_sees_two_ways_to_be_wrong(xp):
    probs, y = xp.asarray(rows([0, 1, 1], [0, 2, 1])), np.zeros(3, int)
    assert host(md.disagreement(probs)).tolist() == [[0, 1 / 3], [1 / 3, 0]]
    right = host(probs).argmax(-1) == y
    assert (right[0] != right[1]).mean() == 0     # Kuncheva and Whitaker's measure


# --- (diversity.5), (diversity.6) and (diversity.7) -----------------------------------------------

@pytest.mark.parametrize("loss", LOSSES)
@PROPERTY
@given(**SIZES)
def test_diversity_5_holds_exactly_and_diversity_is_at_least_zero(loss, m, n, k, seed):
    probs, y = draw(m, n, k, seed, sharp=8.0)
    found = md.ambiguity(probs, y, loss)
    assert found.ensemble == pytest.approx(found.members.mean() - found.diversity, abs=1e-12)
    assert found.diversity >= 0
    plain = {"cross_entropy": lambda p: -np.mean([math.log(p[i, y[i]]) for i in range(n)]),
             "squared_error": lambda p: np.mean([((p[i] - np.eye(k)[y[i]])**2).sum()
                                                 for i in range(n)])}[loss]
    assert found.ensemble == pytest.approx(plain(probs.mean(0)), abs=1e-12)
    assert_allclose(found.members, [plain(p) for p in probs], atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_diversity_5_of_equal_members_and_of_one_alone_is_zero(loss):
    probs, y = draw(3, 6, 4, 1)
    for alike in (probs[:1], np.stack([probs[0]] * 3), np.stack([probs[0]] * 7)):
        found = md.ambiguity(alike, y, loss)
        assert 0 <= found.diversity < 1e-15
        assert found.ensemble == pytest.approx(found.members[0], abs=1e-14)


def test_diversity_6_by_hand(xp):
    """1/2 and 1/4 for the label: shares 2/3 and 1/3, and ln(3/8) - (ln(1/2) + ln(1/4)) / 2."""
    probs = xp.asarray(np.array([[[0.5, 0.5]], [[0.25, 0.75]]]))
    found = md.ambiguity(probs, xp.asarray([0]))
    assert found.diversity == pytest.approx(math.log(3 / 8) + math.log(8) / 2, abs=1e-15)
    assert found.diversity == pytest.approx(-math.log(2 * 2 / 3 * 2 * 1 / 3) / 2, abs=1e-15)
    assert found.ensemble == pytest.approx(math.log(8 / 3), abs=1e-15)
    assert_allclose(host(found.members), [math.log(2), math.log(4)], rtol=1e-15)
    assert isinstance(found.ensemble, float) and isinstance(found.diversity, float)


def test_diversity_6_needs_the_labels_and_diversity_7_does_not():
    probs = np.array([[[0.5, 0.3, 0.2]], [[0.5, 0.1, 0.4]]])
    entropy, squared = ([md.ambiguity(probs, np.array([k]), loss).diversity for k in range(3)]
                        for loss in LOSSES)
    assert entropy[0] == 0 and entropy[1] > 0.05 and abs(entropy[1] - entropy[2]) > 0.01
    assert_allclose(squared, 0.02, rtol=1e-12)    # (0 + 0.1^2 + 0.1^2) in both


def test_diversity_7_by_hand(xp):
    """(0.1^2 + 0.1^2) / 1, members' losses 2 0.3^2 and 2 0.5^2, ensemble's 2 0.4^2."""
    probs = xp.asarray(np.array([[[0.7, 0.3]], [[0.5, 0.5]]]))
    found = md.ambiguity(probs, xp.asarray([0]), loss="squared_error")
    assert found.diversity == pytest.approx(0.02, abs=1e-15)
    assert found.ensemble == pytest.approx(0.32, abs=1e-15)
    assert_allclose(host(found.members), [0.18, 0.5], rtol=1e-14)


def test_the_loss_is_that_of_evaluate(xp):
    logits = md.gaussian(0, (2, 5, 3))
    y = np.array([0, 1, 2, 0, 1])
    found = md.ambiguity(md.softmax(xp.asarray(logits)), xp.asarray(y))
    for member, z in zip(host(found.members), logits, strict=True):
        assert member == pytest.approx(float(md.cross_entropy(z, y)), rel=1e-6)


# --- (diversity.8) --------------------------------------------------------------------------------

@pytest.mark.parametrize("loss", LOSSES)
@PROPERTY
@given(**SIZES)
def test_diversity_8_is_the_ensemble_without_each_member(loss, m, n, k, seed):
    probs, y = draw(m, n, k, seed)
    found, whole = md.leave_one_out(probs, y, loss), md.ambiguity(probs, y, loss).ensemble
    for i in range(m):
        rest = np.delete(probs, i, 0)
        assert found.loss[i] == pytest.approx(md.ambiguity(rest, y, loss).ensemble - whole,
                                              abs=1e-12)
        errors = [(p.mean(0).argmax(-1) != y).mean() for p in (rest, probs)]
        assert found.error[i] == pytest.approx(errors[0] - errors[1], abs=1e-15)


def test_diversity_8_by_hand(xp):
    """Labels 0.9, 0.5, 0.4 have the mean 0.6; without them 0.45, 0.65, 0.7."""
    probs = xp.asarray(np.array([[[0.9, 0.1]], [[0.5, 0.5]], [[0.4, 0.6]]], "float32"))
    found = md.leave_one_out(probs, xp.asarray([0]))
    assert type(found.loss) is xp.ndarray
    assert_allclose(host(found.loss), np.log(0.6 / np.array([0.45, 0.65, 0.7])), rtol=1e-6)
    assert host(found.error).tolist() == [1, 0, 0]


def test_diversity_8_of_a_tiny_probability_loses_no_digits():
    probs = np.array([[[1.0, 0.0]], [[1e-30, 1.0]]])
    assert md.leave_one_out(probs, np.array([0])).loss[0] == pytest.approx(
        math.log(0.5) + 30 * math.log(10), rel=1e-14)


def test_float16_and_float32_are_measured_in_float64(xp):
    probs, y = draw(3, 40, 5, 4)
    for dtype, digits in (("float16", 1e-2), ("float32", 1e-6)):
        given = xp.asarray(probs.astype(dtype))
        exact = given.astype("float64")
        for f in (md.correlation, lambda p: md.ambiguity(p, xp.asarray(y)).members,
                  lambda p: md.leave_one_out(p, xp.asarray(y)).loss):
            assert f(given).dtype == "float64"
            assert_array_equal(host(f(given)), host(f(exact)))
            assert_allclose(host(f(given)), host(f(xp.asarray(probs))), atol=digits)


def test_memory_order_does_not_matter():
    probs, y = draw(3, 4, 5, 2)
    for other in (np.asfortranarray(probs), probs[:, ::-1][:, ::-1]):
        assert_allclose(md.correlation(other), md.correlation(probs), atol=1e-15)
        assert md.ambiguity(other, y).diversity == pytest.approx(md.ambiguity(probs, y).diversity)
        assert_array_equal(md.disagreement(other), md.disagreement(probs))


def test_a_mistake_is_named():
    probs, y = draw(3, 4, 5, 3)
    certain = rows([0, 1], [1, 1])
    for call, kind, sentence in (
            (lambda: md.correlation(np.log(probs)), ValueError, "probs must be probabilities"),
            (lambda: md.correlation(probs[0]), ValueError, r"probs must have shape \(m, N, K\)"),
            (lambda: md.correlation(np.full((2, 3, 4), 0.25)), ValueError,
             r"probs\[0\] must not be constant"),
            (lambda: md.error_overlap(probs, y[:3]), ValueError, r"y must be whole numbers of sh"),
            (lambda: md.error_overlap(probs, y * 1.0), ValueError, r"y must be whole numbers of"),
            (lambda: md.ambiguity(probs, y + 5), ValueError, r"y must lie in 0\.\.4, got"),
            (lambda: md.error_overlap(probs, 0 * y - 1), ValueError, r"y must lie in 0..4, got -1"),
            (lambda: md.error_overlap(probs, y, per="both"), ValueError,
             "per must be one of 'member', 'union'"),
            (lambda: md.ambiguity(certain, np.array([0, 1])), ValueError,
             "probs must be above 0 at the label"),
            (lambda: md.leave_one_out(probs[:1], y), ValueError, "at least two members, got one")):
        with pytest.raises(kind, match=sentence):
            call()
    found = md.ambiguity(certain, np.array([0, 1]), loss="squared_error")
    assert found == (0.25, pytest.approx([0, 1]), 0.25)
