"""Every test that takes `xp` has two runs: on NumPy and on the strict stand-in for CuPy.

    pytest                  on NumPy
    pytest -m strict        on the stand-in
    pytest --cupy           both, with a real GPU in the place of the stand-in
    pytest --reference      also the comparisons with PyTorch, torchvision, timm and Keras, as
                            tests/parity/libraries.py installs them; a missing one is a failure
"""

import gc
import importlib
import re
import signal
import sys
from collections import Counter

import matplotlib
import numpy
import pytest

from tests import strict
from tests.strict import kernels

matplotlib.use("Agg")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:     # so a shell starts what runs behind it
    signal.signal(signal.SIGINT, signal.default_int_handler)

HOST_ONLY = {               # files in which nothing depends on the array module, and why
    "site/test_decks.py": "looks at the built site",
    "site/test_equations.py": "looks at the built site in Chromium",
    "site/test_filter.py": "looks at the built site in Chromium",
    "site/test_links.py": "reads the built site",
    "site/test_pages.py": "looks at the built site in Chromium",
    "site/test_widget_bits.py": "compares with what Chromium draws",
    "site/test_widgets.py": "compares with what Chromium shows",
    "test_axes.py": "reads a page and draws its figure",
    "test_bench.py": "times NumPy beside PyTorch",
    "test_doctor.py": "prints text about the host",
    "test_fast.py": "fast paths of the host",
    "test_fast_convolution.py": "strategies for the host",
    "test_workers.py": "threads, which a GPU has no use for",
    "test_widgets.py": "reads the data of the widgets",
    "test_bench_sizes.py": "times NumPy beside PyTorch",
    "test_bench_techniques.py": "times NumPy beside PyTorch",
    "test_catalog.py": "reads source text",
    "test_citations.py": "reads source text",
    "parity/test_names.py": "looks names up in other libraries",
    "test_tables.py": "reads the pages that the site is made of",
    "test_claim_snapshots.py": "experiments on the host, and their files",
    "test_claim_family.py": "experiments on the host",
    "test_claim_code.py": "source text, and files of experiments on the host",
    "test_claim_jobs.py": "processes on the host, and their files",
    "test_claim_blocks.py": "experiments on the host",
    "test_claim_cnns.py": "experiments on the host",
    "test_claim_heads.py": "experiments on the host",
    "test_claim_timed.py": "experiments on the host",
    "test_claim_mlps.py": "experiments on the host",
    "test_claim_mixing.py": "experiments on the host",
    "test_claim_pruned.py": "experiments on the host",
    "test_claims.py": "experiments on the host, and their files",
    "test_claim_history.py": "records of claims are files of the host",
    "test_cli.py": "the command line prints text",
    "test_blocks.py": "counts blocks, which are the same on every backend",
    "test_exits.py": "the command line prints text",
    "test_data.py": "files and their splits live on the host",
    "test_lesson_kernels.py": "runs lessons in kernels, for their pages",
    "test_lesson_pages.py": "makes pages of lessons",
    "test_data_commands.py": "the command line prints text",
    "test_data_download.py": "files and their splits live on the host",
    "test_data_files.py": "files and their splits live on the host",
    "test_data_synthetic.py": "points and shapes are drawn on the host",
    "test_data_real.py": "files and their splits live on the host",
    "fuzz/test_fuzz.py": "files from outside are read on the host",
    "test_faults.py": "runs tests of other files on NumPy, with faults planted",
    "test_kernels.py": "runs on the stand-in alone, and not on NumPy",
    "test_kernel_layers.py": "runs on the stand-in alone, and not on NumPy",
    "test_kernel_twins.py": "runs on the stand-in alone, and not on NumPy",
    "test_intervals.py": "a handful of results, on the host",
    "test_family.py": "makes a page",
    "test_glossary.py": "makes a page",
    "test_graph.py": "draws what a forward pass on the host did",
    "test_history.py": "reads a page and draws its figure",
    "test_house.py": "reads source text",
    "test_interrupt.py": "signals come to the process, not to arrays",
    "test_import.py": "times imports in a Python of its own",
    "test_kill.py": "kills processes",
    "test_lessons.py": "runs the lessons as a user does",
    "test_long.py": "looks at the host's memory",
    "test_memory.py": "looks at the host's memory and garbage collector",
    "test_mutations.py": "changes source text, and runs tests in processes",
    "test_museum.py": "makes a page, whose lines run on the host",
    "test_rectified.py": "the row of zeros is for NumPy's instructions; a GPU takes one zero",
    "test_network_drawings.py": "makes pictures, on the host",
    "test_picture_greys.py": "makes pictures, on the host",
    "test_pictures.py": "makes pictures, on the host",
    "test_promises.py": "files, processes and source text",
    "test_release.py": "reads files of the project",
    "test_readme.py": "reads the README",
    "test_regimes.py": "a handful of results, on the host",
    "test_rows.py": "a fast path of the host",
    "test_samples.py": "a fast path of the host",
    "test_samplers.py": "tests the checks of samplers themselves",
    "test_strict.py": "tests the stand-in itself",
    "test_technique_pages.py": "reads source text",
    "test_ties.py": "reads source text",
    "test_vectors.py": "files, read back with NumPy",
    "test_winograd.py": "the fast path of the host",
    "test_words.py": "reads pages",
    "grade/test_teaching.py": "a page of text, and submissions in processes",
    "grade/test_exercises.py": "submissions are NumPy in a process of their own",
    "grade/test_slips.py": "holds solutions in NumPy against each other",
    "grade/test_course.py": "files and tables of text",
    "grade/test_sheet.py": "files and tables of text",
    "grade/test_report.py": "submissions are NumPy in a process of their own",
    "grade/test_refuse.py": "reads source text",
    "grade/test_walls.py": "submissions are NumPy in a process of their own",
    "grade/test_sandbox.py": "submissions are NumPy in a process of their own",
    "grade/test_laws.py": "reads draws of the host",
    "grade/test_marking.py": "submissions are NumPy in a process of their own",
    "grade/test_commands.py": "the command line prints text",
    "grade/test_loops.py": "counts lines that run on the host",
    "grade/test_picture.py": "draws arrays of the host as text",
    "grade/test_shown.py": "prints text",
    "grade/test_stub.py": "writes text",
    "grade/test_prove.py": "submissions are NumPy in a process of their own",
    "verify/test_chance.py": "bounds for numbers of draws, on the host",
    "verify/test_commands.py": "the command line prints text",
    "verify/test_field.py": "starts processes, and prints text",
    "verify/test_page.py": "reads a page",
    "verify/test_spelled.py": "holds implementations on the host",
    "verify/test_package.py": "starts a pytest of its own",
    "verify/test_process.py": "starts processes, on the host",
    "verify/test_styles.py": "holds implementations on the host",
    "verify/test_report.py": "reads text",
    "test_verify.py": "holds implementations on the host",
    "verify/test_formulas.py": "holds implementations on the host",
    "verify/test_formulas_norms.py": "holds implementations on the host",
    "verify/test_cutout.py": "holds implementations on the host",
    "verify/test_dropblock.py": "holds implementations on the host",
    "verify/test_flip_crop.py": "holds implementations on the host",
    "verify/test_formulas_over_time.py": "holds implementations on the host",
    "verify/test_formulas_others.py": "holds implementations on the host",
    "verify/test_formulas_smallify.py": "holds implementations on the host",
    "verify/test_formulas_weights.py": "holds implementations on the host",
    "test_train_command.py": "the command line prints text",
    "verify/test_dropconnect.py": "holds implementations on the host",
    "verify/test_rivals_verify.py": "holds implementations on the host",
    "verify/test_targeted_verify.py": "holds implementations on the host",
    "verify/test_mc_verify.py": "holds implementations on the host",
    "verify/test_multi_sample_verify.py": "holds implementations on the host",
    "verify/test_variational_verify.py": "holds implementations on the host",
    "verify/test_adapters.py": "holds implementations on the host",
    "verify/test_attentive.py": "holds implementations on the host",
    "verify/test_cutmix.py": "holds implementations on the host",
    "verify/test_mixup.py": "holds implementations on the host",
    "verify/test_masks.py": "holds implementations on the host",
    "verify/test_mutants.py": "holds implementations on the host",
    "verify/test_units.py": "holds implementations on the host",
    "parity/test_averages.py": "PyTorch here is the CPU's",
    "parity/test_dropblock.py": "PyTorch here is the CPU's",
    "parity/test_exchange.py": "PyTorch here is the CPU's",
    "parity/test_gallery.py": "implementations that others would write, in their frameworks",
    "parity/test_functions.py": "PyTorch here is the CPU's",
    "parity/test_inplace.py": "PyTorch here is the CPU's",
    "parity/test_inputs.py": "PyTorch here is the CPU's",
    "parity/test_norms.py": "PyTorch here is the CPU's",
    "parity/test_optim.py": "PyTorch here is the CPU's",
    "parity/test_libraries.py": "looks at what is installed",
    "parity/test_models.py": "PyTorch here is the CPU's",
    "parity/test_paths.py": "PyTorch here is the CPU's",
    "parity/test_pruning.py": "PyTorch here is the CPU's",
    "parity/test_rivals.py": "PyTorch here is the CPU's",
    "parity/test_targeted.py": "PyTorch here is the CPU's",
    "parity/test_torch.py": "PyTorch here is the CPU's",
    "parity/test_transformers.py": "PyTorch here is the CPU's",
    "parity/test_units.py": "PyTorch here is the CPU's",
    "parity/test_verify_dropblock.py": "PyTorch here is the CPU's",
    "parity/test_verify_field.py": "starts processes",
    "parity/test_verify_keras.py": "PyTorch here is the CPU's",
    "parity/test_verify_torch.py": "PyTorch here is the CPU's",
    "parity/test_window.py": "PyTorch here is the CPU's",
    "verify/test_gallery.py": "implementations that others would write, in NumPy",
}
collect_ignore_glob = ["verify/package/*"]        # another project, which test_package.py runs
_ran = Counter()


