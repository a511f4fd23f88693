"""Build the site: `python site/build.py` (needs `pip install -e ".[site]"`), then see build/site.

    python site/build.py --serve      show it on this machine, anew whenever a page changes
    python site/build.py --only       write the generated pages, and stop

A maker is a file of site/scripts with a function `pages()`, which gives {path below site/pages:
text or bytes}; it knows nothing of MkDocs.  A maker that cannot go on raises a ValueError in one
sentence, and the build ends with it.
"""

import importlib
import subprocess
import sys
from pathlib import Path

import click

SITE = Path(__file__).parent
PAGES, CONFIG = SITE / "pages", SITE / "mkdocs.yml"
GENERATED = ("exercises", "lessons", "pictures", "slides", "source", "tables", "techniques")
sys.path.insert(0, str(SITE))


def makers():
    """The files of site/scripts with a function `pages`; `source` is last, since it makes the
    pages that the others link to."""
    names = [path.stem for path in sorted((SITE / "scripts").glob("*.py"))
             if "\ndef pages(" in path.read_text(encoding="utf-8")]
    return [importlib.import_module(f"scripts.{name}")
            for name in sorted(names, key=lambda name: name == "source")]


def write(path, content):
    """Write a file, unless it holds that already: what is unchanged keeps its time."""
    content = content.encode() if isinstance(content, str) else content
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def generate():
    """Run the makers; what an earlier build left, and no maker gives any more, is removed."""
    made = {}
    for maker in makers():
        try:
            new = maker.pages()
        except (ValueError, LookupError) as error:
            said = f"there is no {error}" if isinstance(error, LookupError) else error
            sys.exit(f"site/scripts/{maker.__name__.rpartition('.')[2]}.py: {said}")
        if twice := made.keys() & new.keys():
            sys.exit(f"{maker.__name__}: another maker gives {', '.join(sorted(twice))} too")
        made |= new
    for path, content in made.items():
        write(PAGES / path, content)
    for folder in GENERATED:
        for path in (PAGES / folder).rglob("*"):
            if path.is_file() and path.relative_to(PAGES).as_posix() not in made:
                path.unlink()


@click.command(help=__doc__.partition("\n\n")[0])
@click.option("--serve", is_flag=True, help="Show the site, anew whenever a page changes.")
@click.option("--only", is_flag=True, help="Write the generated pages, and stop.")
def main(serve, only):
    """Generate the pages and the nav, then let MkDocs build or serve."""
    generate()
    nav = importlib.import_module("scripts.nav")
    write(CONFIG, nav.written(CONFIG.read_text(encoding="utf-8")))
    if not only:
        command = ["serve"] if serve else ["build", "--strict"]     # never -q: it hides warnings
        sys.exit(subprocess.call([sys.executable, "-m", "mkdocs", *command, "-f", str(CONFIG)]))


if __name__ == "__main__":
    main()
