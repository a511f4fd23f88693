"""The house: imports point down, NumPy and CuPy stay where they belong, names mean one thing."""

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import minidrop
from minidrop.catalog import PACKAGE, PLACES
from tests.conftest import HOST_ONLY

# The floor of each file, the first match counts.  Within ops/ and nn/ the order is fixed too.
FLOORS = (
    ("__init__.py", 20), ("__main__.py", 20), ("cli.py", 11),
    ("grade/__init__.py", 10.9), ("grade/commands.py", 10.8), ("grade/report.py", 10.7),
    ("grade/authors.py", 10.75), ("grade/shown.py", 10.75), ("grade/prove.py", 10.7),
    ("grade/picture.py", 10.6),
    ("grade/report_command.py", 10.75), ("grade/gradescope.py", 10.66), ("grade/sheet.py", 10.65),
    ("grade/worker.py", 10.65), ("grade/found.py", 10.65), ("grade/course.py", 10.6),
    ("grade/marking.py", 10.6), ("grade/stub.py", 10.5), ("grade/process.py", 10.5),
    ("grade/exercise.py", 10.4), ("grade/laws.py", 10.4), ("grade/judges.py", 10.3),
    ("grade/refuse.py", 10.1), ("grade/values.py", 10.1),
    ("grade/", 10),
    ("verify/__init__.py", 9.6), ("verify/commands.py", 9.7), ("verify/run.py", 9.5),
    ("verify/field/__init__.py", 9.6), ("verify/field/command.py", 9.65),
    ("verify/field/matrix.py", 9.62), ("verify/field/matrix_text.py", 9.62),
    ("verify/field/libraries.py", 9.6), ("verify/field/wrappers.py", 9),
    ("verify/field/table.py", 9), ("verify/field/", 9.1),
    ("verify/techniques/__init__.py", 9.4), ("verify/techniques/", 9.3),
    ("verify/checks/__init__.py", 9.3), ("verify/checks/divergences.py", 9.28),
    ("verify/checks/on_weights.py", 9.25), ("verify/checks/norms.py", 9.25),
    ("verify/checks/rates.py", 9.25), ("verify/checks/boxes.py", 9.25),
    ("verify/checks/masks.py", 9.2), ("verify/checks/squares.py", 9.2),
    ("verify/checks/formulas.py", 9.2), ("verify/checks/mixing.py", 9.2),
    ("verify/checks/reading.py", 9.12), ("verify/checks/normals.py", 9.1),
    ("verify/checks/scaling.py", 9.1), ("verify/checks/", 9.15),
    ("verify/adapters/__init__.py", 9.3), ("verify/adapters/base.py", 9.16),
    ("verify/adapters/inside.py", 9.14), ("verify/adapters/framework.py", 9.15),
    ("verify/adapters/numpy_arrays.py", 9.17), ("verify/adapters/torch_tensors.py", 9.18),
    ("verify/adapters/jax_arrays.py", 9.18), ("verify/adapters/", 9.2),
    ("verify/worker.py", 9.6), ("verify/process.py", 9.1), ("verify/box.py", 9.1),
    ("verify/technique.py", 9.05),
    ("verify/vectors/__init__.py", 9.3), ("verify/vectors/case.py", 9.1), ("verify/vectors/", 9.2),
    ("verify/text.py", 8.9), ("verify/", 9),
    ("claims/commands.py", 9.4), ("claims/__init__.py", 9.3),
    ("claims/claim.py", 9), ("claims/ledger.py", 9), ("claims/work.py", 8.9),
    ("claims/fingerprint.py", 8.9), ("claims/history.py", 8.95), ("claims/stamps.py", 9.05),
    ("claims/recipe.py", 9.05), ("claims/mlps.py", 9.1), ("claims/lenets.py", 9.15),
    ("claims/cnns.py", 9.1), ("claims/compare.py", 9.1), ("claims/heads.py", 9.15),
    ("claims/family_arms.py", 9.15),
    ("claims/budgets.py", 9.15),
    ("claims/pruned.py", 9.15), ("claims/pruners.py", 9.1), ("claims/targeted.py", 9.15),
    ("claims/timed.py", 9.15), ("claims/augmented.py", 9.1), ("claims/mixes.py", 9.15),
    ("claims/", 9.2),
    ("bench/__init__.py", 9.3), ("bench/commands.py", 9.3), ("bench/steps.py", 9),
    ("bench/worker.py", 8.9), ("bench/networks.py", 8.7), ("bench/workloads.py", 8.8),
    ("bench/machine.py", 8.7), ("bench/measure.py", 8.7), ("bench/memory.py", 8.7),
    ("bench/marks.py", 8.7), ("bench/contender.py", 8.8), ("bench/torch_layers.py", 8.7),
    ("bench/ours.py", 8.9), ("bench/in_torch.py", 8.9), ("bench/in_jax.py", 8.9),
    ("bench/on_gpu.py", 8.95),
    ("bench/pair.py", 9),
    ("bench/twins.py", 9.05), ("bench/layers.py", 9.1), ("bench/acts.py", 9.15),
    ("bench/techniques.py", 9.2), ("bench/", 9.1), ("doctor.py", 9.5),
    ("fault_report.py", 9.6), ("discreet.py", 1), ("selftest.py", 9),
    ("lesson.py", 9),
    ("catalog.py", 8), ("terminal.py", 8), ("plots.py", 8),
    ("drawing.py", 8.5), ("layout.py", 7.6), ("graph.py", 7.5),
    ("models/commands.py", 10), ("models/__init__.py", 7.3), ("models/named.py", 7.2),
    ("models/places.py", 7), ("models/", 7.1), ("train.py", 7),
    ("elsewhere.py", 1), ("suggest.py", 8), ("options.py", 8), ("exits.py", 8.1),
    ("data/commands.py", 8.5),
    ("data/__init__.py", 7.3), ("data/files.py", 7.1), ("data/formats.py", 7),
    ("data/normalise.py", 7), ("data/published.py", 7), ("data/splits.py", 7), ("data/", 7.2),
    ("optim/__init__.py", 6.2), ("optim/base.py", 6), ("optim/", 6.1),
    ("binding.py", 6), ("settings.py", 6), ("checkpoint.py", 6.5),
    ("snapshots.py", 6.6), ("dynamics.py", 6),
    ("regimes.py", 6), ("recorder.py", 6.1), ("gradients.py", 5.5), ("curvature.py", 6),
    ("damage.py", 7.5), ("costs.py", 6), ("batch_statistics.py", 6.3),
    ("diversity.py", 6), ("landscape.py", 7.5), ("surface.py", 7.5), ("sharpness.py", 7.5),
    ("weight_averages.py", 6.4),
    ("nn/__init__.py", 5.2), ("nn/conv.py", 5.15), ("nn/attention.py", 5.15),
    ("nn/on_weights.py", 5.17), ("nn/compression.py", 5.18), ("nn/layers.py", 5.1),
    ("nn/modes.py", 5.1), ("nn/module.py", 5), ("nn/parameter.py", 4.9),
    ("functional/__init__.py", 4.2),
    ("functional/attention.py", 4.1), ("functional/", 4), ("check.py", 3.9),
    ("ops/__init__.py", 3.8), ("ops/pool.py", 3.5), ("ops/attention.py", 3.5),
    ("ops/normal.py", 3.4),
    ("ops/window.py", 3.4), ("ops/activations.py", 3.4), ("ops/fused.py", 3.4),
    ("ops/linalg.py", 3.3), ("ops/reduce.py", 3.2), ("ops/elementwise.py", 3.1),
    ("ops/channels.py", 3.1), ("ops/shape.py", 3),
    ("files.py", 2), ("tape.py", 2), ("exchange.py", 2.1), ("nodes.py", 1.8), ("noise.py", 2),
    ("device/__init__.py", 2.9), ("device/launch.py", 1.5), ("device/draws.py", 1.7),
    ("device/", 2), ("fast/__init__.py", 2.9), ("fast/products.py", 1.5),
    ("fast/means.py", 1.5), ("fast/choice.py", 2.5), ("fast/windows.py", 1.9),
    ("fast/tiles.py", 1.95), ("fast/draws.py", 1.6), ("fast/", 2),
    ("operators.py", 1.5), ("philox.py", 1.5), ("intervals.py", 1.5),
    ("xp.py", 1), ("arguments.py", 1), ("allocator.py", 1), ("interrupt.py", 1),
    ("entries.py", 0.9), ("workers.py", 0.5), ("gpu.py", 0.5), ("doubts.py", 0.5),
    ("scalars.py", 0.5), ("placement.py", 5.3),
)
TECHNIQUE, BASES = 6, {"units.dropout", "units.spatial", "norms.normalise"}
MAY_USE = {"arguments", "intervals", "xp", "noise", "nn", "functional", *BASES}
HOSTS = {"bench", "data", "fast", "grade", "verify"}
NUMPY = {"xp.py", "noise.py", "plots.py"}
CUPY = {"xp.py"}


