"""Pictures of arrays: what differs is marked, is in the picture, and looks different."""

import numpy as np
import pytest

from minidrop.grade.judges import Failure
from minidrop.grade.picture import ASCII, ROWS, beside, pictures, signs


def drawn(due, got, kind="wrong", signs=None, **arguments):
    """{title: lines} of all panels."""
    failure = Failure(arguments, got, due, "", kind=kind)
    given, results = pictures(failure, **({"signs": signs} if signs else {}))
    return {one.title: [line.plain for line in one.lines] for one in (*given, *results)}


def test_masks_are_blocks_and_what_differs_is_marked_without_colour():
    due = np.array([[1, 0, 1], [0, 1, 1]])
    got = np.array([[True, True, True], [False, False, True]])
    assert drawn(due, got) == {"expected": ["██· ██", "· ████"], "got": ["███≠██", "· ·≠██"]}
    assert drawn(due, got, signs=ASCII)["got"] == ["###!##", ". .!##"]
    assert signs("utf-8").one == "██" and signs("latin-1") == ASCII == signs(None)


def test_classes_and_orders_of_two_are_numbers_and_no_masks():
    seen = drawn(np.array([1, 0, 1]), np.array([1, 1, 1]), order=np.array([1, 0]))
    assert seen == {"order": ["1  0"], "expected": ["1  0  1"], "got": ["1  1≠ 1"]}


def test_numbers_are_a_table_with_their_points_below_each_other():
    due = np.array([[1.5, -20.25], [0.0, 3.0]])
    got = due + [[0, 0.5], [0, 0]]
    assert drawn(due, got) == {"expected": ["  1.5   -20.25", "  0       3"],
                               "got": ["  1.5   -19.75≠", "  0       3"]}


def test_as_many_digits_as_it_takes_to_look_different():
    seen = drawn(np.array([0.5, 0.3333333]), np.array([0.5, 0.3333399]))
    assert seen["expected"] == ["0.5       0.333333"] and seen["got"] == ["0.5       0.33334 ≠"]
    assert drawn(1.0, 1.00001) == {"expected": ["1"], "got": ["1.00001≠"]}
    assert drawn(0.0, -0.0)["got"] == ["0"]
    assert drawn(np.nan, 2) == {"expected": ["nan"], "got": ["  2≠"]}


@pytest.mark.parametrize("at", [(0, 0, 0, 0), (1, 2, 30, 1), (0, 1, 39, 59), (1, 0, 0, 33)])
def test_the_first_difference_is_in_the_picture_and_the_title_says_where(at):
    due = np.arange(2 * 3 * 40 * 60.0).reshape(2, 3, 40, 60)
    got = due.copy()
    got[at] = -1
    seen = drawn(due, got, x=due, bias=np.ones((2, 3, 1, 1)), other=np.ones((5, 5)))
    title = next(title for title in seen if title.startswith("got"))
    part = eval(f"due{title.removeprefix('got')}")
    whole = [" ".join(f"{one:.0f}" for one in row) for row in part]
    assert [" ".join(line.split()) for line in seen["expected" + title[3:]]] == whole
    assert [" ".join(line.split()) for line in seen["x" + title[3:]]] == whole
    assert sum(line.count("-1≠") for line in seen[title]) == 1 and len(part) == ROWS
    assert f"bias[{at[0]}, {at[1]}, :, :]" in seen and len(seen["other"]) == 5


def test_a_row_may_be_wider_than_a_table():
    wide = {len(title): lines for title, lines in drawn(np.arange(300.0), np.ones(300)).items()}
    assert all(44 < len(line) <= 96 for lines in wide.values() for line in lines)


def test_of_several_results_the_first_that_differs_is_drawn():
    due = (np.ones(2), (np.zeros(2), np.ones((2, 2))))
    got = [np.ones(2), [np.zeros(2), np.zeros((2, 2))]]
    assert drawn(due, got) == {"expected[1][1]": ["1  1", "1  1"], "got[1][1]": ["0≠ 0≠", "0≠ 0≠"]}


def test_all_results_are_drawn_where_they_are_not_as_many_as_are_due():
    due = (np.ones(2), 0.5)
    assert drawn(due, None, kind="raised") == {"expected[0]": ["1  1"], "expected[1]": ["0.5"]}
    assert drawn(due, [np.zeros(2)]) == {"expected[0]": ["1  1"], "expected[1]": ["0.5"],
                                         "got[0]": ["0  0"]}
    assert drawn(due, 3)["got"] == ["3"]
    assert drawn((1.0, 2.0), np.array([1.0, 3.0])) == {"expected[1]": ["2"], "got[1]": ["3≠"]}


def test_arrays_of_another_shape_are_drawn_with_their_shapes():
    assert drawn(np.ones((1, 2)), np.ones((2, 1))) == {
        "expected of shape (1, 2)": ["1  1"], "got of shape (2, 1)": ["1", "1"]}
    assert drawn(np.ones(2), np.zeros((0, 2)))["got"] == ["empty, shape (0, 2)"]


def test_what_is_no_number_is_drawn_as_python_writes_it():
    assert drawn(2.5, "text") == {"expected": ["2.5"], "got": ["'text'"]}
    assert drawn(np.ones(1), None)["got"] == ["None"]
    assert drawn(np.ones(1), {"a": 1})["got"] == ["{'a': 1}"]
    assert len(drawn(1, "long" * 99)["got"][0]) == 44
    assert [*drawn(2.5, None, kind="raised")] == ["expected"]          # nothing came


def test_a_draw_of_one_value_is_a_mask():
    assert drawn(None, np.zeros(3), kind="law") == {"got": ["· · ·"]}
    assert drawn(None, np.array([0, 1.25]), kind="law") == {"got": ["0     1.25"]}


def test_arrays_within_arguments_are_drawn_with_the_name_that_leads_to_them():
    seen = drawn(1, 2, weights=[np.ones(1), {"bias": np.array([7])}], p=0.5, shape=(2, 3))
    assert [*seen] == ["weights[0]", "weights[1]['bias']", "expected", "got"]


def test_panels_stand_side_by_side_as_far_as_they_fit():
    row = np.ones((1, 9))
    given, results = pictures(Failure({"x": np.ones((2, 3))}, row, 0 * row, ""))
    lines = [line.plain for line in beside([*given, *results], 100)]
    assert lines[0].split() == ["x", "expected", "got"] and len(lines) == 3
    lines = [line.plain for line in beside([*given, *results], 40)]
    assert lines[0].split() == ["x", "expected"] and lines[3:5] == ["", "got"]
    assert all(line == line.rstrip() for line in lines)


def test_the_tolerance_of_the_judge_decides_what_is_marked():
    failure = Failure({}, np.array([1.05, 2.0]), np.array([1.0, 1.0]), "", tolerance=(0.1, 0))
    assert [line.plain for line in pictures(failure)[1][1].lines] == ["1.05  2   ≠"]
