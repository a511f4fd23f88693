"""The laws of chance: no bound is ever below the exact probability, and none is vacuous."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minidrop.verify import chance as laws
from minidrop.verify.chance import ALARM, Chance, distance, surprise

pytestmark = pytest.mark.slow

RATES = 0.002, 0.05, 0.2, 0.5, 0.75, 0.9
ALARMS = 0.5, 0.1, 1e-3, 1e-9


def binomial(n, p):
    """The exact probabilities of 0 to n successes."""
    return np.array([math.comb(n, k) * p**k * (1 - p)**(n - k) for k in range(n + 1)])


def results(values, probabilities, n):
    """(how often each value came, probability) of every result of n independent draws."""
    for ends in itertools.combinations(range(n + len(values) - 1), len(values) - 1):
        counts = np.diff([-1, *ends, n + len(values) - 1]) - 1
        ways = math.factorial(n) / math.prod(map(math.factorial, counts.tolist()))
        yield counts, ways * math.prod(probabilities**counts)


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 33, 100, 400])
def test_chernoffs_bound_is_above_every_exact_tail(n, p):
    mass, k = binomial(n, p), np.arange(n + 1)
    bound = np.exp(-surprise(k, n, p))
    below, above = mass.cumsum(), mass[::-1].cumsum()[::-1]
    exact = np.where(k <= n * p, below, above)
    assert (exact <= bound * (1 + 1e-9)).all()
    assert_allclose(bound[[0, n]], [(1 - p)**n, p**n], rtol=1e-9)          # exact at the ends
    seen = bound > 1e-200                         # beyond that p^k is 0 in floating point
    assert (bound <= (n + 1) * mass * (1 + 1e-9))[seen].all()    # so it is never far above


@pytest.mark.parametrize("alarm", ALARMS)
@pytest.mark.parametrize("p", RATES)
def test_a_right_rate_is_failed_at_most_as_often_as_stated(monkeypatch, p, alarm):
    monkeypatch.setattr(laws, "ALARM", alarm)
    for n in (1, 7, 50, 300):
        mass, chance = binomial(n, p), Chance()
        failed = sum(mass[k] for k in range(n + 1) if not chance.rate(k, n, p))
        assert failed <= alarm * (1 + 1e-9)
        many = 20                                 # rates side by side share the one alarm
        failed = sum(mass[k] for k in range(n + 1) if not chance.rate([k] * many, n, p).all())
        assert many * failed <= alarm * (1 + 1e-9)


def test_a_wrong_rate_is_failed_from_as_few_draws_as_the_law_has_it():
    for n, p in ((200, 0.5), (1000, 0.2), (180_000, 0.5)):
        first = int(n * p + 6 * math.sqrt(n * p * (1 - p)))      # the bound is near 6.5 of these
        assert all(Chance().rate(k, n, p) for k in (first, int(n * p), int(2 * n * p) - first))
        failing = [k for k in range(first, first + 400) if k <= n and not Chance().rate(k, n, p)]
        share = failing[0] / n
        kl = share * math.log(share / p) + (1 - share) * math.log((1 - share) / (1 - p))
        assert math.isclose(n * kl, math.log(2 / ALARM), rel_tol=0.05)
        assert failing == list(range(failing[0], failing[-1] + 1))
    assert not Chance().rate(1, 1, 0.0) and not Chance().rate(0, 1, 1.0)
    assert Chance().rate(0, 9, 0.0) and Chance().rate(9, 9, 1.0)


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_right_mean_is_failed_at_most_as_often_as_stated(monkeypatch, alarm):
    monkeypatch.setattr(laws, "ALARM", alarm)
    for p, n in itertools.product(RATES, (1, 2, 5, 12, 40)):       # at the ends: Hoeffding's worst
        mass = binomial(n, p)
        failed = sum(mass[k] for k in range(n + 1)
                     if not Chance().mean([3.0] * k + [-1.0] * (n - k), 4 * p - 1, -1, 3))
        assert failed <= alarm * (1 + 1e-9)
    values, probabilities = np.array([0.0, 1.0, 4.0]), np.array([0.5, 0.3, 0.2])
    for n in (1, 3, 10):
        failed = sum(chance for counts, chance in results(values, probabilities, n) if not
                     Chance().mean(np.repeat(values, counts), float(values @ probabilities), 0, 4))
        assert failed <= alarm * (1 + 1e-9)


def test_a_mean_is_failed_where_the_bound_is_the_alarm():
    n, low, high = 1000, -1, 3
    t = math.sqrt(math.log(2 / ALARM) * (high - low)**2 / (2 * n))
    assert math.isclose(2 * math.exp(-2 * n * t**2 / (high - low)**2), ALARM)
    for sign, (just, agrees) in itertools.product((1, -1), ((0.999, True), (1.001, False))):
        assert Chance().mean(np.full(n, 1 + sign * just * t), 1, low, high) is agrees


LAWS = ([0.5, 0.5], [0.9, 0.1], [0.2, 0.5, 0.3], [0.25] * 4, [0.1, 0.2, 0.3, 0.2, 0.2])


@pytest.mark.parametrize("alarm", ALARMS)
@pytest.mark.parametrize("probabilities", LAWS, ids=len)
def test_a_right_distribution_is_failed_at_most_as_often_as_stated(monkeypatch, probabilities,
                                                                   alarm):
    monkeypatch.setattr(laws, "ALARM", alarm)
    values, probabilities = np.arange(len(probabilities)) / 2, np.array(probabilities)
    total = 0.0
    for n in (1, 2, 5, 9):
        failed = sum(chance for counts, chance in results(values, probabilities, n) if not
                     Chance().distribution(np.repeat(values, counts), steps(values, probabilities)))
        assert failed <= alarm * (1 + 1e-9)
        total += failed
    assert total > 0 or alarm < 0.1 or len(values) == 5          # some result is failed


def steps(values, probabilities):
    """The distribution function of a few values, which are in order."""
    below = np.concatenate([[0.0], np.cumsum(probabilities)])
    return lambda x: below[np.searchsorted(values, x, side="right")]


def test_massarts_bound_is_above_the_exact_tail_of_one_and_two_uniform_draws():
    """For t of 1/2 or more it is 2 (1 - t) for one draw, and 2 (1 - t)^2 for two."""
    for t in np.linspace(0.5, 1, 51):
        for n in (1, 2):
            assert 2 * (1 - t)**n <= 2 * math.exp(-2 * n * t**2)
    u = (np.arange(400) + 0.5) / 400              # the middles of 400 equal pieces of [0, 1]
    for t in (0.61, 0.72, 0.8):
        one = np.mean([distance([a], lambda x: np.clip(x, 0, 1)) > t for a in u])
        two = np.mean([distance([a, b], lambda x: np.clip(x, 0, 1)) > t
                       for a in u[::20] for b in u[::20]])
        assert_allclose([one, two], [2 * (1 - t), 2 * (1 - t)**2], atol=0.03)


def test_the_distance_is_the_largest_on_both_sides_of_every_step():
    values, probabilities = np.array([0.0, 1.0, 2.0]), np.array([0.2, 0.5, 0.3])
    cdf, fine = steps(values, probabilities), np.linspace(-1, 3, 401)
    for drawn in ([0, 0, 1], [2, 2, 2], [1, 1, 0, 2], [-0.5, 1.5], [0, 1, 2, 2.5]):
        due = max(abs(np.mean(np.array(drawn) <= x) - cdf(x)) for x in fine)
        assert math.isclose(distance(drawn, cdf), due, abs_tol=1e-12)


def test_a_distribution_is_failed_where_the_bound_is_the_alarm():
    n = 1000
    t = math.sqrt(math.log(2 / ALARM) / (2 * n))
    even = (np.arange(n) + 0.5) / n               # its distance from the uniform law is 0.5 / n
    for just, agrees in ((0.99, True), (1.01, False)):
        moved = even + just * t - 0.5 / n
        assert Chance().distribution(moved, lambda x: np.clip(x, 0, 1)) is agrees


def test_false_alarms_are_added_up():
    chance = Chance()
    chance.rate(5, 10, 0.5)
    chance.rate([5, 5, 5], 10, 0.5)
    chance.mean([0.5], 0.5, 0, 1)
    chance.distribution([0.5], lambda x: np.clip(x, 0, 1))
    assert math.isclose(chance.spent, 4 * ALARM) and ALARM == 1e-9
