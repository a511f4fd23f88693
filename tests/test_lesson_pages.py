"""Pages, notebooks, exercises and slides made of lessons: what is exact about them."""

import base64
import re
import struct
import sys
from pathlib import Path

import pytest

from minidrop import lesson
from minidrop.grade import exercise_named
from minidrop.grade.stub import stub

pytestmark = pytest.mark.slow
SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))

from scripts import executed, exercises, lesson_text, lessons, nav, notebooks, slides  # noqa: E402

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 1500, 780) + bytes(40)
ALT = {"dropout": "Strokes & \"noise\" <beside> each other."}


def done(name="dropout"):
    """What a lesson might have printed: each cell its number, and the last has drawn."""
    code = [cell for cell in lesson.cells(lesson.path_of(name).read_text("utf-8"))
            if cell.kind == "code"]
    outputs = [executed.Output(f"cell {i}\n  <b> | $\n", ()) for i in range(len(code))]
    outputs[-1] = executed.Output("", (name,))
    return executed.Executed(tuple(outputs), 7.4, {name: PNG})


# --- Markdown -------------------------------------------------------------------------------------

def test_formulas_stand_apart_from_text_and_from_each_other():
    assert lesson_text.apart("a:\n$$ x $$\n$$ y\n   + z \\tag{a.1} $$\nb\n") == (
        "a:\n\n$$ x $$\n\n$$ y\n   + z \\tag{a.1} $$\n\nb")


def test_a_list_gets_its_blank_line_and_its_indentation():
    assert lesson_text.apart("a\n- b\n  c\n\n  d\n- e\n\nf\n  g") == (
        "a\n\n- b\n    c\n\n    d\n- e\n\nf\n  g")
    assert lesson_text.apart("1. a\n   b\n2. c") == "1. a\n    b\n2. c"
    assert lesson_text.apart("# A\n- b") == "# A\n- b"


@pytest.mark.parametrize("text, due", [
    ("(lesson 2.)", "([lesson 2](adjoints.md).)"),
    ("lesson `snapshots`", "[lesson `snapshots`](snapshots.md)"),
    ("the lesson on overfitting.", "the [lesson on overfitting](overfitting.md)."),
    ("a lesson on nothing", "a lesson on nothing"),
    ("(the next lesson has", "([the next lesson](ensembles.md) has"),
    ("The lesson before", "The lesson before"),
    ("From (dropout.3),", "From ([dropout.3](../techniques/dropout.md#eq-dropout-3)),"),
    ("(speed.2)", "(speed.2)"),
    ("`minidrop show dropout`", "[`minidrop show dropout`](../techniques/dropout.md)"),
    ("`minidrop grade start l1 l2`", "[`minidrop grade start l1`](../exercises/l1.md) "
                                     "[`l2`](../exercises/l2.md)"),
    ("`minidrop claims show targeted`",
     "[`minidrop claims show targeted`](../tables/claims.md#targeted)"),
    ("2012, arXiv:1207.0580.", "2012, [arXiv:1207.0580](../tables/bibliography.md#hinton2012)."),
    ("arXiv:0000.00000", "arXiv:0000.00000"),
    ("`lesson 2` $f(lesson 2)$", "`lesson 2` $f(lesson 2)$"),
    ("$$ (dropout.3) $$", "$$ (dropout.3) $$"),
])
def test_names_become_links_but_not_in_code_and_formulas(text, due):
    name = "scaling" if "next" in text and "scaling" in lesson.written() else "dropout"
    assert lesson_text.linked(text, name) == due


def test_a_lesson_that_cannot_be_is_an_error():
    with pytest.raises(ValueError, match="names lesson 32; there are 1 to 31"):
        lesson_text.linked("see lesson 32", "dropout")


def test_no_lesson_names_what_is_not_there():
    for name in lesson.written():
        text = lesson.path_of(name).read_text("utf-8")
        for command in re.findall(r"`minidrop (?:show|grade start|claims show) [^`]+`", text):
            assert lesson_text.linked(command, name) != command


# --- pages ----------------------------------------------------------------------------------------

def test_a_page_holds_text_code_output_and_figure_in_the_lessons_order():
    text = lessons.page("dropout", done(), ALT)
    cells = lesson.cells(lesson.path_of("dropout").read_text("utf-8"))
    assert text.count("\n# ") == 1 and f"\n# {lesson.title('dropout')}\n" in text
    at = 0
    for cell in cells:
        if cell.kind == "code":
            at = text.index(cell.text.strip("\n"), at)
    first = text.index("mask = md.dropout_mask(stream")
    shown = text.index("``` { .text .lesson-output .no-copy }\ncell 0\n  <b> | $\n```")
    assert first < shown < text.index("## The equations") < text.index("cell 1\n")
    assert text.index("cell 2") < text.index('<img src="dropout.png"') < text.index("So: it learns")
    assert 'alt="Strokes &amp; &quot;noise&quot; &lt;beside&gt; each other."' in text
    assert 'width="960" height="499"' in text


