"""The command line of verification: `minidrop verify` and `minidrop vectors`."""

import json
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from ..exits import Interrupted
from ..files import short
from ..suggest import unknown


@click.command(context_settings={"allow_extra_args": True},
               short_help="Hold an implementation against the equations.")
@click.argument("name", required=False)
@click.option("--impl", metavar="PLACE", help="The implementation: package.module:callable or "
              "path/to/file.py:callable; a.b.c leads to what is inside of a class or an object.")
@click.option("--framework", help="numpy, torch, keras, jax or minidrop, if it is not found out.")
@click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), default="NCHW", show_default=True,
              help="Where the channels of images are.")
@click.option("--rate", type=click.Choice(["drop", "keep"]),
              help="What its rate says, where the name of the argument does not.")
@click.option("--bind", multiple=True, metavar="ARGUMENT=ROLE",
              help="What an argument is for, as drop=p.")
@click.option("--set", "extra", multiple=True, metavar="ARGUMENT=VALUE",
              help="A value for an argument that is no part of the technique, as inplace=false.")
@click.option("--fixed", multiple=True, metavar="PARAMETER=VALUE",
              help="The parameters of a layer that is made already, which can be given no "
              "others, as p=0.3.")
@click.option("--form", multiple=True, metavar="OPTION=VALUE",
              help="Which form of the technique it is held against, as scaling=paper; "
              "minidrop verify NAME lists them.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=30.0,
              show_default=True, help="What one check may compute; by the wall clock it may take "
              "ten times that.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write the report, or the matrix, to this file.")
@click.option("--field", is_flag=True, help="Verify what is installed of PyTorch, torchvision, "
              "timm, Keras, Flax, Equinox, kornia and minidrop: NAME, or everything.")
@click.option("--show", is_flag=True, help="With --field: the matrix of a former run, which comes "
              "with minidrop.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True,
              help="With --field: so many at a time.")
@click.pass_context
def verify(context, name, impl, target, field, show, jobs, **settings):
    """Hold an implementation against the equations of the technique NAME.

    It is run as a black box, in a process of its own, in training and in evaluation; the answer
    says for every equation whether it holds, fails, or cannot be seen from outside.  For instance:
    minidrop verify dropout --impl torch.nn:Dropout.  Without --impl it says what is checked, and
    without NAME what can be verified.  The exit code is 0 where everything holds
    that can be seen, 1 where something fails, 2 for a question that cannot be answered.
    """
    from .techniques import NAMES

    if name is not None and name not in NAMES and (":" in name or name.endswith(".py")):
        raise click.UsageError(f"say what {name} is to be: minidrop verify NAME --impl {name}; "
                               "minidrop verify lists the names")
    if name is not None and name not in NAMES:
        raise unknown("technique to verify", name, [*NAMES])
    if context.args:
        raise click.UsageError(f"an implementation is given with --impl: minidrop verify {name} "
                               f"--impl {context.args[0]}")
    if field:
        from .field import command

        given = {key: value for key, value in settings.items()
                 if context.get_parameter_source(key) is not ParameterSource.DEFAULT}
        ours = {key: given.pop(key) for key in ("seed", "seconds") if key in given}
        command.field(name, impl, target, jobs, show, ours, [*given])
    elif show or jobs > 1:
        raise click.UsageError("--show and --jobs go with --field")
    elif name is None and impl:
        raise click.UsageError(f"say what {impl} is to be: minidrop verify NAME --impl {impl}; "
                               "minidrop verify lists the names")
    elif name is None:
        _names()
    elif impl is None:
        _describe(name)
    else:
        _verify(name, impl, target, settings)


