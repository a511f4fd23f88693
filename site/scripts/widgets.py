"""What the widgets take from minidrop, four digits and equations, and where techniques have one."""

import json
import re
from pathlib import Path

from scripts import links
from scripts.prose import techniques

from minidrop import data

DIGITS = 2, 3, 5, 8
ASSETS = Path(__file__).parents[1] / "pages" / "assets" / "widgets"
_TAG = re.compile(r'"([a-z]\w*\.\d+)"')

SHOWN = {                   # technique: the attributes of its widget
    "dropout": {"widget": "masks", "technique": "dropout", "p": 0.5},
    "spatial": {"widget": "masks", "technique": "spatial", "p": 0.3},
    "dropblock": {"widget": "masks", "technique": "dropblock", "p": 0.1, "block": 5},
    "dropconnect": {"widget": "masks", "technique": "dropconnect", "p": 0.5},
    "cutout": {"widget": "masks", "technique": "cutout", "length": 8},
    "stochastic_depth": {"widget": "paths"},
    "snapshot": {"widget": "cycles"},
    "targeted": {"widget": "targeted"},
}


PLACES = {"masks": "dropout", "paths": "stochastic-depth", "cycles": "cycles",
          "targeted": "targeted"}   # where the page of the widgets has each


def place(name):
    """Where the page of the widgets has that of a technique."""
    return f"widgets.md#{PLACES[SHOWN[name]['widget']]}"


def embed(name):
    """The widget of a technique, as lines of a page; "" for a technique that has none."""
    if unknown := SHOWN.keys() - {technique.name for technique in techniques()}:
        raise ValueError(f"a widget is for {', '.join(sorted(unknown))}, which is no technique")
    if name not in SHOWN:
        return ""
    attributes = " ".join(f'data-{key}="{value}"' for key, value in SHOWN[name].items())
    return f"<div {attributes}><noscript>This picture needs JavaScript.</noscript></div>"


def pages():
    """The script `tables/widgets.js`, which the widgets load."""
    content = json.dumps({"digits": digits(), "equations": equations()}, indent=1)
    return {"tables/widgets.js": "window.minidrop = Object.assign(window.minidrop || {}, "
                                 f"{{ data: {content} }});\n"}


def digits():
    """The first test digit of some classes: 64 numbers from 0 to 16 each."""
    x, y = data.digits().test
    return [(16 * x[list(y).index(digit)]).astype(int).tolist() for digit in DIGITS]


def equations():
    """{tag: TeX without its tag, and where it stands} of every equation the scripts name."""
    stated = {equation.tag: (technique.name, equation)
              for technique in techniques() for equation in technique.equations}
    if missing := tags() - stated.keys():
        raise ValueError(f"the widgets name {', '.join(sorted(missing))}, which no docstring "
                         "states")
    return {tag: {"tex": " ".join(stated[tag][1].latex.split()),
                  "page": f"techniques/{stated[tag][0]}.html#{links.box(tag)}"}
            for tag in sorted(tags())}


def tags():
    """The equations that the scripts name, as "dropout.1"."""
    return {tag for path in ASSETS.glob("*.js") for tag in _TAG.findall(path.read_text("utf-8"))}