def test_search_finds_lessons_before_exercises_and_the_nav_numbers_them():
    assert "search: {boost: 1.5}" in lessons.head("gaussian")
    assert "search: {boost: 0.3}" in exercises.page(exercise_named("dropout"))
    assert nav.numbered("dropblock") == "12. DropBlock"


def test_the_head_of_a_page_names_files_tasks_and_techniques():
    head = lessons.head("gaussian")
    assert "Lesson 9 of 31" in head and "(09_gaussian.py)" in head and "(09_gaussian.ipynb)" in head
    assert "[alpha](../exercises/alpha.md), [gaussian](../exercises/gaussian.md)" in head
    assert lessons.techniques("gaussian") == ["gaussian", "alpha"]
    assert lessons.techniques("speed") == []


def test_the_list_is_in_the_order_of_the_course():
    text = lessons.index({name: done(name) for name in lesson.written()})
    rows = re.findall(r"^\| (\d+) \| \[[^\]]+\]\((\w+)\.md\)", text, re.M)
    assert rows == [(f"{lesson.ORDER.index(name) + 1}", name) for name in lesson.written()]
    assert "| [Dropout](dropout.md) | What does a unit learn when" in text and "| 7 |" in text


@pytest.mark.parametrize("texts, due", [
    ('[figures]\ndropout = "a"', None),
    ('[figures]\n', "does not say what is seen on the figure dropout of lessons/06_dropout.py"),
    ('[figures]\ndropout = " "', "does not say what is seen on the figure dropout"),
    ('[figures]\ndropout = "a"\nzoo = "b"', "has zoo, and no lesson saves a figure of that name"),
])
def test_an_alt_text_that_is_missing_empty_or_superfluous_is_an_error(tmp_path, texts, due):
    path = tmp_path / "alt.toml"
    path.write_text(texts, encoding="utf-8")
    if due is None:
        assert lessons.alt_texts({"dropout": done()}, path) == {"dropout": "a"}
        return
    with pytest.raises(ValueError, match=due):
        lessons.alt_texts({"dropout": done()}, path)


def test_every_lesson_has_its_alt_texts():
    drawn = {name: done(name) for name in lesson.written()}
    assert all(len(text) > 60 for text in lessons.alt_texts(drawn).values())


# --- notebooks ------------------------------------------------------------------------------------

