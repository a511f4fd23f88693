"""`minidrop verify --field`: the matrix of everything that is installed, or the stored one."""

import sys

import click

from ...exits import Interrupted


def field(name, impl, target, jobs, show, settings, unwanted):
    """Run the matrix, or show the stored one; `unwanted` are options that make no sense here."""
    from . import matrix

    if impl is not None or unwanted:
        raise click.UsageError("--field takes NAME, --seed, --seconds, --jobs, --json and --show")
    if target and not target.parent.is_dir():
        raise click.UsageError(f"there is no folder {target.parent} for --json")
    if show:
        whole = matrix.stored()
        if name:
            whole["cells"] = [cell for cell in whole["cells"] if cell["technique"] == name]
        _print(whole)
        return
    with Bar() as bar:
        try:
            whole = matrix.run(name, target, jobs, watch=bar, **settings)
        except KeyboardInterrupt:
            raise Interrupted(bar.sentence(target)) from None
        except OSError as error:
            raise click.ClickException(f"{target} cannot be written: {error.strerror}") from None
    _print(whole)
    if target:
        click.echo(f"written: {target}")


def _print(whole):
    from ... import terminal
    from .matrix_text import lines

    out = terminal.console(**({} if sys.stdout.isatty() else {"width": 100}))
    for line in lines(whole, out.width):
        out.print(line)


class Bar:
    """A bar on stderr, where that is a terminal; called with each cell."""

    def __init__(self):
        from tqdm import tqdm

        self.bar = tqdm(total=0, desc="field", unit="cell", disable=None, leave=False,
                        dynamic_ncols=True)
        self.done = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    def __call__(self, cell, total=0, known=0):
        if cell is None:
            self.done = known
            self.bar.reset(total + known)
            self.bar.total, self.bar.initial = total + known, known
            self.bar.update(known)
            return
        self.done += 1
        self.bar.set_postfix_str(f"{cell['implementation'][:30]} {cell['word']}", refresh=False)
        self.bar.update()

    def sentence(self, target):
        """What is there after an interruption."""
        kept = f"they are in {target}, and the same command goes on from there" if target else \
            "with --json FILE they are kept, and the same command goes on from there"
        return f"interrupted after {self.done} of {self.bar.total} implementations; {kept}"
