"""The command line: `minidrop lesson`, `show`, `train`, `bench`, `claims` and the others."""

import json
import sys
import traceback

import click

from . import __version__
from .bench.commands import bench
from .claims.commands import claims
from .data.commands import data
from .exits import CODES, Interrupted, Main
from .grade.commands import grade
from .models.commands import train
from .options import on_backend
from .suggest import unknown
from .verify.commands import vectors, verify


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"]},
             epilog="\b\nExit codes:\n" + "\n".join(
                 f"{code:4} {what}" for code, what in CODES.items()))
@click.version_option(__version__, prog_name="minidrop")
def main():
    """minidrop: the dropout family, written out.

    Start with `minidrop lesson dropout`.
    """
    from .allocator import tune

    tune()
    for stream in (sys.stdout, sys.stderr):       # a terminal that lacks a symbol shows "?"
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@main.command()
@click.argument("name", required=False)
@click.option("--code/--no-code", default=True, help="Show the code as well as the text.")
@on_backend
def lesson(name, code):
    """Run the lesson NAME, or list the lessons.

    A lesson explains, checks and trains; its figures are saved to ./minidrop-figures/.
    The last line names its file, to be read, changed and run.  MINIDROP_SMOKE=1 makes it brief.
    What it found is asserted; an exercise may find something else: `python -O` leaves out asserts.
    With --backend cupy its runs of fit compute on the GPU; the lines that you read stay NumPy.
    """
    from . import lesson as lessons

    places = {known: f"{number:02d}" for number, known in enumerate(lessons.ORDER, 1)}
    if name is None:
        wide = max(map(len, lessons.ORDER))
        for known in lessons.written():
            click.echo(f"{places[known]}  {known:{wide}s}  {lessons.title(known)}")
        return
    name = name.lower().removesuffix(".py")
    name = next((known for known, place in places.items()
                 if name in (place, place.lstrip("0"), f"{place}_{known}")), name)
    if name not in lessons.written():
        for known in lessons.written():           # the one that shows the technique's equations
            if rf"\tag{{{name}." in lessons.path_of(known).read_text(encoding="utf-8"):
                raise click.UsageError(f"there is no lesson {name!r}; did you mean {known!r}, "
                                       "which is about it?")
        raise unknown("lesson", name, lessons.written())
    try:
        lessons.run(name, code=code)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; start again with: minidrop lesson {name}") from None
    except OSError:
        raise
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    click.echo(f"\nlesson: {lessons.path_of(name)}")


@main.command(short_help="The equations of a technique, or what a model is.")
@click.argument("name", required=False)
@click.option("--table", is_flag=True, help="List all as a Markdown table.")
@click.option("--graph", is_flag=True, help="Draw the computation graph of a model.")
def show(name, table, graph):
    """Equations of a technique beside the lines that compute them, or what a model is.

    NAME may also be the tag of one equation, such as adam.4, or a function of the technique.
    Without NAME a list of all.
    """
    from . import catalog, lesson, terminal
    from .models.commands import MODELS, page

    techniques = catalog.techniques()
    known = {technique.name: technique for technique in techniques}
    tagged = {equation.tag: equation for technique in techniques
              for equation in technique.equations}
    defined = {function: technique for technique in techniques
               for function in catalog.functions(technique)}
    if table:
        click.echo(catalog.table())
    elif name is None:
        _contents(techniques, MODELS)
    elif name in MODELS:
        page(name, graph)
    elif graph and name in known | tagged | defined:
        kind = "an equation" if name in tagged else "a technique" if name in known else "a function"
        raise click.UsageError(f"--graph draws models, and {name} is {kind}; there are "
                               f"{', '.join(MODELS)}")
    elif name in known | defined:
        _show_technique(terminal.console(), (defined | known)[name])
    elif name in tagged:
        _show_equation(terminal.console(), tagged[name])
    elif name in lesson.written():
        raise click.UsageError(f"{name} is a lesson and no technique: see `minidrop lesson {name}`")
    elif "." in name:
        raise unknown("equation", name, [*tagged])
    else:
        raise unknown("technique or model", name, [*sorted(known), *MODELS])


