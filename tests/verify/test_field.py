"""The matrix of the whole field: its table, how it is run, kept and gone on with, and how it reads.

What it says of libraries is tests/parity/test_verify_field.py's.
"""

import inspect
import io
import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from minidrop.cli import main
from minidrop.verify import check
from minidrop.verify.field import command, libraries, matrix, matrix_text
from minidrop.verify.field.table import TABLE, Entry
from minidrop.verify.places import place
from minidrop.verify.techniques import NAMES, technique_named

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHECKED = {*inspect.signature(check).parameters}


@pytest.fixture
def quick(monkeypatch):
    """Cells that cost nothing: what they say depends on their library alone."""
    made = []

    def verified(technique, library, entry, seed, seconds, watch):
        made.append((technique, library, entry.title))
        failing = {"check": "values", "tags": [f"{technique}.1"], "claim": "Values are scaled",
                   "word": "fails", "input": "x = [[1]], p = 0.5", "found": "[[1]]",
                   "due": "[[2]]"}
        more = {"minidrop": {"word": "holds", "alarm": 1e-9},
                "torch": {"word": "variant", "variant": "test-time scaling", "unexplained": [],
                          "broken": [f"{technique}.1"], "failures": [failing],
                          "held against": {"scaling": "inverted"}},
                "timm": {"word": "fails", "variant": "", "unexplained": [], "held against": {},
                         "broken": [f"{technique}.1"], "failures": [failing]}}
        return {"technique": technique, "library": library, "implementation": entry.title} | \
            more.get(library, {"word": "cannot be verified", "reason": "it is not known"})

    monkeypatch.setattr(matrix, "verified", verified)
    monkeypatch.setattr(matrix, "installed", lambda: {
        name: None if name == "kornia" else "1.0" for name in libraries.LIBRARIES})
    return made


def test_every_technique_has_a_row_and_minidrop_a_cell():
    assert {*TABLE} >= {*NAMES}
    for name in NAMES:
        assert "minidrop" in TABLE[name], name


def test_every_entry_is_a_question_that_makes_sense():
    for technique, library, entry in libraries.entries():
        assert place(entry.place) and {*entry.settings} <= CHECKED, entry
        assert technique_named(technique).form(entry.form) and library in libraries.LIBRARIES
    titles = [(*one[:2], one[2].title) for one in libraries.entries()]
    assert len(set(titles)) == len(titles)


def test_what_is_installed_is_run_and_the_rest_is_said_to_be_absent(quick):
    whole = matrix.run()
    assert whole["finished"] and len(whole["cells"]) == len(quick)
    assert not [cell for cell in whole["cells"] if cell["library"] == "kornia"]
    text = written(whole)
    assert "absent" in text and "variant 1" in text
    order = [cell["technique"] for cell in whole["cells"]]
    assert order == sorted(order)


def written(whole):
    """The matrix as it stands in a terminal of 100 columns."""
    from minidrop import terminal

    out = terminal.console(width=100, record=True, file=io.StringIO())
    for line in matrix_text.lines(whole):
        out.print(line)
    text = out.export_text()
    assert max(map(len, text.splitlines())) <= 100
    return text


def test_every_cell_that_does_not_hold_has_a_note_with_numbers(quick):
    whole = matrix.run("dropout")
    text = written(whole)
    for number, cell in matrix_text.noted(whole):
        assert f"{number:2d}  {cell['implementation']}" in text
    assert "with x = [[1]], p = 0.5 it gives [[1]], and due is [[2]]" in " ".join(text.split())
    assert "Against scaling = inverted: dropout.1." in " ".join(text.split())


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_interrupted_run_goes_on(quick, monkeypatch, tmp_path, jobs):
    target, through, first = tmp_path / "field.json", matrix.verified, []

    def interrupted(*job):
        if len(first) == 3:
            raise KeyboardInterrupt
        first.append(job[:3])
        return through(*job)

    monkeypatch.setattr(matrix, "verified", interrupted)
    with pytest.raises(KeyboardInterrupt):
        matrix.run(target=target, jobs=jobs)
    kept = json.loads(target.read_text())
    assert not kept["finished"] and 0 < len(kept["cells"]) <= 3
    assert "interrupted" in written(kept)
    monkeypatch.setattr(matrix, "verified", through)
    quick.clear()
    whole = matrix.run(target=target, jobs=jobs)
    assert len(quick) == len(whole["cells"]) - len(kept["cells"])
    assert json.loads(target.read_text()) == whole and whole["finished"]
    quick.clear()
    matrix.run(target=target)
    assert len(quick) == len(whole["cells"])      # what is finished begins anew


