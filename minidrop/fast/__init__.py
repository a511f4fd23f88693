"""Fast paths on the host, in array code: each beside the plain formula that it equals.

Nothing here is needed to understand a technique or a model: the formulas are in `ops`.

`choice` says how to override which convolution runs, `xp.threads` how many threads, `allocator`
whether freed memory is kept.

A strategy for convolutions is a module or an object with the functions below, for one group, with
the shapes of `ops.window`; `choice` lists the strategies and says which of them runs.

    runs(images, filters, stride, padding)               whether it can convolve these two shapes
    conv2d(x, w, b, stride, padding)                     b may be None
    conv2d_dx(g, w, shape, stride, padding)              the gradient in images of `shape`
    conv2d_dw(g, x, size, stride, padding)               the gradient in filters of `size` (kh, kw)
    conv2d_back(wanted, g, x, w, stride, padding)        {0: in x, 1: in w, 2: in b}, those wanted,
                                                         one of the first two at least
"""
