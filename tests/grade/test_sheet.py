"""What is found in a folder, the table, and results.json: without any process."""

import csv
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from minidrop.grade import found, gradescope, sheet
from minidrop.grade.course import course_of
from minidrop.grade.late import Penalty, Times
from tests.grade.class_of import SMALL

COURSE = course_of(["dropout"], SMALL)
RIGHT = {"right": True}
WRONG = {"right": False, "hidden": False, "kind": "wrong", "said": "0.5 is due", "hint": "a hint",
         "known": True}


def row(course=COURSE, student="Ada", when=None, **tasks):
    answer = {"refused": "", "shown": 0.5, "tasks": {
        "dropout.1": RIGHT, "dropout.2": RIGHT} | {f"dropout.{k[1]}": v for k, v in tasks.items()}}
    file = found.File("dropout.py", b"", "", 0.0, "dropout")
    part = sheet.part_of(course, student, file, answer, when)
    return sheet.Row(student, {"dropout": part}, ())


def cells(course, rows):
    return [*csv.DictReader(io.StringIO(sheet.table(course, rows), newline=""))]


def test_the_table_has_a_row_for_each_student():
    one, other = cells(COURSE, [row(), row(student="Bo", t2=WRONG)])
    assert one == {"student": "Ada", "dropout.1": "3", "dropout.2": "2", "dropout": "5",
                   "dropout days late": "0", "dropout lost": "0", "total": "5", "of": "5",
                   "remarks": ""}
    assert other["total"] == "3" and other["remarks"] == "dropout.2: 0.5 is due (a hint)"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@a", " =1", "\t=1", "\n=1", "＝1", "\r-1"])
def test_no_cell_is_a_formula(name):
    cell, = cells(COURSE, [row(student=name)])
    assert not cell["student"].lstrip().startswith(sheet.FORMULA)
    assert "\n" not in cell["student"] and "\r" not in cell["student"]


def test_names_with_commas_quotes_and_accents_come_back():
    names = ["O'Neill, Seán", '"quoted"', "semi;colon", "名前", "a b"]
    assert [one["student"] for one in cells(COURSE, [row(student=name) for name in names])] == names


def test_the_time_of_a_file_is_its_own_where_the_course_says_so():
    file = found.File("dropout.py", b"", "", 86400.0, "dropout")
    student = found.Student("Ada", (file,), ())
    assert sheet.came(COURSE, student, file) == (datetime(1970, 1, 2, tzinfo=UTC), "")
    when, remark = sheet.came(replace(COURSE, time="gradescope"), student, file)
    assert when is None and remark.startswith("no time is known, so it counts as in time")


def test_what_is_late_loses_its_share():
    due = datetime(2026, 10, 5, tzinfo=UTC)
    asked = replace(COURSE.exercises["dropout"], deadline=due)
    course = replace(COURSE, exercises={"dropout": asked}, penalty=Penalty(share=0.1))
    late = row(course, when=datetime(2026, 10, 6, 12, tzinfo=UTC), t2=WRONG)
    cell, = cells(course, [late])
    assert (cell["dropout.1"], cell["dropout days late"], cell["dropout lost"], cell["total"]) == \
        ("3", "2", "0.6", "2.4")
    results = gradescope.results(course, late, {})
    assert results["score"] == 2.4 and [one["score"] for one in results["tests"]] == [3, 0]
    assert "2 days late, 0.6 of 3 points are lost" in results["output"]


def test_a_student_may_have_a_deadline_of_his_own():
    due, when = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 6, 12, tzinfo=UTC)
    asked = replace(COURSE.exercises["dropout"], deadline=due)
    course = replace(COURSE, exercises={"dropout": asked}, penalty=Penalty(points=1),
                     extensions=Times({("Ada", ""): datetime(2026, 10, 7, tzinfo=UTC),
                                       ("Bo", "dropout"): datetime(2026, 10, 6, tzinfo=UTC)}))
    assert [row(course, name, when).total for name in ("Ada", "Bo", "Cy")] == [5, 4, 3]
    assert "late: 2 files, which lose 3 points in all" in sheet.summary(
        course, [row(course, name, when) for name in ("Ada", "Bo", "Cy")])


def test_loops_are_worth_their_share():
    course = replace(COURSE, loops=0.5)
    with_loops = row(course, t1=RIGHT | {"loops": True})
    assert with_loops.total == 3.5
    assert gradescope.results(course, with_loops, {})["tests"][0]["output"] == \
        "right, entry by entry: 1.5 of 3"


