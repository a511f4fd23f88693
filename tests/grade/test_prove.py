"""Proofs of exercises: each thing that an author can get wrong is found."""

import numpy as np
import pytest

from minidrop.grade import Exercise, Rng, drawn, only, rate
from minidrop.grade.prove import prove
from minidrop.grade.values import size

pytestmark = pytest.mark.slow


def planted():
    """Two tasks: the first holds everywhere, the second nowhere but where it says so."""
    exercise = Exercise("dropout", lesson="dropout", title="Planted")

    @exercise.task("dropout.1", points=1, key=None, hint="Compare a draw with p.",
                   cases=lambda rng: [(Rng(1), (2,), 0.5), (Rng(2), (2, 3), 0.25)],
                   judge=drawn(only(0, 1, shape=lambda rng, shape, p: shape),
                               rate(lambda rng, shape, p: p), draws=200))
    def draw(rng, shape, p):
        """Draw a mask."""
        mask = np.ones(shape)
        for i in np.ndindex(shape):
            mask[i] = rng.random() >= p
        return mask

    @draw.right("one draw")
    def _(rng, shape, p):
        return rng.random(shape) >= p

    @draw.right("binomial")
    def _(rng, shape, p):
        return rng.binomial(1, 1 - p, shape)

    @draw.wrong("p drops, and here it keeps", law="rate")
    def _(rng, shape, p):
        return rng.random(shape) < p

    @draw.wrong("nothing is dropped", law="rate")
    def _(rng, shape, p):
        return np.ones(shape)

    @draw.wrong("the shape is lost", law="values")
    def _(rng, shape, p):
        return (rng.random(shape) >= p).ravel() if len(shape) > 1 else np.array(1.0)

    @exercise.task("dropout.2", points=0, key=lambda x, p: x / (1 - p), hint="A hint.",
                   cases=lambda rng: [(np.ones(60), 0.5), (np.ones(50), 0.0)])
    def scale(x, p):
        """Scale: the loops forget the last entry."""
        y = np.zeros(x.shape)
        for i in range(len(x) - 1):
            y[i] = x[i] / (1 - p)
        return y

    @scale.right("one line, and the other way round")
    def _(x, p):
        return x * (1 - p)

    @scale.wrong("it is no mistake at all")
    def _(x, p):
        return x / (1 - p)

    @scale.wrong("it raises, and has no hint of its own")
    def _(x, p):
        return x / "p"

    return exercise


def test_what_holds_and_what_does_not():
    steps = []
    proofs = prove(planted(), watch=lambda done, total: steps.append((done, total)))
    first = [one for one in proofs if one.task == "dropout.1"]
    assert [one for one in first if not one.holds] == []
    assert len(first) == 4 + 1 + 3 + 3 and steps == [(i, 7) for i in range(1, 8)]
    said = {one.what: (one.holds, one.said) for one in proofs if one.task == "dropout.2"}
    assert said.pop("the blank stub fails with the task's name")[0]
    assert not any(holds for holds, _ in said.values()), said
    assert "51; then [61]" in said["its smallest input has at most 48 numbers"][1]
    assert "1 of 50 entries differ" in said["right: the specification"][1]
    assert said["wrong: it is no mistake at all"][1].startswith("it passes")
    assert "the hint is 'A hint.'" in said["wrong: it raises, and has no hint of its own"][1]
    assert len(said) == 4 + 2 + 2


def test_of_two_mistakes_that_break_one_law_the_hint_is_the_one_that_draws_the_same():
    proofs = {one.what: one for one in prove(planted()) if one.task == "dropout.1"}
    for reason in ("p drops, and here it keeps", "nothing is dropped"):
        assert proofs[f"wrong: {reason}"].holds


def test_a_mistake_has_to_break_the_law_it_names():
    exercise = planted()
    del exercise.tasks["dropout.2"]
    exercise.tasks["dropout.1"].laws["the shape is lost"] = "rate"
    lost = next(one for one in prove(exercise) if one.what.endswith("the shape is lost"))
    assert not lost.holds and lost.said.startswith("it breaks the law 'values' and not 'rate'")


def test_the_size_of_an_input():
    assert size({"x": np.ones((2, 3)), "p": 0.5}) == 7
    assert size({"rng": Rng(1), "shape": (4, 5)}) == 21
    assert size({"weights": (np.ones(3), {"b": np.ones(2)}), "mask_shape": (2, 2)}) == 9
