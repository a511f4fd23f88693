"""The vision transformer: patches of an image are tokens, and every token attends to all others.

Papers   Dosovitskiy, Beyer, Kolesnikov, Weissenborn, Zhai, Unterthiner, Dehghani, Minderer,
         Heigold, Gelly, Uszkoreit, Houlsby, "An image is worth 16x16 words: transformers for image
         recognition at scale", ICLR 2021, arXiv:2010.11929: "Dosovitskiy 2021".
         Liu, Xu, Jin, Shen, Darrell, "Dropout reduces underfitting", ICML 2023, arXiv:2303.01500,
         for what is dropped and for the first weights: "Liu 2023", and its official code.
Shapes   (N, 3, 32, 32) - 64 patches of 4 x 4 - tokens of width 192, with the class token (N, 65,
         192) - 4 blocks - the class token (N, 192) - norm - 10.
Block    x + attention(norm(x)) and then x + MLP(norm(x)), the MLP four times as wide inside, as in
         equations 2 and 3 of Dosovitskiy 2021.
Places   `drop` behind the positions, on the attention weights (`heads.drop`), behind the attention
         and behind both layers of the MLP: where the official code of Liu 2023 drops, with one rate
         for all, which `place(net, "drop*", Dropout(0.1))` fills.  `sum` for stochastic depth
         around both halves of a block, which share its rate:
         `drop_paths(net, 0.5, rule="linspace", mode="row", scaling="inverted")`.
Differs  Dosovitskiy 2021 (appendix B.1) drops in the same places, but for the attention weights.
         timm has another dropout before the last layer, off unless `drop_rate` is given, and starts
         the class token with deviation 1e-6.  GELU is in its tanh form, as in Flax; that of PyTorch
         and timm is exact, which is `gelu="none"`.  The official code cuts the normal numbers of
         the first weights off at 2, which is 100 deviations: here nothing is cut.
"""

from ..arguments import DEEPEST, count, option
from ..nn import (
    GELU,
    FirstToken,
    Identity,
    Linear,
    MeanToken,
    MultiHeadAttention,
    PatchEmbedding,
    PositionEmbedding,
    Sequential,
    constant,
    normal,
)
from ..norms.layer_norm import LayerNorm
from .places import Residual

EPS, DEVIATION = 1e-6, 0.02     # of the norms, and of the first weights


def vit(size=32, channels=3, patch=4, width=192, depth=4, heads=3, classes=10, pool="token",
        gelu="tanh"):
    """The ViT of `depth` blocks for images (N, channels, size, size); logits (N, classes).

    `patch` divides the size, and `heads` the width.  `pool` is "token", what the classifier reads
    is a token of its own, or "mean" of all tokens.  `gelu` is "tanh" or, as PyTorch calls the exact
    function, "none", for which SciPy is needed.  ValueError for sizes that do not fit.

    On few small images it learns late: on the 1,197 digits

        net = vit(size=8, channels=1, patch=2, width=32, depth=2, heads=4, pool="mean")
        fit(net.init(0), AdamW(lr=0.005), md.data.digits(image=True), epochs=40, schedules={
            "lr": warmup(cosine(0.005, 40 * 19), 76)})

    was right on 91 to 95 % of the validation part (five seeds), 48 to 84 % with 10 epochs instead.

    >>> net = vit(size=224, patch=16, depth=12, classes=1000).init(seed=0)          # ViT-Ti/16
    >>> sum(w.size for w in net.parameters())
    5717416
    """
    side, rest = divmod(count(size, "size"), count(patch, "patch"))
    if rest:
        raise ValueError(f"patch must divide the size {size}, got {patch}")
    option(gelu, "gelu", ("tanh", "none"))
    width, depth = count(width, "width"), count(depth, "depth", most=DEEPEST)
    channels, classes = count(channels, "channels"), count(classes, "classes")
    class_token = option(pool, "pool", ("token", "mean")) == "token"
    blocks = {f"block{k}": _block(width, heads, gelu) for k in range(1, depth + 1)}
    return Sequential(
        embed=Sequential(patches=PatchEmbedding(channels, width, patch, size),
                         position=PositionEmbedding(side * side, width, class_token),
                         drop=Identity()),
        **blocks, pool=FirstToken() if class_token else MeanToken(), norm=LayerNorm(width, EPS),
        out=_small(Linear(width, classes)))


def _block(width, heads, gelu):
    attention = Sequential(norm=LayerNorm(width, EPS), heads=_attention(width, heads),
                           drop=Identity())
    mlp = Sequential(norm=LayerNorm(width, EPS),
                     linear1=_small(Linear(width, 4 * width)), gelu=GELU(gelu),
                     drop1=Identity(),
                     linear2=_small(Linear(4 * width, width)), drop2=Identity())
    return Sequential(attention=Sequential(sum=Residual(attention, Identity())),
                      mlp=Sequential(sum=Residual(mlp, Identity())))


def _attention(width, heads):
    layer = MultiHeadAttention(width, heads)
    layer.in_proj_weight.rule = normal(DEVIATION)
    _small(layer.out_proj)
    return layer


def _small(linear):
    """The linear layer with the first weights of the official code, and biases of 0."""
    linear.weight.rule, linear.bias.rule = normal(DEVIATION), constant(0)
    return linear
