"""The MLP-Mixer: patches of an image are tokens, which MLPs mix along one axis and then the other.

Papers   Tolstikhin, Houlsby, Kolesnikov, Beyer, Zhai, Unterthiner, Yung, Steiner, Keysers,
         Uszkoreit, Lucic, Dosovitskiy, "MLP-Mixer: an all-MLP architecture for vision", NeurIPS
         2021, arXiv:2105.01601: "Tolstikhin 2021".
         Liu, Xu, Jin, Shen, Darrell, "Dropout reduces underfitting", ICML 2023, arXiv:2303.01500,
         for what is dropped: "Liu 2023", and its official code, made from timm's.
Shapes   (N, 3, 32, 32) - 64 patches of 4 x 4 - tokens (N, 64, 192) - 4 blocks - norm - their mean
         (N, 192) - 10.
Block    x + MLP(norm(x)) along the tokens, alike in all channels, and then x + MLP(norm(x)) along
         the channels, alike for all tokens: equation 1 of Tolstikhin 2021.  Inside, the first MLP
         has half of the width, 96, and the second four times the width, 768, as in its table 1.
Places   `drop` behind both layers of both MLPs: where the official code of Liu 2023 drops, with one
         rate for all, which `place(net, "drop*", Dropout(0.1))` fills.  `sum` for stochastic depth
         around both halves of a block, which share its rate:
         `drop_paths(net, 0.5, rule="linspace", mode="row", scaling="inverted")`.
Differs  Tolstikhin 2021 (appendix B) tries dropout and stochastic depth, whose rate rises from 0 in
         the first MLP to its largest in the last, but does not say where units are dropped.  timm
         has another dropout before the last layer, off unless `drop_rate` is given, and one rate of
         stochastic depth for all blocks.  Weights start as in timm, but for the last layer, which
         is 0 there and in Tolstikhin 2021, and for the biases of the MLPs, which are 0 here and of
         deviation 1e-6 there; and the patches start as a convolution does here.  GELU is in its
         tanh form, as in Flax; that of PyTorch and timm is exact, which is `gelu="none"`.
"""

from ..arguments import DEEPEST, count, option
from ..nn import (
    GELU,
    Identity,
    Linear,
    MeanToken,
    PatchEmbedding,
    Sequential,
    TokenLinear,
    constant,
    glorot_uniform,
)
from ..norms.layer_norm import LayerNorm
from .places import Residual

EPS = 1e-6                      # of the norms


def mixer(size=32, channels=3, patch=4, width=192, depth=4, classes=10, gelu="tanh"):
    """The Mixer of `depth` blocks for images (N, channels, size, size); logits (N, classes).

    `patch` divides the size.  `gelu` is "tanh" or, as PyTorch calls the exact function, "none", for
    which SciPy is needed.  ValueError for sizes that do not fit.

    >>> net = mixer(size=224, patch=32, width=512, depth=8, classes=1000).init(seed=0)  # Mixer-S/32
    >>> sum(w.size for w in net.parameters())
    19104624
    """
    side, rest = divmod(count(size, "size"), count(patch, "patch"))
    if rest:
        raise ValueError(f"patch must divide the size {size}, got {patch}")
    option(gelu, "gelu", ("tanh", "none"))
    width, depth = count(width, "width", least=2), count(depth, "depth", most=DEEPEST)
    channels, classes = count(channels, "channels"), count(classes, "classes")
    blocks = {f"block{k}": _block(side * side, width, gelu) for k in range(1, depth + 1)}
    return Sequential(embed=Sequential(patches=PatchEmbedding(channels, width, patch, size)),
                      **blocks, norm=LayerNorm(width, EPS), pool=MeanToken(),
                      out=_glorot(Linear(width, classes)))


def _block(tokens, width, gelu):
    return Sequential(tokens=_half(TokenLinear, tokens, width // 2, width, gelu),
                      channels=_half(Linear, width, 4 * width, width, gelu))


def _half(layer, n, inside, width, gelu):
    mlp = Sequential(norm=LayerNorm(width, EPS),
                     linear1=_glorot(layer(n, inside)), gelu=GELU(gelu), drop1=Identity(),
                     linear2=_glorot(layer(inside, n)), drop2=Identity())
    return Sequential(sum=Residual(mlp, Identity()))


def _glorot(linear):
    """The linear layer with the first weights of Glorot and Bengio, and biases of 0."""
    linear.weight.rule = glorot_uniform(linear.n_in, linear.n_out)
    linear.bias.rule = constant(0)
    return linear
