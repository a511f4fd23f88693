"""regimes: what results decide and what they do not, by hand, on the paper's table, by chance."""

import math

import numpy as np
import pytest

import minidrop as md
from tests.samplers import assert_rate

# ImageNet top-1 in the README of the official code: none, standard, early; by dropout and by
# stochastic depth, with the basic and the improved recipe
PUBLISHED = {
    "ViT-T dropout": (73.9, 67.9, 74.3), "ViT-T depth": (73.9, 72.6, 74.4),
    "Mixer-S dropout": (71.0, 67.1, 71.3), "Mixer-S depth": (71.0, 70.5, 71.7),
    "Swin-F dropout": (74.3, 71.6, 74.7), "Swin-F depth": (74.3, 73.7, 75.2),
    "ConvNeXt-F depth": (76.1, 75.5, 76.3),
    "ViT-T dropout, improved": (76.3, 71.5, 76.7), "ViT-T depth, improved": (76.3, 75.6, 76.7),
    "Swin-F dropout, improved": (76.1, 73.5, 76.6), "Swin-F depth, improved": (76.1, 75.6, 76.6),
    "ConvNeXt-F depth, improved": (77.5, 77.4, 77.7),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_regimes_3_of_the_published_table(model):
    none, standard, early = PUBLISHED[model]
    found = md.regime(none, standard, early)
    assert found[:2] == ("underfitting", "early")
    assert found.gains["early - none"].mean == pytest.approx(early - none)
    assert all(math.isnan(gain.half) for gain in found.gains.values())


def test_regimes_2_is_not_known_of_vit_b():
    # published are 81.6 with standard stochastic depth and 82.3 with late, but nothing without
    with pytest.raises(TypeError, match="none must be a score or one for each seed, got NoneType"):
        md.regime(None, 81.6, late=82.3)


def test_regimes_1_by_hand():
    found = md.regime([0.70, 0.80, 0.90], [0.72, 0.84, 0.93])     # differences .02, .04, .03
    gain = found.gains["standard - none"]
    assert gain.mean == pytest.approx(0.03, abs=1e-15)
    assert gain.half == pytest.approx(4.302653 * 0.01 / math.sqrt(3), rel=1e-6)   # 2 degrees
    assert found.name == "overfitting" and list(found.gains) == ["standard - none"]
    # unpaired, the spread of the seeds would hide it
    assert md.regime([0.70, 0.80, 0.90], [0.93, 0.72, 0.84]).name == "undecided"


def test_regimes_1_every_pair_has_its_gain():
    scores = {"none": [3, 5], "standard": [4, 7], "early": [1, 1], "late": [2, 9]}
    gains = md.regime(**scores).gains
    assert {pair: gain.mean for pair, gain in gains.items()} == {
        "standard - none": 1.5, "early - none": -3, "early - standard": -4.5,
        "late - none": 1.5, "late - standard": 0}
    for pair, gain in gains.items():
        a, b = pair.split(" - ")
        assert gain == md.mean_interval(np.subtract(scores[a], scores[b]))
    lower = md.regime(**scores, better="lower").gains
    assert {pair: -gain.mean for pair, gain in lower.items()} == {
        pair: gain.mean for pair, gain in gains.items()}
    assert [gain.half for gain in lower.values()] == [gain.half for gain in gains.values()]
    wider = md.regime(**scores, level=0.99).gains
    assert all(wider[pair].half > gain.half for pair, gain in gains.items() if gain.half)


OVER, UNDER, EVEN = [2, 3, 2, 3], [-2, -3, -2, -3], [1, -1, 2, -2]   # gains over 0, seed by seed


@pytest.mark.parametrize("standard, due", [
    (OVER, ("overfitting", "late")), (UNDER, ("underfitting", "early")),
    (EVEN, ("undecided", None)), (1, ("overfitting", "late")), (-1, ("underfitting", "early")),
    (0, ("undecided", None)),
])
def test_regimes_2_and_3_by_hand(standard, due):
    none = 0 if isinstance(standard, int) else [0] * 4
    for others in ({}, {"early": none, "late": none}):            # they do not count
        assert md.regime(none, standard, **others)[:2] == due
    assert md.regime(none, (-np.array(standard))[()], better="lower")[:2] == due


def test_regimes_4_every_gain_is_printed_with_what_its_interval_shows():
    found = md.regime([0] * 4, UNDER, early=[-1, -1, -2, -1], late=[9, 9, 9, 8])
    assert str(found).splitlines() == [           # the paper would try what does harm here
        "underfitting; Liu 2023 would try early dropout",
        "standard - none: -2.500 +- 0.919, worse",
        "early - none: -1.250 +- 0.796, worse", "early - standard: 1.250 +- 1.523, undecided",
        "late - none: 8.750 +- 0.796, better", "late - standard: 11.250 +- 0.796, better"]
    found = md.regime([0] * 4, EVEN, early=[1, 1, 1, 1], late=[0, 0, 0, 0])
    assert str(found).splitlines() == [
        "undecided", "standard - none: 0.000 +- 2.905, undecided",
        "early - none: 1.000 +- 0.000, better", "early - standard: 1.000 +- 2.905, undecided",
        "late - none: 0.000 +- 0.000, undecided", "late - standard: 0.000 +- 2.905, undecided"]


def test_regimes_2_and_3_are_decided_by_chance_as_often_as_they_say():
    # 2000 experiments of 5 seeds without any effect; false alarm 1e-9 by Chernoff's bound
    x = md.gaussian(md.Stream(0, "regimes"), (2, 2000, 5)).astype("float64")
    names = [md.regime(none, standard, level=0.9).name for none, standard in x.swapaxes(0, 1)]
    assert_rate(len(names) - names.count("undecided"), len(names), 0.1)
    assert_rate(names.count("overfitting"), len(names), 0.05)


def test_regimes_of_one_score_is_that_of_a_list_of_one():
    one, alone = md.regime(0.5, 0.6, 0.7), md.regime([0.5], np.array([0.6]), (np.float32(0.7),))
    assert one[:2] == alone[:2]
    assert str(one).splitlines()[:2] == [         # chance is not excluded: no gain is "better"
        "overfitting by one score each; Liu 2023 would try late dropout", "standard - none: 0.100"]
    assert str(md.regime(1, 1)).splitlines()[0] == "undecided by one score each"
    certain = md.regime([1, 2], [2, 3])           # the same gain twice: an interval of width 0
    assert certain.name == "overfitting" and certain.gains["standard - none"].half == 0
    assert md.regime([1, 2], [1, 2]).name == "undecided"


@pytest.mark.parametrize("call, kind, message", [
    (lambda: md.regime([1, 2], [1, 2, 3]), ValueError,
     "standard and none must hold one score for each seed, got 3 and 2"),
    (lambda: md.regime([1, 2], [1, 2], late=3.0), ValueError, "late and none must hold one score"),
    (lambda: md.regime([], []), ValueError, "none must hold at least one score"),
    (lambda: md.regime([1, 2], [1, math.nan]), ValueError, "standard must be finite, got nan"),
    (lambda: md.regime("0.5", 0.6), TypeError, "none must be a score or one for each"),
    (lambda: md.regime([[1, 2]], [[1, 2]]), TypeError, "none must be a number, got list"),
    (lambda: md.regime(1, 2, better="more"), ValueError, "better must be one of 'higher', 'lower'"),
    (lambda: md.regime([1, 2], [2, 3], level=1.0), ValueError, "level must lie between 0 and 1"),
])
def test_a_mistake_in_results_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
