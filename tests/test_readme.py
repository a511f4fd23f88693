"""The README says what is true: its numbers, its commands, its table."""

import contextlib
import io
import re
import runpy
from pathlib import Path

from numpy.testing import assert_allclose

import minidrop
from minidrop import catalog
from minidrop.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+\.?\d*")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.M | re.S)


def test_it_is_short():
    assert len(README.splitlines()) <= 120


def test_the_example_prints_what_the_readme_shows():
    example, shown = blocks("python")[0], blocks("text")[0]
    assert len([line for line in example.splitlines() if line]) <= 15
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    *exact, last = printed.getvalue().splitlines()
    *due, accuracy = shown.splitlines()
    assert exact == due
    # The last line depends on the last bits of the machine's matrix products: one digit in 50.
    assert NUMBER.sub("", last) == NUMBER.sub("", accuracy)
    assert_allclose(float(NUMBER.search(last)[0]), float(NUMBER.search(accuracy)[0]), atol=0.02)


def test_the_second_example_trains_and_goes_on_from_its_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    example = blocks("python")[1]
    assert len([line for line in example.splitlines() if line]) <= 12
    outputs = []
    for _ in range(2):                            # the second time the run is over, and is loaded
        printed, space = io.StringIO(), {"md": minidrop}
        with contextlib.redirect_stdout(printed):
            exec(example, space)
        outputs.append(printed.getvalue())
    due = float(re.search(r"# about (\S+)$", example, re.M)[1])
    assert outputs[0] == outputs[1] and (tmp_path / "digits.run").is_file()
    assert_allclose(float(NUMBER.search(outputs[0])[0]), due, atol=0.06)
    steps = int(re.search(r"# (\d+) mini-batches of 64", example)[1])
    assert steps == -(-len(space["digits"].train[0]) // 64)


def test_the_three_commands_are_there_in_full():
    start = "python3 -m venv .venv && .venv/bin/pip install -e "
    assert [block.strip() for block in blocks("sh")] == [
        f"{start}. && .venv/bin/minidrop lesson dropout",
        f'{start}".[test]" && .venv/bin/pytest -n auto',
        f'{start}".[site]" && .venv/bin/python site/build.py']


def test_the_table_of_techniques_is_the_catalogs():
    """If not: python site/scripts/overview.py"""
    script = runpy.run_path(str(ROOT / "site/scripts/overview.py"), run_name="overview")
    assert script["START"] in README and script["with_table"](README) == README
    assert "minidrop/units/dropout.py" in catalog.overview()


def test_every_link_into_the_project_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and all((ROOT / link).exists() for link in links)


def test_every_command_it_lists_exists():
    listed = re.findall(r"^minidrop (\w+)", "\n".join(blocks("text")), re.M)
    assert sorted(listed) == sorted(main.commands)
