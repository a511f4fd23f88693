"""Test vectors: what is written follows its schema, and the equations give it again."""

import ast
import json
import operator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

import minidrop
from minidrop import __version__, catalog
from minidrop.cli import main
from minidrop.verify import vectors
from minidrop.verify.vectors.case import Case, encoded, record
from tests.plain import reading, training, units, weights

pytestmark = pytest.mark.slow

PLAIN = Path(reading.__file__).parent
OTHERS = {
    "DropConnect": weights.dropconnect_inference, "L0": weights.l0_layer,
    "Smallify": weights.smallify_layer, "Variational": weights.variational_layer,
    "BatchNorm": weights.running_statistics, "SnapshotEnsemble": training.snapshot_ensemble,
    "optim.Adam": training.adam, "optim.AdamW": training.adamw, "optim.SGD": training.sgd,
    "Stream.key": training.stream_key,
}


def formula(function):
    """The plain formula for a function of minidrop: mostly the one of its name."""
    name = function.rpartition(".")[2]
    found = [getattr(module, name) for module in (units, weights, training)
             if hasattr(module, name)]
    return OTHERS.get(function) or found[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("vectors")
    vectors.write(found)
    return found


@pytest.mark.parametrize("name", vectors.CASES)
def test_the_equations_give_every_output_and_gradient_again(folder, name):
    for case in reading.read(folder / f"{name}.json")["cases"]:
        given, f, names = reading.arguments(case), formula(case["function"]), [*case["outputs"]]
        found = reading.outputs(f, given, names)
        for output, due in case["outputs"].items():
            assert reading.agree(found[output], due, case["tolerance"]), (case["title"], output)
        slopes = case.get("gradient", {"of": {}})
        for x, due in slopes["of"].items():
            found = reading.gradient(f, given, slopes["cotangent"], names, x)
            assert reading.agree(found, due, 1e-12), (case["title"], "gradient", x)


def test_reading_needs_json_and_numpy_alone():
    found = {alias.name for path in PLAIN.glob("*.py")
             for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Import) for alias in node.names}
    assert found == {"json", "numpy", "math", "itertools", "hashlib"}
    froms = {(node.level, node.module) for path in PLAIN.glob("*.py")
             for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.ImportFrom)}
    assert froms == {(1, "parts")}