def pytest_addoption(parser):
    parser.addoption("--cupy", action="store_true", help="run the xp tests on a real GPU as well")
    parser.addoption("--reference", action="store_true", help="compare with reference libraries")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected lives to the end, so the garbage collector need not walk it again and
    again: that was an eighth of the time of all tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path, config):
    """A file of slow tests alone, or of reference, strict or site tests, is not even imported where
    those are left out."""
    if collection_path.suffix != ".py":
        return None
    mark = re.search(r"^pytestmark = \[?pytest\.mark\.(slow|reference|strict|site)\b",
                     collection_path.read_text(encoding="utf-8"), re.M)
    left_out = {"slow": config.getoption("-m") == "not slow and not site",
                "site": "site" not in config.getoption("-m"),
                "reference": not config.getoption("--reference"),
                "strict": not config.getoption("--cupy") and "strict" not in config.getoption("-m")}
    return True if mark and left_out[mark[1]] else None


def pytest_collection_modifyitems(config, items):
    if config.getoption("--reference"):
        return
    kept = [item for item in items if "reference" not in item.keywords]
    config.hook.pytest_deselected(items=[item for item in items if "reference" in item.keywords])
    items[:] = kept


def pytest_generate_tests(metafunc):
    if "xp" in metafunc.fixturenames:
        gpu, marked = (metafunc.config.getoption(option) for option in ("--cupy", "-m"))
        modules = ["numpy"]
        if gpu or "strict" in marked:
            modules.append(pytest.param("cupy" if gpu else "strict", marks=pytest.mark.strict))
        metafunc.parametrize("xp", modules, indirect=True)


