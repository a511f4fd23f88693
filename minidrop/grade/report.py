"""Mark a class: one folder a student, each submission for itself, in a run that can go on.

Of each submission a file is kept by the digest of all that its marks depend on: its text, the
exercise, hidden seeds, limits and the version.  Points and deadlines are reckoned from these anew.
"""

import base64
import functools
import hashlib
import json
import platform
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy

from .. import __version__, catalog
from ..files import alone, put
from . import found, gradescope, pool, sheet
from .course import course_of
from .exercise import exercise_named, exercise_names
from .exercise import folder as usual
from .late import GRADESCOPE

SPARE = 60.0                                      # seconds for a worker to begin, and to end


class Marked(NamedTuple):
    """A class that was marked: the course, a Row for each student, and what is to be said."""

    course: object
    rows: list
    remarks: list
    files: int                                    # that were marked, now or in a former run
    seconds: list                                 # for each that was marked in this run


def place(folder, out=None):
    """The folder for the marks, FOLDER-marks if none is given; ValueError where it may not be."""
    folder = Path(folder).resolve()
    out = Path(out).resolve() if out else folder.with_name(f"{folder.name}-marks")
    if out == folder or folder in out.parents or out in folder.parents:
        raise ValueError(f"the marks may lie neither in {folder} nor around it, got {out}")
    return out


def grade_class(folder, out=None, course=None, jobs=1, where=None, watch=None):
    """Mark every folder in `folder`, and write marks.csv and students/NAME/results.json to `out`.

    Without a course every exercise is asked for that somebody handed in.  `watch(done, all)` is
    called as submissions are marked.  What a former run into the same folder has found is used,
    where nothing has changed.  BlockingIOError where another run is at it.
    """
    out = place(folder, out)
    known = exercise_names(where)
    students, remarks = found.class_in(folder, known, course.file_kb if course else 256,
                                       bool(course and course.time == GRADESCOPE))
    if not students:
        raise ValueError(f"there is no folder of a student in {folder}" + (
            "; for one file: minidrop grade check FILE" if remarks else ""))
    if course is None:
        names = {file.exercise for student in students for file in student.files}
        course = course_of([name for name in known if name in names], where)
    for times, where_from in ((course.times, course.time), (course.extensions, "extensions")):
        if times:
            remarks += [f"{where_from}: there is no folder of {name!r}" for name in
                        times.strangers([student.name for student in students])]
    state = out / "state"
    with alone(state):
        for left in state.glob(".*.part"):        # of a run that was killed
            left.unlink()
        chosen = {student: _chosen(student, course) for student in students}
        files = [file for some in chosen.values() for files in some.values() for file in files
                 if not file.refused]
        answers, seconds = _answers(files, course, state, jobs, where, watch)
        rows = [_row(student, chosen[student], answers, course, known) for student in students]
        _write(out, course, rows, where)
    return Marked(course, rows, remarks, len(set(answers)), seconds)


def _chosen(student, course):
    """{exercise: the files of a student that are to be marked, the latest first}."""
    chosen = {}
    for name in course.exercises:
        files = sorted((file for file in student.files if file.exercise == name),
                       key=lambda file: (file.modified, file.name), reverse=True)
        chosen[name] = files[:1] if course.several == "latest" else files
    return chosen


def _answers(files, course, state, jobs, where, watch):
    """({file: answer}, seconds of each that is new) for all that is to be marked."""
    versions = version(where)
    keys = {file: _key(file, course, versions) for file in files}
    known = {key: state and _kept(state / f"{key}.json", key) for key in keys.values()}
    todo = {key: _job(file, course, where) for file, key in keys.items() if known[key] is None}
    seconds: list[float] = []

    def tell():
        if watch:
            watch(len(known) - len(todo) + len(seconds), len(known))

    tell()
    for key, answer, took in pool.answers(todo, jobs, functools.partial(_longest, course)):
        if isinstance(answer, pool.Dead):         # not kept: it may be the machine's fault
            known[key] = {"refused": f"it could not be marked: {answer}", "tasks": {},
                          "seconds": round(took, 3)}
        else:
            known[key] = answer
        if state and known[key] is answer:
            put(state / f"{key}.json", (json.dumps({"key": key} | answer) + "\n").encode())
        seconds.append(took)
        tell()
    return {file: known[key] for file, key in keys.items()}, seconds


