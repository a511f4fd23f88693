"""What every comparison with PyTorch takes."""

import importlib

import numpy as np
import pytest


@pytest.fixture(scope="session")
def torch():
    """The module torch; without it these tests fail, since --reference asked for them."""
    return importlib.import_module("torch")


@pytest.fixture
def rng():
    return np.random.default_rng(0)
