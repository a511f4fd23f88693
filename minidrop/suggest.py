"""Commands that answer a wrong name with the nearest right one."""

import difflib

import click

from .elsewhere import here


class Suggesting(click.Group):
    """A group that answers a wrong name with the nearest right one."""

    def resolve_command(self, context, args):
        if self.get_command(context, args[0]) is None and not args[0].startswith("-"):
            raise unknown("command", args[0], self.list_commands(context))
        return super().resolve_command(context, args)


def unknown(kind, name, known):
    """A usage error that suggests the nearest of the known names."""
    near = [other.lower() for other in here(name) or () if other.lower() in known]
    near = near or difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return click.UsageError(f"there is no {kind} {name!r}; {hint}")
