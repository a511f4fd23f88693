"""Test vectors: what minidrop computes, as JSON, for code in any other language.

One file for each technique, an index and a schema; the cases are computed when they are written.
"""

import json
from pathlib import Path

from ... import __version__, catalog
from ...files import put
from . import averages, inputs, norms, stream, units, weights
from .case import record

SCHEMA = Path(__file__).parent.parent / "vectors.schema.json"
TABLES = stream, inputs, units, weights, norms, averages
CASES = {name: cases for table in TABLES for name, cases in table.CASES.items()}
LICENCE = "the numbers and texts of these files: CC BY 4.0; minidrop's code: MIT"
LEFT_OUT = {
    "batch_statistics": "a pass of a network over data",
    "compression": "rewrites a network",
    "curvature": "a second derivative of the loss of a network",
    "damage": "the loss of a network before and after pruning",
    "intervals": "statistics of results, no technique",
    "landscape": "the loss of a network between two others",
    "regimes": "a comparison of results, no technique",
    "sharpness": "the curvature of the loss of a network",
    "surface": "the loss of a network on a plane",
    "winograd": "another way to the same convolution, no technique",
}
SHORT = 100                                       # so many letters of a dict stay on one line
ABOUT = {
    "what": """Each file holds the cases of one technique: what goes into a function, what comes
        out, and, where it is differentiable, the gradient of the sum of cotangent * output.""",
    "use": """Call your own function with "inputs" (arrays), "noise" (what is otherwise drawn:
        masks, gates, centres, normal or uniform numbers) and "parameters" (single values and
        lists), and compare with "outputs".  For the gradient carry "cotangent", by the names of
        the outputs, back through your function, and compare with "of", by the names of the inputs;
        an output without a cotangent has none.""",
    "names": """p is the chance to drop, q = 1 - p; a mask is true where a value is kept, and seeds
        are true where a block is dropped.  Images are (N, C, H, W), weights (out, in).  Indices
        start at 0.  "function" is the name in minidrop.  Where that takes a generator the draws are
        given, and where it takes a network its weights are: w (out, in) and b of a linear layer,
        and what the layer adds to them.  Defaults of minidrop count where no parameter is given,
        such as beta = 2/3, gamma = -0.1 and zeta = 1.1 of hard concrete gates.  Of several steps
        (rows of "signs" or "gradients", blocks of "survival") the outputs have a row for each.""",
    "equations": """"tags" names the equations that a case shows, and "equations" of its file states
        them in LaTeX, with the place in the paper.  `minidrop show TAG` prints one beside the line
        that computes it.""",
    "arrays": """{"dtype", "shape", "data"}: data row by row (C order), shape [] a single value.  A
        number of dtype float64 is the shortest decimal that reads back to the same bits.  "inf",
        "-inf" and "nan" are strings, and so are the decimal digits of every number of dtype uint64.
        In "parameters" and "noise" what is no array stands as it is, and null is none.""",
    "tolerance": """A floating value v agrees with the due value d where |v - d| <= t max(1, |d|), t
        being "tolerance" of the case, and 0 means equal; gradients agree with t = 1e-12.  Booleans,
        integers, "inf" and "nan" are equal always.  Compute in float64.  The elementary functions
        (exp, log, cos) of other machines may differ in the last digits; on one machine the same
        version writes the same bytes.""",
    "stream": """stream.json defines the random bits themselves, for those who want to draw the same
        masks from the same seed.  The other files do not need it.""",
}


def collect(name, techniques=None):
    """The file of one technique as a dict: version, equations, cases.

    `techniques` are those of the catalog by name, which are read anew where they are not given.

    >>> collect("l2")["cases"][0]["outputs"]["penalty"]["data"]
    [5.65625]
    """
    cases = [record(case) for case in CASES[name]()]
    head = {"$schema": SCHEMA.name, "minidrop": __version__, "technique": name}
    if name == "stream":
        return head | {"about": _flowing(stream.ABOUT), "equations": {}, "cases": cases}
    technique = (techniques or _techniques())[name]
    shown = {tag for case in cases for tag in case["tags"]}
    equations = {e.tag: {"place": e.place, "title": e.title, "latex": e.latex}
                 for e in technique.equations if e.tag in shown}
    return head | {"about": technique.summary, "equations": equations, "cases": cases}


def write(folder, names=None):
    """Write the files of the techniques `names` (by default all), an index and the schema.

    Returns {file name: number of cases}.  OSError where the folder cannot be written.
    """
    folder, files, techniques = Path(folder), [], _techniques()
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or CASES:
        found = collect(name, techniques)
        _write(folder / f"{name}.json", text(found))
        files.append({"file": f"{name}.json", "technique": name, "cases": len(found["cases"]),
                      "gradients": sum("gradient" in case for case in found["cases"]),
                      "tags": [*found["equations"]]})
    _write(folder / SCHEMA.name, SCHEMA.read_text(encoding="utf-8"))
    _write(folder / "index.json", text({
        "$schema": SCHEMA.name, "minidrop": __version__, "licence": LICENCE,
        "about": {about: _flowing(part) for about, part in ABOUT.items()},
        "cases": sum(file["cases"] for file in files), "files": files}))
    return {file["file"]: file["cases"] for file in files}


def text(value, depth=0):
    """`value` as JSON, with an array, a list of single values or a short dict on one line.

    >>> print(text({"p": 0.5, "x": {"dtype": "bool", "shape": [2], "data": [True, False]}}))
    {
     "p": 0.5,
     "x": {"dtype": "bool", "shape": [2], "data": [true, false]}
    }
    """
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    long = isinstance(value, dict) and len(line) > SHORT and "dtype" not in value
    if not long and not any(isinstance(each, dict) for each in inner):
        return line
    rows = [text(each, depth + 1) for each in inner]
    first, last = "[]"
    if isinstance(value, dict):
        rows = [f'"{key}": {row}' for key, row in zip(value, rows, strict=True)]
        first, last = "{}"
    inside = "\n" + " " * (depth + 1)
    return first + inside + f",{inside}".join(rows) + "\n" + " " * depth + last


def _techniques():
    return {technique.name: technique for technique in catalog.techniques()}


def _flowing(paragraph):
    return " ".join(paragraph.split())


def _write(path, content):
    put(path, (content.rstrip() + "\n").encode())
