"""The marks of a class as a table: what each student gets, as rows, as CSV and as a summary."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

from .late import GRADESCOPE, MODIFIED, gradescope_time

ELSEWHERE = "right on the inputs of minidrop grade check, wrong on others"
FORMULA = tuple("=+-@＝＋－＠")                    # with one of these a spreadsheet computes


class Part(NamedTuple):
    """What a student has in one exercise."""

    file: str
    tasks: dict                                   # {task: what the worker says of it}
    points: dict                                  # {task: points}, before anything is lost
    begun: int                                    # days or hours that began since the deadline
    lost: float
    refused: str = ""
    seconds: float = 0.0                          # for the inputs that students have

    @property
    def total(self):
        """The points, less what is lost."""
        return sum(self.points.values()) - self.lost


class Row(NamedTuple):
    """What a student has: a Part for each exercise of the course, and remarks."""

    student: str
    parts: dict
    remarks: tuple

    @property
    def total(self):
        """The points in all exercises."""
        return sum(part.total for part in self.parts.values())


def came(course, student, file):
    """(when a file was handed in or None, a remark)."""
    if course.time == MODIFIED:
        return datetime.fromtimestamp(file.modified, UTC), ""
    if course.time == GRADESCOPE:
        try:
            return gradescope_time(student.metadata or b""), ""
        except (TypeError, ValueError) as error:
            return None, f"no time is known, so it counts as in time: {error}"
    found = course.times.of(student.name, file.exercise)
    return found, "" if found else "no time is known, so it counts as in time"


def part_of(course, student, file, answer, when):
    """The Part of a student's file, which came `when`, with the worker's answer for it."""
    asked = course.exercises[file.exercise]
    due = course.extensions and course.extensions.of(student, file.exercise) or asked.deadline
    tasks = {task: answer["tasks"].get(task) or
             {"right": False, "hidden": False, "kind": "refused", "said": answer["refused"],
              "hint": "", "known": False} for task in asked.points}
    points = {task: worth * (course.loops if tasks[task].get("loops") else 1.0)
              if tasks[task]["right"] else 0.0 for task, worth in asked.points.items()}
    begun = course.penalty.begun(when, due)
    lost = course.penalty.lost(sum(points.values()), begun)
    return Part(file.name, tasks, points, begun, lost, answer["refused"], answer.get("shown", 0.0))


def missing(asked):
    """The Part of an exercise for which there is no file."""
    return Part("", {}, dict.fromkeys(asked.points, 0.0), 0, 0.0)


def told(found, show):
    """What a student is told of a task that is wrong: a sentence, and a hint or ""."""
    said = found["said"] if show.hidden_inputs or not found["hidden"] else ELSEWHERE
    return said, found["hint"] if show.hints and found["kind"] in ("wrong", "law", "shape") else ""


def table(course, rows):
    """The marks as the text of a CSV file, one row a student."""
    text = io.StringIO()
    writer = csv.writer(text)
    head = ["student"]
    for name, asked in course.exercises.items():
        head += [*asked.points, name, f"{name} {course.penalty.per}s late", f"{name} lost"]
    writer.writerow([*head, "total", "of", "remarks"])
    for row in rows:
        cells = [plain_cell(row.student)]
        for part in row.parts.values():
            cells += [*map(number, part.points.values()), number(part.total), str(part.begun),
                      number(part.lost)]
        writer.writerow([*cells, number(row.total), number(course.most),
                         plain_cell("; ".join(remarks_of(course, row)))])
    return text.getvalue()


def remarks_of(course, row):
    """All that is to be said of a student: of the folder, of late files, of wrong tasks."""
    yield from row.remarks
    for name, part in row.parts.items():
        if not part.file:
            yield f"{name}: no file"
        elif part.refused:
            yield f"{part.file}: {part.refused}"
        else:
            for task, found in part.tasks.items():
                if not found["right"]:
                    said, hint = told(found, course.show)
                    said = said.removeprefix(f"{task}: ")
                    yield f"{task}: {said}" + (f" ({hint})" if hint else "")


def plain_cell(text):
    """A text that no spreadsheet takes for a formula, on one line.

    >>> plain_cell("=1+1"), plain_cell("two\\nlines")
    ("'=1+1", 'two\\\\nlines')
    """
    text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode()
                   for one in text)
    return "'" + text if text.lstrip().startswith(FORMULA) else text


def number(value):
    """Points as text: rounded to four places, and no more than there are."""
    return f"{round(value, 4) + 0.0:.10g}"


def summary(course, rows):
    """What a lecturer wants to know first: a histogram, and which task failed by which mistake."""
    lines = [f"points of {number(course.most)}, and how many students have them"]
    totals = [row.total for row in rows]
    step = course.most / 10 or 1.0
    counts = Counter(min(int(total / step + 1e-9), 9) for total in totals)
    widest = max(counts.values(), default=1)
    for i in range(10):
        bar = "#" * -(-40 * counts[i] // max(widest, 40))
        lines.append(f"  {number(i * step):>5s} to {number((i + 1) * step):>5s}  "
                     f"{counts[i]:4d} {bar}")
    if totals:
        lines.append(f"mean {sum(totals) / len(totals):.2f}, median {_median(totals):.4g}")
    failed, refused = [], sum(bool(part.refused) for row in rows for part in row.parts.values())
    for name, asked in course.exercises.items():
        parts = [row.parts[name] for row in rows
                 if row.parts[name].file and not row.parts[name].refused]
        for task in asked.points:
            wrong = [part.tasks[task] for part in parts if not part.tasks[task]["right"]]
            if wrong:
                why, times = Counter(map(_why, wrong)).most_common(1)[0]
                failed.append((len(wrong), f"  {task}: {len(wrong)} of {len(parts)}; "
                                           f"most often ({times}): {why}"))
    late = [part.lost for row in rows for part in row.parts.values() if part.begun]
    if late:
        lines.append(f"late: {len(late)} files, which lose {number(sum(late))} points in all")
    if refused:
        lines.append(f"refused before they ran: {refused} files, as marks.csv says")
    if failed:
        lines.append("tasks that failed, of the files that ran")
        lines += [line for _, line in sorted(failed, key=lambda one: -one[0])]
    return "\n".join(lines)


def _why(found):
    if found["known"]:
        return found["hint"]
    return {"unwritten": "not written", "late": "too slow", "raised": "it raises an error",
            "missing": "the function is missing", "refused": "refused", "memory": "too much memory",
            "output": "it prints too much", "died": "the process ended",
            "shape": "another shape"}.get(found["kind"], "another answer")


def _median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
