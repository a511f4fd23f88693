"""What .ci/wheel asks for: whether two archives hold what they should, which tests read the tree.

    python .ci/wheel_tools.py TREE SDIST WHEEL      ends with a sentence where they do not
    python .ci/wheel_tools.py tests                 the tests that read the tree, a path in a line
"""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

NEEDED = ("minidrop/py.typed", "minidrop/__init__.pyi", "minidrop/data/digits.npz",
          "minidrop/verify/field.json", "minidrop/_lessons/06_dropout.py",
          "minidrop/_lessons/exercises/dropout.py", "minidrop/claims/results/dropout-standard.json",
          "dist-info/licenses/LICENSE", "dist-info/entry_points.txt")
READS_TREE = r"\bscripts\b|PACKAGE\.parent|from tests import .*\bfaults|from tests\.faults"


def in_git(tree):
    """{path: content} of what git tracks."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=tree, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split("\0")
    return {name: Path(tree, name).read_bytes() for name in names if name}


def sdist_of(files):
    """What the source distribution holds of the files of the tree."""
    return {name: data for name, data in files.items() if not name.startswith(".ci/")}


def wheel_of(files):
    """What the wheel holds of them: the package, and the lessons within it."""
    return {re.sub("^lessons/", "minidrop/_lessons/", name): data for name, data in files.items()
            if name.startswith(("minidrop/", "lessons/"))}


def differences(what, due, found, of_its_own):
    """Sentences on what an archive lacks, has too much or holds otherwise."""
    own = {name for name in found if re.search(of_its_own, name)}
    for name in sorted(due.keys() | found.keys() - own):
        if name not in found:
            yield f"{what} lacks {name}"
        elif name not in due:
            yield f"{what} should not hold {name}"
        elif due[name] != found[name]:
            yield f"{what} holds another {name}"


def problems(tree, sdist, wheel):
    """All that is wrong with the two archives of a tree."""
    files = in_git(tree)
    with tarfile.open(sdist) as archive:
        packed = {one.name.partition("/")[2]: archive.extractfile(one).read()
                  for one in archive if one.isfile()}
    with zipfile.ZipFile(wheel) as archive:
        put = {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
    yield from differences("the sdist", sdist_of(files), packed, r"^PKG-INFO$")
    yield from differences("the wheel", wheel_of(files), put, r"^minidrop-[\d.]+\.dist-info/")
    yield from (f"the wheel lacks {name}" for name in NEEDED
                if not any(path.endswith(name) for path in put))


def reading_the_tree(folder="tests"):
    """The tests whose matter is the tree, not the package: its layout, makers of the site."""
    for path in sorted(Path(folder).rglob("*.py")):
        if re.search(READS_TREE, path.read_text(encoding="utf-8")):
            yield path.as_posix()
    yield from (f"tests/{name}" for name in (
        "site", "test_catalog.py", "test_house.py", "test_readme.py"))


if __name__ == "__main__":
    if sys.argv[1:] == ["tests"]:
        print("\n".join(dict.fromkeys(reading_the_tree())))
    else:
        sys.exit("\n".join(problems(*sys.argv[1:])) or 0)
