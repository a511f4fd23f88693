"""The command line of an author of exercises: `minidrop grade prove`."""

from pathlib import Path

import click

from ..exits import Interrupted
from ..suggest import unknown


def named(name):
    """The exercise of a name that a user gave."""
    from .exercise import exercise_names

    name = name.lower().removesuffix(".py").partition(".")[0]
    if name not in exercise_names():
        raise unknown("exercise", name, exercise_names())
    return made(name)


def made(name, folder=None):
    """An exercise that exists; one that its author broke is told from a wrong question."""
    from .exercise import exercise_named

    try:
        return exercise_named(name, folder)
    except Exception as error:
        raise click.ClickException(f"the exercise {name} cannot be read: "
                                   f"{type(error).__name__}: {error}") from error


@click.command()
@click.argument("names", nargs=-1, metavar="NAME|FILE...")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--all", "everything", is_flag=True, help="Prove all exercises.")
def prove(names, seed, everything):
    """For authors: mark all that an exercise brings along, right and wrong.

    The specification and the other right solutions have to pass, the blank stub has to fail, and
    each known mistake with its reason.  A FILE is an exercise that is not among the lessons yet.
    The exit code is 1 where something does not hold.
    """
    from tqdm import tqdm

    from .exercise import exercise_names
    from .prove import prove as proofs_of

    if everything:
        names = exercise_names()
    if not names:
        raise click.UsageError("say which exercise: minidrop grade prove dropout, or its file")
    broken = 0
    for name in names:
        path = Path(name)
        exercise = made(path.stem, path.parent) \
            if path.suffix == ".py" and path.is_file() else named(name)
        with tqdm(desc=exercise.name, unit="submission", disable=None, leave=False,
                  dynamic_ncols=True) as bar:
            def watch(done, total, bar=bar):
                bar.total = total
                bar.update()
            try:
                proofs = proofs_of(exercise, seed, watch)
            except KeyboardInterrupt:
                raise Interrupted(f"{exercise.name}: interrupted after {bar.n} of {bar.total} "
                                  "submissions") from None
        broken += _table(exercise, proofs)
    click.get_current_context().exit(1 if broken else 0)


def _table(exercise, proofs):
    """Print proofs, and return how many of them do not hold."""
    click.secho(f"{exercise.name}: {exercise.title}", bold=True)
    for one in proofs:
        word = "holds" if one.holds else "FAILS"
        click.secho(f"  {word}  {one.task}  {one.what}", fg=None if one.holds else "red")
        if not one.holds:
            click.echo(f"         {one.said}")
    broken = sum(not one.holds for one in proofs)
    click.echo(f"{len(proofs) - broken} of {len(proofs)} hold\n")
    return broken
