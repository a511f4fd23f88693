"""The command line of exercises: what is written, what is said, and the exit codes."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from minidrop.cli import main
from minidrop.grade import marking
from minidrop.grade.exercise import exercise_named, exercise_names
from minidrop.grade.judges import Failure, Verdict
from minidrop.grade.marking import Mark, Marks
from minidrop.grade.stub import solved, stub

TINY = Path(__file__).with_name("small") / "tiny.py"


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call `minidrop grade` in a folder of its own; what it prints."""
    monkeypatch.chdir(tmp_path)

    def called(*args, code=0):
        done = CliRunner().invoke(main, ["grade", *map(str, args)])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output
    return called


@pytest.fixture
def tiny(monkeypatch):
    """The only exercise there is: two tasks, of 3 and 2 points."""
    monkeypatch.setenv("MINIDROP_EXERCISES", str(TINY.parent))
    return exercise_named("tiny")


def error(text):
    """The one sentence of an error."""
    last = text.rstrip().splitlines()[-1]
    assert last.startswith("Error: ") and "Traceback" not in text
    return last.removeprefix("Error: ")


def test_without_a_command_it_lists_the_exercises(call):
    lines = call().splitlines()
    for name, line in zip(exercise_names(), lines, strict=False):
        exercise = exercise_named(name)
        assert line.startswith(f"{name} ") and f" {len(exercise.tasks)} task" in line
        assert f" {exercise.points:g} points " in line and f"lesson {exercise.lesson} " in line
        assert len(line) <= 100
    assert lines[-2].startswith(f"{len(exercise_names())} exercises, ")


def test_start_writes_the_stub_and_says_what_is_next(call, tmp_path, tiny):
    text = call("start", "tiny")
    assert (tmp_path / "tiny.py").read_text(encoding="utf-8") == stub(tiny)
    assert "written: tiny.py  (2 tasks, 5 points; the lesson: minidrop lesson dropout)" in text
    assert text.splitlines()[-1].endswith("then: minidrop grade check tiny.py")


@pytest.mark.parametrize("given, written", [
    (["Dropout.PY"], ["dropout.py"]), (["dropout.2"], ["dropout.py"]),
    (["dropout", "own.py"], ["own.py"]), (["dropout", "deep/er/own.py"], ["deep/er/own.py"]),
    (["dropout", "there"], ["there/dropout.py"]), (["dropout", "./there/"], ["there/dropout.py"]),
    (["dropout", "tape", "."], ["dropout.py", "tape.py"]),
    (["tape", "dropout", "tape", "there"], ["there/dropout.py", "there/tape.py"])])
def test_start_writes_where_it_is_told(call, tmp_path, given, written):
    (tmp_path / "there").mkdir()
    call("start", *given)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")) == written


def test_start_never_overwrites(call, tmp_path):
    (tmp_path / "dropout.py").write_text("mine")
    assert error(call("start", "dropout", code=2)) == (
        "dropout.py is there already and is left as it is; for a new one give another name: "
        "minidrop grade start dropout dropout2.py")
    text = call("start", "dropout", "tape")
    assert "left as it is: dropout.py" in text and "written: tape.py" in text
    (tmp_path / "tape.py").write_text("mine as well")
    assert call("start", "dropout", "tape") == "left as it is: dropout.py\nleft as it is: tape.py\n"
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine", "mine as well"}


@pytest.mark.parametrize("error, code", [(KeyboardInterrupt(), 130), (OSError(28, "No space"), 1)])
def test_start_leaves_no_half_file_where_it_is_stopped(call, tmp_path, monkeypatch, error, code):
    def stopped(number):
        assert os.fstat(number).st_size == len(stub(exercise_named("dropout")).encode())
        raise error

    monkeypatch.setattr(os, "fsync", stopped)
    call("start", "dropout", code=code)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_start_all_writes_all(call, tmp_path):
    call("start", "--all", "class/")
    assert sorted(path.stem for path in (tmp_path / "class").iterdir()) == exercise_names()


