"""Fast paths on a GPU: kernels in CUDA C, each beside the array code that it equals.

Nothing here is needed to understand a technique or a model: the formulas are in `ops`.  For small
arrays a GPU waits for launches more than for numbers, and for large ones it waits for memory: a
kernel makes in one launch and one sweep what array code makes in many.

In CUDA C a function marked `__global__` is what one thread does.  A launch runs it in a grid of
blocks of threads; `blockIdx` and `threadIdx` tell a thread which it is.  Threads of a block share
what is marked `__shared__`, and wait for each other at `__syncthreads()`.  `masks` is the shortest.

MINIDROP_KERNELS=off leaves everything on a GPU to array code.
"""
