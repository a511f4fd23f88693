"""The ViT and the MLP-Mixer beside timm's, with the same weights, masks and gates, in float64."""

import math
import re

import numpy as np
import pytest

import minidrop as md
from minidrop import models

pytestmark = pytest.mark.reference

SMALL = {"size": 8, "channels": 2, "patch": 4, "width": 12, "depth": 3, "classes": 5}
BUILDS = {
    "vit": lambda **options: models.vit(**SMALL | options, heads=3),
    "mixer": lambda **options: models.mixer(**SMALL | options),
}
NAMES = (                   # ours, theirs
    (r"^embed\.patches", "patch_embed.proj"), (r"^embed\.position\.token", "cls_token"),
    (r"^embed\.position\.weight", "pos_embed"), (r"^embed\.drop", "pos_drop"),
    (r"^block(\d+)", lambda found: f"blocks.{int(found[1]) - 1}"), (r"^out", "head"),
    (r"attention\.sum\.branch\.norm", "norm1"), (r"mlp\.sum\.branch\.norm", "norm2"),
    (r"attention\.sum\.branch\.heads\.in_proj_", "attn.qkv."),
    (r"attention\.sum\.branch\.heads\.out_proj", "attn.proj"),
    (r"attention\.sum\.branch\.heads\.drop", "attn.attn_drop"),
    (r"attention\.sum\.branch\.drop", "attn.proj_drop"), (r"attention\.sum$", "drop_path1"),
    (r"mlp\.sum\.branch\.", "mlp."), (r"mlp\.sum$", "drop_path2"),
    (r"tokens\.sum\.branch\.norm", "norm1"), (r"channels\.sum\.branch\.norm", "norm2"),
    (r"(tokens|channels)\.sum\.branch\.", r"mlp_\1."), (r"(tokens|channels)\.sum$", "drop_path"),
    (r"\.linear", ".fc"),
)


def theirs_of(path, pool="token"):
    """timm's name of what lies at a path of ours."""
    for ours, theirs in NAMES:
        path = re.sub(ours, theirs, path)
    return re.sub("^norm", "fc_norm", path) if pool == "mean" else path


def twin(torch, timm_networks, name, net, pool="token", gelu="tanh", **rates):
    """timm's network with the weights of ours, in float64."""
    shape = {"img_size": SMALL["size"], "in_chans": SMALL["channels"],
             "patch_size": SMALL["patch"], "embed_dim": SMALL["width"],
             "num_classes": SMALL["classes"], **rates,
             "act_layer": lambda: torch.nn.GELU(approximate=gelu)}
    if name == "vit":
        made = timm_networks.vision_transformer.VisionTransformer(
            **shape, depth=SMALL["depth"], num_heads=3,
            **({"global_pool": "avg", "class_token": False} if pool == "mean" else {}))
    else:
        made = timm_networks.mlp_mixer.MlpMixer(**shape, num_blocks=SMALL["depth"])
    made = made.double()
    stem = "stem" if name == "mixer" else "patch_embed"
    with torch.no_grad():
        found = dict(made.named_parameters())
        for path, w in net.named_parameters():
            w2 = found.pop(theirs_of(path, pool).replace("patch_embed", stem))
            w2.copy_(torch.from_numpy(w.data).reshape(w2.shape))
        assert not found
    return made


def ours_of(name, rng, fill=None, **options):
    """Our network in float64, with weights that are not those of the start."""
    net = BUILDS[name](**options)
    if fill:
        fill(net)
    net.init(0).astype("float64")
    for _, w in net.named_parameters():
        w.data = w.data + rng.normal(0, 0.2, w.shape)
    return net


def assert_equal_steps(torch, net, made, x, rng, name, pool="token"):
    """Logits, and the gradients of the images and of every parameter."""
    g = rng.standard_normal((len(x), SMALL["classes"]))
    leaf, leaf2 = md.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, y2 = net(leaf), made(leaf2)
    np.testing.assert_allclose(y.data, y2.detach().numpy(), rtol=1e-10, atol=1e-12)
    y.backward(g)
    y2.backward(torch.from_numpy(g))
    stem = "stem" if name == "mixer" else "patch_embed"
    found = {theirs_of(path, pool).replace("patch_embed", stem): w.grad
             for path, w in net.named_parameters()} | {"images": leaf.grad}
    due = {path: w.grad for path, w in made.named_parameters()} | {"images": leaf2.grad}
    assert found.keys() == due.keys()
    for path, gradient in found.items():
        expected = due[path].numpy().reshape(gradient.shape)
        largest = max(abs(expected).max(), 1e-3)  # the last bias of token mixing has gradient 0
        assert abs(gradient - expected).max() <= 1e-10 * largest, path


@pytest.mark.parametrize("gelu", ["tanh", "none"])
@pytest.mark.parametrize("name, pool", [("vit", "token"), ("vit", "mean"), ("mixer", "token")])
def test_logits_and_all_gradients(torch, timm_networks, rng, name, pool, gelu):
    net = ours_of(name, rng, gelu=gelu, **({"pool": pool} if name == "vit" else {}))
    made = twin(torch, timm_networks, name, net, pool, gelu)
    x = rng.standard_normal((4, 2, 8, 8))
    assert_equal_steps(torch, net, made, x, rng, name, pool)


