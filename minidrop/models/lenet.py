"""LeNet: two convolutions, each with a pool, and a hidden layer, for small grey images.

Paper    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
         Proceedings of the IEEE 86 (1998) 2278-2324, section II.B.
Shapes   (N, 1, 28, 28) - 20 maps of 24 x 24 - pool - 50 maps of 8 x 8 - pool - 800 - 500 - 10.
Differs  The paper's LeNet-5 has 6 and 16 maps, layers of 120 and 84, pools with trained weights and
         the hyperbolic tangent.  This is the wider form with max pooling and ReLU that was used
         ever since, also to measure how far a network can be pruned ("20-50-800-500").
"""

from ..arguments import count
from ..nn import Conv2d, Flatten, Identity, Linear, MaxPool2d, ReLU, Sequential


def lenet(channels=1, size=28, classes=10):
    """LeNet for images (N, channels, size, size); logits (N, classes).

    ValueError for images below 16 x 16, of which nothing would be left.

    >>> sum(w.size for w in lenet().init(seed=0).parameters())
    431080
    """
    channels, classes = count(channels, "channels"), count(classes, "classes")
    side = ((count(size, "size", least=16) - 4) // 2 - 4) // 2
    return Sequential(
        input=Sequential(drop=Identity()),
        stage1=_stage(channels, 20),
        stage2=_stage(20, 50),
        flatten=Flatten(),
        hidden=Sequential(linear=Linear(50 * side * side, 500), relu=ReLU(), drop=Identity()),
        out=Linear(500, classes))


def _stage(n_in, n_out):
    return Sequential(conv=Conv2d(n_in, n_out, 5), relu=ReLU(), dropblock=Identity(),
                      pool=MaxPool2d(2), drop=Identity())