def test_a_notebook_is_valid_and_holds_the_lesson():
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.reads(notebooks.notebook("dropout", done(), ALT), as_version=4)
    nbformat.validate(book)
    cells = lesson.cells(lesson.path_of("dropout").read_text("utf-8"))
    assert "pip install -e ." in book.cells[0].source
    assert [(cell.cell_type, cell.source) for cell in book.cells[1:]] == [
        (cell.kind, cell.text.strip("\n")) for cell in cells]
    first, last = (cell for cell in book.cells if cell.cell_type == "code" and cell.outputs
                   and (cell.execution_count == 1 or "save_figure" in cell.source))
    assert first.outputs[0].text == "cell 0\n  <b> | $\n"
    assert base64.b64decode(last.outputs[0].data["image/png"]) == PNG
    assert last.outputs[0].data["text/plain"] == ALT["dropout"]
    counts = [cell.execution_count for cell in book.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert book.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", lesson.written())
def test_jupyter_sees_the_same_cells(name):
    jupytext = pytest.importorskip("jupytext")
    path = lesson.path_of(name)
    theirs = [(cell.cell_type, cell.source.strip("\n"))
              for cell in jupytext.read(path).cells if cell.source.strip()]
    ours = [(kind, text.strip("\n")) for kind, text, _ in lesson.cells(path.read_text("utf-8"))]
    assert theirs == ours


# --- exercises ------------------------------------------------------------------------------------

def test_an_exercise_shows_its_tasks_and_no_solution_but_the_loops():
    exercise = exercise_named("dropout")
    text = exercises.page(exercise)
    for task in exercise.tasks.values():
        assert f"def {task.function}(" in text and f"\\tag{{{task.name}}} $$" in text
        for solution in [*task.rights][1:]:
            assert solution not in text
        assert not any(mistake in text for mistake in task.wrongs)
    assert "4 tasks, 10 points" in text
    assert "Pasting these\nlines passes; writing it without a loop is the task." in text
    assert text.count("eq-dropout-2") == 1 and "eq-dropout-gradient" not in text


def test_the_file_to_fill_in_is_the_graders():
    made = exercises.pages()
    assert made["exercises/mc.py"] == stub(exercise_named("mc"))
    listed = re.findall(r"^\| \[(\w+)\]", made["exercises/index.md"], re.M)
    assert sorted(listed) == sorted(path.stem for path in lesson.folder().glob("exercises/*.py"))


def test_plain_text_stays_plain():
    assert exercises.plain("a_b * [0, 1] < `$x$`") == (
        r"a\_b \* \[0, 1\] &lt; \`&#36;x&#36;\`")


# --- slides ---------------------------------------------------------------------------------------

def test_a_deck_has_question_equations_figure_answer_and_references():
    pytest.importorskip("pymdownx")
    found = list(slides.outline("dropout", done(), ALT))
    assert "What does a unit learn when it can count on no other?" in found[0]
    text = "\n".join(found)
    for tag in ("dropout.1", "dropout.2", "dropout.3"):
        assert text.count(f"\\tag{{{tag}}}") == 1
    assert [i for i, slide in enumerate(found) if "<img " in slide] == [len(found) - 4]
    answer, questions, references = found[-3:]
    assert "So: it learns to be silent" in answer and answer.startswith("<h2>What does a unit")
    assert questions.count("<li>") == 2 and references.count("<li>") == 2
    assert "minidrop show" not in references


def test_a_deck_is_one_file_that_asks_no_other_for_anything():
    pytest.importorskip("pymdownx")
    text = slides.deck("dropout", done(), ALT)
    page = re.sub("(?s)<script>.*</script>", "", text)
    assert not re.search(r"<(script|img|iframe|link)\b[^>]*(src|href)=[\"'](?!data:)", page)
    assert all(url.startswith(("data:", '"data:', "'data:"))
               for url in re.findall(r"url\(([^)]*)\)", page))
    assert text.count("</script>") == 1 and "@import" not in text
    assert "Copyright (C) 2011" in text and "Khan Academy" in text
    assert len(text) < 1_200_000                  # a figure is below 500 kB


# --- the cache ------------------------------------------------------------------------------------

def test_the_key_changes_with_lesson_package_and_mode(tmp_path, monkeypatch):
    monkeypatch.delenv("MINIDROP_SMOKE", raising=False)
    path = tmp_path / "01_a.py"
    path.write_text("# %%\nx = 1\n", encoding="utf-8")
    package = tmp_path / "package"
    (package / "units").mkdir(parents=True)
    (package / "units" / "a.py").write_text("a = 1\n", encoding="utf-8")
    (package / "data.npz").write_bytes(b"1")

    def now():
        return executed.key(path, executed.package_state(package))

    keys = [now()]
    assert now() == keys[0]
    for change in (lambda: path.write_text("# %%\nx = 2\n", encoding="utf-8"),
                   lambda: (package / "units" / "a.py").write_text("a = 2\n", encoding="utf-8"),
                   lambda: (package / "data.npz").write_bytes(b"2"),
                   lambda: (package / "units" / "a.py").rename(package / "units" / "b.py"),
                   lambda: (package / "units" / "b.py").rename(package / "b.py"),
                   lambda: (package / "c.py").write_text("", encoding="utf-8"),
                   lambda: monkeypatch.setattr(executed, "READ", ("numpy", "no-such-package")),
                   lambda: monkeypatch.setenv("MINIDROP_SMOKE", "1")):
        change()
        keys.append(now())
    assert len(set(keys)) == len(keys) == 9
    cached = package / "__pycache__"
    cached.mkdir()
    (cached / "a.pyc").write_bytes(b"")
    assert now() == keys[-1]


def test_what_was_kept_comes_back_under_its_key_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(executed, "CACHE", tmp_path)
    assert executed.stored("dropout", "k") is None
    executed.store("dropout", "k", done())
    assert executed.stored("dropout", "k") == done()
    assert executed.stored("dropout", "other") is None
    for broken in ("{", "{}", "[]"):
        (executed._place("dropout") / "outputs.json").write_text(broken, encoding="utf-8")
        assert executed.stored("dropout", "k") is None
    executed.store("dropout", "k", done())
    next(executed._place("dropout").glob("*.png")).unlink()
    assert executed.stored("dropout", "k") is None


def test_nothing_around_steers_a_kernel(monkeypatch):
    for name in ("MINIDROP_BACKEND", "MINIDROP_CONV", "MATPLOTLIBRC", "MINIDROP_SMOKE", "ELSE"):
        monkeypatch.setenv(name, "1")
    left = executed.surroundings()
    assert left["MINIDROP_SMOKE"] == left["ELSE"] == "1"
    assert not left.keys() & {"MINIDROP_BACKEND", "MINIDROP_CONV", "MATPLOTLIBRC"}


def test_a_lesson_states_no_equation_that_its_technique_lacks():
    lesson_text.prepared("$$ x \\tag{dropout.2} $$ $$ y \\tag{nobodys.1} $$", "dropout")
    with pytest.raises(ValueError, match=r"lesson dropout states \(dropout.95\), which the tech"):
        lesson_text.prepared("$$ x \\tag{dropout.95} $$", "dropout")


def test_two_lessons_do_not_save_the_same_figure():
    with pytest.raises(ValueError, match="the lessons a and b both save a figure f"):
        lessons.alt_texts({"a": done(), "b": done()} if "f" in done().figures else
                          {name: executed.Executed((), 0.0, {"f": b""}) for name in "ab"})
