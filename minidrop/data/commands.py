"""The command line of the data: `minidrop data list | fetch | check`."""

import contextlib

import click

from ..exits import Interrupted
from ..suggest import Suggesting, unknown
from . import files
from .published import SETS

MADE = {"digits": ("1,197 + 300 + 300", 10, "1 x 8 x 8", "in the package"),
        "moons": ("any number", 2, "2", "made on the spot"),
        "spirals": ("any number", "2 ...", "2", "made on the spot"),
        "blobs": ("any number", "2 ...", "2", "made on the spot"),
        "shapes": ("any number", 5, "3 x 32 x 32", "made on the spot")}


@click.group(cls=Suggesting)
def data():
    """List, fetch and check the data sets.

    They are looked for in the folder MINIDROP_DATA and in the cache folder.
    """


@data.command("list")
def show():
    """Each set: size, classes, shape, and where it is."""
    rows: list[tuple] = [
        ("set", "train + validation + test", "classes", "x", "download", "where")]
    rows += [(name, counts, classes, x, "", where)
             for name, (counts, classes, x, where) in MADE.items()]
    with _plainly():
        for name, one in SETS.items():
            sizes = [archive.size for archive in _archives(one)]
            rows.append((name, " + ".join(f"{count:,}" for count in one.counts), one.classes,
                         " x ".join(map(str, one.image)),
                         "unknown" if None in sizes else f"{sum(sizes) / 1e6:.0f} MB",
                         files.whereabouts(one) or f"nowhere: minidrop data fetch {name}"))
    for row in rows:
        click.echo("{:10}{:27}{:>7}  {:13}{:10}{}".format(*map(str, row)).rstrip())


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def fetch(names):
    """Download what is not there yet of the sets NAME...

    A file takes its place in the cache folder only when its checksum is right.
    """
    for one in _named(names):
        with _plainly():
            for archive in dict.fromkeys(piece.archive for piece in one.pieces if _needed(piece)):
                files.fetch(one, archive)
            click.echo(f"{one.title} is whole and right: {files.whereabouts(one)}")


@data.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def check(names):
    """Verify size and checksum of every file that is there.

    By default of all sets.  The exit status is 1 if a file is wrong or a set that is named is not
    there at all.
    """
    wrong = 0
    for one in _named(names) or SETS.values():
        with _plainly():
            found = files.present(one)
            if not found:
                wrong += one.name in names
                click.echo(f"absent  {one.title}: minidrop data fetch {one.name}")
                continue
            for path, piece in found.items():
                try:
                    with files.verified(path, piece):
                        click.echo(f"right   {path}")
                except ValueError as error:
                    wrong += 1
                    click.echo(f"wrong   {error}")
            for piece in one.pieces:
                if files.find(piece) is None:
                    click.echo(f"absent  {piece.path}")
    if wrong:
        raise click.exceptions.Exit(1)


def _named(names):
    for name in names:
        if name in MADE:
            raise click.UsageError(f"{name} needs no file; there are {', '.join(SETS)}")
        if name not in SETS:
            raise unknown("data set", name, [*SETS, *MADE])
    return [SETS[name] for name in names]


def _archives(one):
    return list(dict.fromkeys(piece.archive for piece in one.pieces))


def _needed(piece):
    """Whether the archive of a piece must be downloaded; ValueError for a wrong file of the user's.

    A wrong archive in the cache folder is replaced.
    """
    path = files.find(piece)
    if path is None:
        return True
    try:
        with files.verified(path, piece):
            return False
    except ValueError:
        with contextlib.suppress(ImportError):
            if path == files.cache() / piece.archive.path and path.is_file():
                return True
        raise


@contextlib.contextmanager
def _plainly():
    """An error that is a sentence is printed as one."""
    try:
        yield
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise Interrupted("interrupted; what is whole stays, and the same command goes "
                          "on") from None
