"""Every lesson runs in smoke mode in under 2 seconds, in its reserved place, in one shape."""

import re
import time
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from minidrop import lesson

WRITTEN = lesson.written()
FIRST = ("tape", "adjoints", "checks", "mlp", "overfitting", "dropout", "scaling", "ensembles",
         "convolution", "penalties")


def source(name):
    return lesson.path_of(name).read_text(encoding="utf-8")


def test_the_order_is_reserved_and_every_file_has_its_place():
    assert len(lesson.ORDER) == len(set(lesson.ORDER)) == 31
    files = {path.name for path in lesson.folder().glob("*.py")}
    assert files == {lesson.path_of(name).name for name in WRITTEN}
    assert set(FIRST) <= set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_lesson_runs_in_smoke_mode(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MINIDROP_SMOKE", "1")
    monkeypatch.chdir(tmp_path)
    opened = plt.get_fignums()
    started = time.process_time()                 # a busy neighbour does not count
    lesson.run(name, code=False)
    took = time.process_time() - started
    text = capsys.readouterr().out
    assert "import minidrop as md" not in text
    assert lesson.title(name).split()[0] in text
    figures = re.findall(r"^figure: (\S+\.png)$", text, re.M)
    assert figures[-1] == f"minidrop-figures/{name}.png"
    assert all(Path(figure).stat().st_size > 5000 for figure in figures)
    assert not re.search(r"\\[a-zA-Z]+|\$", text)          # no raw LaTeX
    assert took < 2, f"{name} took {took:.1f} s"
    assert plt.get_fignums() == opened                    # each figure is let go of


def test_a_lesson_shows_its_code_unless_told_otherwise(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MINIDROP_SMOKE", "1")
    monkeypatch.chdir(tmp_path)
    lesson.run("adjoints")
    assert "import minidrop as md" in capsys.readouterr().out


@pytest.mark.parametrize("name", WRITTEN)
def test_a_lesson_has_the_houses_rhythm(name):
    text, found = source(name), lesson.cells(source(name))
    assert len(text.splitlines()) <= 150
    assert max(map(len, text.splitlines())) <= 100
    assert found[0].kind == "markdown" and found[0].text.startswith("# ")
    assert "?" in lesson.title(name)                      # a question first
    assert found[-1].text.startswith("So: ")              # and its answer last
    headings = re.findall(r"^# ## (.*)", text, re.M)
    rhythm = "The equations", "In array code", "Exercises", "References"
    assert [next(i for i, heading in enumerate(headings) if heading.startswith(each))
            for each in rhythm] == [0, 1, len(headings) - 2, len(headings) - 1]
    exercises = found[-1].text.split("## Exercises")[1].split("## ")[0]
    assert len(re.findall(r"^\d\. ", exercises, re.M)) == 2
    assert sum("assert" in cell.text for cell in found if cell.kind == "code") >= 2
    assert "save_figure(" in text and "\\tag{" in text


def test_cells_keep_their_kind_text_and_line():
    markdown, code = lesson.cells("# %% [markdown]\n# # A\n#\n# b\n# %%\nx = 1\n\n")
    assert markdown == ("markdown", "# A\n\nb\n", 2)
    assert code == ("code", "x = 1\n\n", 6)


def test_an_unknown_lesson_is_refused():
    with pytest.raises(ValueError, match="name must be one of tape, adjoints"):
        lesson.path_of("nothing")
