"""The home page and what was not reproduced: they say what the code says, and lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from minidrop import catalog, lesson
from minidrop.claims import CLAIMS, ledger

PAGES = Path(__file__).parents[1] / "site" / "pages"
HOME = (PAGES / "index.md").read_text(encoding="utf-8")
MISSING = (PAGES / "not-reproduced.md").read_text(encoding="utf-8")
README = (PAGES.parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_taste_shows_equations_and_lines_of_the_file():
    source = (catalog.PACKAGE / "units" / "dropout.py").read_text(encoding="utf-8")
    lines = [" ".join(line.split()) for line in source.splitlines()]
    cited = re.findall(r"^(.*)  (# Eq\. .*)$", HOME, re.M)
    assert len(cited) == 2
    for code, tag in cited:
        assert f"{code} {tag}" in lines
    formulas = dict(re.findall(r"^\$\$ (.*) \\tag\{(.*)\} \$\$$", HOME, re.M))
    for latex, tag in formulas.items():
        assert latex == catalog.formulas("dropout")[tag].partition(r"\tag")[0].strip()
    assert len(formulas) == 3


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_the_taste_holds_as_it_is_printed(p):
    x = np.array([1.0, -2.0, 3.0, 0.5])
    code, = re.findall(r"```python\n(mean, variance .*?)```", HOME, re.S)
    exec(code, {"md": md, "np": np, "x": x, "p": p})
    with pytest.raises(AssertionError):
        exec(code, {"md": md, "np": np, "x": x, "p": p} | {"p": 0.7, "md": Forgetful})


class Forgetful:
    """A library that forgets to scale."""

    exact_moments = staticmethod(md.exact_moments)

    @staticmethod
    def dropout(x, mask, p):
        return x * mask


def test_the_commands_are_the_readmes():
    commands = re.findall(r"```sh\n(.*?)\n```", HOME, re.S)
    assert commands[0] in README
    assert commands[1] == ".venv/bin/minidrop verify dropout --impl torch.nn:Dropout"


@pytest.mark.parametrize("page", [HOME, MISSING], ids=["home", "not reproduced"])
def test_links_lead_to_lessons_and_techniques_that_are_there(page):
    techniques = {t.name for t in catalog.techniques()}
    for folder, name in re.findall(r"\]\((lessons|techniques)/(\w+)\.md", page):
        known = lesson.written() if folder == "lessons" else techniques
        assert name == "index" or name in known, name
    assert not re.findall(r"https?://", page)


@pytest.mark.parametrize("path", sorted(ledger.PUBLISHED.glob("*.json")), ids=lambda p: p.stem)
def test_a_claim_that_did_not_hold_is_on_the_page(path):
    record = ledger.read(path)
    claim = CLAIMS[record["claim"]]
    word = claim.judge(ledger.results(claim, record), record["settings"]).word
    assert word == "held" or f"claims.md#{claim.name}" in MISSING, (
        f"claim {claim.name} came out as {word}, and not-reproduced.md does not say so")


def test_the_home_page_tells_of_claims_what_came_out():
    words = set()
    for path in ledger.PUBLISHED.glob("*.json"):
        record = ledger.read(path)
        claim = CLAIMS[record["claim"]]
        words.add(claim.judge(ledger.results(claim, record), record["settings"]).word)
    assert ("claims](tables/claims.md) that held, those not" in HOME) == (words == {"held"})
    assert ("did not hold" in HOME) == (words != {"held"})
