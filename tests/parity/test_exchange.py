"""DLPack with PyTorch: the same memory, both ways."""

import numpy as np
import pytest

import minidrop as md

pytestmark = pytest.mark.reference
DTYPES = ["bool", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_and_its_twin_have_one_pointer(dtype, torch):
    ours = md.Tensor(np.zeros((2, 3), dtype))
    theirs = torch.from_dlpack(ours)
    assert theirs.data_ptr() == ours.data.ctypes.data and str(theirs.dtype) == f"torch.{dtype}"
    theirs[1, 2] = 1
    ours.data[0, 0] = 1
    assert ours.data.tolist() == theirs.tolist() == [[1, 0, 0], [0, 0, 1]]
    again = md.from_dlpack(theirs)
    assert again.data.ctypes.data == theirs.data_ptr() and again.dtype == dtype
    again.data[0, 1] = 1
    assert theirs[0, 1] == ours.data[0, 1] == 1


def test_memory_orders_stay(torch):
    theirs = torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last)
    ours = md.from_dlpack(theirs)
    assert ours.data.ctypes.data == theirs.data_ptr()
    assert [s // 4 for s in ours.data.strides] == [*theirs.stride()]
    assert torch.from_dlpack(md.Tensor(ours.data[:, 1:, ::2])).tolist() == \
        theirs[:, 1:, ::2].tolist()


def test_what_needs_a_gradient_is_refused_on_both_sides(torch):
    with pytest.raises(TypeError, match=r"x cannot be taken over: .*require gradient.*detach"):
        md.from_dlpack(torch.ones(3, requires_grad=True))
    with pytest.raises(TypeError, match=r"use its \.data"):
        torch.from_dlpack(md.Tensor([1.0], requires_grad=True))
    with pytest.raises(TypeError, match="x cannot be taken over: Unsupported dtype"):
        md.from_dlpack(torch.ones(3, dtype=torch.bfloat16))


def test_a_layer_of_ours_works_in_their_memory(torch):
    theirs = torch.arange(8.0)
    y = md.dropout(md.from_dlpack(theirs), np.arange(8) % 2 == 0, 0.5)
    assert torch.from_dlpack(y).tolist() == [0, 0, 4, 0, 8, 0, 12, 0]
