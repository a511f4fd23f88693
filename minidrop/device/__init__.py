"""Fast paths on a GPU: kernels in CUDA C, each beside the array code that it equals.

Nothing here is needed to understand a technique or a model: the formulas are in `ops`.  A GPU waits
for launches more than for numbers, so a kernel makes in one launch what array code makes in many.

MINIDROP_KERNELS=off leaves everything on a GPU to array code.
"""
