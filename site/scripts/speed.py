"""Write the page on speed from what `minidrop bench` measured.

    minidrop bench --json bench.json
    minidrop bench techniques --json techniques.json
    minidrop bench sizes --json sizes.json
    python site/scripts/speed.py bench.json techniques.json sizes.json

Any of the files may be left out, and so is then what it holds.  A table may be
measured in parts, each in a file of its own; of two records of one line the last counts.
"""

import itertools
import json
import sys
from pathlib import Path

from minidrop.bench import plot, sizes, table, techniques
from minidrop.bench.workloads import WORKLOADS

PAGES = Path(__file__).parents[1] / "pages"
START = """# Speed

What a training step takes, beside PyTorch in the same run: first both must compute the same losses,
then they take turns. Each table is what the command above it printed, with the machine and the
versions at its end; the same command repeats it on another machine, where other numbers are to be
expected. How array code gets fast is what `minidrop lesson speed` is about, and `minidrop doctor`
names the BLAS, which decides most of it.
"""
PARTS = {                                         # workload -> heading, command, table, figure
    "": ("Whole steps", "minidrop bench", table.table, plot.plot),
    "techniques": ("What a technique costs", "minidrop bench techniques", techniques.table, None),
    "sizes": ("What size costs", "minidrop bench sizes", sizes.table, sizes.plot),
}
SEEN = {                                          # what the figures show, for who cannot see them
    "": "Two points for each workload: how long our step takes beside PyTorch's and tuned "
        "PyTorch's, each with its interval; the line at 1 is the same time; the "
        "numbers are the table's",
    "sizes": "Time and memory of a step, ours and PyTorch's, against width, depth, batch and image "
             "size on double logarithmic axes: nearly straight lines with the table's exponents",
}


def page(results, folder):
    """The page as Markdown, from lists of records; its figures are written to `folder`."""
    known: dict = {name: {} for name in PARTS}
    for record in itertools.chain(*results):
        lines = known[kind(record)]
        lines[line(record)] = record | {"versions": without(record["versions"], "platform")}
    text = [START]
    for name, (heading, command, shown, draw) in PARTS.items():
        if records := [*known[name].values()]:
            text.append(f"## {heading}\n\n```text\n{command}\n\n{shown(records)}\n```\n")
            if draw:
                figure = f"speed-{name or 'steps'}.png"
                draw(records, folder / figure)
                text.append(f"![{SEEN[name]}]({figure})\n")
            slower = [f"{line(one)} ({one['ratio']:.2f})"
                      for one in records if (one.get("ratio") or 0) > 1]
            if slower:
                text.append("Time is still lost to PyTorch, by this factor, in: "
                            f"{', '.join(slower)}.\n")
    return "\n".join(text)


def without(numbers, name):
    """A copy of a dict that lacks one entry."""
    return {key: value for key, value in numbers.items() if key != name}


def line(record):
    """What its line in the table is about."""
    return record.get("technique") or record.get("way") or record["workload"]


def kind(record):
    """Which of PARTS the record is of; ValueError where it is of none."""
    name = "" if record["workload"] in WORKLOADS else record["workload"]
    if name not in PARTS:
        raise ValueError(f"files must be of minidrop bench, bench techniques or bench sizes, got "
                         f"one of {name}")
    return name


if __name__ == "__main__":
    given = [json.loads(Path(file).read_text(encoding="utf-8")) for file in sys.argv[1:]]
    (PAGES / "speed.md").write_text(page(given, PAGES), encoding="utf-8")
