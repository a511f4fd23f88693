"""How the command line ends: an exit code and, where something went wrong, one sentence."""

import contextlib
import errno
import os
import sys

import click

from .files import short
from .suggest import Suggesting

LONGEST = 900                                     # letters of what is said of an error
CODES = {
    0: "all was done; what was checked holds",
    1: "something could not be done, or what was checked does not hold",
    2: "the command itself was wrong: a name, an option, a file that is not there",
    130: "Ctrl-C, and the sentence says what is kept",
    141: "who read the output has closed it, as head does",
}


class Interrupted(click.ClickException):
    """Ctrl-C: neither done nor failed."""

    exit_code = 130


class Closed(click.exceptions.Exit):
    """Nobody reads the output any more."""

    def __init__(self):
        super().__init__(141)


class Main(Suggesting):
    """The group of all commands: whatever stops one, it ends with a code of `CODES`."""

    def make_context(self, *args, **named):
        """Read the command line; --help prints here."""
        with _ended():
            return super().make_context(*args, **named)

    def invoke(self, context):
        """Run the command."""
        with _ended():
            return super().invoke(context)


@contextlib.contextmanager
def _ended():
    """Ctrl-C, a closed pipe, a full disk, a folder that is read-only: each in its own way."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None
    except click.ClickException as error:         # which may repeat what was given, at any length
        vars(error)["message"] = short(error.message, LONGEST)
        raise
    except OSError as error:
        _quiet()
        if error.errno == errno.EPIPE:
            raise Closed from None
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
        where = error.filename or ("the output" if full else None)
        said = f"{short(where)}: {error.strerror}" if where else short(error)
        raise click.ClickException(said) from None


def _quiet():
    """Where what waits in a stream cannot be written, let Python not try it again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
