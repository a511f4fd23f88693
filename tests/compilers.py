"""What the tests of kernels need beside Python; MINIDROP_NEEDS_COMPILERS=1 skips none of them."""

import os

import pytest

from tests.strict import compiled, kernels

NEEDED = bool(os.environ.get("MINIDROP_NEEDS_COMPILERS"))
needs_gcc = pytest.mark.skipif(not NEEDED and not kernels.COMPILER, reason="g++ is not installed")
needs_nvrtc = pytest.mark.skipif(not NEEDED and not compiled.nvrtc(), reason="NVIDIA's compiler is "
                                 "not installed: pip install 'minidrop[kernels]'")