def everywhere(net):
    models.place(net, "drop*", md.Dropout(0.2))
    models.drop_paths(net, 0.5, rule="linspace", mode="row", scaling="inverted")


@pytest.mark.parametrize("name", BUILDS)
def test_logits_and_all_gradients_under_the_same_masks_and_gates(torch, timm_networks, rng, name):
    """timm drops wherever there is a place here, and nowhere else but before the last layer."""
    net = ours_of(name, rng, everywhere)
    x = rng.standard_normal((4, 2, 8, 8))
    net(x)                                        # draws
    drawn: dict[str, list] = {}
    for path, m in net.named_modules():
        if isinstance(m, md.Noise):
            scaled = (m.noise / (1 - m.p)).astype("float64")
            if scaled.ndim == 1:
                scaled = scaled.reshape(-1, 1, 1)
            elif ".tokens." in path:
                scaled = scaled.swapaxes(1, 2)    # timm's tokens are the last axis there
            drawn.setdefault(theirs_of(path), []).append(torch.from_numpy(scaled.copy()))
            m.sample = lambda shape, noise=m.noise: noise
    on = {"proj_drop_rate": 0.2, "drop_path_rate": 0.5}
    made = twin(torch, timm_networks, name, net, **on | (
        {"pos_drop_rate": 0.2, "attn_drop_rate": 0.2} if name == "vit" else {}))
    left = set(drawn)
    for path, m in made.named_modules():
        if hasattr(m, "fused_attn"):
            m.fused_attn = False
        if type(m).__name__ in ("Dropout", "DropPath") and path != "head_drop":
            turns = list(drawn[path])             # a Mixer's block has one DropPath for both halves
            m.register_forward_hook(lambda m, inputs, y, turns=turns: inputs[0] * turns.pop(0))
            left.discard(path)
            assert path == "head_drop" or getattr(m, "p", 0.2) == 0.2
    closed = {path for path in left if "drop_path" in path}   # of rate 0: timm has an Identity
    assert left == closed == ({f"blocks.0.drop_path{k}" for k in (1, 2)} if name == "vit" else
                              set()) and made.head_drop.p == 0
    assert_equal_steps(torch, net, made, x, rng, name)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_rule_linspace_has_the_rates_of_timms_vit(torch, timm_networks, rate):
    with torch.device("meta"):
        made = timm_networks.vision_transformer.VisionTransformer(
            32, 4, embed_dim=24, depth=6, num_heads=3, drop_path_rate=rate)
    due = [getattr(path, "drop_prob", 0.0) for block in made.blocks
           for path in (block.drop_path1, block.drop_path2)]
    net = models.drop_paths(models.vit(width=24, depth=6), rate, rule="linspace", mode="row",
                            scaling="inverted")
    found = [m.p for _, m in net.named_modules() if isinstance(m, md.StochasticDepth)]
    np.testing.assert_allclose(found, due, atol=1e-7)         # timm's come from float32


def test_timms_mixer_has_one_rate_for_all_blocks(torch, timm_networks):
    with torch.device("meta"):
        made = timm_networks.mlp_mixer.MlpMixer(img_size=32, patch_size=4, embed_dim=24,
                                                num_blocks=4, drop_path_rate=0.5)
    assert {block.drop_path.drop_prob for block in made.blocks} == {0.5}


@pytest.mark.parametrize("name, width, depth, patch", [
    ("vit", 192, 12, 16), ("vit", 384, 12, 16), ("mixer", 512, 8, 32), ("mixer", 512, 8, 16),
    ("mixer", 768, 12, 16)])
def test_as_many_parameters(torch, timm_networks, name, width, depth, patch):
    with torch.device("meta"):
        made = timm_networks.vision_transformer.VisionTransformer(
            embed_dim=width, depth=depth, num_heads=width // 64) if name == "vit" else (
                timm_networks.mlp_mixer.MlpMixer(embed_dim=width, num_blocks=depth,
                                                 patch_size=patch))
    heads = {"heads": width // 64} if name == "vit" else {}
    net = getattr(models, name)(224, patch=patch, width=width, depth=depth, classes=1000, **heads)
    assert sum(math.prod(w.shape) for w in net.parameters()) == sum(
        w.numel() for w in made.parameters())


def test_first_weights(torch, timm_networks):
    """What "Differs" says of timm's, and that the rest is as there."""
    torch.manual_seed(0)
    vit = timm_networks.vision_transformer.VisionTransformer(32, 4, embed_dim=192, depth=1,
                                                             num_heads=3)
    mixer = timm_networks.mlp_mixer.MlpMixer(img_size=32, patch_size=4, embed_dim=192, num_blocks=1)
    def numbers(w):
        return w.detach().numpy()

    for w in (vit.pos_embed, vit.blocks[0].attn.qkv.weight, vit.blocks[0].mlp.fc1.weight):
        assert numbers(w).std() == pytest.approx(0.02, rel=0.05)
    assert abs(numbers(vit.cls_token)).max() < 1e-5 and vit.norm.eps == mixer.norm.eps == 1e-6
    layer = mixer.blocks[0].mlp_tokens.fc1
    assert not numbers(mixer.head.weight).any() and 0 < numbers(layer.bias).std() < 1e-5
    ours = models.mixer(depth=1).init(0).block1.tokens.sum.branch.linear1.weight.data
    assert abs(ours).max() == pytest.approx(abs(numbers(layer.weight)).max(), rel=0.01)
