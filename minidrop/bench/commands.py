"""The command line of the bench: `minidrop bench`."""

import json
from functools import partial
from pathlib import Path

import click

from ..exits import Interrupted
from ..files import put
from ..suggest import unknown
from ..xp import BACKENDS

FIGURES = ".png", ".pdf", ".svg"
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("workloads", nargs=-1)
@click.option("--blocks", type=int, help="How often they take turns, by default 15, and 5 for "
              "tables of their own, 9 for techniques.")
@click.option("--against", multiple=True, metavar="LIBRARY",
              help="torch, torch-tuned or jax; may be given again. By default the first two.")
@click.option("--json", "target", type=FILE, help="Also write the records to this file, after "
              "each workload or line.")
@click.option("--plot", "figure", type=FILE, help="Also draw them, as a PNG, PDF or SVG.")
@click.option("--backend", type=click.Choice(BACKENDS), help="cupy: minidrop and PyTorch on the "
              "GPU, in float32 without TF32, timed by its events.")
def bench(workloads, blocks, against, target, figure, backend):
    """Time minidrop beside PyTorch.

    They take turns in one run, each in a process of its own.  WORKLOADS are letters, by default
    all: a large MLP, b small MLP, c LeNet, d VGG, e ResNet-20, f ViT, g dropout, h DropConnect.
    PyTorch takes part twice: out of the box, and tuned, with channels_last images and minidrop's
    setting of the memory allocator.

    Tables of their own are `bench multi_sample`, multi-sample dropout with m samples beside a batch
    that is repeated m times; `bench pruning`, what networks save that are pruned and compressed;
    `bench techniques`, a layer or a step with each technique over one without it; and `bench
    sizes`, time and memory of a step against width, depth, batch and image size.  To run
    some lines only, name them after the table: `bench techniques dropblock`, `bench sizes width`.

    What is measured when Ctrl-C is pressed is shown and written.
    """
    run, table, draw = _plan(workloads, against, backend)
    if figure and not draw:
        raise click.UsageError(f"--plot is not for {workloads[0]}")
    for option, path in (("json", target), ("plot", figure)):
        if path and not path.parent.is_dir():
            raise click.UsageError(f"there is no folder {path.parent} for --{option}")
    if figure and figure.suffix.lower() not in FIGURES:
        raise click.UsageError(f"--plot must end in {', '.join(FIGURES)}, got {figure.name}")
    records: list = []

    def show():
        click.echo(table(records))
        if target:
            click.echo(f"written: {target}")
        if figure:
            draw(records, figure)
            click.echo(f"figure: {figure}")

    try:
        try:
            for record in run(**({} if blocks is None else {"blocks": blocks})):
                records.append(record)
                if target:
                    put(target, (json.dumps(records, indent=2) + "\n").encode())
        finally:
            if records:
                show()
    except KeyboardInterrupt:
        rest = "what was measured is above" if records else "nothing is written"
        raise Interrupted(f"interrupted; {rest}") from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _plan(words, against, backend):
    """What runs, with the names that are given; its table; and its figure or None."""
    from . import plot, pruning, samples, sizes, steps, table, techniques

    tables: dict[str, tuple] = {
        "multi_sample": (samples, "sample", "", {}),
        "pruning": (pruning, "network", "networks", pruning.NETWORKS),
        "techniques": (techniques, "technique", "names", techniques.TECHNIQUES),
        "sizes": (sizes, "way to grow", "ways", sizes.WAYS)}
    if not words or words[0] not in tables:
        for name in words:
            if name not in steps.WORKLOADS:
                raise _misplaced(name) if name in tables else unknown(
                    "workload", name, [*steps.WORKLOADS, *tables])
        for name in against:
            if name not in [*steps.LIBRARIES][1:]:
                raise unknown("library", name, [*steps.LIBRARIES][1:])
        given: dict = {"against": against} if against else {}
        given |= {"backend": backend} if backend else {}
        return partial(steps.run, words or tuple(steps.WORKLOADS), **given), table.table, plot.plot
    first, *names = words
    module, kind, keyword, known = tables[first]
    for option, value in (("against", against), ("backend", backend)):
        if value:
            raise click.UsageError(f"--{option} is for workloads, not for {first}")
    for name in names:
        if name not in known:
            raise unknown(kind, name, [*known]) if known else _misplaced(first)
    given = {keyword: {name: known[name] for name in names}} if names else {}
    return partial(module.run, **given), module.table, getattr(module, "plot", None)


def _misplaced(name):
    return click.UsageError(f"{name} is a table of its own: minidrop bench {name}")