def test_every_file_follows_the_schema(folder):
    schema = json.loads((folder / "vectors.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    files = sorted(folder.glob("*.json"))
    assert len(files) == len(vectors.CASES) + 2
    for path in files:
        if path.name != "vectors.schema.json":
            validator.validate(json.loads(path.read_text(encoding="utf-8"), parse_constant=refused))


def refused(constant):
    raise ValueError(f"{constant} is no JSON")


@pytest.mark.parametrize("spoil", [
    lambda case: case.pop("tolerance"), lambda case: case.update(tags=["dropout"]),
    lambda case: case.update(more=1), lambda case: case["inputs"].update(x=0.5),
    lambda case: case["inputs"]["x"].update(dtype="float16"),
    lambda case: case["inputs"]["x"]["data"].append("infinity"),
    lambda case: case["noise"]["mask"]["data"].append(1),
    lambda case: case["gradient"].pop("of"), lambda case: case.update(outputs={}),
])
def test_the_schema_refuses_what_is_spoilt(spoil):
    found = vectors.collect("dropout")
    validator = jsonschema.Draft202012Validator(json.loads(vectors.SCHEMA.read_text("utf-8")))
    assert validator.is_valid(found)
    spoil(found["cases"][0])
    assert not validator.is_valid(found)


def test_arrays_have_as_many_numbers_as_their_shapes_say_and_keep_their_bits(folder):
    for name, cases in vectors.CASES.items():
        kept = reading.read(folder / f"{name}.json")["cases"]
        for case, back in zip(cases(), kept, strict=True):
            for key, value in (case.given | case.noise).items():
                if isinstance(value, np.ndarray):
                    found = reading.arguments(back)[key]
                    assert found.dtype == value.dtype and found.shape == value.shape
                    assert found.tobytes() == value.tobytes(), (name, case.title, key)


def test_special_values_are_strings_and_large_words_too():
    array = np.array([np.inf, -np.inf, np.nan, -0.0, 0.1])
    assert encoded(array)["data"] == ["inf", "-inf", "nan", -0.0, 0.1]
    assert encoded(np.array([2**64 - 1], "uint64"))["data"] == ["18446744073709551615"]
    for value in (array, np.array([2**64 - 1], "uint64"), np.float32([1 / 3]), np.array(True)):
        back = json.loads(json.dumps(encoded(value), allow_nan=False), object_hook=reading.decoded)
        assert back.tobytes() == value.tobytes() and back.dtype == value.dtype


TECHNIQUES = {technique.name: technique for technique in catalog.techniques()}


def test_every_technique_is_there_or_left_out_for_a_reason():
    assert set(vectors.CASES) - {"stream"} | set(vectors.LEFT_OUT) == set(TECHNIQUES)
    assert not set(vectors.CASES) & set(vectors.LEFT_OUT)


@pytest.mark.parametrize("name", vectors.CASES)
def test_tags_and_functions_exist_and_titles_tell_cases_apart(name):
    cases = vectors.CASES[name]()
    tags = {tag for case in cases for tag in case.tags.split()}
    if name == "stream":
        assert not tags
    else:
        stated = [equation.tag for equation in TECHNIQUES[name].equations]
        assert all(case.tags for case in cases)
        assert tags and tags <= set(stated)
    titles = [(case.function, case.title) for case in cases]
    assert len(set(titles)) == len(titles)
    for case in cases:
        assert case.function == "Stream.key" or operator.attrgetter(case.function)(minidrop)


def test_computed_equations_are_shown_or_drawn_or_named_here(folder):
    """The equations that a line of a covered technique computes and no case shows."""
    shown = {tag for case_file in json.loads((folder / "index.json").read_text("utf-8"))["files"]
             for tag in case_file["tags"]}
    computed = {equation.tag for name in vectors.CASES if name != "stream"
                for equation in TECHNIQUES[name].equations if equation.lines}
    draws = {"alpha.1", "cutmix.1", "cutmix.2", "cutout.1", "dropblock.2", "dropconnect.1",
             "dropout.1", "flip_crop.1", "flip_crop.3", "mixup.1", "multi_sample.1",
             "multi_sample.11", "multi_sample.12", "spatial.1", "stochastic_depth.4"}
    of_networks = {"attention.2", "attention.3", "dropconnect.3", "dropconnect.7", "early_late.5",
                   "multi_sample.14", "activations.1"}   # the last one needs an error function
    assert computed - shown == draws | of_networks


def test_the_same_version_writes_the_same_bytes(folder, tmp_path):
    vectors.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in folder.iterdir())
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_the_index_counts_what_is_there(folder):
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    assert index["minidrop"] == __version__ and "CC BY 4.0" in index["licence"]
    for entry in index["files"]:
        found = json.loads((folder / entry["file"]).read_text(encoding="utf-8"))
        assert found["minidrop"] == __version__ and found["technique"] == entry["technique"]
        assert entry["cases"] == len(found["cases"])
        assert entry["gradients"] == sum("gradient" in case for case in found["cases"])
        assert entry["tags"] == [*found["equations"]]
    assert index["cases"] == sum(entry["cases"] for entry in index["files"])


def test_a_gradient_belongs_to_its_cotangents():
    x = np.array([3.0])
    found = record(Case("", "", "dropout", {"x": x, "p": 0.5}, {"mask": x > 0}, grad="x"))
    (g,) = found["gradient"]["cotangent"]["y"]["data"]
    assert found["gradient"]["of"]["x"]["data"] == [2 * g]


@pytest.mark.parametrize("found, due, tolerance, verdict", [
    ([1.0], [1.0 + 1e-13], 1e-12, True), ([1.0], [1.0 + 1e-11], 1e-12, False),
    ([1e9], [1e9 + 1e-4], 1e-12, True), ([1.0], [1.0 + 1e-15], 0, False),
    ([np.nan], [np.nan], 0, True), ([np.inf], [np.inf], 0, True), ([1.0], [np.inf], 1e-12, False),
    ([np.nan], [1.0], 1e-12, False), ([True], [False], 1, False), ([1.0, 1.0], [1.0], 1, False),
])
def test_what_agrees(found, due, tolerance, verdict):
    assert reading.agree(found, np.array(due), tolerance) is verdict


# --- the command line ----------------------------------------------------------------------------

def run(*args):
    result = CliRunner().invoke(main, ["vectors", *map(str, args)], prog_name="minidrop")
    return result.exit_code, result.output


def test_the_command_writes_and_says_what(tmp_path):
    code, said = run(tmp_path / "new" / "folder", "l2", "dropout", "l2")
    assert code == 0
    assert said.splitlines()[0].split() == ["l2.json", "1", "cases"]
    assert said.endswith("10 cases in 2 files, index.json and vectors.schema.json\n")
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["dropout.json", "index.json", "l2.json", "vectors.schema.json"]


def test_the_command_refuses_in_a_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    for args, sentence in [
        ((file,), f"{file} is a file; give a folder"),
        ((file / "below",), f"{file / 'below'} cannot be written: Not a directory"),
        ((tmp_path, "dropot"), "there is no technique with test vectors 'dropot'; did you mean "
                               "'dropout'?"),
        ((tmp_path, "sharpness"), "sharpness has no test vectors: it is the curvature"),
    ]:
        code, said = run(*args)
        assert code and sentence in said
    assert file.read_text() == "kept" and [*tmp_path.iterdir()] == [file]
