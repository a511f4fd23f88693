"""The commands of a lecturer: `minidrop grade report`, `course` and `autograder`."""

import os
import shlex
import time
from contextlib import contextmanager
from pathlib import Path

import click

from ..exits import Interrupted
from ..files import create


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--course", "course_file", type=click.Path(dir_okay=False, path_type=Path),
              help="A TOML file with exercises, points, deadlines, hidden seeds and limits; "
              "minidrop grade course writes one.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="Where the marks go, by default FOLDER-marks.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True,
              help="So many submissions at a time.")
def report(folder, course_file, out, jobs):
    """Mark a class: in FOLDER lies one folder for each student.

    The files in it may have any name: for which exercise one is, its line EXERCISE says, or else
    its name.  Each submission runs in a process of its own, with limits.  Into the folder of the
    marks go marks.csv, with a row for each student, and students/NAME/results.json, in Gradescope's
    form.  The same command, given again, marks only what is new or has changed.
    """
    from . import sheet
    from .report import grade_class

    course, start = _course(course_file), time.monotonic()
    again = ["minidrop", "grade", "report", str(folder), "--jobs", str(jobs)]
    for option, value in (("--course", course_file), ("--out", out)):
        again += [option, str(value)] if value else []
    with _answered(shlex.join(again)) as bar:
        marked = grade_class(folder, out, course, jobs, watch=bar)
    where = _place(folder, out)
    for remark in marked.remarks:
        click.echo(f"note: {sheet.plain_cell(remark)}")
    click.echo(sheet.summary(marked.course, marked.rows))
    click.echo(f"{len(marked.rows)} students, {marked.files} submissions, "
               f"{len(marked.seconds)} of them marked now, in {time.monotonic() - start:.1f} s"
               + _each(marked.seconds))
    click.echo(f"written: {where / 'marks.csv'} and {where / 'students'}")


def _each(seconds):
    if not seconds:
        return ""
    return (f": {sum(seconds) / len(seconds):.2f} s for each on average, "
            f"{max(seconds):.2f} s for the slowest")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="course.toml")
def course(file):
    """Write an example of a course file, with a comment for everything that may stand in it.

    Its hidden seeds are drawn for you.
    """
    from .course import example

    try:
        create(file, example(file.name))
    except OSError as error:
        asked = isinstance(error, FileExistsError | FileNotFoundError | IsADirectoryError)
        kind = click.UsageError if asked else click.ClickException
        raise kind(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"written: {file}; then: minidrop grade report FOLDER --course {file}")


@click.command()
@click.option("--course", "course_file", type=click.Path(dir_okay=False, path_type=Path),
              help="As in minidrop grade report.")
@click.option("--root", type=click.Path(exists=True, file_okay=False, path_type=Path),
              default="/autograder", show_default=True, help="Where Gradescope's folders lie.")
def autograder(course_file, root):
    """Mark one submission on Gradescope.

    Reads submission/ and, for the time, submission_metadata.json; writes results/results.json.  An
    autograder is a zip of course.toml and two scripts: setup.sh, which installs minidrop, and
    run_autograder, which holds: minidrop grade autograder --course /autograder/source/course.toml
    """
    from .report import grade_one

    course = _course(course_file)
    with _answered("minidrop grade autograder") as bar:
        row = grade_one(root, course, watch=bar)
    click.echo(f"written: {root / 'results' / 'results.json'}, {row.total:g} points")


def _course(file):
    from .course import read_course

    if file is None:
        return None
    try:
        return read_course(file)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _place(folder, out):
    from .report import place

    found = place(folder, out)
    near = os.path.relpath(found)
    return found if near.startswith("..") else Path(near)


@contextmanager
def _answered(again):
    """A progress bar on stderr, where that is a terminal; errors and Ctrl-C become sentences."""
    from tqdm import tqdm

    with tqdm(desc="marking", unit="file", disable=None, leave=False, dynamic_ncols=True) as bar:
        told = [0, 0]

        def watch(done, number):
            bar.total, bar.n, told[:] = number, done, [done, number]
            bar.refresh()

        try:
            yield watch
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted, {told[0]} of {told[1]} are marked; to go on: {again}"
                              ) from None
        except BlockingIOError as error:
            raise click.UsageError(f"{error}; wait for it to end") from None
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise click.UsageError(str(error)) from None
