"""What every comparison with a reference library takes."""

import numpy as np
import pytest

from tests.parity import libraries


@pytest.fixture(scope="session")
def torch():
    """The module torch; without it these tests fail, since --reference asked for them."""
    return libraries.torch()


@pytest.fixture(scope="session")
def torchvision():
    return libraries.torchvision()


@pytest.fixture(scope="session")
def timm():
    """timm's files `drop` and `mixup`."""
    return libraries.timm()


@pytest.fixture(scope="session")
def timm_networks(torchvision):
    """timm's files `vision_transformer` and `mlp_mixer`."""
    return libraries.timm_networks()


@pytest.fixture(scope="session")
def keras(tmp_path_factory):
    """Keras on PyTorch, with settings of its own and not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        return libraries.keras()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