@pytest.fixture
def xp(request):
    """The array module of this run of the test."""
    if request.param == "strict":
        strict.install()
        if not kernels.COMPILER:                  # then array code does what they would do
            request.getfixturevalue("monkeypatch").setenv("MINIDROP_KERNELS", "off")
        yield sys.modules["cupy"]
        strict.uninstall()
    else:
        yield importlib.import_module(request.param)


@pytest.fixture
def cupy(request):
    """CuPy under --cupy, otherwise the stand-in, for tests of what runs on a GPU alone."""
    if request.config.getoption("--cupy"):
        yield importlib.import_module("cupy")
    else:
        strict.install()
        yield sys.modules["cupy"]
        strict.uninstall()


@pytest.fixture
def registered():
    """Primitives that a test registers are forgotten after it."""
    registry = importlib.import_module("minidrop.tape").REGISTRY
    before = {*registry}
    yield
    for name in {*registry} - before:
        del registry[name]


@pytest.fixture(autouse=True)
def closed_figures():
    """What a test has drawn is let go of; otherwise Matplotlib warns a later one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def stand_in():
    """It, even beside a GPU: what is launched wrongly there could harm other programs."""
    yield strict.install()
    strict.uninstall()


@pytest.fixture(params=[(1, 1), (2, 3), (32, 65536), (256, 2), (256, 65536)], ids=str)
def grid(request, monkeypatch):
    """Threads in a block and blocks of a launch, at most."""
    monkeypatch.setattr("minidrop.device.launch.THREADS", request.param[0])
    monkeypatch.setattr("minidrop.device.launch.BLOCKS", request.param[1])


@pytest.fixture
def backend(xp):
    """The name that `model.to` takes for this array module."""
    return "numpy" if xp is numpy else "cupy"


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        name = report.nodeid.split("::")[0]
        if name.startswith("tests/"):
            _ran["strict" if "strict" in report.keywords else "host"] += 1
            _ran[name.removeprefix("tests/"), "xp"] += "xp" in getattr(report, "keywords", {})


def pytest_terminal_summary(terminalreporter):
    total = _ran["strict"] + _ran["host"]
    if total:
        terminalreporter.write_line(
            f"{_ran['strict']} of {total} test runs ({_ran['strict'] / total:.0%}) were on the "
            f"stand-in for CuPy (pytest -m strict); {len(HOST_ONLY)} files are host-only, as "
            "tests/conftest.py lists")