def test_a_run_with_other_versions_begins_anew(quick, monkeypatch, tmp_path):
    target = tmp_path / "field.json"
    whole = matrix.run("dropout", target=target) | {"finished": False}
    for changed in ({"seed": 1}, {"libraries": {}}, {"finished": True}):
        target.write_text(json.dumps(whole | changed))
        assert matrix.begun(target, whole) == []
    target.write_text(json.dumps(whole))
    assert matrix.begun(target, whole) == whole["cells"]
    target.write_text("no JSON")
    assert matrix.begun(target, whole) == []


def test_the_command_runs_writes_and_says_what_was_kept(quick, monkeypatch, tmp_path):
    target = tmp_path / "field.json"
    done = CliRunner().invoke(main, ["verify", "dropout", "--field", "--json", str(target)])
    assert done.exit_code == 0 and "holds" in done.output and f"written: {target}" in done.output
    bar = command.Bar()
    bar(None, total=9, known=2)
    assert "interrupted after 2 of 11" in bar.sentence(None)

    def interrupt(*job):
        raise KeyboardInterrupt

    monkeypatch.setattr(matrix, "verified", interrupt)
    done = CliRunner().invoke(main, ["verify", "--field", "--json", str(target)])
    assert done.exit_code == 130 and "goes on from there" in done.output


@pytest.mark.parametrize("wrong, said", [
    (["--field", "--impl", "a:b"], "--field takes"), (["--field", "--rate", "keep"], "--field tak"),
    (["--show"], "go with --field"), (["nothing", "--field"], "nothing"),
    (["--field", "--json", "no/such/folder.json"], "no folder")])
def test_what_makes_no_sense_is_refused(quick, wrong, said):
    done = CliRunner().invoke(main, ["verify", *wrong])
    assert done.exit_code == 2 and said in done.output and not quick


def test_a_real_cell_is_judged_in_a_process_of_its_own():
    cell = libraries.verified("dropout", "minidrop", Entry("minidrop:Dropout"))
    assert cell["word"] == "holds" and cell["alarm"] < 1e-6 and cell["versions"]["numpy"]
    missing = libraries.verified("dropout", "timm", Entry("no.such.module:Dropout"))
    assert missing["word"] == libraries.NOT_VERIFIED and "no module" in missing["reason"]


def test_the_stored_matrix_is_whole_and_minidrop_holds_in_all_of_it():
    whole = matrix.stored()
    assert whole["finished"] and all(whole["libraries"].values())
    assert [matrix.identity(cell) for cell in whole["cells"]] == [
        (technique, library, entry.title) for technique, library, entry in libraries.entries()]
    for cell in whole["cells"]:
        assert cell["word"] in matrix_text.SHORT and cell["versions"][cell["library"]]
        if cell["library"] == "minidrop":
            assert cell["word"] == "holds", cell
        if cell["word"] != libraries.NOT_VERIFIED:
            assert 0 <= cell["alarm"] < 1e-6 and cell["equations"], cell
            assert (cell["word"] == "holds") == (not cell["failures"])
            assert (cell["word"] == libraries.VARIANT) <= bool(cell["variant"])
            for finding in cell["failures"]:
                assert finding["claim"] and finding["input"] and finding["found"] != finding["due"]


def test_the_stored_matrix_is_shown_and_its_page_is_written_from_it():
    done = CliRunner().invoke(main, ["verify", "dropout", "--field", "--show"])
    assert done.exit_code == 0 and "PyTorch" in done.output and "spatial" not in done.output
    written(matrix.stored())
    script = runpy.run_path(str(ROOT / "site/scripts/field.py"), run_name="field")
    assert script["PAGE"].read_text(encoding="utf-8") == script["text"](), \
        "python site/scripts/field.py writes it"
