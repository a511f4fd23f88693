"""A class is marked: what is due to each, whatever the others do, in a run that can go on."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from minidrop.grade import pool, report
from minidrop.grade.course import course_of, read_course
from minidrop.grade.exercise import exercise_named
from minidrop.grade.process import RUNNER, Limits
from minidrop.grade.report_command import autograder
from minidrop.grade.report_command import course as new_course
from minidrop.grade.report_command import report as command
from minidrop.grade.stub import solved
from tests.grade.class_of import MARK, SMALL, class_of, within, wrong

pytestmark = pytest.mark.slow
OURS = f"MINIDROP_CLASS_OF={os.getpid()}"


@pytest.fixture(scope="module", autouse=True)
def ours():
    """What is started here has OURS in its environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*OURS.split("="))
        yield


SIZE = int(os.environ.get("MINIDROP_CLASS", "20"))
SOME = {"imports minidrop", "ends at once", "not text", "byte order mark", "endless loop", "sleeps"}
LIMITS = Limits(seconds=2.0, wall=20.0)
QUICK = replace(course_of(["dropout"]), limits=LIMITS)
FILE = "[limits]\nseconds = 2\nwall_seconds = 20\n[exercises.dropout]\n"      # the same as a file


def tree(folder):
    """All that lies below a folder, with what tells whether it was changed."""
    return {path.relative_to(folder).as_posix(): (path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in Path(folder).rglob("*") if not path.is_dir()}


def words_of(process):
    """The command line of a process, as words; none where it is gone."""
    try:
        state = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()
        words = Path("/proc", process, "cmdline").read_bytes().split(b"\0")
        return [] if state[0] == "Z" else [*words, b"parent " + state[1].encode()]
    except OSError:
        return []


def workers():
    """The workers of this test, and of no other one."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if pool.BOOT.encode() in words_of(path.name) \
                    and OURS.encode() in (path / "environ").read_bytes():
                found.append(path.name)
    return found


def submission_processes():
    """The submissions of these workers, and those that nobody looks after."""
    ours, found = workers(), []
    for path in Path("/proc").glob("[0-9]*"):
        words = words_of(path.name)
        if os.fsencode(RUNNER) in words:
            parent = words[-1].decode().removeprefix("parent ")
            if parent in ours or not any(b"python" in one for one in words_of(parent)):
                found.append(path.name)
    return found


def running():
    """All that must not be left."""
    return workers() + submission_processes()


def totals(out):
    with open(out / "marks.csv", encoding="utf-8-sig", newline="") as file:
        return [float(one["total"]) for one in csv.DictReader(file)]


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A class that was marked: (its folder, what is due, the result, seconds)."""
    folder = tmp_path_factory.mktemp("here") / "class"
    due = class_of(folder, SIZE, kinds=None if SIZE >= 100 else SOME)
    before, start = tree(folder.parent), time.monotonic()
    result = report.grade_class(folder, course=QUICK, jobs=2)
    seconds = time.monotonic() - start
    after = {name: one for name, one in tree(folder.parent).items()
             if not name.startswith("class-marks/")}
    assert after == before                        # and nothing beside the marks
    return folder, due, result, seconds


def test_everybody_has_what_is_due(marked, capsys):
    folder, due, result, seconds = marked
    assert {row.student: row.total for row in result.rows} == due and len(due) == SIZE
    assert sorted(totals(folder.parent / "class-marks")) == sorted(due.values())
    for student, points in due.items():
        path = folder.parent / "class-marks" / "students" / student / "results.json"
        assert json.loads(path.read_text(encoding="utf-8"))["score"] == points
    with capsys.disabled():
        print(f"\na class of {SIZE}: {seconds:.1f} s, {seconds / SIZE:.2f} s for each, two at a "
              f"time; the slowest {max(result.seconds):.2f} s")


def test_nothing_is_left_running_and_no_file_was_written(marked):
    assert running() == []
    assert not list(Path("/tmp").glob(f"{MARK}*")) and not Path(MARK).exists()


def test_a_second_run_marks_nothing_and_a_third_what_has_changed(marked):
    folder, due, first, _ = marked
    out = folder.parent / "class-marks"
    table = (out / "marks.csv").read_bytes()
    again = report.grade_class(folder, course=QUICK)
    assert again.seconds == [] and again.files == first.files
    assert (out / "marks.csv").read_bytes() == table
    changed = folder / "new one"
    changed.mkdir()
    (changed / "any name.txt").write_text(solved(exercise_named("dropout")) + "# new\n")
    third = report.grade_class(folder, course=QUICK)
    shutil.rmtree(changed)
    assert len(third.seconds) == 1 and third.rows[-1].student in {*due, "new one"}
    assert {row.student: row.total for row in third.rows}["new one"] == QUICK.most
    other = replace(QUICK, limits=LIMITS._replace(seconds=3.0))
    few = folder.parent / "few"
    shutil.copytree(folder / "Ada Lovelace", few / "Ada Lovelace")
    for course_now, new in ((QUICK, 1), (QUICK, 0), (other, 1), (replace(QUICK, seeds=(9,)), 1),
                            (replace(QUICK, loops=0.5), 0)):
        assert len(report.grade_class(few, course=course_now).seconds) == new
    shutil.rmtree(few)


@pytest.fixture
def small(monkeypatch):
    """A small exercise, and a course of it."""
    monkeypatch.setenv("MINIDROP_EXERCISES", str(SMALL))
    return exercise_named("dropout"), replace(course_of(["dropout"]), limits=LIMITS)


def hand_in(folder, **files):
    """Write a student's folder."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.fixture
def small_class(tmp_path, small):
    """A class that is marked fast: (its folder, what is due, the course, its file)."""
    (tmp_path / "course.toml").write_text(FILE)
    return (tmp_path / "class", class_of(tmp_path / "class", 15, kinds={"imports minidrop"}),
            small[1], tmp_path / "course.toml")


def test_marks_are_the_same_whatever_the_number_of_jobs(small_class, tmp_path):
    tables = set()
    for jobs in (1, 4):
        report.grade_class(small_class[0], tmp_path / str(jobs), small_class[2], jobs)
        tables.add((tmp_path / str(jobs) / "marks.csv").read_bytes())
    assert len(tables) == 1


CLASS = """
import sys
from minidrop.grade.report_command import report
report([sys.argv[1], "--out", sys.argv[2], "--course", sys.argv[3]])
"""


def started(folder, out, file):
    """A run of the command, in a process."""
    return subprocess.Popen([sys.executable, "-c", CLASS, folder, out, file],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def until(condition, seconds=30.0):
    """Wait for something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_in_the_middle_goes_on(small_class, tmp_path, sent):
    folder, due, course, file = small_class
    out = tmp_path / "marks"
    run = started(folder, out, file)
    until(lambda: len([*out.glob("state/*.json")]) >= 3)
    run.send_signal(sent)
    said, _ = run.communicate(timeout=30)
    until(lambda: running() == [])
    assert not (out / "marks.csv").exists()
    done = len([*out.glob("state/*.json")])
    if sent == signal.SIGINT:
        assert run.returncode == 130, said
        assert (f" are marked; to go on: minidrop grade report {folder} --jobs 1 --course {file} "
                f"--out {out}").encode() in said
    rest = report.grade_class(folder, out, course)
    again = report.grade_class(folder, tmp_path / "whole", course)
    assert done >= 3 and len(rest.seconds) == len(again.seconds) - done > 0
    assert {row.student: row.total for row in rest.rows} == due
    assert not [*out.glob("state/.*.part")]
    assert (out / "marks.csv").read_bytes() == (tmp_path / "whole" / "marks.csv").read_bytes()


@pytest.mark.parametrize("whom", ["the report", "the worker"])
def test_whoever_is_killed_the_submission_ends(tmp_path, small, whom):
    """It sleeps, and notices nothing itself."""
    sleeping, _ = within(small[0], "import time; time.sleep(10**6)")
    hand_in(tmp_path / "class" / "Ada", dropout=sleeping)
    hand_in(tmp_path / "class" / "Bo", dropout=solved(small[0]))
    (tmp_path / "c.toml").write_text(FILE.replace("wall_seconds = 20", "wall_seconds = 500"))
    run = started(tmp_path / "class", tmp_path / "out", tmp_path / "c.toml")
    asleep, = until(submission_processes)
    time.sleep(1.0)                               # it begins to sleep
    worker = Path("/proc", asleep, "stat").read_text().rpartition(")")[2].split()[1]
    os.kill(run.pid if whom == "the report" else int(worker), signal.SIGKILL)
    until(lambda: asleep not in running())
    said, _ = run.communicate(timeout=60)
    assert until(lambda: running() == [])
    if whom == "the worker":
        assert run.returncode == 0 and totals(tmp_path / "out") == [0, 5], said
        table = (tmp_path / "out" / "marks.csv").read_text(encoding="utf-8-sig")
        assert "could not be marked: the process that marked it was ended" in table


def test_of_two_files_the_latest_counts_or_the_best(tmp_path, small):
    exercise, course = small
    bad, _ = wrong(exercise, 1)
    hand_in(tmp_path / "class" / "Ada", a=solved(exercise), b=bad)
    os.utime(tmp_path / "class" / "Ada" / "a.py", (10**9, 10**9))
    os.utime(tmp_path / "class" / "Ada" / "b.py", (10**9 + 60, 10**9 + 60))
    latest, = report.grade_class(tmp_path / "class", course=course).rows
    best, = report.grade_class(tmp_path / "class", course=replace(course, several="best")).rows
    assert latest.total == 3 and "of which the latest counts, b.py" in latest.remarks[-1]
    assert best.total == 5 and "of which the best counts, a.py" in best.remarks[-1]


def test_hidden_inputs_find_a_learned_answer_and_are_not_told(tmp_path, small):
    """A submission that answers well where the inputs are known, and elsewhere says what it saw."""
    exercise, course = small
    known = [inputs["x"].tolist() for inputs in exercise.tasks["dropout.2"].inputs(0)]
    text = solved(exercise)
    at = text.index("\n", text.index("def apply_mask(")) + 1
    text = (text[:at] + f"    if x.tolist() not in {known}:\n"
            "        raise ValueError('saw ' + str(x.tolist()))\n" + text[at:])
    hand_in(tmp_path / "class" / "Ada", dropout=text)
    hidden = exercise.tasks["dropout.2"].inputs(7_719_353)[0]["x"].tolist()
    report.grade_class(tmp_path / "class", course=replace(course, seeds=(7_719_353,)))
    out = tmp_path / "class-marks"
    results = (out / "students" / "Ada" / "results.json").read_text()
    assert json.loads(results)["score"] == 3 and "wrong on others" in results
    for path in (out / "marks.csv", out / "students" / "Ada" / "results.json"):
        assert "saw" not in path.read_text() and str(hidden[0]) not in path.read_text()
        assert "7719353" not in path.read_text()


def test_the_command_marks_a_class_and_says_what_it_found(tmp_path, small):
    exercise, _ = small
    hand_in(tmp_path / "class" / "Ada", dropout=solved(exercise))
    hand_in(tmp_path / "class" / "Bo", dropout=wrong(exercise, 1)[0])
    done = CliRunner().invoke(new_course, [str(tmp_path / "course.toml")])
    assert done.exit_code == 0 and len(read_course(tmp_path / "course.toml").seeds) == 2
    again = CliRunner().invoke(new_course, [str(tmp_path / "course.toml")])
    assert again.exit_code == 2 and "File exists" in again.output
    text = (tmp_path / "course.toml").read_text().replace("2026-10", "2099-10")
    (tmp_path / "course.toml").write_text(text)
    done = CliRunner().invoke(command, [str(tmp_path / "class"), "--course",
                                        str(tmp_path / "course.toml"), "--jobs", "2"])
    assert done.exit_code == 0, done.output
    assert "2 students, 2 submissions, 2 of them marked now" in done.output
    assert "dropout.2: 1 of 2; most often (1): what is kept has to be scaled" in done.output


@pytest.mark.parametrize("out", ["class", "class/Ada", "class/Ada/marks", "."])
def test_the_marks_lie_in_no_students_folder(tmp_path, out):
    hand_in(tmp_path / "class" / "Ada", dropout="")
    done = CliRunner().invoke(command, [str(tmp_path / "class"), "--out", str(tmp_path / out)])
    assert done.exit_code == 2 and "the marks may lie neither in" in done.output


def test_a_folder_without_students_and_a_course_that_is_wrong(tmp_path):
    (tmp_path / "class").mkdir()
    done = CliRunner().invoke(command, [str(tmp_path / "class")])
    assert done.exit_code == 2 and "there is no folder of a student" in done.output
    (tmp_path / "c.toml").write_text("x = 1")
    done = CliRunner().invoke(command, [str(tmp_path / "class"), "--course",
                                        str(tmp_path / "c.toml")])
    assert done.exit_code == 2 and "c.toml: x is unknown; there are title" in done.output


def test_an_autograder_of_gradescope(tmp_path, small):
    hand_in(tmp_path / "submission", whatever=solved(small[0]))
    (tmp_path / "results").mkdir()
    (tmp_path / "submission_metadata.json").write_text(json.dumps(
        {"created_at": "2018-07-01T14:22:32.365935-07:00", "previous_submissions": []}))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "course.toml").write_text(
        "deadline = 2018-07-01T14:00:00-07:00\n[penalty]\npoints = 1\n"
        '[marking]\nhidden_seeds = [12345]\n[exercises.dropout]\n')
    done = CliRunner().invoke(autograder, ["--root", str(tmp_path), "--course",
                                           str(tmp_path / "source" / "course.toml")])
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    assert results["score"] == 4 and "1 day late, 1 of 5 points are lost" in results["output"]
    assert [one["score"] for one in results["tests"]] == [3, 2]
    assert "12345" not in json.dumps(results)
    (tmp_path / "submission_metadata.json").write_text("{}")
    assert report.grade_one(tmp_path, read_course(tmp_path / "source" / "course.toml")).total == 5
    assert "no time is known" in (tmp_path / "results" / "results.json").read_text()
    assert report.grade_one(tmp_path).remarks == ()


def test_a_right_solution_with_loops_is_worth_its_share(tmp_path, small):
    exercise, course = small
    given = {task.function: [*task.rights.values()][1] for task in exercise.tasks.values()}
    hand_in(tmp_path / "class" / "Ada", dropout=solved(exercise))
    hand_in(tmp_path / "class" / "Bo", dropout=solved(exercise, **given))
    rows = report.grade_class(tmp_path / "class", course=replace(course, loops=0.5)).rows
    assert [row.total for row in rows] == [2.5, 5]
