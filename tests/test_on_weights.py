"""nn/on_weights and models.wrap: noise on the weights of a layer, under the layer's own paths."""

import copy

import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn


class Thinned(nn.OnWeights):
    """Keeps each weight with probability 3/4 in training, half of each in evaluation."""

    def sample(self, shape):
        return md.dropout_mask(self.rng, shape, 0.25)

    def apply(self, weight, mask):
        return weight * mask

    def expect(self, weight):
        return weight / 2


LAYERS = [(lambda: nn.Linear(6, 4), (5, 6)), (lambda: nn.Linear(6, 4, bias=False), (2, 3, 6)),
          (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (3, 2, 5, 6))]


@pytest.mark.parametrize("make, shape", LAYERS)
def test_the_layer_computes_with_the_weight_that_the_rules_give(make, shape, xp, backend):
    layer, noisy = (one.init(seed=3).to(backend) for one in (make(), Thinned(make())))
    x = xp.asarray(md.gaussian(1, shape))
    y = noisy(x)
    assert noisy.noise.shape == layer.weight.shape and not noisy.noise.all()
    layer.weight.data = layer.weight.data * noisy.noise
    assert_array_equal(md.xp.host(y.data), md.xp.host(layer(x).data))
    y.sum().backward()
    layer(x).sum().backward()
    gradient = md.xp.host(layer.weight.grad * noisy.noise)
    assert_allclose(md.xp.host(noisy.weight.grad), gradient, rtol=1e-5, atol=1e-6)
    whole = make().init(seed=3).to(backend)
    whole.weight.data = whole.weight.data / 2
    assert_array_equal(md.xp.host(noisy.eval()(x).data), md.xp.host(whole(x).data))


@pytest.mark.parametrize("make, shape", LAYERS)
def test_values_paths_and_files_are_those_of_the_layer_alone(make, shape):
    layer, noisy = make().init(seed=3), Thinned(make()).init(seed=3)
    assert noisy.state_dict().keys() == layer.state_dict().keys()
    for path, value in layer.state_dict().items():
        assert_array_equal(noisy.state_dict()[path], value)
    other = Thinned(make()).init(seed=4).load_state_dict(layer.state_dict())
    x = md.gaussian(1, shape)
    assert_array_equal(other.eval()(x).data, noisy.eval()(x).data)
    twin = copy.deepcopy(noisy)
    twin.weight.data[:] = 0
    assert (twin.bias is None or twin.bias is not noisy.bias) and noisy.weight.data.any()
    assert_allclose(twin(x).data - twin(x * 0).data, 0, atol=1e-6)


def test_what_has_no_weights_is_refused():
    for thing in (nn.ReLU(), None, nn.Linear, md.Dropout(0.5)):
        with pytest.raises(TypeError, match="layer must be a Linear or Conv2d, got"):
            nn.OnWeights(thing)


def test_wrap_takes_the_layers_that_match_and_changes_no_value():
    net = models.wrap(models.lenet(), "stage*", Thinned)
    wrapped = {path for path, m in net.named_modules() if isinstance(m, Thinned)}
    assert wrapped == {"stage1.conv", "stage2.conv"}
    plain = models.lenet().init(seed=0).state_dict()
    for path, value in net.init(seed=0).state_dict().items():
        assert_array_equal(value, plain[path])
    models.wrap(net, "*", Thinned, kinds=nn.Linear)
    assert sum(isinstance(m, Thinned) for _, m in net.named_modules()) == 4
    assert net.stage1.conv.layer.stride == (1, 1) and "layer: Conv2d(n_in=1" in repr(net)


def test_wrap_leaves_alone_what_is_wrapped_already():
    net = models.wrap(models.lenet(), "stage1*", Thinned)
    conv = net.stage1.conv
    models.wrap(net, "*", Thinned)                # all the others
    assert net.stage1.conv is conv and isinstance(conv.layer, nn.Conv2d)
    assert sum(isinstance(m, Thinned) for _, m in net.named_modules()) == 4
    for kind in (Thinned, md.Smallify):
        with pytest.raises(ValueError, match="matches no layer; there are none"):
            models.wrap(net, "stage1*", kind)
    assert net.init(seed=0)(md.gaussian(1, (2, 1, 28, 28))).shape == (2, 10)


def test_the_score_is_that_of_the_weights_without_noise(xp, backend):
    for make, _ in LAYERS:
        layer = Thinned(make()).init(seed=3).to(backend)
        w = md.xp.host(layer.weight.data) / 2     # as `expect` has it
        assert_array_equal(md.xp.host(layer.score(unit=False)), abs(w))
        rows = (w.reshape(len(w), -1) ** 2).sum(1) ** 0.5
        assert_allclose(md.xp.host(layer.score(unit=True)), rows, rtol=1e-6)


def test_wrap_keeps_the_mode_of_the_layer():
    net = models.mlp(4, 3, 2).init(seed=0).eval()
    assert not models.wrap(net, "out", Thinned).out.training
    assert models.wrap(net.train(), "hidden1.linear", Thinned).hidden1.linear.training


def without_bias(layer):
    bare = nn.Linear(layer.n_in, layer.n_out, bias=False)
    bare.weight = layer.weight
    return bare


def test_wrap_refuses_what_loses_a_parameter_and_changes_nothing():
    net = models.mlp(4, 3, 2)
    before = dict(net.named_modules())
    for make, error, sentence in (
            (Thinned(nn.Linear(1, 1)), TypeError, "make must be a function"),
            (None, TypeError, "make must be a function"),
            (lambda layer: nn.Linear(4, 3), ValueError, "make must keep the parameters of hidden1"),
            (lambda layer: "drop", ValueError, "make must keep the parameters of hidden1"),
            (without_bias, ValueError, "make must keep the parameters of hidden1")):
        with pytest.raises(error, match=sentence):
            models.wrap(net, "*", make)
    with pytest.raises(ValueError, match="matches no layer; there are hidden1.linear, out"):
        models.wrap(net, "conv", Thinned)
    with pytest.raises(TypeError, match="net must be a Module"):
        models.wrap(Thinned, "*", Thinned)
    assert dict(net.named_modules()) == before


def test_wrap_puts_one_layer_that_is_used_twice_into_one_other():
    shared = nn.Linear(3, 3)
    net = nn.Sequential(a=shared, relu=nn.ReLU(), b=shared, out=nn.Linear(3, 2))
    models.wrap(net, "*", Thinned).init(seed=0)
    assert net.a is net.b and isinstance(net.a, Thinned) and net.a.layer is shared
    net.a.rng = md.check.Record(net.a.rng)
    net(md.gaussian(0, (4, 3)))
    assert len(net.a.rng.draws) == 2              # noise in both of its uses


def test_a_wrapped_network_goes_on_from_trained_weights():
    trained = models.mlp(4, 3, 2).init(seed=5)
    net = models.wrap(models.mlp(4, 3, 2), "*", lambda layer: md.L0(layer)).init(seed=0)
    net.load_state_dict(net.state_dict() | trained.state_dict())
    assert_array_equal(net.out.weight.data, trained.out.weight.data)
