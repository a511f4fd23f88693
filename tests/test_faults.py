"""The museum of faults (tests/faults.py): the suite kills each, and for the right reason."""

import numpy as np
import pytest

import minidrop as md
from minidrop.check import GradientError
from tests import faults
from tests.faults import FAULTS, MUTANTS, of_dropout


def killer_of(mutant):
    """The test that kills it, without its arguments."""
    return getattr(mutant.killer, "func", mutant.killer)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.number}-{killer_of(m).__name__}")
def test_a_fault_looks_right_and_is_killed(mutant, monkeypatch):
    mutant.killer()                               # passes
    mutant.plant(monkeypatch)
    mutant.looks()
    with pytest.raises(AssertionError, match=f"(?s){mutant.words}") as failure:
        mutant.killer()
    assert failure.type in (AssertionError, GradientError)


def test_the_killers_are_tests_of_this_suite():
    for mutant in MUTANTS:
        test = killer_of(mutant)
        module = __import__(test.__module__, fromlist=["*"])
        assert test.__name__.startswith("test_") and getattr(module, test.__name__) is test
        assert test.__module__.startswith("tests.test_") and test.__module__ != __name__


def test_every_fault_is_told_in_a_sentence_and_shown():
    assert [fault.number for fault in FAULTS] == list(range(1, 19))
    assert {mutant.number for mutant in MUTANTS} == set(range(1, 19)) - {13}
    for fault in FAULTS:
        for sentence in (fault.story, fault.rule):
            assert sentence[0].isupper() and sentence.endswith(".") and ". " not in sentence
        assert fault.link.startswith("https://")


# --- fault 13 is a test, and is shown by the right solutions that it refuses ----------------------

STORED = [[0, 0, 1, 0, 0, 1], [0, 1, 1, 1, 0, 0]]


def golden(solution):
    """The grader: the numbers of one seeded run."""
    return np.array_equal(solution(md.Stream(0), (2, 6), 0.5), STORED)


RIGHT = {
    "mirrored": lambda rng, shape, p: ~md.bernoulli(rng, p, shape),
    "columns first": lambda rng, shape, p: md.bernoulli(
        rng, 1 - p, shape[::-1] if isinstance(shape, tuple) else shape).T,
    "in single precision": lambda rng, shape, p: md.uniform(rng, shape) < 1 - p,
}
RAREST = "1_is_exact_at_both_ends_for_the_rarest_draws_too"
LAWS = (
    of_dropout("1_is_exact_at_both_ends", **faults.ON_HOST),
    *(of_dropout(RAREST, bits=bits) for bits in (0, 2**32 - 1)),
    *(of_dropout("1_drops_with_the_rate_p", p=p) for p in (0.1, 0.5, 0.9)),
    of_dropout("1_draws_every_example_by_itself"),
    of_dropout("1_draws_anew_at_every_call"),
    of_dropout("module_follows_the_mode", **faults.ON_HOST),
    of_dropout("module_repeats_its_masks_after_init", **faults.ON_HOST),
)


def test_stored_numbers_know_the_solution_they_came_from():
    assert golden(md.dropout_mask)


@pytest.mark.parametrize("name", ["mirrored", "columns first"])
def test_stored_numbers_refuse_a_right_solution(name):
    assert not golden(RIGHT[name])


@pytest.mark.parametrize("name", RIGHT)
def test_the_laws_of_a_sampler_take_every_right_solution(name, monkeypatch):
    faults.instead("units.dropout", dropout_mask=RIGHT[name])(monkeypatch)
    assert md.dropout_mask is RIGHT[name]         # it is the one that the laws, all tests, look at
    for law in LAWS:
        law()
