"""The command line of the claims: `minidrop claims list | run | show`."""

import itertools

import click

from ..suggest import Suggesting, unknown
from . import CLAIMS, ledger

SCALES = ("quick", "standard")


@click.group(cls=Suggesting)
def claims():
    """What papers claim, tried on a laptop.

    Every claim is a sentence, an experiment and a rule fixed before the run.
    """


@claims.command("list")
def names():
    """The claims, and what they say."""
    wide = max(map(len, CLAIMS))
    for claim in CLAIMS.values():
        click.echo(f"{claim.name:{wide}}  {claim.sentence}")


@claims.command()
@click.argument("name")
@click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True,
              help="quick: a minute, on digits that come along; standard: real data.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, by default the claim's own.")
def run(name, scale, seeds):
    """Run the experiment of the claim NAME and judge it.

    Each finished run is kept in ./minidrop-claims; the same command goes on where it was
    interrupted.  With more seeds those that are there count.
    """
    claim = _claim(name)
    path = ledger.path_of(claim, scale)
    try:
        results = ledger.run(claim, scale, seeds)
    except KeyboardInterrupt:
        kept = "finished runs are kept" if path.is_file() else "no run was finished"
        raise click.ClickException(f"interrupted; {kept}, and the same command goes on") from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"results: {path}")
    _judge(claim, results, claim.scales[scale])


@claims.command()
@click.argument("name")
@click.option("--scale", type=click.Choice(SCALES), help="Which runs, by default the largest.")
def show(name, scale):
    """The claim NAME: source, protocol, rule, and the verdict of the runs that are there.

    Yours in ./minidrop-claims come before those that were published with minidrop.
    """
    claim = _claim(name)
    for label in ("sentence", "source", "known", "protocol", "measure", "rule", "refuted"):
        click.echo(f"{label:9} {getattr(claim, label)}")
    for folder, one in itertools.product((ledger.FOLDER, ledger.PUBLISHED),
                                         (scale,) if scale else reversed(SCALES)):
        path = ledger.path_of(claim, one, folder)
        if path.is_file():
            try:
                record = ledger.checked(claim, claim.scales[one], ledger.read(path), path)
                results = ledger.results(claim, record)
            except ValueError as error:
                raise click.ClickException(str(error)) from None
            click.echo(f"results   {path}")
            _judge(claim, results, claim.scales[one])
            return
    click.echo(f"results   none yet: minidrop claims run {claim.name}")


def _claim(name):
    if name not in CLAIMS:
        raise unknown("claim", name, [*CLAIMS])
    return CLAIMS[name]


def _judge(claim, results, settings):
    from ..plots import save_figure

    word, lines = claim.judge(results, settings)
    for line in lines:
        click.echo(f"  {line}")
    seeds = len(next(iter(results.values())))
    click.secho(f"{word} ({seeds} seed{'s' * (seeds > 1)})", bold=True)
    save_figure(claim.draw(results, settings), f"claim-{claim.name}")
