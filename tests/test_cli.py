"""The command line, as a person meets it."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import minidrop
from minidrop import (
    __version__,
    catalog,
    lesson,
    models,
    optim,
    plots,
)
from minidrop.bench import plot, pruning, samples, sizes, steps, table, techniques
from minidrop.cli import main
from minidrop.elsewhere import ELSEWHERE, here
from minidrop.xp import threads


def run(*args):
    result = CliRunner().invoke(main, args, prog_name="minidrop")
    return result.exit_code, result.output


def test_help_everywhere():
    code, overview = run("--help")
    assert code == 0
    for command in main.commands:
        assert f"\n  {command} " in overview
        code, text = run(command, "--help")
        assert code == 0 and text.startswith(f"Usage: minidrop {command}")


def test_version():
    assert run("--version") == (0, f"minidrop, version {__version__}\n")


@pytest.mark.parametrize("args, hint", [
    (("leson",), "there is no command 'leson'; did you mean 'lesson'?"),
    (("lesson", "droput"), "there is no lesson 'droput'; did you mean 'dropout'?"),
    (("show", "dropuot"), "there is no technique or model 'dropuot'; did you mean 'dropout'?"),
    (("show", "adma.4"), "there is no equation 'adma.4'; did you mean 'adam.4'?"),
    (("show", "convolution"), "convolution is a lesson and no technique: see `minidrop lesson"),
    (("show", "adam.4", "--graph"), "--graph draws models, and adam.4 is an equation; there are"),
    (("show", "early", "--graph"), "--graph draws models, and early is a function; there are"),
    (("bench", "z"), "there is no workload 'z'; there are"),
    (("bench", "b", "multi_sample"), "multi_sample is a table of its own"),
    (("bench", "pruning", "b"), "there is no network 'b'; there are mlp, vgg_small"),
    (("bench", "techniques", "drpout"), "there is no technique 'drpout'; did you mean 'dropout'?"),
    (("bench", "multi_sample", "b"), "multi_sample is a table of its own: minidrop bench multi"),
    (("bench", "pruned"), "there is no workload 'pruned'; did you mean 'pruning'?"),
    (("bench", "b", "--against", "torhc"), "there is no library 'torhc'; did you mean 'torch'?"),
    (("bench", "pruning", "--against", "torch"), "--against is for workloads, not for pruning"),
    (("bench", "pruning", "--plot", "x.png"), "--plot is not for pruning"),
    (("lesson", "musem"), "there is no lesson 'musem'; did you mean 'museum'?"),
])
def test_a_wrong_name_is_answered_with_the_nearest(args, hint):
    code, text = run(*args)
    assert code == 2 and hint in text


def test_the_list_of_lessons_has_all_in_their_places():
    code, text = run("lesson")
    assert code == 0 and [line.split()[:2] for line in text.splitlines()] == [
        [f"{i:02d}", name] for i, name in enumerate(lesson.ORDER, 1)]
    assert f"06  {'dropout':12s}  {lesson.title('dropout')}" in text.splitlines()


@pytest.mark.parametrize("name", ["dropout", "6", "06", "06_dropout", "06_dropout.py", "DROPOUT"])
def test_a_lesson_answers_to_its_name_number_and_file(name, monkeypatch):
    asked = []
    monkeypatch.setattr(lesson, "run", lambda name, code: asked.append(name))
    code, text = run("lesson", name)
    assert code == 0 and asked == ["dropout"]
    assert text.splitlines()[-1] == f"lesson: {lesson.path_of('dropout')}"


def test_show_puts_every_equation_beside_its_line():
    code, text = run("show", "dropout")
    assert code == 0
    for equation in catalog.technique("dropout").equations:
        assert f"({equation.tag})" in text
        for line in equation.lines:
            assert f"minidrop/units/dropout.py:{line.number}  in {line.function}" in text
            assert line.code in text
        for test in equation.tests:
            source = test.path.read_text(encoding="utf-8").splitlines()
            assert source[test.number - 1].startswith(f"def test_{test.name}(")
            assert f"tests/test_dropout.py:{test.number}  test_{test.name}" in text


@pytest.mark.slow
def test_show_prints_the_remarks_on_the_equations_behind_them():
    text = " ".join(run("show", "landscape")[1].split())
    (remark,) = catalog.technique("landscape").remarks
    at = [text.index(part) for part in ("(landscape.3)", " ".join(remark.split()), "Differs")]
    assert at == sorted(at)


@pytest.mark.slow
@pytest.mark.parametrize("function, name", [
    ("Dropout", "dropout"), ("cosine", "schedules")])
def test_show_of_a_function_shows_the_technique_whose_file_defines_it(function, name):
    assert run("show", function) == run("show", name)
    assert catalog.technique(name).summary.partition(":")[0] in run("show", name)[1]


@pytest.mark.slow
def test_show_names_the_command_for_one_equation():
    *_, names, _, last = run("show", "dropout")[1].splitlines()
    assert last.startswith("one equation alone: minidrop show dropout.")
    assert names == ("in Python, after import minidrop as md: md.dropout_mask, md.dropout, "
                     "md.dropout_original, md.dropout_original_expect, md.Dropout")
    code, text = run(*last.partition("minidrop ")[2].split())
    assert code == 0 and f"({last.split()[-1]})" in text


def test_show_without_a_name_lists_all_under_headings():
    code, text = run("show")
    heading, listed = "", {}
    for line in text.splitlines():
        if line.startswith("  "):
            listed.setdefault(heading, []).append(line.split()[0])
        else:
            heading = line
    assert code == 0 and list(listed)[-5:] == [
        "functions", "optimizers", "measures", "networks", "models"]
    assert "dropout" in listed["units"] and "batch_norm" in listed["norms"]
    assert listed["optimizers"] == ["adam", "schedules", "sgd"]
    assert listed.pop("models") == [*models.MODELS]
    assert sorted(sum(listed.values(), [])) == sorted(t.name for t in catalog.techniques())


@pytest.mark.parametrize("tag, code_line", [
    ("lr.2", "return floor + 0.5 * (lr - floor) * (1 + wave)"),
    ("adam.4", "w -= self.lr / (1 - self.beta1**t) * m / size")])
def test_show_of_a_tag_shows_that_equation_alone(tag, code_line):
    code, text = run("show", tag)
    assert code == 0 and code_line in text
    assert re.findall(r"\((\w+\.\d)\)$", text, re.M) == [tag]


@pytest.mark.slow
def test_equations_lists_every_tag_once():
    code, text = run("equations")
    tags = [equation.tag for t in catalog.techniques() for equation in t.equations]
    assert code == 0 and len(tags) >= 11
    assert [line.split(")")[0][3:] for line in text.splitlines() if line[:3] == "  ("] == tags


def test_doctor_says_what_this_machine_has():
    code, text = run("doctor")
    assert code == 0
    facts = dict(line.split(None, 1) for line in text.splitlines())
    assert facts["Python"].startswith(sys.version.split()[0])
    assert "1797 images" in facts["data"] and "threads" in facts["BLAS"]
    assert "VGG first 3x3 gathered2, backward gathered;" in facts["convolutions"]
    for what, how in (("threads", "MINIDROP_THREADS"), ("convolutions", "MINIDROP_CONV"),
                      ("allocator", "MINIDROP_TUNE=0")):
        assert how in facts[what]


def test_doctor_says_what_is_wrong_with_the_number_of_threads(monkeypatch):
    threads.cache_clear()
    monkeypatch.setenv("MINIDROP_THREADS", "x")
    assert "threads      none: MINIDROP_THREADS must be a whole number" in run("doctor")[1]


def test_bench_prints_a_table_and_writes_records(monkeypatch, tmp_path):
    record = {"workload": "b", "ms": 1.0, "torch_ms": 2.0, "ratio": 0.5, "peak_mb": 1.0,
              "torch_peak_mb": 2.0, "blas": "none", "threads": 1, "versions": {}}
    monkeypatch.setattr(steps, "run", lambda names, **blocks: [record | {"threads": blocks}])
    monkeypatch.setattr(table, "table", lambda records: f"{len(records)} rows")
    code, text = run("bench", "b", "--json", str(tmp_path / "out.json"))
    assert code == 0 and "1 rows" in text
    written, = json.loads((tmp_path / "out.json").read_text())
    assert written["workload"] == "b" and written["threads"] == {}
    run("bench", "b", "--blocks", "3", "--json", str(tmp_path / "out.json"))
    assert json.loads((tmp_path / "out.json").read_text())[0]["threads"] == {"blocks": 3}


def test_bench_draws_its_records_and_chooses_rivals(monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "run", lambda names, **given: [given])
    monkeypatch.setattr(table, "table", lambda records: str(records))
    monkeypatch.setattr(plot, "plot", lambda records, path: path.write_text(str(len(records))))
    code, text = run("bench", "b", "--against", "jax", "--against", "torch", "--plot",
                     str(tmp_path / "bench.svg"))
    assert code == 0 and text.startswith("[{'against': ('jax', 'torch')}]\n")
    assert text.endswith(f"figure: {tmp_path / 'bench.svg'}\n")
    assert (tmp_path / "bench.svg").read_text() == "1"


def test_an_interrupted_bench_is_told_in_a_sentence(monkeypatch):
    def interrupted(names, **given):
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "run", interrupted)
    assert run("bench") == (130, "Error: interrupted; nothing is written\n")


@pytest.mark.parametrize("error, code, last", [
    (KeyboardInterrupt, 130, "Error: interrupted; what was measured is above"),
    (ValueError("they differ"), 1, "Error: they differ"), (MemoryError, 1, "written: {}")])
def test_what_was_measured_before_a_bench_ends_is_shown_and_written(monkeypatch, tmp_path, error,
                                                                    code, last):
    target = tmp_path / "out.json"

    def ended(names, **given):
        for name in names:
            if target.exists():
                assert json.loads(target.read_text()) == [{"workload": "a"}]
                raise error
            yield {"workload": name}

    monkeypatch.setattr(steps, "run", ended)
    monkeypatch.setattr(table, "table", lambda records: f"{len(records)} rows")
    found, text = run("bench", "a", "b", "c", "--json", str(target))
    assert found == code and text.startswith(f"1 rows\nwritten: {target}\n")
    assert text.splitlines()[-1] == last.format(target)
    assert json.loads(target.read_text()) == [{"workload": "a"}]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_folder_that_is_not_there_is_told_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "run", lambda names: 1 / 0)
    for option in ("--json", "--plot"):
        code, text = run("bench", "b", option, str(tmp_path / "not" / "there"))
        assert code == 2 and f"there is no folder {tmp_path / 'not'} for {option}" in text


def test_a_figure_of_no_known_kind_is_told_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(steps, "run", lambda names: 1 / 0)
    code, text = run("bench", "b", "--plot", "speed.xyz")
    assert code == 2 and "--plot must end in .png, .pdf, .svg, got speed.xyz" in text


@pytest.mark.parametrize("words, module, given", [
    ("techniques dropblock cutmix", techniques, {"names": ["dropblock", "cutmix"]}),
    ("sizes width", sizes, {"ways": ["width"]}), ("pruning mlp", pruning, {"networks": ["mlp"]}),
    ("pruning", pruning, {})])
def test_lines_of_a_table_can_be_chosen(monkeypatch, words, module, given):
    asked = []
    monkeypatch.setattr(module, "run", lambda **options: asked.append(options) or [])
    assert run("bench", *words.split())[0] == 0
    assert [{key: [*names] for key, names in options.items()} for options in asked] == [given]


@pytest.mark.parametrize("name, module", [("multi_sample", samples),
                                          ("pruning", pruning), ("techniques", techniques)])
def test_bench_of_one_technique_is_a_table_of_its_own(monkeypatch, tmp_path, name, module):
    record = {"workload": name, "m": 1}
    monkeypatch.setattr(module, "run", lambda blocks=5: [record] * blocks)
    monkeypatch.setattr(module, "table", lambda records: f"{len(records)} rows")
    code, text = run("bench", name, "--json", str(tmp_path / "out.json"))
    assert code == 0 and "5 rows" in text
    assert json.loads((tmp_path / "out.json").read_text()) == [record] * 5
    assert "2 rows" in run("bench", name, "--blocks", "2")[1]


@pytest.mark.slow
def test_a_failing_lesson_fails_the_command_and_names_its_own_line(monkeypatch, tmp_path):
    (tmp_path / "06_dropout.py").write_text("# %% [markdown]\n# # T\n# %%\nx = 1\nassert x == 2\n")
    monkeypatch.setattr(lesson, "folder", lambda: tmp_path)
    code, text = run("lesson", "dropout")
    assert code == 1 and "assert x == 2" in text
    process = subprocess.run(
        [sys.executable, "-c", "from minidrop import lesson; import pathlib, sys;"
         f"lesson.folder = lambda: pathlib.Path({str(tmp_path)!r});"
         "from minidrop.cli import main; main(['lesson', 'dropout'])"],
        capture_output=True, text=True, timeout=60)
    assert process.returncode == 1
    assert "06_dropout.py\", line 5" in process.stderr and "AssertionError" in process.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command, answer", [
    (("show", "droppath"), "did you mean 'stochastic_depth'?"),
    (("show", "MC-dropout"), "did you mean 'mc'?"),
    (("show", "GDV"), "did you mean 'dynamics'?"),
    (("lesson", "mixup"), "did you mean 'mixing', which is about it?"),
    (("lesson", "stochastic_depth"), "did you mean 'paths', which is about it?"),
    (("train", "resnet8", "digits", "--place", "*.sum=DropPath:0.5"),
     "did you mean 'stochasticdepth'?"),
])
def test_what_others_call_it_is_answered_with_our_name(command, answer):
    code, text = run(*command)
    assert code == 2 and answer in " ".join(text.split())


def test_every_name_of_others_leads_to_a_technique():
    files = {technique.name for technique in catalog.techniques()}
    for ours, file in ELSEWHERE.values():
        known = optim.__all__ if ours.startswith("optim.") else dir(minidrop)
        assert ours.removeprefix("optim.") in known and file in files
        assert here(ours) is None                 # ours need no translation


def test_an_interrupted_lesson_says_how_to_go_on(monkeypatch):
    def interrupted(name, code):
        raise KeyboardInterrupt
    monkeypatch.setattr(lesson, "run", interrupted)
    code, text = run("lesson", "dropout")
    assert code == 130 and "start again with: minidrop lesson dropout" in text


@pytest.mark.slow
def test_python_dash_m_is_the_command_line():
    process = subprocess.run([sys.executable, "-m", "minidrop", "--version"], capture_output=True,
                             text=True, timeout=60)
    assert process.stdout == f"minidrop, version {__version__}\n"


def test_figures_are_opened_only_where_somebody_looks(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not plots.has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert plots.has_screen()
    monkeypatch.setenv("CI", "true")
    assert not plots.has_screen()
    assert os.environ["DISPLAY"] == ":0"
