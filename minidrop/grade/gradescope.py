"""Marks in Gradescope's form: the file results.json of an autograder.

The fields are those of Gradescope's autograder specifications: `score` at the top overrides the sum
of the tests, so that it may hold a penalty; texts are shown as text and never as HTML, since a
submission has a say in them.
"""

import json

from .sheet import number, told

VISIBLE = "visible"


def results(course, row, titles):
    """The marks of a student as results.json has them; `titles` are the tasks' by name."""
    tests = []
    for name, part in row.parts.items():
        for task, worth in course.exercises[name].points.items():
            tests.append(_test(task, titles.get(task, ""), part, worth, course))
    return {"score": _rounded(row.total), "execution_time": _rounded(
                sum(part.seconds for part in row.parts.values())),
            "output": "\n".join(_lines(course, row)), "output_format": "text",
            "test_output_format": "text", "test_name_format": "text",
            "visibility": course.show.results, "stdout_visibility": "hidden", "tests": tests}


def text(found):
    """What `results` gives as the text of a file."""
    return json.dumps(found, indent=2) + "\n"


def _test(task, title, part, worth, course):
    found = part.tasks.get(task)
    if found is None:
        said = "no file was handed in for it"
    elif found["right"]:
        said = "right" if part.points[task] == worth else \
            f"right, entry by entry: {number(part.points[task])} of {number(worth)}"
    else:
        said = "\n".join(line for line in told(found, course.show) if line)
    right = found is not None and found["right"]
    return {"name": f"{task}: {title}" if title else task,
            "score": _rounded(part.points[task]), "max_score": _rounded(worth),
            "status": "passed" if right else "failed", "output": said,
            "visibility": course.show.results}


def _lines(course, row):
    yield f"{number(row.total)} of {number(course.most)} points"
    for name, part in row.parts.items():
        if part.begun:
            periods = f"{part.begun} {course.penalty.per}{'s' if part.begun > 1 else ''}"
            yield (f"{name}: {periods} late, "
                   f"{number(part.lost)} of {number(sum(part.points.values()))} points are lost")
        if part.refused:
            yield f"{part.file}: {part.refused}"
    yield from row.remarks


def _rounded(value):
    return round(value, 4) + 0.0
