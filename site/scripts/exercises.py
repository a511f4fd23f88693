"""The pages of the exercises: their tasks as a student sees them, and the file to fill in."""

import inspect
import re
import textwrap

from minidrop import lesson
from minidrop.grade import exercise_named, exercise_names
from minidrop.grade.exercise import body_of
from minidrop.grade.stub import stub

from . import lesson_text

PAGE = """---
hide: [toc]
search: {{boost: 0.3}}
---

# {title}

<div class="lesson-head" markdown>

{tasks}, {points:g} points · lesson: {lesson}{technique} ·
[{name}.py]({name}.py){{ download="{name}.py" }}, the file to fill in

</div>

`minidrop grade start {name}` writes that file, `minidrop grade check {name}.py` says what is right
in it. Loops are shown to say what is asked: whatever gives the right numbers passes. Pasting these
lines passes; writing it without a loop is the task.
"""

TASK = """## {function}: {points}

{title}

$$ {equation} \\tag{{{tag}}} $$

{text}

```python
{code}
```

??? tip "A hint"

    {hint}

??? success "Where the answer is"

    {answer}
"""

INDEX = """---
hide: [toc]
search: {{boost: 0.3}}
---

# Exercises

{tasks} tasks, each a function to be written: its equation is given, and loops that say what it
shall do. [The lessons](../lessons/index.md) lead to them; `minidrop grade` hands them out and marks
them, at home and [for a class](../teaching.md).

| exercise | what it asks for | lesson | tasks | points |
|---|---|---|---:|---:|
"""


def pages():
    """{path: content} of all exercises and their list."""
    found = [exercise_named(name) for name in exercise_names()]
    made = {"exercises/index.md": index(found)}
    for exercise in found:
        made[f"exercises/{exercise.name}.md"] = page(exercise)
        made[f"exercises/{exercise.name}.py"] = stub(exercise)
    return made


def page(exercise):
    """The page of one exercise, as Markdown."""
    if exercise.lesson not in lesson.ORDER:
        raise ValueError(f"lesson must be one of {', '.join(lesson.ORDER)}, got "
                         f"{exercise.lesson!r} in lessons/exercises/{exercise.name}.py")
    about = (f" · technique: {lesson_text.technique_link(*[exercise.name] * 2)}"
             if exercise.name in lesson_text.tags().values() else "")
    parts = [PAGE.format(title=plain(exercise.title.rstrip(".")), tasks=many(exercise.tasks),
                         points=exercise.points, technique=about, name=exercise.name,
                         lesson=led(exercise))]
    for helper in exercise.helpers:
        lines = inspect.getsource(helper).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("def "))
        code = "\n".join(lines[start:])
        parts.append(f"The file brings this along:\n\n```python\n{code}\n```\n")
    return "\n".join([*parts, *map(shown, exercise.tasks.values())])


def led(exercise):
    """The lesson that leads to an exercise, as a link."""
    return lesson_text.lesson_link(exercise.lesson, exercise.lesson, "../lessons/")


def shown(task):
    """One task: its equation, what it says, its loops, its hint, and where to find the answer."""
    code = f"def {task.function}{inspect.signature(task.spec)}:\n"
    return TASK.format(
        function=task.function, points=points(task.points), title=plain(task.title), tag=task.name,
        equation=task.equation, text=plain(textwrap.dedent(task.text)), hint=plain(task.hint),
        code=code + textwrap.indent(body_of(task.spec), "    "), answer=answer(task))


def answer(task):
    """Where the library computes what is asked: no solution of its own is shown."""
    if task.name in lesson_text.tags():
        return f"It is equation {lesson_text.equation_link(task.name)}, beside its line of code."
    name = task.name.partition(".")[0]
    if name in lesson_text.tags().values():
        return (f"What it belongs to: {lesson_text.technique_link(name, name)}, equations beside "
                "code.")
    return "The lesson writes it down in array code."


def plain(text):
    """Plain text as Markdown that shows it as it is."""
    text = re.sub(r"([\\`*_\[\]])", r"\\\1", text)
    return text.replace("<", "&lt;").replace("$", "&#36;")


def points(number):
    """A number of points in words."""
    return f"{number:g} point{'s' * (number != 1)}"


def many(tasks):
    """A number of tasks in words."""
    return f"{len(tasks)} task{'s' * (len(tasks) != 1)}"


def index(exercises):
    """The list of the exercises, in the order of the course."""
    rows = [f"| [{one.name}]({one.name}.md) | {plain(one.title.rstrip('.'))} | {led(one)} "
            f"| {len(one.tasks)} | {one.points:g} |"
            for one in sorted(exercises, key=lambda one: lesson.ORDER.index(one.lesson))]
    return INDEX.format(tasks=sum(len(one.tasks) for one in exercises)) + "\n".join(rows) + "\n"