def _job(file, course, where):
    return {"source": base64.b64encode(file.data).decode(), "exercise": file.exercise,
            "seeds": course.seeds, "limits": course.limits, "folder": where and str(where),
            "tasks": len(course.exercises[file.exercise].points)}


def _longest(course, job):
    """How many seconds a submission may take in all: more than its limits can add up to."""
    return SPARE + 12 * course.limits.wall * job["tasks"] * (1 + len(course.seeds))


def _key(file, course, versions):
    asked = [hashlib.sha256(file.data).hexdigest(), file.exercise, course.seeds, course.limits,
             versions[""], versions[file.exercise]]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _kept(path, key):
    """The answer of a former run, or None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_bytes())
        if kept.pop("key") == key:
            return kept
    return None


def version(where=None):
    """What marks depend on beside the submission: digests of minidrop ("") and of each exercise."""
    package = hashlib.sha256(f"{__version__} {numpy.__version__} {platform.python_version()}"
                             .encode())
    for path in sorted(catalog.PACKAGE.rglob("*.py")):
        package.update(path.read_bytes())
    return {"": package.hexdigest()} | {
        name: hashlib.sha256((Path(where or usual()) / f"{name}.py").read_bytes()).hexdigest()
        for name in exercise_names(where)}


def _row(student, chosen, answers, course, known):
    remarks, parts = [*student.remarks], {}
    for file in student.files:
        if file.exercise not in course.exercises:
            remarks.append(f"{file.name} is for no exercise of the course" + (
                f", but for {file.exercise[:40]}" if file.exercise else ""))
    for name, asked in course.exercises.items():
        several = sum(file.exercise == name for file in student.files)
        made, notes = [], []
        for file in chosen[name]:
            when, note = sheet.came(course, student, file)
            notes.append(note)
            answer = answers.get(file) or {"refused": file.refused, "tasks": {}, "seconds": 0.0}
            made.append(sheet.part_of(course, student.name, file, answer, when))
        parts[name] = max(made, key=lambda part: part.total, default=sheet.missing(asked))
        remarks += [f"{name}: {note}" for note in notes[:1] if note and asked.deadline]
        if several > 1:
            remarks.append(f"{name}: {several} files, of which the {course.several} counts, "
                           f"{parts[name].file}")
    return sheet.Row(student.name, parts, tuple(remarks))


def _titles(course, where):
    return {task.name: task.title for name in course.exercises
            for task in exercise_named(name, where).tasks.values()}


def _write(out, course, rows, where):
    titles = _titles(course, where)
    for row in rows:
        put(out / "students" / row.student / "results.json",
            gradescope.text(gradescope.results(course, row, titles)).encode())
    put(out / "marks.csv", sheet.table(course, rows).encode("utf-8-sig", "backslashreplace"))


def grade_one(root, course=None, where=None, watch=None):
    """Mark the submission in a folder laid out as Gradescope's /autograder; the Row of it.

    Reads submission/ and, for the time, submission_metadata.json; writes results/results.json.
    """
    root, known = Path(root), exercise_names(where)
    student = found.student_in(root, known, course.file_kb if course else 256, gradescope=True)
    if course is None:
        names = {file.exercise for file in student.files}
        course = course_of([name for name in known if name in names], where)
    course = replace(course, time=GRADESCOPE, times=None)
    chosen = _chosen(student, course)
    files = [file for files in chosen.values() for file in files if not file.refused]
    answers, _ = _answers(files, course, None, 1, where, watch)
    row = _row(student, chosen, answers, course, known)
    put(root / "results" / "results.json",
        gradescope.text(gradescope.results(course, row, _titles(course, where))).encode())
    return row
