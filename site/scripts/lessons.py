"""The pages of the lessons: what they say, do, print and draw, their files and their list."""

import functools
import html
import struct
import tomllib
from pathlib import Path

from minidrop import lesson
from minidrop.grade import exercise_named, exercise_names

from . import executed, lesson_text, notebooks, pictures

ALT = Path(__file__).parents[1] / "data" / "alt.toml"
PIXELS_PER_INCH = 150                             # those of `save_figure`, in a full run

HEAD = """---
hide: [toc]
search: {{boost: 1.5}}
---

# {title}

<div class="lesson-head" markdown>

Lesson {number} of {many} · [script]({stem}.py){{ download="{stem}.py" }} ·
[notebook]({stem}.ipynb){{ download="{stem}.ipynb" }} · [slides](../slides/{name}.html){more}

</div>
{drawings}"""

INDEX = """---
hide: [toc]
---

# Lessons

For whoever trains networks and asks what noise does to them: some Python and derivatives are
enough. Take them in their order, about 40 minutes each; as a course, with their tasks, they fill
[twelve weeks](../teaching.md#twelve-weeks).

Each lesson asks a question and answers it by an experiment of a few seconds. Read them here as they
ran when these pages were built, or run one yourself: `minidrop lesson dropout`. They
take seconds of computing, counted here on one processor.

<div class="lesson-list" markdown>

| | lesson | its question | tasks | seconds of computing |
|---:|---|---|---|---:|
"""


def pages():
    """{path: content} of all lessons and their list."""
    done = executed.results()
    alt = alt_texts(done)
    made = {"lessons/index.md": index(done)}
    for name, found in done.items():
        path = lesson.path_of(name)
        made[f"lessons/{name}.md"] = page(name, found, alt)
        made[f"lessons/{path.name}"] = path.read_text(encoding="utf-8")
        made[f"lessons/{path.stem}.ipynb"] = notebooks.notebook(name, found, alt)
        made |= {f"lessons/{figure}.png": png for figure, png in found.figures.items()}
    return made


def alt_texts(done, path=ALT):
    """{figure: what is seen on it}; ValueError if one is missing, empty or of no figure."""
    texts = tomllib.loads(path.read_text(encoding="utf-8"))["figures"]
    drawn: dict = {}
    for name, found in done.items():
        for figure in found.figures:
            if drawn.setdefault(figure, name) != name:
                raise ValueError(f"the lessons {drawn[figure]} and {name} both save a figure "
                                 f"{figure}")
    for figure, name in drawn.items():
        if not texts.get(figure, "").strip():
            raise ValueError(f"site/data/{path.name} does not say what is seen on the figure "
                             f"{figure} of lessons/{lesson.path_of(name).name}")
    if unknown := texts.keys() - drawn.keys():
        raise ValueError(f"site/data/{path.name} has {', '.join(sorted(unknown))}, "
                         f"and no lesson saves a figure of that name")
    return {figure: " ".join(text.split()) for figure, text in texts.items()}


def page(name, done, alt):
    """The page of one lesson, as Markdown."""
    cells = lesson.cells(lesson.path_of(name).read_text(encoding="utf-8"))
    outputs, parts = iter(done.outputs), [head(name)]
    first, *_ = cells
    for cell in cells:
        text = cell.text.partition("\n")[2] if cell is first else cell.text       # without title
        if cell.kind == "markdown":
            parts.append(lesson_text.prepared(text, name))
        else:
            parts += code_and_output(text, next(outputs), done, alt)
    return "\n\n".join(parts) + "\n"


def code_and_output(text, output, done, alt):
    """The parts of a page for one cell of code: itself, what it printed, what it drew."""
    yield f"```python\n{text.strip(chr(10))}\n```"
    if output.text:
        yield f"``` {{ .text .lesson-output .no-copy }}\n{output.text.rstrip()}\n```"
    for figure in output.figures:
        yield figure_html(figure, done.figures[figure], alt[figure])


def figure_html(figure, png, alt):
    """A figure on its white card; it opens alone, since a phone shows it small."""
    wide, high = png_size(png)
    inches = wide / PIXELS_PER_INCH
    return (f'<figure class="lesson-figure"><a href="{figure}.png">'
            f'<img src="{figure}.png" alt="{html.escape(alt)}" width="{inches * 96:.0f}" '
            f'height="{inches * 96 * high / wide:.0f}"></a></figure>')


def png_size(png):
    """(width, height) of a PNG in pixels."""
    return struct.unpack(">II", png[16:24])


def head(name):
    """The top of a lesson's page: title, number, files, and where to go on."""
    stem = lesson.path_of(name).stem
    tasks = [f"[{task}](../exercises/{task}.md)" for task in exercises(name)]
    about = [lesson_text.technique_link(one, one) for one in techniques(name)]
    more = "".join(f" ·\n{kind}: {', '.join(links)}" for kind, links in (
        ("tasks", tasks), ("techniques", about)) if links)
    drawings = "".join(f"\n![{alt}](../{path})\n" for one in techniques(name)
                       for path, alt in pictures.more(one))
    return HEAD.format(title=lesson.title(name), number=lesson.ORDER.index(name) + 1,
                       many=len(lesson.ORDER), stem=stem, name=name, more=more, drawings=drawings)


def exercises(name):
    """The names of the exercises of a lesson."""
    return [one for one, its in _lessons_of_exercises().items() if its == name]


@functools.cache
def _lessons_of_exercises():
    return {one: exercise_named(one).lesson for one in exercise_names()}


def techniques(name):
    """The techniques a lesson is about: whose equations it states, or has tasks on."""
    text = lesson.path_of(name).read_text(encoding="utf-8")
    stated = [lesson_text.tags()[tag] for tag in lesson_text.STATED.findall(text)
              if tag in lesson_text.tags()]
    known = set(lesson_text.tags().values())
    return [*dict.fromkeys(stated + [one for one in exercises(name) if one in known])]


def index(done):
    """The list of the lessons, in the order of the course."""
    rows = []
    for name, found in done.items():
        subject, _, question = lesson.title(name).partition(": ")
        tasks = ", ".join(f"[{task}](../exercises/{task}.md)" for task in exercises(name))
        rows.append(f"| {lesson.ORDER.index(name) + 1} | [{subject}]({name}.md) "
                    f"| {question[:1].upper()}{question[1:]} | {tasks} | {found.seconds:.0f} |")
    return INDEX + "\n".join(rows) + "\n\n</div>\n"