def test_start_answers_mistakes_in_one_sentence(call, tmp_path):
    assert error(call("start", "dropuot", code=2)) == (
        "there is no exercise 'dropuot'; did you mean 'dropout'?")
    assert error(call("start", "dropout", "dropuot", code=2)).endswith("did you mean 'dropout'?")
    assert [*tmp_path.iterdir()] == []
    assert error(call("start", "zzz", code=2)).endswith(f"there are {', '.join(exercise_names())}")
    assert error(call("start", code=2)).startswith("say which exercise: minidrop grade start")
    assert error(call("start", "there/", code=2)).startswith("say which exercise")
    assert error(call("start", "dropout", "tape", "a.py", code=2)) == (
        "a.py is one file, and there are 2 exercises; give a folder")
    (tmp_path / "file").write_text("")
    assert error(call("start", "dropout", "file/x.py", code=1)) == (
        "file is no folder, and cannot be made one")


def test_a_wrong_command_or_task_or_file_is_answered_in_one_sentence(call, tmp_path):
    assert error(call("chekc", code=2)) == "there is no command 'chekc'; did you mean 'check'?"
    assert error(call("check", "none.py", code=2)) == (
        "none.py cannot be read: No such file or directory")
    assert error(call("check", tmp_path, code=2)).startswith(f"{tmp_path} is a folder; for a class")
    (tmp_path / "x.py").write_text("x = 1")
    said = error(call("check", "x.py", code=2))
    assert 'a line EXERCISE = "NAME"' in said and said.endswith(", ".join(exercise_names()))
    (tmp_path / "dropout.py").write_text("x = 1")
    assert error(call("check", "dropout.py", "--task", "dropout.22", code=2)) == (
        "there is no task 'dropout.22'; did you mean 'dropout.2'?")
    assert error(call("check", "dropout.py", "--json", "no/marks.json", code=2)) == (
        "there is no folder no for --json")
    assert error(call("prove", code=2)).startswith("say which exercise: minidrop grade prove")
    assert error(call("prove", "dropuot", code=2)).endswith("did you mean 'dropout'?")
    assert error(call("prove", "x.py", code=1)) == (
        "the exercise x cannot be read: ValueError: x.py has to make one Exercise('x', ...)")


@pytest.fixture
def wrong(monkeypatch, tiny):
    """Marking as if the second task were wrong, and with it what mark was given."""
    given = {}

    def mark(source, exercise, seed=0, limits=None, points=None, watch=None):
        given.update(source=source, tasks=[*exercise.tasks], seed=seed)
        marks = []
        for name, task in exercise.tasks.items():
            failure = Failure(task.inputs(seed)[0], 1.0, 2.0, "2 is due, and 1 came", "A hint.")
            right = given.get("right") or name == "tiny.1"
            marks.append(Mark(name, task.points * right, task.points,
                              Verdict(3, 3 * right, None if right else failure)))
            watch(marks[-1])
            if given.get("stop"):
                raise KeyboardInterrupt
        return Marks(exercise.name, tuple(marks), "", 0.25)

    monkeypatch.setattr(marking, "mark", mark)
    return given


def test_check_says_what_is_wrong_and_leaves_with_1(call, tmp_path, wrong):
    (tmp_path / "week3.py").write_bytes(b'EXERCISE = "tiny"\n')
    text = call("check", "week3.py", "--json", "marks.json", "--seed", "4", code=1)
    assert text.splitlines()[0] == "week3.py: tiny" and "2 is due, and 1 came" in text
    assert text.splitlines()[-3:] == ["3 of 5 points", "written: marks.json",
                                      "once more: minidrop grade check week3.py"]
    assert wrong == {"source": b'EXERCISE = "tiny"\n', "tasks": ["tiny.1", "tiny.2"],
                     "seed": 4}
    record, = json.loads((tmp_path / "marks.json").read_text())
    assert record.pop("tasks") == [
        {"task": "tiny.1", "points": 3, "most": 3, "inputs": 3, "right": 3},
        {"task": "tiny.2", "points": 0, "most": 2, "inputs": 3, "right": 0, "kind": "wrong",
         "said": "2 is due, and 1 came", "hint": "A hint."}]
    assert record == {"file": "week3.py", "exercise": "tiny", "points": 3, "most": 5,
                      "refused": "", "seconds": 0.25}
    assert "\x1b" not in text


