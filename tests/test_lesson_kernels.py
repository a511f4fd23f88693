"""Lessons run in kernels: what is printed and saved is kept, what fails is told in a sentence."""

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from minidrop import lesson

pytestmark = pytest.mark.slow
pytest.importorskip("nbclient")
if importlib.util.find_spec("ipykernel") is None:          # once imported, figures stay open
    pytest.skip("could not import ipykernel", allow_module_level=True)
SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))

from scripts import executed  # noqa: E402


@pytest.fixture(autouse=True)
def no_kernel_is_left_imported():
    known = "ipykernel" in sys.modules
    yield
    if not known:
        sys.modules.pop("ipykernel", None)


WORKS = """# %% [markdown]
# # A: b?

# %%
import os, sys
from pathlib import Path
from threadpoolctl import threadpool_info
print("one")
sys.stderr.write("a bar")
threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
3

# %% [markdown]
# b

# %%
from minidrop.plots import save_figure, subplots
print("before")
path = save_figure(subplots()[0], "a")
print("after", threads, Path("minidrop-figures").is_dir(), os.environ["MINIDROP_SMOKE"])
"""


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("MINIDROP_SMOKE", "1")


def run(tmp_path, source):
    path = tmp_path / "01_a.py"
    path.write_text(source, encoding="utf-8")
    return asyncio.run(executed.execute(path))


def test_a_lesson_runs_on_one_thread_and_is_kept_without_its_bars(tmp_path):
    found = run(tmp_path, WORKS)
    assert found.outputs == (("one\n", ()), ("before\nafter {1} True 1\n", ("a",)))
    assert found.figures["a"].startswith(b"\x89PNG") and 0 < found.seconds < 60


@pytest.mark.parametrize("last, due", [
    ("assert 1 == 2, 'not so'", "line 21: AssertionError: not so\n    assert 1 == 2, 'not so'"),
    ("f = lambda: 1 / 0\n\nf()", "line 21: ZeroDivisionError: division by zero\n    f = lambda"),
    ("x = (", "line 21: .*SyntaxError.*\n    x = \\("),
    ("import os; os._exit(3)", "Kernel died"),
    ("from IPython.display import display; display(3)", "a cell shows what it does not print"),
])
def test_a_lesson_that_fails_says_which_line(tmp_path, last, due):
    with pytest.raises(ValueError, match=r"\Alessons/01_a.py(, |: )" + due) as told:
        run(tmp_path, WORKS + last + "\n")
    assert len(str(told.value).splitlines()) <= 2 and "\x1b" not in str(told.value)


def test_what_fails_does_not_keep_the_others_from_being_kept(tmp_path, monkeypatch):
    paths = {name: tmp_path / f"{name}.py" for name in ("good", "bad", "worse")}
    for name, path in paths.items():
        path.write_text(WORKS + f"assert {name == 'good'}, {name!r}\n", encoding="utf-8")
    monkeypatch.setattr(executed, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(lesson, "path_of", paths.__getitem__)
    monkeypatch.setattr(lesson, "written", lambda: [*paths])
    with pytest.raises(ValueError, match=r"(?s)bad.py, line 21: .*worse.py, line 21: ") as told:
        executed.results.__wrapped__()
    assert "good" not in str(told.value)
    monkeypatch.setattr(lesson, "written", lambda: ["good"])
    monkeypatch.setattr(executed, "execute", None)            # a second run would fail
    assert executed.results.__wrapped__()["good"].outputs[0].text == "one\n"
