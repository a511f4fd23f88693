"""The page that explains how a verdict is reached says what is true."""

import contextlib
import functools
import io
import re
import runpy
from pathlib import Path

import pytest

import minidrop as md
from minidrop.verify import check
from minidrop.verify.chance import ALARM, Chance
from minidrop.verify.commands import verify
from minidrop.verify.report import FAILS, HOLDS, OTHER, UNSEEN
from minidrop.verify.run import SECONDS
from minidrop.verify.technique import ENOUGH
from minidrop.verify.techniques import NAMES, technique_named

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "site/pages/verify.md"
TEXT = PAGE.read_text(encoding="utf-8")
SCRIPT = runpy.run_path(str(ROOT / "site/scripts/verify.py"), run_name="verify")
TABLES = functools.cache(SCRIPT["tables"])
WRITTEN = TEXT.partition(SCRIPT["START"])[0] + TEXT.partition(SCRIPT["END"])[2]


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", WRITTEN, re.M | re.S)


def test_its_tables_are_those_of_the_techniques():
    """If not: python site/scripts/verify.py"""
    assert SCRIPT["START"] in TEXT and SCRIPT["with_tables"](TEXT) == TEXT


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_every_equation_form_and_variant(name):
    technique = technique_named(name)
    section = re.search(rf"^### [^\n]*: `{name}`\n.*?(?=^### |\Z)", TABLES(), re.M | re.S)
    for tag in md.catalog.formulas(name):
        row = re.search(rf"^\| {re.escape(tag)} \| (.+) \|$", section[0], re.M)[1]
        claims = [claim for claim, _ in SCRIPT["claims"](technique).get(tag, ())]
        assert claims or tag in technique.unseen
        assert all(claim.replace("|", r"\|") in row for claim in claims) or tag in technique.unseen
        assert ("cannot be seen" in row) == (tag in technique.unseen)
    for text in (*technique.variants, *technique.unseen.values(), *technique.options):
        assert text in section[0]


def test_it_is_short_beside_its_tables():
    assert len(WRITTEN.splitlines()) <= 152
    assert all(len(line) <= 105 for line in WRITTEN.splitlines() if not line.startswith("|"))


def test_its_example_prints_what_it_shows():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks("python")[0], {})
    assert printed.getvalue() == blocks("text")[1]
    space = {"OurDropout": md.Dropout}
    exec(blocks("python")[1], space)
    space["test_our_dropout_conforms"]()


def test_its_commands_and_options_exist():
    options = {option for parameter in verify.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z]+", WRITTEN))
    assert named <= options and {"--impl", "--form", "--bind", "--set"} <= named
    rows = re.findall(r"^\| `(\w+)=.*?` \| `--(\w+) ", WRITTEN, re.M)
    assert {"bind", "extra", "rate", "layout", "framework", "fixed"} <= {name for name, _ in rows}
    parameters = {parameter.name for parameter in verify.params} | {"scaling"}
    assert {name for name, _ in rows} <= parameters


def test_its_words_and_numbers_are_those_of_the_code():
    assert re.findall(r"^\| ([a-z ]+) \|", WRITTEN.partition("| word |")[2], re.M)[:4] == [
        HOLDS, FAILS, UNSEEN, OTHER]
    assert f"bound is below {ALARM:.0e}".replace("e-09", "e-9") in WRITTEN
    assert f"may take {SECONDS:g} seconds" in WRITTEN and f"after {ENOUGH} checks" in WRITTEN
    chance = Chance()
    assert chance.rate(round(0.51 * 105_000), 105_000, 0.5)
    assert not chance.rate(round(0.51 * 108_000), 108_000, 0.5)       # 107,000, as the page has it
    assert "about 107,000 draws" in WRITTEN
    assert check(md.Dropout, "dropout").alarm < 1e-6 and "below 1e-6" in WRITTEN


def test_every_link_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", WRITTEN) if "://" not in link]
    sources = [link for link in links if link.startswith("source/")]        # pages of a build
    assert links and all((PAGE.parent / link).exists() for link in links if link not in sources)
    assert sources and all((ROOT / link.removeprefix("source/")).with_suffix(".py").is_file()
                           for link in sources)
