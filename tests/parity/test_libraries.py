"""The way to the reference libraries: what is missing or old is named, and nothing is replaced."""

import importlib.metadata
import sys
from types import SimpleNamespace

import pytest

from tests.parity import libraries


@pytest.mark.parametrize("version, due", [("2.13.0+cpu", (2, 13, 0)), ("1.0.31", (1, 0, 31))])
def test_versions_are_compared_by_their_numbers(version, due):
    assert libraries.numbers(version) == due


@pytest.mark.parametrize("name", libraries.SEEN)
def test_a_missing_library_is_named_with_where_its_installation_is_told(name, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(ModuleNotFoundError, match=f"--reference needs {name} .*libraries.py says"):
        getattr(libraries, name)()


def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)


def test_an_older_library_is_refused_and_a_newer_one_is_not(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0.30")
    with pytest.raises(AssertionError, match="timm 1.0.30 is older than 1.0.31"):
        libraries.check("timm")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.1.0+cpu")
    libraries.check("timm")


def test_a_torchvision_that_can_be_imported_is_left_alone(monkeypatch):
    whole = SimpleNamespace()
    monkeypatch.setattr(libraries, "check", lambda name: None)
    monkeypatch.setattr(libraries, "_torchvision", lambda: whole)
    monkeypatch.setitem(sys.modules, "torchvision", whole)
    assert libraries.torchvision() is whole is sys.modules["torchvision"] and not vars(whole)


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch):
    def fail():
        raise RuntimeError("another reason")

    monkeypatch.setattr(libraries, "check", lambda name: None)
    monkeypatch.setattr(libraries, "_torchvision", fail)
    with pytest.raises(RuntimeError, match="another reason"):
        libraries.torchvision()


@pytest.mark.reference
def test_every_library_is_there(torch, torchvision, timm, keras):
    """And what stands in for missing operators finds nothing: nobody may take it for one."""
    assert timm.drop.DropPath and timm.mixup.Mixup and keras.layers.CutMix
    if hasattr(torchvision, "declared"):
        with pytest.raises(RuntimeError):
            torchvision.ops.nms(torch.ones(1, 4), torch.ones(1), 0.5)
