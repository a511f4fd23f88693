"""site/data/names.toml: every name is in the library that is installed, and takes its argument."""

import importlib
import inspect
import sys
from pathlib import Path

import pytest

from minidrop.verify.field.libraries import version_of

sys.path.insert(0, str(Path(__file__).parents[2] / "site"))
from scripts import names

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore"),
              pytest.mark.usefixtures("torchvision", "keras")]


def found(name):
    """The object that a dotted name means."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            there = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            there = getattr(there, part)
        return there
    raise AssertionError(f"{name} is nowhere")


@pytest.mark.parametrize("row", names.names(), ids=lambda row: f"{row.technique}-{row.name}")
def test_a_name_is_there_and_takes_the_argument(row):
    if version_of(row.library) is None:
        pytest.skip(f"{row.library} is not installed")
    there = found(row.name)
    try:
        taken = inspect.signature(there).parameters
    except ValueError:                            # built in: its docstring has the signature
        taken = there.__doc__.partition(")")[0]
    assert row.argument in taken, f"{row.name} takes {taken}"
