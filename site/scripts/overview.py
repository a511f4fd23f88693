"""Write the table of techniques, which the docstrings hold, into the README.

    python site/scripts/overview.py
"""

from pathlib import Path

from minidrop import catalog

README = Path(__file__).parents[2] / "README.md"
START, END = "<!-- techniques: written by site/scripts/overview.py -->\n", "\n<!-- end -->"


def with_table(text):
    """`text` with the table of now in the place of the one it holds."""
    before, _, rest = text.partition(START)
    return before + START + catalog.overview() + END + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
