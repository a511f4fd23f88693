"""What a class handed in: one folder a student, with files of any name; no link is followed.

Nothing that lies there is run or parsed here, and nothing costs another student.
"""

import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from .marking import exercise_of

DEPTH, MANY = 4, 200                              # how deep, and how many files, of one student
METADATA, SUBMISSION = "submission_metadata.json", "submission"     # as Gradescope lays them out


class File(NamedTuple):
    """A file of a student: its bytes, or why it was not read; and for which exercise it is."""

    name: str
    data: bytes
    refused: str
    modified: float
    exercise: str | None


class Student(NamedTuple):
    """A folder: the files in it, what is to be said of it, and Gradescope's metadata."""

    name: str
    files: tuple
    remarks: tuple
    metadata: bytes | None = None


def class_in(folder, known, file_kb=256, gradescope=False):
    """(students, remarks): every folder in `folder`, by name, and what else lies there.

    `known` are the names of all exercises.  `gradescope`: a student's folder is like /autograder,
    with the files in submission/ and submission_metadata.json beside it.
    """
    students: list[Student] = []
    remarks: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.name.startswith("."):
            remarks.append(f"{entry.name} begins with a dot, and is passed over")
        elif entry.is_symlink():
            students.append(Student(entry.name, (), ("the folder is a link, which is not followed",
                                                     )))
        elif entry.is_dir(follow_symlinks=False):
            students.append(student_in(entry.path, known, file_kb, gradescope))
        else:
            remarks.append(f"{entry.name} lies in no folder of a student")
    return students, remarks


def student_in(folder, known, file_kb=256, gradescope=False):
    """The Student whose folder this is."""
    name, metadata = os.path.basename(os.path.normpath(folder)), None
    remarks: list[str] = []
    if gradescope:
        metadata, refused = _read(os.path.join(folder, METADATA), 1 << 16)
        metadata = None if refused else metadata
        folder = os.path.join(folder, SUBMISSION)
        if os.path.islink(folder):
            return Student(name, (), (f"{SUBMISSION} is a link, which is not followed",), metadata)
    paths = list(_paths(folder, "", remarks))
    if len(paths) > MANY:
        remarks.append(f"there are more than {MANY} files, the others are not looked at")
    files = []
    for path in sorted(paths[:MANY]):
        data, refused = _read(os.path.join(folder, path), file_kb)
        files.append(File(path, data, refused, _modified(os.path.join(folder, path)),
                          exercise_for(path, data, known)))
    if not paths and not remarks:
        remarks.append("the folder is empty")
    return Student(name, tuple(files), tuple(remarks), metadata)


def exercise_for(path, data, known):
    """For which exercise a file is: as its line EXERCISE says, else, of Python, as its name does.

    >>> exercise_for("a.txt", b'EXERCISE = "dropout"', ["dropout"])
    'dropout'
    >>> exercise_for("max_norm (2).py", b"", ["dropout", "max_norm"])
    'max_norm'
    """
    if said := exercise_of(data):
        return said
    stem, suffix = os.path.splitext(os.path.basename(path).lower())
    named = [name for name in known if re.search(rf"(?<![a-z0-9]){name}(?![a-z0-9])", stem)]
    return max(named, key=len) if named and suffix == ".py" else None


def _paths(folder, below, remarks, depth=0):
    """The paths of all files, from the student's folder on; a folder's own files come first."""
    try:
        entries = sorted(os.scandir(os.path.join(folder, below)), key=lambda one: one.name)
    except OSError as error:
        remarks.append(f"{below or 'the folder'} cannot be read: {error.strerror}")
        return
    inside = []
    for entry in entries:
        path = os.path.join(below, entry.name)
        if entry.name.startswith(".") or entry.name in ("__pycache__", "__MACOSX"):
            continue
        if entry.is_symlink():
            remarks.append(f"{path} is a link, which is not followed")
        elif entry.is_dir(follow_symlinks=False):
            inside.append(path)
        elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield path
        else:
            remarks.append(f"{path} is no file that can be read")
    for path in inside:
        if depth + 1 < DEPTH:
            yield from _paths(folder, path, remarks, depth + 1)
        else:
            remarks.append(f"{path} lies too deep, and is not looked at")


def _read(path, file_kb):
    """(bytes, "") of a file, or (b"", why it was not read)."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return b"", "it is no file that can be read"
            data = file.read(file_kb * 1024 + 1)
    except OSError as error:
        return b"", f"the file cannot be read: {error.strerror}"
    if len(data) > file_kb * 1024:
        return b"", (f"the file has {found.st_size / 1024:.0f} KB, and {file_kb} KB are allowed")
    return data, ""


def _modified(path):
    try:
        return Path(path).lstat().st_mtime
    except OSError:
        return 0.0
