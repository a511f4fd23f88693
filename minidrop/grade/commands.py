"""The command line of exercises: `minidrop grade`, `grade start` and `grade check`."""

import copy
import json
import sys
import textwrap
from pathlib import Path

import click

from ..exits import Interrupted
from ..files import create, put
from ..suggest import Suggesting, unknown
from .authors import named, prove
from .report_command import autograder, course, report


@click.group(cls=Suggesting, invoke_without_command=True)
@click.pass_context
def grade(context):
    """Exercises: start one, check it, and see where it is wrong.

    Without a command it lists them.
    """
    if context.invoked_subcommand is None:
        _list()


def _list():
    from .exercise import exercise_names

    exercises = [named(name) for name in exercise_names()]
    wide, most = (max((len(text) for text in texts), default=0) for texts in (
        [one.name for one in exercises], [one.lesson for one in exercises]))
    for one in exercises:
        tasks = f"{len(one.tasks)} task{'s' if len(one.tasks) > 1 else ' '}"
        line = f"{one.name:{wide}}  {tasks} {one.points:4g} points  lesson {one.lesson:{most}}  "
        click.echo(line + textwrap.shorten(one.title, 100 - len(line), placeholder=" ..."))
    points = sum(one.points for one in exercises)
    click.echo(f"\n{len(exercises)} exercises, {sum(len(one.tasks) for one in exercises)} tasks, "
               f"{points:g} points\nbegin with: minidrop grade start dropout")


@grade.command()
@click.argument("names", nargs=-1, metavar="NAME... [FILE or FOLDER]")
@click.option("--all", "everything", is_flag=True, help="Start all exercises.")
def start(names, everything):
    """Write the stub of an exercise: the file in which its functions are to be written.

    It is NAME.py in this folder, or the FILE or in the FOLDER that is given last.  A file that is
    there already is left as it is.
    """
    from .exercise import exercise_names
    from .stub import stub

    names, target = _target(names)
    if everything:
        names = exercise_names()
    if not names:
        raise click.UsageError("say which exercise: minidrop grade start dropout; "
                               "minidrop grade lists them")
    if target.suffix == ".py" and len(names) > 1:
        raise click.UsageError(f"{target} is one file, and there are {len(names)} exercises; "
                               "give a folder")
    exercises = [named(name) for name in dict.fromkeys(names)]
    written = []
    for exercise in exercises:
        path = target if target.suffix == ".py" else target / f"{exercise.name}.py"
        if _write(path, stub(exercise)):
            written.append((path, exercise))
        elif len(exercises) == 1:
            raise click.UsageError(
                f"{path} is there already and is left as it is; for a new one give another name: "
                f"minidrop grade start {exercise.name} {_free(path)}")
        else:
            click.echo(f"left as it is: {path}")
    for path, exercise in written:
        click.echo(f"written: {path}  ({len(exercise.tasks)} tasks, {exercise.points:g} points; "
                   f"the lesson: minidrop lesson {exercise.lesson})")
    if written:
        click.echo("write the bodies of its functions, then: minidrop grade check "
                   + " ".join(str(path) for path, _ in written[:1]))


def _target(names):
    """(names, path) where the last one may be a file or a folder."""
    last = names[-1] if names else ""
    apart = last and Path(last).name != last      # a/b, a/ or .
    if apart or len(names) > 1 and (last.endswith(".py") or Path(last).is_dir()):
        return names[:-1], Path(last)
    return names, Path()


def _write(path, text):
    """Write a new file; False where there is one already."""
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
    except OSError:
        raise click.ClickException(f"{path.parent} is no folder, and cannot be made one") from None
    try:
        create(path, text)
    except FileExistsError:
        return False
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    return True


def _free(path):
    """A name beside a path that is not taken."""
    numbered = (path.with_name(f"{path.stem}{i}.py") for i in range(2, 10**6))
    return next(one for one in numbered if not one.exists())


@grade.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...",
                type=click.Path(path_type=Path))
@click.option("--task", help="Check this task alone, as dropblock.3.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Which inputs are tried.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write the marks to this file.")
def check(files, task, seed, target):
    """Mark submissions, and draw the smallest input that fails.

    A FILE says by its line EXERCISE = "dropout" what it is for, or by its name.  The exit code is
    0 where everything is right, 1 where something is wrong, 2 for a question that cannot be
    answered, 130 after Ctrl-C.
    """
    from .. import terminal
    from .shown import show

    if target and not target.parent.is_dir():
        raise click.UsageError(f"there is no folder {target.parent} for --json")
    given = [(path, *_read(path, task)) for path in files]
    out, record, todo = terminal.console(**({} if sys.stdout.isatty() else {"width": 100})), [], []
    for path, source, exercise in given:
        marks = _marked(path, source, exercise, seed)
        show(out, marks, exercise, path, source, seed)
        record.append(_record(path, marks))
        todo += [] if marks.points == marks.most else [path]
    if target:
        _write_over(target, json.dumps(record, indent=2) + "\n")
        click.echo(f"written: {target}")
    if todo:
        click.echo(f"once more: minidrop grade check {' '.join(map(str, todo))}")
    else:
        click.echo(f"{_next(files)}")
    click.get_current_context().exit(1 if todo else 0)


def _read(path, task):
    """(source, exercise) of a submission; of the exercise only one task, if it is named."""
    from .exercise import exercise_names
    from .marking import exercise_of

    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; for a class: minidrop grade report {path}")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    name = exercise_of(source) or path.stem
    if name not in exercise_names():
        raise click.UsageError(
            f"{path} does not say which exercise it is for: it needs a line EXERCISE = \"NAME\", "
            f"or NAME.py as its name, where NAME is one of {', '.join(exercise_names())}")
    exercise = copy.copy(named(name))
    if task is not None:
        if task not in exercise.tasks:
            raise unknown("task", task, [*exercise.tasks])
        exercise.tasks = {task: exercise.tasks[task]}
    return source, exercise


def _marked(path, source, exercise, seed):
    """Marks of a submission, with a bar on stderr where that is a terminal."""
    from tqdm import tqdm

    from .marking import mark

    with tqdm(total=len(exercise.tasks), desc=str(path), unit="task", disable=None, leave=False,
              dynamic_ncols=True) as bar:
        done = []

        def watch(one):
            done.append(one)
            bar.set_postfix_str(one.task, refresh=False)
            bar.update()
        try:
            return mark(source, exercise, seed, watch=watch)
        except KeyboardInterrupt:
            right = sum(one.right for one in done)
            raise Interrupted(f"{path}: interrupted after {len(done)} of {len(exercise.tasks)} "
                              f"tasks; {right} of them right") from None


def _record(path, marks):
    """Marks as JSON holds them."""
    return {"file": str(path), "exercise": marks.exercise, "points": marks.points,
            "most": marks.most, "refused": marks.refused, "seconds": round(marks.seconds, 3),
            "tasks": [{"task": one.task, "points": one.points, "most": one.most,
                       "inputs": one.verdict.tried, "right": one.verdict.right,
                       **_failed(one.verdict.failure)} for one in marks.marks]}


def _failed(failure):
    return {} if failure is None else {"kind": failure.kind, "said": failure.said,
                                       "hint": failure.hint}


def _write_over(path, text):
    try:
        put(path, text.encode())
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def _next(files):
    """What to do when all is right: the next exercise that has no file beside these."""
    from .exercise import exercise_names

    beside = files[-1].parent
    left = [name for name in exercise_names() if not (beside / f"{name}.py").exists()]
    return f"next: minidrop grade start {left[0]}" if left else "that was the last exercise"


for command in (prove, report, course, autograder):
    grade.add_command(command)
