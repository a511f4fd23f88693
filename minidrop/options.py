"""What several commands of the command line take: `--backend`."""

import functools

import click

from .placement import runs
from .xp import BACKENDS, asked, using


def on_backend(command):
    """Give a command the option --backend: each `fit` in it computes there.

    At the end it says how many did: no other line leaves the host.
    """
    @click.option("--backend", type=click.Choice(BACKENDS),
                  help="Where each run of fit computes, by default as MINIDROP_BACKEND says or on "
                       "the host; its network is given back to the host, where all else is done.")
    @functools.wraps(command)
    def within(*args, backend, **named):
        before = runs.copy()
        try:
            chosen = asked(backend)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        with using(backend):
            result = command(*args, **named)
        if chosen and (there := (runs - before)[chosen]):
            click.echo(f"backend: {there} run{'s' * (there > 1)} of fit on {chosen}")
        elif chosen and named.get("name"):
            click.echo("backend: nothing here calls fit, so all was computed with NumPy")
        return result

    return within