HEADINGS = {"optim": "optimizers", "nn": "networks", "ops": "functions", "functional": "functions",
            "fast": "functions", "minidrop": "measures"}


def _contents(techniques, models):
    """Print the techniques and models, one a line, below the folders they lie in."""
    groups: dict[str, list] = {}
    for technique in techniques:
        folder = technique.path.parent.name
        groups.setdefault(HEADINGS.get(folder, folder), []).append((technique.name,
                                                                    technique.summary))
    groups["models"] = [(model, (build.__doc__ or "").splitlines()[0])
                        for model, build in models.items()]
    wide = max(len(entry) for entries in groups.values() for entry, _ in entries)
    for heading, entries in groups.items():
        click.secho(heading, bold=True)
        for entry, summary in entries:
            click.echo(f"  {entry:{wide}s}  {summary}")


def _show_technique(out, technique):
    """Print a technique: what it is, equations, remarks, where it differs, and what to call."""
    from . import terminal
    from .catalog import functions

    terminal.print_markdown(out, f"**{technique.summary}**")
    for label, body in technique.sections.items():
        if label not in ("Without noise", "Differs"):
            out.print()
            terminal.print_markdown(out, f"**{label}**  {body}")
    for equation in technique.equations:
        out.print()
        _show_equation(out, equation)
    for remark in technique.remarks:
        out.print()
        terminal.print_markdown(out, remark)
    for label in ("Without noise", "Differs"):
        if label in technique.sections:
            out.print()
            terminal.print_markdown(out, f"**{label}**\n\n{technique.sections[label]}")
    names = [f"md.{name}" for name in functions(technique) if name in dir(sys.modules[__package__])]
    if names:
        click.echo(f"\nin Python, after import minidrop as md: {', '.join(names)}")
    click.echo(f"\none equation alone: minidrop show {technique.equations[-1].tag}")


def _show_equation(out, equation):
    """Print an equation, the lines that compute it and the tests that show it."""
    from . import terminal

    terminal.print_markdown(out, f"*{equation.place}*: {equation.title}" if equation.place
                            else equation.title)
    terminal.print_formula(out, rf"{equation.latex} \tag{{{equation.tag}}}")
    for line in equation.lines:
        click.echo(f"    {where(line)}  in {line.function}")
        terminal.print_code(out, line.code)
    for test in equation.tests:
        click.echo(f"    {where(test)}  test_{test.name}")


@main.command()
@click.argument("name", required=False)
def equations(name):
    """Every equation: tag, paper, line, test.

    With NAME those of one technique.
    """
    from . import catalog, terminal

    known = [technique.name for technique in catalog.techniques()]
    if name and name not in known:
        raise unknown("technique", name, known)
    for technique in catalog.techniques():
        if name not in (None, technique.name):
            continue
        click.secho(technique.summary, bold=True)
        for equation in technique.equations:
            click.echo(f"  ({equation.tag})  {equation.place}: {terminal.plain(equation.title)}")
            click.echo(f"      {terminal.formula(equation.latex)}")
            for line in equation.lines:
                click.echo(f"      {where(line)}  {line.function}")
            for test in equation.tests:
                click.echo(f"      {where(test)}  test_{test.name}")


def where(line):
    """path:number of a line, from the package's own folder on."""
    from .catalog import PACKAGE

    return f"{line.path.relative_to(PACKAGE.parent).as_posix()}:{line.number}"


main.add_command(bench)
main.add_command(claims)
main.add_command(data)
main.add_command(grade)
main.add_command(train)
main.add_command(vectors)
main.add_command(verify)


@main.command()
@click.option("--report", is_flag=True,
              help="More, for a report of a fault: it names no user, machine or path.")
@click.option("--json", "as_json", is_flag=True, help="What --report prints, as JSON.")
def doctor(report, as_json):
    """Versions, threads, BLAS, GPU, data of this machine."""
    from .doctor import report as facts
    from .fault_report import gathered

    found = gathered() if report or as_json else facts()
    if as_json:
        return click.echo(json.dumps(dict(found), indent=1))
    wide = max(12, *(len(what) for what, _ in found))
    for what, text in found:
        click.echo(f"{what:{wide}s} {text}")
