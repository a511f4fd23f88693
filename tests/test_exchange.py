"""DLPack both ways: the same memory, and what is not handed over."""

import numpy as np
import pytest

import minidrop as md
from minidrop.xp import backend_of, host

FLAGS = np.lib.NumpyVersion(np.__version__) >= "2.1.0"      # whether NumPy knows DLPack's flags
DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64"]


class Foreign:
    """An array of a library that we do not know."""

    def __init__(self, array, device=None):
        self.array, self.device = array, device

    def __dlpack__(self, **asked):
        return self.array.__dlpack__(**asked)

    def __dlpack_device__(self):
        return self.device or self.array.__dlpack_device__()


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_sides_are_one_memory(dtype, xp, backend):
    array = xp.asarray(np.arange(6).reshape(2, 3) % 2).astype(dtype)
    x = md.from_dlpack(Foreign(array))
    assert type(x) is md.Tensor and x.dtype == dtype and backend_of(x.data) == backend
    array[1, 2] = 1
    (x.data if FLAGS else array)[0, 0] = 1        # without the flags what comes in is read-only
    assert host(x.data).tolist() == host(array).tolist() == [[1, 1, 0], [1, 0, 1]]
    back = xp.from_dlpack(md.Tensor(array))
    array[0, 2] = 1
    assert back[0, 2] == 1


def test_memory_orders_and_sizes_stay(xp):
    array = xp.asarray(np.arange(24.0).reshape(2, 3, 4))
    for part in (array.transpose(2, 0, 1), array[:, ::2], array[:, 1:2], array[:0], xp.asarray(1.0),
                 *FLAGS * [xp.broadcast_to(array[0, 0], (2, 4))]):
        for x in (md.from_dlpack(Foreign(part)), md.from_dlpack(md.Tensor(part))):
            assert x.data.shape == part.shape
            assert host(x.data).tolist() == host(part).tolist()


@pytest.mark.skipif(not FLAGS, reason="NumPy 2.0 hands over nothing that is read-only")
def test_what_is_read_only_stays_so():
    array = np.ones(3)
    array.flags.writeable = False
    x = md.from_dlpack(array)
    assert not x.data.flags.writeable and x.data.ctypes.data == array.ctypes.data
    with pytest.raises(BufferError):              # of who does not ask for the flag
        md.Tensor(array).__dlpack__()
    assert md.Tensor(array).__dlpack__(max_version=(1, 0))


def test_a_tensor_that_needs_a_gradient_is_not_handed_over(xp):
    x = md.Tensor(xp.ones(3), requires_grad=True)
    for y in (x, x * 2):
        with pytest.raises(TypeError, match=r"^a Tensor that needs a gradient .*; use its \.data$"):
            y.__dlpack__()
    assert xp.from_dlpack(md.Tensor(x.data)).shape == (3,)


def test_memory_that_runs_backwards_is_not_handed_over(xp):
    with pytest.raises(BufferError, match=r"copy it first: x\.data\.copy\(\)$"):
        md.Tensor(xp.arange(3.0)[::-1]).__dlpack__()


@pytest.mark.parametrize("change, kind, sentence", [
    (lambda a: Foreign(a, (10, 0)), ValueError, "a GPU of NVIDIA, got DLPack's device type 10$"),
    (lambda a: a.tolist(), TypeError, "speaks DLPack, as those of .*, got list"),
    (lambda a: type(a), TypeError, "speaks DLPack"),
    (lambda a: a.astype("complex64"), TypeError, "x must hold real numbers, got complex64"),
])
def test_what_cannot_be_taken_over_is_told(change, kind, sentence, xp):
    with pytest.raises(kind, match=sentence):
        md.from_dlpack(change(xp.ones(3)))


def test_memory_of_another_gpu_than_the_current_one_is_refused(xp, backend):
    if xp is np:
        pytest.skip("the host is one")
    for kind in (2, 13):
        with pytest.raises(ValueError, match="^x must lie on CuPy's current GPU, cuda:0, got "
                                             "cuda:1$"):
            md.from_dlpack(Foreign(xp.ones(3), (kind, 1)))
        assert backend_of(md.from_dlpack(Foreign(xp.ones(3), (kind, 0))).data) == backend


@pytest.mark.reference
def test_pytorch_s_numbers_of_which_the_memory_holds_the_opposites_are_refused():
    import torch

    x = torch.tensor([1 + 2j]).conj().imag
    with pytest.raises(TypeError, match=r"as x\.resolve_neg\(\) does$"):
        md.from_dlpack(x)
    assert md.from_dlpack(x.resolve_neg()).data == -2
