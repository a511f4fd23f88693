"""`minidrop data list` and `check`, as a person meets them; `fetch` is in test_data_download.py."""

import pytest
from click.testing import CliRunner

from minidrop import data
from minidrop.cli import main
from minidrop.data import Splits, files, published
from minidrop.data.commands import MADE
from minidrop.doctor import report
from tests.tiny_sets import Tiny


def run(*args):
    result = CliRunner().invoke(main, ["data", *args])
    return result.exit_code, result.output


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A small CIFAR-10 for the published one, its training part in MINIDROP_DATA."""
    made = Tiny("cifar10", (8, 2, 3), "unpacked")
    made.write(tmp_path, {path: c for path, c in made.unpacked.items() if "test" not in path})
    monkeypatch.setitem(published.SETS, "cifar10", made.table)
    monkeypatch.setenv("MINIDROP_DATA", str(tmp_path))
    monkeypatch.setattr(files, "cache", lambda: tmp_path / "cache")
    return made


def test_list_shows_every_set_and_where_it_is(tiny, tmp_path):
    code, text = run("list")
    lines = {line.split()[0]: line for line in text.splitlines()[1:]}
    sets = {name for name in data.__all__ if name not in ("Splits",)}
    assert code == 0 and lines.keys() == sets == MADE.keys() | published.SETS.keys()
    assert lines["cifar10"].endswith(f"{tmp_path / 'cifar-10-batches-bin'}, without test_batch.bin")
    assert "8 + 2 + 3" in lines["cifar10"] and "3 x 32 x 32" in lines["cifar10"]
    assert lines["mnist"].endswith("12 MB     nowhere: minidrop data fetch mnist")


def test_list_says_the_true_sizes_of_what_is_made():
    for name, (counts, classes, x, _) in MADE.items():
        splits = data.digits(image=True) if name == "digits" else getattr(data, name)(100)
        assert isinstance(splits, Splits)
        assert " x ".join(map(str, splits.train[0].shape[1:])) == x
        if name == "digits":
            assert " + ".join(f"{len(y):,}" for _, y in splits) == counts
        if isinstance(classes, int):
            assert set(splits.train[1].tolist()) == set(range(classes))


def test_check_finds_what_is_right_wrong_and_absent(tiny, tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    code, text = run("check")
    assert code == 0 and text.count("right ") == 5 and "absent  MNIST" in text
    assert "absent  cifar-10-batches-bin/test_batch.bin" in text
    path = folder / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    code, text = run("check")
    assert code == 1 and text.count("right ") == 4
    assert f"wrong   {path} has the md5 " in text


def test_check_of_a_set_that_is_nowhere_fails(tiny):
    assert run("check", "cifar10")[0] == 0
    assert run("check", "svhn") == (1, "absent  SVHN: minidrop data fetch svhn\n")


def test_both_forms_of_a_set_are_checked(tiny, tmp_path):
    tiny.write(tmp_path / "cache", tiny.packed)
    code, text = run("check", "cifar10")
    assert code == 0 and text.count("right ") == 6 and "absent" not in text


@pytest.mark.parametrize("command", ["list", "check"])
def test_a_folder_that_is_none_is_an_error_in_one_sentence(command, monkeypatch):
    monkeypatch.setenv("MINIDROP_DATA", "/nowhere/at/all")
    assert run(command) == (
        1, "Error: MINIDROP_DATA must name a folder, and /nowhere/at/all is none\n")
    assert dict(report())["data"].endswith("MINIDROP_DATA is /nowhere/at/all, which is no folder")


def test_doctor_names_what_was_found(tiny, tmp_path):
    assert f"cifar10 in {tmp_path / 'cifar-10-batches-bin'}, without test_batch.bin" in dict(
        report())["data"]


@pytest.mark.parametrize("args, hint", [
    (("chekc",), "there is no command 'chekc'; did you mean 'check'?"),
    (("check", "cifar"), "there is no data set 'cifar'; did you mean 'cifar"),
    (("check", "moons"), "moons needs no file")])
def test_a_wrong_name_is_answered_with_the_nearest(args, hint):
    code, text = run(*args)
    assert code == 2 and hint in text
