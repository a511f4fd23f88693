"""The command line of verification: `minidrop vectors`."""

from pathlib import Path

import click

from ..suggest import unknown


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[NAME]...")
def vectors(folder, names):
    """Write test vectors to DIR, for code in any language.

    One JSON file for each technique: inputs, noise, parameters, outputs and gradients, with the
    equations they show; index.json explains the format, vectors.schema.json defines it.  With NAMEs
    those techniques alone; "stream" is the random bits themselves.
    """
    from .vectors import CASES, LEFT_OUT, SCHEMA, write

    for name in names:
        if name in LEFT_OUT:
            raise click.UsageError(f"{name} has no test vectors: it is {LEFT_OUT[name]}")
        if name not in CASES:
            raise unknown("technique with test vectors", name, [*CASES])
    try:
        written = write(folder, list(dict.fromkeys(names)))
    except FileExistsError:
        raise click.ClickException(f"{folder} is a file; give a folder") from None
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from None
    wide = max(map(len, written))
    for name, cases in written.items():
        click.echo(f"{name:{wide}}  {cases:3d} cases")
    click.echo(f"written to {folder}: {sum(written.values())} cases in {len(written)} files, "
               f"index.json and {SCHEMA.name}")
