"""Write the tables of techniques, which the docstrings hold, into the README and their page.

    python site/scripts/techniques.py
"""

import functools
from pathlib import Path

from minidrop import catalog

ROOT = Path(__file__).parents[2]
START, END = "<!-- techniques: written by site/scripts/techniques.py -->\n", "\n<!-- end -->"
TABLES = {
    ROOT / "README.md": catalog.overview,
    ROOT / "site" / "pages" / "techniques.md": functools.partial(catalog.table, root="../../"),
}


def with_table(text, table):
    """`text` with `table` in the place of the one it holds."""
    before, _, rest = text.partition(START)
    return before + START + table + END + rest.partition(END)[2]


if __name__ == "__main__":
    for path, table in TABLES.items():
        path.write_text(with_table(path.read_text(encoding="utf-8"), table()), encoding="utf-8")