def test_results_have_the_fields_of_gradescope():
    results = gradescope.results(COURSE, row(t2=WRONG), {"dropout.1": "Draw"})
    assert json.loads(gradescope.text(results)) == {
        "score": 3.0, "execution_time": 0.5, "output": "3 of 5 points", "output_format": "text",
        "test_output_format": "text", "test_name_format": "text", "visibility": "visible",
        "stdout_visibility": "hidden", "tests": [
            {"name": "dropout.1: Draw", "score": 3.0, "max_score": 3.0, "status": "passed",
             "output": "right", "visibility": "visible"},
            {"name": "dropout.2", "score": 0.0, "max_score": 2.0, "status": "failed",
             "output": "0.5 is due\na hint", "visibility": "visible"}]}


def test_of_hidden_inputs_nothing_is_said():
    secret = WRONG | {"hidden": True, "said": "0.123 is due"}
    for text in (sheet.table(COURSE, [row(t2=secret)]),
                 gradescope.text(gradescope.results(COURSE, row(t2=secret), {})),
                 sheet.summary(COURSE, [row(t2=secret)])):
        assert "0.123" not in text
    shown = replace(COURSE, show=replace(COURSE.show, hidden_inputs=True, hints=False))
    text = gradescope.text(gradescope.results(shown, row(shown, t2=secret), {}))
    assert "0.123" in text and "a hint" not in text


def test_the_summary_says_which_mistake_is_the_most_frequent():
    late = WRONG | {"kind": "late", "known": False}
    text = sheet.summary(COURSE, [row(), row(t2=WRONG), row(t2=WRONG), row(t2=late, t1=late)])
    assert "dropout.2: 3 of 4; most often (2): a hint" in text
    assert "dropout.1: 1 of 4; most often (1): too slow" in text
    assert "mean 2.75, median 3" in text
    counts = [int(line.split()[3]) for line in text.splitlines() if " to " in line]
    assert counts == [1, 0, 0, 0, 0, 0, 2, 0, 0, 1]


def files_of(student):
    return {file.name: file for file in student.files}


def test_for_which_exercise_a_file_is():
    known = ["dropout", "dropout_block", "max_norm"]
    said = found.exercise_for
    assert said("x.pdf", b'a\nEXERCISE = "max_norm"\n', known) == "max_norm"
    assert said("x.py", b"EXERCISE = 'other'\n", known) == "other"
    assert said("Max_Norm-final(3).py", b"\xff", known) == "max_norm"
    assert said("dropout_block.py", b"", known) == "dropout_block"
    assert said("dropouts.py", b"", known) is None and said("dropout.pdf", b"", known) is None


def test_what_lies_in_a_class(tmp_path):
    folder = tmp_path / "class"
    ada, bo = folder / "Ada", folder / "Bo"
    for one in (ada / "a" / "b" / "c" / "d", bo, folder / ".git"):
        one.mkdir(parents=True)
    (folder / "loose.py").write_text("")
    (tmp_path / "secret.py").write_text("secret")
    (ada / "dropout.py").symlink_to(tmp_path / "secret.py")
    (ada / "a" / "dropout.py").write_text("x = 1")
    (ada / "a" / "b" / "c" / "d" / "deep.py").write_text("")
    os.mkfifo(ada / "pipe.py")
    (bo / "big.py").write_bytes(b"#" * 3000)
    (folder / "Cy").symlink_to(tmp_path, target_is_directory=True)
    students, remarks = found.class_in(folder, ["dropout"], file_kb=2)
    assert [one.name for one in students] == ["Ada", "Bo", "Cy"]
    assert [*files_of(students[0])] == ["a/dropout.py"]
    assert set(students[0].remarks) == {
        "dropout.py is a link, which is not followed", "pipe.py is no file that can be read",
        "a/b/c/d lies too deep, and is not looked at"}
    assert "3 KB, and 2 KB are allowed" in files_of(students[1])["big.py"].refused
    assert students[2].files == () and "link" in students[2].remarks[0]
    assert remarks == [".git begins with a dot, and is passed over",
                       "loose.py lies in no folder of a student"]


def test_a_folder_that_cannot_be_read_costs_nobody_else(tmp_path, monkeypatch):
    for name in ("Ada", "Bo"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dropout.py").write_text("")
    scan = os.scandir

    def guarded(path):
        if "Ada" in str(path):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    (ada, bo), _ = found.class_in(tmp_path, ["dropout"])
    assert ada.remarks == ("the folder cannot be read: Permission denied",) and len(bo.files) == 1


def test_many_files_of_one_student_are_not_all_read(tmp_path):
    for i in range(found.MANY + 5):
        (tmp_path / f"{i:03d}.py").write_text("")
    student = found.student_in(tmp_path, [])
    assert len(student.files) == found.MANY and "more than" in student.remarks[0]
