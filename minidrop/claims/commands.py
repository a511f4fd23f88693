"""The command line of the claims: `minidrop claims list | run | show`."""

import itertools

import click

from ..exits import Interrupted
from ..files import short
from ..options import on_backend
from ..suggest import Suggesting, unknown
from ..xp import asked
from . import CLAIMS, history, ledger, stamps
from .claim import by_paper

SCALES = ("quick", "standard", "paper")


@click.group(cls=Suggesting)
def claims():
    """What papers claim, tried on a laptop.

    Every claim is a sentence, an experiment and a rule fixed before the run.
    """


@claims.command("list")
@click.argument("about", default="")
def names(about):
    """The claims, by paper: what they say, how long it takes to try them, and what came out.

    With ABOUT those alone whose name, sentence, paper or techniques have it.
    """
    there = by_paper(claim for claim in CLAIMS.values() if _about(claim, about))
    wide = max(map(len, CLAIMS))
    if not there:
        raise click.UsageError(f"no claim is about {about!r}; `minidrop claims list` has them all")
    for paper, found in there.items():
        click.secho(f"\n{paper}", bold=True)
        for claim in found:
            _paragraph(claim.name, claim.sentence, wide)
            try:
                _paragraph("", "; ".join(_tried(claim)), wide)
            except ValueError as error:
                raise click.ClickException(str(error)) from None


def _about(claim, text):
    words = " ".join([claim.name, claim.sentence, claim.source, *claim.techniques])
    return text.lower() in words.lower()


@claims.command()
@click.argument("name", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All claims, one after another.")
@click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True,
              help="quick: a minute, on digits that come along; standard: real data, for a laptop; "
                   "paper: the paper's sizes as far as they are known, for a GPU.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, by default the claim's own.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="Runs at once on this machine, which share its cores.")
@click.option("--dask", metavar="ADDRESS", help="The scheduler of a Dask cluster that does them.")
@click.option("--yes", is_flag=True, help="Start the paper's scale without a GPU too.")
@on_backend
def run(name, every, scale, seeds, jobs, dask, yes):
    """Run the experiments of the claims NAME and judge them.

    Each finished run is kept in ./minidrop-claims; the same command goes on where it was
    interrupted.  With more seeds those that are there count.  Several jobs, or a cluster, give the
    same results.
    """
    if every == bool(name):
        raise click.UsageError("name claims, or give --all; `minidrop claims list` has them")
    for claim in CLAIMS.values() if every else [*map(_claim, name)]:
        if scale == "paper" and asked() != "cupy" and not yes:
            raise click.ClickException(
                f"{claim.name} at the scale of the paper is {_scale(claim, scale)}; add --backend "
                "cupy where there is a GPU, or --yes to start it without one")
        _run(claim, scale, seeds, jobs, dask)


def _run(claim, scale, seeds, jobs, dask):
    path = ledger.path_of(claim, scale)
    try:
        results = ledger.run(claim, scale, seeds, jobs=jobs, dask=dask)
    except KeyboardInterrupt:
        kept = "finished runs are kept" if path.is_file() else "no run was finished"
        raise Interrupted(f"interrupted; {kept}, and the same command goes on") from None
    except (ValueError, MemoryError, OSError) as error:
        raise click.ClickException(str(error)) from None
    _judge(claim, scale, results, path)


@claims.command()
@click.argument("name")
@click.option("--scale", type=click.Choice(SCALES), help="Which runs, by default your largest.")
def show(name, scale):
    """The claim NAME: source, protocol, rule, and the verdict of the runs that are there.

    Yours in ./minidrop-claims come before those that were published with minidrop.  A figure is
    drawn into ./minidrop-figures.
    """
    claim = _claim(name)
    for label, name in {"claim": "sentence", "source": "source", "known": "known",
                        "protocol": "protocol", "measure": "measure"}.items():
        _paragraph(label, getattr(claim, name))
    if claim.before:
        _paragraph("before", claim.before)
    for label, (word, needs) in zip(("rule", "", "", ""), claim.rule.items(), strict=True):
        _paragraph(label, f"{word}: {needs}")
    _paragraph("scales", _scales(claim))
    for folder, one in itertools.product((ledger.FOLDER, ledger.PUBLISHED),
                                         (scale,) if scale else reversed(SCALES)):
        path = ledger.path_of(claim, one, folder)
        if path.is_file():
            try:
                record = ledger.checked(claim, claim.scales[one], ledger.read(path), path)
                results = ledger.results(claim, record)
            except ValueError as error:
                raise click.ClickException(str(error)) from None
            _judge(claim, one, results, path)
            return
    click.echo(f"results   none yet: minidrop claims run {claim.name}")


@claims.command(hidden=True)
@click.argument("checkout", type=click.Path(exists=True, file_okay=False))
@click.argument("names", nargs=-1, required=True)
@click.option("--scale", type=click.Choice(SCALES), default="standard", show_default=True)
def stamp(checkout, names, scale):
    """Publish the runs of NAMES that older code made: CHECKOUT is a folder with that code.

    Their JSON, in minidrop/claims/results, gets the fingerprint of the code of now, if that of the
    older code is the same; or if both give the same results of all arms at quick scale, with one
    seed, and then the JSON says so.
    """
    for name in names:
        try:
            click.echo(f"{name}: {stamps.stamp(_claim(name), scale, checkout)}")
        except ValueError as error:
            raise click.ClickException(str(error)) from None


def _claim(name):
    if name not in CLAIMS:
        raise unknown("claim", name, [*CLAIMS])
    return CLAIMS[name]


def _paragraph(label, text, wide=8):
    click.echo(click.wrap_text(text, 100, f"{label:{wide}}  ", " " * (wide + 2)))


def _tried(claim):
    """What the scales of a claim take, and the verdict of its published runs."""
    for scale in SCALES:
        took = f"{scale}: {_scale(claim, scale)}"
        yield took if scale != "paper" else took.partition(",")[0]
    for scale, record in ledger.published(claim):
        word = claim.judge(ledger.results(claim, record), claim.scales[scale]).word
        yield f"published, {scale}: {word}"


def _scales(claim):
    return "; ".join(f"{scale}: {_scale(claim, scale)}" for scale in SCALES)


def _scale(claim, scale):
    """How many runs a scale has, and how long they take."""
    arms, seeds = len(claim.arms), claim.scales[scale]["seeds"]
    return f"{arms * seeds} runs ({arms} arms x {seeds}), {claim.takes[scale]}"


def _judge(claim, scale, results, path):
    from ..plots import save_figure

    record, settings = ledger.read(path), claim.scales[scale]
    try:
        word, headline, lines = claim.judge(results, settings)
    except (LookupError, TypeError, AttributeError) as error:
        raise click.ClickException(f"{path} does not hold what {claim.name} measures "
                                   f"({short(error)}); move it away") from None
    click.echo(f"results   {path}: {len(record['runs'])} runs, "
               f"{ledger.minutes(record):.1f} minutes added up")
    for line in (*lines, *history.told(record, claim)):
        click.echo(f"  {line}")
    seeds = len(next(iter(results.values())))
    click.secho(f"{word} ({seeds} seed{'s' * (seeds > 1)}): {headline}", bold=True)
    save_figure(claim.draw(results, settings), f"claim-{claim.name}-{scale}")
