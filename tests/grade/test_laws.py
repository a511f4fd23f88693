"""Laws for draws that are no masks: what keeps them agrees, and each way to break one is found."""

import numpy as np
import pytest

from minidrop.grade import Exercise, apart, beside, distribution, independent, within
from minidrop.grade.exercise import exercise_named
from minidrop.grade.judges import drawn
from minidrop.grade.values import realised
from minidrop.verify.chance import ALARM, Chance

DRAWS, ROWS, SIDES = 2000, 3, np.array([4, 7])
RNG = np.random.default_rng(5)
PIXELS = RNG.integers(SIDES, size=(DRAWS, ROWS, 2))       # so many draws of three pixels

RANGE = within(lambda: np.zeros((ROWS, 2)), lambda: np.tile(SIDES - 1, (ROWS, 1)))
UNIFORM = distribution(lambda x: np.clip((np.floor(x) + 1) / SIDES, 0, 1))
BESIDE = beside(lambda x: (x + 1) / SIDES, lambda: np.tile(SIDES // 2, (ROWS, 1)))
APART = apart(lambda: np.tile(1 / SIDES, (ROWS, 1)))
LAWS = {one.__name__: one for one in (RANGE, UNIFORM, BESIDE, APART)}


def changed(where, values):
    draws = PIXELS.copy()
    draws[where] = values
    return draws


def test_uniform_pixels_keep_all_laws_and_what_they_spent_is_counted():
    chance = Chance()
    assert [holds(PIXELS.astype(float), chance) for holds in LAWS.values()] == [""] * 4
    comparisons = 6 + 1 + 2 + 6                   # entries; rows; first rows, then entries again
    assert chance.spent == pytest.approx(comparisons * ALARM)


BROKEN = {
    "one number in all is too large": ("range", changed((7, 2, 0), 4)),
    "one number in all is below 0": ("range", changed((7, 2, 1), -1)),
    "one number in all is none": ("range", np.where(np.arange(DRAWS)[:, None, None] == 9, np.nan,
                                                    PIXELS)),
    "a row too many": ("range", PIXELS[:, [0, 1, 2, 2]]),
    "an entry in the middle is the larger of two": ("distribution", changed(
        (slice(None), 1, 1), RNG.integers(7, size=(2, DRAWS)).max(0))),
    "rows and columns are of one draw": ("beside", (RNG.random((DRAWS, ROWS, 1)) * SIDES).astype(
        int)),
    "all rows are one": ("apart", PIXELS[:, [0, 0, 0]]),
    "rows share their column": ("apart", changed((slice(None), 1, 1), PIXELS[:, 0, 1])),
    "two calls are one": ("apart", PIXELS[np.arange(DRAWS) // 2]),
    "the last entry is of the call before": ("apart", changed((slice(1, None, 2), 2, 1),
                                                              PIXELS[::2, 2, 1])),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_not_drawn_so_breaks_its_law_and_no_other(fault):
    due, values = BROKEN[fault]
    holds = dict(LAWS) if due != "range" else {"range": RANGE}
    said = {name: one(np.asarray(values, float), Chance()) for name, one in holds.items()}
    assert [name for name in said if said[name]] == [due]


def test_laws_of_one_number():
    values = RNG.random(DRAWS)
    laws = (within(lambda: 0.0, lambda: 1.0), apart(lambda: 0.0), distribution(lambda x: x))
    for holds in laws:
        assert holds(values, Chance()) == ""
    assert "0 to 1 are due, and 1.5 came" in laws[0](values * 0 + 1.5, Chance())
    assert "the same 1000 times of 1000" in laws[1](values * 0 + 0.5, Chance())
    assert laws[2](values ** 1.3, Chance()).startswith("what is returned does not come up as often")
    said = laws[0](values[:, None], Chance())
    assert said == "a number is due, and an array of the shape (1,) came"
    assert within(lambda: 1.0, lambda: 1.0)(values * 0, Chance()) == "1 is due, and 0 came"


FAR = {"the last row is the first": lambda mask: mask[[*range(len(mask) - 1), 0]],
       "two entries on a diagonal are one": lambda mask: np.where(
           np.indices(mask.shape).min(0) > 0, mask.flat[0], mask)}


@pytest.mark.parametrize("fault", FAR)
def test_entries_that_are_no_neighbours_of_the_first_are_independent_of_it_too(fault):
    holds, masks = independent(lambda: 0.3), RNG.random((DRAWS, 3, 2)) >= 0.3
    assert holds(masks, Chance()) == ""
    assert holds(np.stack([FAR[fault](mask) for mask in masks]), Chance()).startswith(
        "the first entry and that at")


def hint_for(function):
    """The hint of dropout.1 for a function that draws a mask."""
    def call(arguments, times=1):
        return [function(*realised(arguments, i).values()) for i in range(times)]

    task = exercise_named("dropout").tasks["dropout.1"]
    return task.judge(task, call, task.inputs()).failure.hint


def test_a_hint_names_a_mistake_in_draws_where_they_are_like_those_of_it_and_else_none():
    general = exercise_named("dropout").tasks["dropout.1"].hint
    assert hint_for(lambda rng, shape, p: rng.binomial(1, p, shape)).startswith("p is the prob")
    assert hint_for(lambda rng, shape, p: np.tile(rng.binomial(1, 1 - p, shape[1:]), (
        shape[0], *[1] * (len(shape) - 1)))).startswith("all examples share one mask")
    assert hint_for(lambda rng, shape, p: np.ones(shape)) == general
    assert hint_for(lambda rng, shape, p: np.zeros((*shape, 1))) == general
    assert hint_for(lambda rng, shape, p: np.broadcast_to(
        rng.random((*shape[:-1], 1)) >= p, shape)) == general


def test_a_mistake_is_named_by_the_law_that_it_breaks():
    exercise = Exercise("pixels", lesson="cutout")

    @exercise.task("pixels.1", points=1, key=None, cases=lambda rng: iter([(3,)]), hint="Draw.",
                   judge=drawn(RANGE_OF, EVEN, draws=DRAWS), equation="a")
    def draw(size):
        return 0

    @draw.wrong("there is no such number", law="range")
    def _(size):
        return size

    def call(arguments, times=1):
        return [arguments["size"]] * times

    failure = draw.judge(draw, call, draw.inputs()).failure
    assert failure.hint == "there is no such number" and "0 to 2 are due" in failure.said

    def broken(arguments, times=1):
        raise TypeError("of the caller itself")

    with pytest.raises(TypeError, match="of the caller itself"):
        draw.judge(draw, broken, draw.inputs())


RANGE_OF = within(lambda size: np.array(0), lambda size: np.array(size - 1))
EVEN = distribution(lambda x, size: np.clip((np.floor(x) + 1) / size, 0, 1))
