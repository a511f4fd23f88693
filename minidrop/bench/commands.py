"""The command line of the bench: `minidrop bench`."""

import json
from pathlib import Path
from typing import Any

import click

from ..suggest import unknown

FILE = click.Path(dir_okay=False, path_type=Path)


class Interrupted(click.ClickException):
    """Ctrl-C."""

    exit_code = 130


@click.command()
@click.argument("workloads", nargs=-1)
@click.option("--blocks", type=int, help="How often they take turns, by default 15, and 5 for "
              "tables of their own, 9 for techniques.")
@click.option("--against", multiple=True, metavar="LIBRARY",
              help="torch, torch-tuned or jax; may be given again. By default the first two.")
@click.option("--json", "target", type=FILE, help="Also write the records to this file.")
@click.option("--plot", "figure", type=FILE, help="Also draw them, as a PNG, PDF or SVG.")
def bench(workloads, blocks, against, target, figure):
    """Time minidrop beside PyTorch.

    They take turns in one run, each in a process of its own.  WORKLOADS are letters, by default
    all.  PyTorch takes part twice: out of the box, and tuned, with channels_last images and
    minidrop's setting of the memory allocator.

    Tables of their own are `bench multi_sample`, multi-sample dropout with m samples beside a batch
    that is repeated m times; `bench pruning`, what networks save that are pruned and compressed;
    `bench techniques`, a layer or a step with each technique over one without it; and `bench
    sizes`, time and memory of a step against width, depth, batch and image size.
    """
    from . import plot, pruning, samples, sizes, steps, table, techniques

    tables: dict[str, Any] = {"multi_sample": samples, "pruning": pruning,
                              "techniques": techniques, "sizes": sizes}
    for name in workloads:
        if name not in (*steps.WORKLOADS, *tables):
            raise unknown("workload", name, [*steps.WORKLOADS, *tables])
        if name in tables and len(workloads) > 1:
            raise click.UsageError(f"{name} is a table of its own: minidrop bench {name}")
    for name in against:
        if name not in [*steps.LIBRARIES][1:]:
            raise unknown("library", name, [*steps.LIBRARIES][1:])
    given = {} if blocks is None else {"blocks": blocks}
    alone = tables[workloads[0]] if workloads and workloads[0] in tables else None
    if alone:
        if against:
            raise click.UsageError(f"--against is for workloads, not for {workloads[0]}")
        if figure and not hasattr(alone, "plot"):
            raise click.UsageError(f"--plot is not for {workloads[0]}")
    elif against:
        given["against"] = against
    try:
        records = alone.run(**given) if alone else steps.run(
            workloads or tuple(steps.WORKLOADS), **given)
        click.echo((alone or table).table(records))
        if target:
            target.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
            click.echo(f"written: {target}")
        if figure:
            (alone or plot).plot(records, figure)
            click.echo(f"figure: {figure}")
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing is written") from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