def _verify(name, impl, target, settings):
    """Print the report of an implementation, and leave with its exit code."""
    from .. import terminal
    from .run import check
    from .techniques import technique_named

    pairs = {key: _pairs(f"--{'set' if key == 'extra' else key}", settings.pop(key))
             for key in ("bind", "extra", "fixed", "form")}
    form = pairs.pop("form")
    if target and not target.parent.is_dir():
        raise click.UsageError(f"there is no folder {target.parent} for --json")
    with _Progress(name) as progress:
        try:
            technique_named(name).form(form)
            report = check(impl, name, watch=progress, **settings, **pairs, **form)
        except (ValueError, TypeError) as error:
            raise click.UsageError(str(error)) from None
        except KeyboardInterrupt:
            raise Interrupted(progress.sentence()) from None
    terminal.console(**({} if sys.stdout.isatty() else {"width": 100})).print(report)
    if target:
        try:
            report.write(target)
        except OSError as error:
            raise click.ClickException(f"{target} cannot be written: {error.strerror}") from None
        click.echo(f"written: {target}")
    click.get_current_context().exit(0 if report.holds else 1)


class _Progress:
    """A bar on stderr, where that is a terminal; called with each Finding."""

    def __init__(self, name):
        from tqdm import tqdm

        from .techniques import technique_named

        self.findings = []
        self.bar = tqdm(total=len(technique_named(name).checks), desc=name, unit="check",
                        disable=None, leave=False, dynamic_ncols=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    def __call__(self, finding):
        self.findings.append(finding)
        self.bar.set_postfix_str(finding.check, refresh=False)
        self.bar.update()

    def sentence(self):
        """What was found before it was interrupted."""
        wrong = [one.check for one in self.findings if one.word == "fails"]
        return (f"interrupted after {len(self.findings)} of {self.bar.total} checks; "
                + (f"{', '.join(wrong)} failed" if wrong else "none had failed"))


def _pairs(option, given):
    """{name: value} of texts like name=value; a value is JSON where it can be read as that."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.UsageError(f"{option} takes NAME=VALUE, got {short(repr(text))}")
        try:
            pairs[name] = json.loads(value)
        except (ValueError, RecursionError):
            pairs[name] = value
    return pairs


def _names():
    """What can be verified."""
    from .. import catalog
    from .techniques import NAMES

    wide, summaries = max(map(len, NAMES)), catalog.summaries()
    for name in NAMES:
        click.echo(f"{name:{wide}}  {summaries[name]}")
    click.echo("\nwhat is checked, and which forms and variants are known: minidrop verify NAME\n"
               "your own: minidrop verify NAME --impl package.module:callable\n"
               "for instance: minidrop verify dropout --impl torch.nn:Dropout")


def _describe(name):
    """How an implementation of a technique is called, what is checked, and what is known."""
    from .. import catalog, terminal
    from .technique import held
    from .techniques import technique_named

    technique = technique_named(name)
    form = technique.form({})
    findings = [one.finding(held(""), form) for one in technique.checks]
    click.secho(catalog.summaries()[name], bold=True)
    called = ", ".join((*technique.arrays, *technique.parameters))
    click.echo(f"called as f({called}, and a mode and a source of noise where it takes them), or "
               f"made with\n({', '.join(technique.parameters)}) and called with "
               f"({', '.join(technique.arrays)})")
    for tag, latex in catalog.formulas(name).items():
        click.echo(f"\n({tag})  {terminal.formula(latex)}")
        for finding in findings:
            if tag in finding.tags:
                click.echo(f"    {finding.claim}")
        if tag in technique.unseen:
            click.secho(f"    cannot be seen: {technique.unseen[tag]}", dim=True)
        elif not any(tag in finding.tags for finding in findings):
            click.secho("    of another form: checked where that is asked for by --form", dim=True)
    click.echo("\nbeside the equations")
    for finding in findings:
        if not finding.tags:
            click.echo(f"    {finding.claim}")
    click.echo()
    for option, values in technique.options.items():
        click.echo(f"--form {option}={'|'.join(map(str, values))}")
    for variant, change in technique.variants.items():
        ask = " ".join(f"--rate {value}" if key == "rate" else f"--form {key}={value}"
                       for key, value in change.items())
        click.echo(f"known variant: {variant} ({ask})")


@click.command(short_help="Test vectors, for code in any language.")
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
