"""The reference libraries, and how they are imported beside a build of PyTorch for the CPU.

    pip install torch==2.13.0
    pip install -e ".[test,reference]"
    pip install --no-deps torchvision==0.28.0 timm==1.0.31

`--no-deps`, because both would bring another PyTorch, and timm also the tools of a model hub.
"""

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace

# What the tests say of a library was seen in this version; older ones differ (timm before 1.0.23
# draws DropBlock's masks for each channel), newer ones are to be looked at when a test fails.
SEEN = {"torch": "2.13.0", "torchvision": "0.28.0", "timm": "1.0.31", "keras": "3.15.1"}


def numbers(version):
    """(2, 13, 0) of "2.13.0+cpu"."""
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0])))


def check(name):
    """Fail in one sentence where a library is missing or too old."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise ModuleNotFoundError(f"--reference needs {name} {SEEN[name]}; tests/parity/"
                                  "libraries.py says how it is installed") from None
    assert numbers(version) >= numbers(SEEN[name]), f"{name} {version} is older than {SEEN[name]}"


def torch():
    check("torch")
    return importlib.import_module("torch")


def torchvision():
    """torchvision, also where the library of its operators does not load.

    A wheel that was built for CUDA finds no CUDA beside a PyTorch for the CPU.  It goes on without
    its operators, until it describes two of them to PyTorch that nobody has defined.  They are
    declared here, with nothing behind them: they find boxes, and no test does.
    """
    check("torchvision")
    try:
        return _torchvision()
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    declared = torch().library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        declared.define(f"{name}() -> ()")
    module = _torchvision()
    module.declared = declared                    # which undeclares them when it is collected
    return module


def _torchvision():
    importlib.import_module("torchvision.transforms.v2")
    return sys.modules["torchvision"]


def timm():
    """timm's files of noise, each alone: timm itself would import the tools of a model hub."""
    check("timm")
    folder = Path(importlib.util.find_spec("timm").origin).parent
    files = {}
    for path in ("layers/drop.py", "data/mixup.py"):
        spec = importlib.util.spec_from_file_location(f"timm_{Path(path).stem}", folder / path)
        files[Path(path).stem] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return SimpleNamespace(**files)


def timm_networks():
    """timm's files of networks: these do import timm, which does without the tools of a model hub.
    """
    check("timm")
    torchvision()                                 # as it is imported here, before timm does it
    return SimpleNamespace(**{name: importlib.import_module(f"timm.models.{name}")
                              for name in ("vision_transformer", "mlp_mixer")})


def keras():
    """Keras, where KERAS_BACKEND said to compute with PyTorch."""
    check("keras")
    module = importlib.import_module("keras")
    assert module.backend.backend() == "torch", "Keras was imported before, with another backend"
    return module
