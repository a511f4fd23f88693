"""VGG-small: pairs of 3 x 3 convolutions between pools, for 32 x 32 images.

Paper    Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition",
         ICLR 2015, arXiv:1409.1556, section 2.1: 3 x 3 filters that keep the size, 2 x 2 pools.
Shapes   (N, 3, 32, 32) - twice 32 maps - pool - twice 64 maps of 16 x 16 - pool - 4096 - 512 - 10.
Differs  The paper's networks have 8 to 16 convolutions, 64 to 512 maps and two hidden layers of
         4096.  This is the same pattern at the size of small images.
"""

from ..arguments import count
from ..nn import Conv2d, Flatten, Identity, Linear, MaxPool2d, ReLU, Sequential


def vgg_small(channels=3, size=32, classes=10):
    """VGG-small for images (N, channels, size, size); logits (N, classes).

    ValueError for images below 4 x 4, of which nothing would be left.

    >>> sum(w.size for w in vgg_small().init(seed=0).parameters())
    2168362
    """
    channels, classes = count(channels, "channels"), count(classes, "classes")
    side = count(size, "size", least=4) // 4
    return Sequential(
        input=Sequential(drop=Identity()),
        stage1=_stage(channels, 32),
        stage2=_stage(32, 64),
        flatten=Flatten(),
        hidden=Sequential(linear=Linear(64 * side * side, 512), relu=ReLU(), drop=Identity()),
        out=Linear(512, classes))


def _stage(n_in, n_out):
    return Sequential(
        conv1=Conv2d(n_in, n_out, 3, padding=1), relu1=ReLU(), dropblock1=Identity(),
        conv2=Conv2d(n_out, n_out, 3, padding=1), relu2=ReLU(), dropblock2=Identity(),
        pool=MaxPool2d(2), drop=Identity())
