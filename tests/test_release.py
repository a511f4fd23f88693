"""What a release is made of agrees: version, changelog, citation, licences, pins, top level."""

import importlib.metadata
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import minidrop
from minidrop.catalog import PACKAGE

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = {name: (ROOT / "site/pages" / f"{name}.md").read_text(encoding="utf-8")
         for name in ("changelog", "licences", "releasing")}
NEEDS = {"core": PROJECT["project"]["dependencies"], **PROJECT["project"]["optional-dependencies"]}
CI = ROOT / ".ci"                                 # not in a source distribution
needs_ci = pytest.mark.skipif(not CI.is_dir(), reason="a source distribution has no .ci")
TOP = {".ci", ".gitignore", "CITATION.cff", "LICENSE", "README.md", "lessons", "minidrop",
       "pyproject.toml", "site", "tests"}         # tools that cite look for CITATION.cff here


def test_the_version_is_the_same_wherever_it_is_written():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    releases = re.findall(r"^## (.+?)(?: - (.+))?$", PAGES["changelog"], re.M)
    assert releases[0] == ("Unreleased", "")
    assert releases[1] == (minidrop.__version__,
                           re.search(r"^date-released: (\S+)$", citation, re.M)[1])
    assert re.search(r"^version: (\S+)$", citation, re.M)[1] == minidrop.__version__
    assert PROJECT["project"]["dynamic"] == ["version"] and "version" not in PROJECT["project"]


def test_the_changelog_has_the_parts_of_keep_a_changelog_alone():
    parts = set(re.findall(r"^### (.+)$", PAGES["changelog"], re.M))
    assert parts <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"} and parts


def test_the_top_level_holds_what_it_may():
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("this is no checkout")
    assert {line.partition("/")[0] for line in found.stdout.splitlines()} == TOP


def test_the_oldest_python_is_the_same_wherever_it_is_written():
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    versions = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"]
                if re.search(r"Python :: 3\.\d+$", line)]
    assert versions[0] == oldest and "Typing :: Typed" in PROJECT["project"]["classifiers"]
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert (PACKAGE / "py.typed").is_file()


# --- licences ------------------------------------------------------------------------------------

FITS = {                        # how packages name the licences that ask nothing more of a user
    "BSD-3-Clause": r"BSD-3-Clause|BSD 3-Clause|BSD License|Enthought", "MIT": r"\bMIT\b",
    "BSD-2-Clause": "BSD-2-Clause|BSD License", "Apache-2.0": "Apache",
    "PSF-2.0": "Python Software Foundation", "MPL-2.0": "MPL-2.0|Mozilla Public License 2.0"}
TABLE = {cells[0]: (set(re.findall(r"[a-z]+", cells[1])), cells[2]) for cells in re.findall(
    r"^\| ([\w-]+) \| (.+?) \| (.+?) \|$", PAGES["licences"], re.M)[1:]}


def said_by(package):
    """What an installed package says of its licence; "" where it is not installed."""
    try:
        about = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
    named = [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
    return " ".join([about.get("License-Expression") or "", about.get("License") or "", *named])


def unfit(name, stated, said):
    """What is wrong with the licence that a page states, beside what the package says of itself."""
    kinds = stated.split(", ")
    if any(kind not in FITS for kind in kinds):
        return f"{name}: {stated} is no licence that is known to fit"
    if said and not any(re.search(FITS[kind], said) for kind in kinds):
        return f"{name} is said to be under {stated}, and says {said[:80]}"
    if found := re.search(r"\bA?GPL-\S+ AND\b|\bAND A?GPL-\S+", said):
        return f"{name} says {found[0]}"
    return ""


def test_every_dependency_has_a_licence_that_fits():
    needed = {}
    for extra, lines in NEEDS.items():
        for line in lines:
            needed.setdefault(Requirement(line).name, set()).add(extra)
    assert {name: extras for name, (extras, _) in TABLE.items()} == needed
    assert said_by("numpy") and said_by("no such package") == ""
    own = {"nvidia-cuda-nvrtc-cu12"}              # a tool of tests, which is not passed on
    assert not own & {Requirement(line).name for line in NEEDS["core"]}
    assert [words for name, (_, stated) in TABLE.items() if name not in own
            and (words := unfit(name, stated, said_by(name)))] == []


@pytest.mark.parametrize("stated, said, found", [
    ("MIT", "MIT License", False), ("MIT", "", False), ("MPL-2.0, MIT", "MPL-2.0 AND MIT", False),
    ("MIT", "GPL-3.0-only", True), ("GPL-3.0", "GPL-3.0-only", True), ("MIT", "Submitted", True),
    ("MIT", "GPL-3.0-only AND MIT", True)])
def test_a_licence_that_does_not_fit_is_found(stated, said, found):
    assert bool(unfit("it", stated, said)) == found


# --- what CI installs, and how a release is made -------------------------------------------------

def pins():
    """{package: (version, number of its hashes)} of what CI installs."""
    text = (CI / "requirements.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+)(.*?)(?=^\S|\Z)", text, re.M | re.S)
    return {name: (version, lines.count("--hash=sha256:")) for name, version, lines in found}


@needs_ci
def test_what_ci_installs_is_pinned_with_hashes_within_the_bounds():
    found = pins()
    assert len(found) > 40 and all(hashes for _, hashes in found.values())
    for extra in ("core", "test", "data", "cluster", "lint", "reference"):
        for line in NEEDS[extra]:
            need = Requirement(line)
            if need.name != "torch":              # which comes without its libraries for GPUs
                assert found[need.name][0] in SpecifierSet(str(need.specifier)), need


@needs_ci
def test_what_an_archive_lacks_or_has_too_much_is_told():
    tools = runpy.run_path(str(CI / "wheel_tools.py"))
    files = {"minidrop/a.py": b"1", "lessons/b.py": b"2", "tests/c.py": b"3", ".ci/run": b"4"}
    assert tools["sdist_of"](files).keys() == files.keys() - {".ci/run"}
    due = tools["wheel_of"](files)
    assert due == {"minidrop/a.py": b"1", "minidrop/_lessons/b.py": b"2"}
    found = {"minidrop/a.py": b"5", "minidrop/x.pyc": b"6", "minidrop-1.dist-info/RECORD": b"7"}
    assert list(tools["differences"]("it", due, found, "dist-info")) == [
        "it lacks minidrop/_lessons/b.py", "it holds another minidrop/a.py",
        "it should not hold minidrop/x.pyc"]


@needs_ci
def test_no_file_of_ci_names_a_host():
    texts = {path.name: path.read_text(encoding="utf-8") for path in CI.iterdir()}
    texts |= PAGES | {"pyproject": (ROOT / "pyproject.toml").read_text(encoding="utf-8")}
    assert {name for name, text in texts.items()
            if re.search(r"https?://|index-url|find-links|--trusted-host", text)} == set()


@needs_ci
def test_every_command_of_the_checklist_is_there():
    commands = re.findall(r"`(\.ci/\w+)(?![\w.])|`python -m ([\w.]+)", PAGES["releasing"])
    files = [ROOT / file if file else ROOT / name.replace(".", "/") / "__main__.py"
             for file, name in commands]
    assert len(files) >= 6 and [path for path in files if not path.is_file()] == []
    assert all(path.stat().st_mode & 0o100 for path in files if path.parent == CI)