def test_check_leaves_with_0_where_all_is_right_and_names_the_next(call, tmp_path, wrong):
    wrong["right"] = True
    (tmp_path / "mine.py").write_text('EXERCISE = "tiny"')
    assert call("check", "mine.py").splitlines()[-1] == "next: minidrop grade start tiny"
    (tmp_path / "tiny.py").write_text("")
    assert call("check", "tiny.py", "mine.py").splitlines()[-1] == "that was the last exercise"


def test_check_of_one_task_marks_that_alone(call, tmp_path, wrong):
    (tmp_path / "tiny.py").write_text("")
    assert "3 of 3 points" in call("check", "tiny.py", "--task", "tiny.1")
    assert wrong["tasks"] == ["tiny.1"]


def test_after_ctrl_c_it_leaves_with_130(call, tmp_path, wrong):
    wrong["stop"] = True
    (tmp_path / "tiny.py").write_text("")
    assert error(call("check", "tiny.py", code=130)) == (
        "tiny.py: interrupted after 1 of 2 tasks; 1 of them right")


@pytest.mark.slow
def test_what_is_started_is_not_written_yet_and_a_solution_is_right(call, tmp_path, tiny):
    call("start", "tiny")
    text = call("check", "tiny.py", code=1)
    assert text.count("not written yet") == 2 and "0 of 5 points" in text
    (tmp_path / "tiny.py").write_text(solved(tiny))
    assert "5 of 5 points" in call("check", "tiny.py")


@pytest.mark.slow
@pytest.mark.parametrize("source, said", [
    (b"", "0 of 5 points"), (b"import minidrop", "line 1: minidrop may not be imported"),
    (b"\xff", "the file is not text: byte 0 is not UTF-8"),
    (b"def f(:", "the file is not Python: line 1: invalid syntax"),
    (b"\nreturn 1", "SyntaxError: 'return' outside function"),
    (b"y = 1 / 0", "ZeroDivisionError: division by zero"),
    (b"def add(a, b):\n    return a @ b", "TypeError: "),
    (b"def add(a, b):\n    return a + b", "2 of 5 points")], ids=str)
def test_whatever_is_in_the_file_there_are_marks(call, tmp_path, tiny, source, said):
    (tmp_path / "tiny.py").write_bytes(source)
    assert said in call("check", "tiny.py", code=1)


@pytest.mark.slow
def test_prove_says_what_holds_and_leaves_with_1_where_something_does_not(call, tmp_path, tiny):
    assert call("prove", "tiny").splitlines()[-2] == "22 of 22 hold"
    (tmp_path / "tiny.py").write_text(TINY.read_text().replace("points=2", "points=0"))
    said = call("prove", "tiny.py", code=1)
    assert "FAILS  tiny.2  it gives points" in said and "21 of 22 hold" in said


def test_exercises_may_lie_elsewhere(call, tmp_path, monkeypatch, tiny):
    assert call().splitlines()[0] == (
        "tiny  2 tasks    5 points  lesson dropout  Halves and sums.")
    (tmp_path / "tiny.py").write_text("def f(:")
    monkeypatch.setenv("MINIDROP_EXERCISES", str(tmp_path))
    assert error(call(code=1)).startswith("the exercise tiny cannot be read: SyntaxError: ")