def floor(name):
    """The floor of a file given by its path within the package."""
    folder = name.split("/")[0]
    if folder in PLACES:
        base = name.removesuffix(".py").replace("/", ".") in BASES
        return TECHNIQUE + 0.2 * name.endswith("__init__.py") - 0.1 * base
    return next(number for prefix, number in FLOORS if name == prefix
                or prefix.endswith("/") and name.startswith(prefix))


@functools.cache
def import_nodes(text):
    return [node for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(path, package):
    """Every module that a file imports, anywhere in it: dotted within the package, or top-level."""
    parts = path.relative_to(package).parts
    for node in import_nodes(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            yield from ((False, alias.name) for alias in node.names)
        else:
            if not node.level:
                yield False, node.module
                continue
            above = [*parts[: len(parts) - node.level], *(node.module or "").split(".")]
            stem = ".".join(part for part in above if part)
            for alias in node.names:
                longer = f"{stem}.{alias.name}".lstrip(".")
                yield True, longer if file_of(longer, package) else stem


def file_of(module, package):
    """The file of a dotted module of the package, as a path within it; "" where there is none."""
    base = package.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module and path.is_file():
            return path.relative_to(package).as_posix()
    return ""


def problems(package):
    found = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        for own, module in imports(path, package):
            top = (module or "").split(".")[0]
            if not own and top == "minidrop":
                found.append(f"{name} imports {module}; write it relatively")
            elif not own and (top == "numpy" and not {name, name.split("/")[0]} & (NUMPY | HOSTS)
                              or top in ("cupy", "cupyx") and name not in CUPY):
                found.append(f"{name} imports {top}")
            elif own:
                target = file_of(module, package) or "__init__.py"
                if name not in ("__init__.py", "__main__.py") and target != "__init__.py" \
                        and not floor(target) < floor(name):
                    found.append(f"{name} (floor {floor(name)}) imports {target} "
                                 f"(floor {floor(target)})")
                technique = name.split("/")[0] in PLACES and not name.endswith("__init__.py")
                if technique and module not in MAY_USE:
                    found.append(f"{name} is a technique and imports {module}")
    return found


def test_imports_point_down_and_array_modules_stay_where_they_belong():
    assert problems(PACKAGE) == []


@pytest.mark.slow
@pytest.mark.parametrize("name, line, sentence", [
    ("tape.py", "from .nn import Module", "imports nn/__init__.py"),
    ("noise.py", "from .tape import grad", "noise.py (floor 2) imports tape.py (floor 2)"),
    ("ops/shape.py", "from .reduce import spread", "imports ops/reduce.py"),
    ("tape.py", "def f():\n    from .functional import relu", "imports functional/__init__.py"),
    ("functional/images.py", "import numpy as np", "functional/images.py imports numpy"),
    ("functional/images.py", "from numpy import exp", "images.py imports numpy"),
    ("noise.py", "import cupy", "noise.py imports cupy"),
    ("units/other.py", "from .another import f", "is a technique and imports units.another"),
    ("units/other.py", "from ..optim import SGD", "is a technique and imports optim"),
    ("nn/layers.py", "from minidrop.functional import relu", "write it relatively"),
])
def test_a_planted_import_is_found(tmp_path, name, line, sentence):
    package = tmp_path / "minidrop"
    for path in PACKAGE.rglob("*.py"):
        target = package / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (package / "units" / "another.py").write_text("f = 1\n")
    with (package / name).open("a") as file:
        file.write(f"\n{line}\n")
    assert any(sentence in problem for problem in problems(package))


ORDERS = ("import minidrop, minidrop.units.dropout", "import minidrop.units.dropout, minidrop",
          "from minidrop import units; import minidrop",
          "from minidrop.units.dropout import dropout; import minidrop")


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_a_technique_is_a_module_in_its_folder_and_a_function_at_the_top(order):
    code = (f"{order}\nimport inspect\n"
            "assert inspect.ismodule(minidrop.units.dropout), minidrop.units.dropout\n"
            "assert inspect.isfunction(minidrop.dropout), minidrop.dropout\n"
            "assert minidrop.units.dropout.dropout is minidrop.dropout")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def exported_objects(folder):
    """What a folder of techniques exports that is no module."""
    return [name for name, value in vars(folder).items()
            if name[0] != "_" and not inspect.ismodule(value)]


def test_folders_of_techniques_export_modules_only():
    folders = [importlib.import_module(f"minidrop.{place}") for place in PLACES
               if (PACKAGE / place).is_dir()]
    assert folders and all(exported_objects(folder) == [] for folder in folders)


def test_a_planted_function_in_a_folder_is_found(monkeypatch):
    monkeypatch.setattr(minidrop.units, "dropout", minidrop.dropout)
    assert exported_objects(minidrop.units) == ["dropout"]


def public_functions():
    """(file, name) of every public function and class that a technique defines."""
    for place in PLACES:
        for path in sorted((PACKAGE / place).glob("[!_]*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                    yield path, node.name


def test_every_name_of_a_technique_is_at_the_top_too():
    found = list(public_functions())
    assert found
    for path, name in found:
        module = importlib.import_module(f"minidrop.{path.parent.name}.{path.stem}")
        assert getattr(minidrop, name) is getattr(module, name)


NOISE = {"rng", "seed", "key", "noise", "mask"}
MODES = {"training", "train", "inference", "deterministic"}


def hidden(name, thing):
    """What a technique would hide in its arguments: noise that has a default, a mode."""
    for argument in inspect.signature(thing).parameters.values():
        if argument.name in NOISE and argument.default is not argument.empty:
            yield f"{name} has a default for its {argument.name}"
        if argument.name in MODES and inspect.isfunction(thing):
            yield f"{name} has a mode, {argument.name}"


def hidden_in_techniques():
    names = [name for _, name in public_functions()]
    return [sentence for name in names for sentence in hidden(name, getattr(minidrop, name))]


def test_noise_is_always_given_and_equations_have_no_mode():
    assert hidden_in_techniques() == []


@pytest.mark.parametrize("planted, sentence", [
    (lambda shape, p, rng=0: None, "has a default for its rng"),
    (lambda x, p, training=True: None, "has a mode, training"),
])
def test_planted_noise_and_a_planted_mode_are_found(monkeypatch, planted, sentence):
    monkeypatch.setattr(minidrop, "dropout_mask", planted)
    assert hidden_in_techniques() == [f"dropout_mask {sentence}"]


def undocumented(path):
    """Public names without a docstring, but for methods that their base class explains."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    rule = {"forward", "sample", "apply", "expect", "update", "draw", "reset", "resolve_command"}
    bases = ["inside.py", "framework.py", "base.py"]
    if path.parent.name == "adapters" and path.name not in bases:
        hooks = [ast.parse((path.parent / base).read_text(encoding="utf-8")) for base in bases]
        rule |= {node.name for hook in hooks for node in ast.walk(hook)
                 if isinstance(node, ast.FunctionDef)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    for owner in [tree, *classes]:
        for node in owner.body:
            named = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
            setter = named and any("setter" in ast.unparse(d) for d in node.decorator_list)
            if named and not setter and node.name not in rule and not ast.get_docstring(node):
                yield f"{path.name}: {node.name}"


PLAIN = {"elementwise.py", "reduce.py", "linalg.py", "operators.py"}   # the line says it all


def test_everything_public_has_a_docstring():
    files = [path for path in PACKAGE.rglob("*.py") if path.name not in PLAIN]
    assert [name for path in files for name in undocumented(path)] == []


def test_everything_at_the_top_has_an_example_that_runs():
    public = [(name, getattr(minidrop, name)) for name in dir(minidrop)]
    bare = [name for name, value in public if not inspect.ismodule(value)
            and not isinstance(value, minidrop.tape.Primitive) and ">>>" not in value.__doc__]
    assert bare == []                             # the examples are run by --doctest-modules


def test_files_are_short():
    texts = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
             for path in PACKAGE.rglob("*.py")}
    sizes = {name: len(text.splitlines()) for name, text in texts.items()}
    assert {name: lines for name, lines in sizes.items() if lines > 300} == {}


def takes_xp(path):
    """Whether a test of this file takes the `xp` fixture."""
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
               and "xp" in [arg.arg for arg in node.args.args]
               for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def test_every_file_of_tests_runs_on_the_stand_in_or_is_listed_as_host_only():
    folder = Path(__file__).parent
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("test_*.py")}
    assert {name for name, path in files.items() if not takes_xp(path)} == set(HOST_ONLY)


def test_the_two_lists_of_files_that_import_numpy_agree():
    text = (Path(PACKAGE).parent / "pyproject.toml").read_text(encoding="utf-8")
    for name in NUMPY:
        assert name.removesuffix(".py") in text.split("per-file-ignores]")[1].split("{tests")[0]
