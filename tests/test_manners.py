"""What a user meets beside the numbers: pictures of networks, hints, saved weights."""

import numpy as np
import pytest

import minidrop as md
from minidrop import checkpoint, files, nn
from minidrop.xp import host

X, Y = np.ones((6, 4), "float32"), np.array([0, 1, 2, 0, 1, 2])


def network():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), md.BatchNorm(8), nn.Linear(8, 3))


def test_a_network_shows_what_defines_it_and_all_that_is_below_it():
    class Twins(md.Module):
        def __init__(self):
            self.blocks = [nn.Conv2d(1, 2, (3, 5), stride=2), nn.ReLU()]
            self.heads = {"a": nn.Linear(2, 3)}

    text = repr(nn.Sequential(twins=Twins(), pool=nn.MaxPool2d(2)))
    assert "blocks.0: Conv2d(n_in=1, n_out=2, size=(3, 5), stride=(2, 2), padding=(0, 0)" in text
    assert "heads.a: Linear(n_in=2, n_out=3)" in text and "pool: MaxPool2d(size=(2, 2)" in text
    assert text.count("Linear") == 1


def test_an_error_within_a_network_says_in_which_layer():
    net = nn.Sequential(stem=nn.Sequential(one=nn.Linear(4, 8), two=nn.Linear(9, 3))).init(0)
    with pytest.raises(ValueError, match="to meet a weight of shape") as caught:
        net(X)
    assert caught.value.__notes__ == ["in the layer two: Linear", "in the layer stem: Sequential"]


def test_saved_weights_come_back_bit_for_bit_with_their_statistics(xp, backend, tmp_path):
    net = network().init(0).to(backend)
    net(xp.asarray(X))                            # moves the running statistics
    md.save(net, tmp_path / "net")
    other = md.load(network().init(1).to(backend), str(tmp_path / "net"))
    for path, array in net.state_dict().items():
        np.testing.assert_array_equal(host(other.state_dict()[path]), host(array), err_msg=path)


def test_a_checkpoint_of_a_run_is_also_a_file_of_weights(tmp_path):
    net = network().init(0)
    md.fit(net, md.optim.Adam(), (X, Y), 2, checkpoint=tmp_path / "run", progress=False)
    same = md.load(network(), tmp_path / "run")
    np.testing.assert_array_equal(same.linear1.weight.data, net.linear1.weight.data)


def kept(folder, value=1.0, dtype="float32", form=checkpoint.FORMAT):
    """A file with the weights of a line through 0.5 and this value."""
    files.write(folder / "line", {"model/weight": np.array([[0.5, value]], dtype),
                                  "model/bias": np.zeros(1, dtype)}, {"format": form})
    return folder / "line"


@pytest.mark.parametrize("value, dtype", [(1 / 3, "float64"), (0.1, "float16"), (3e38, "float64"),
                                          (1e-300, "float64")])
def test_weights_of_another_dtype_are_rounded_to_that_of_the_network(value, dtype, tmp_path):
    path = kept(tmp_path, value, dtype)
    for net in (nn.Linear(2, 1), nn.Linear(2, 1).init(0)):
        found = md.load(net, path).weight.data
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.array([[0.5, value]], dtype).astype("float32"))


@pytest.mark.parametrize("value", [1e300, -3.5e38])
def test_a_weight_for_which_the_network_has_no_room_is_refused(value, tmp_path):
    for net in (nn.Linear(2, 1), nn.Linear(2, 1).init(0)):
        with pytest.raises(ValueError) as caught:
            md.load(net, kept(tmp_path, value, "float64"))
        assert str(caught.value) == ("state['weight'] must fit into float32, whose largest number "
                                     f"is 3.4e+38, got {abs(value):.3g}")
    assert abs(net.weight.data).max() < 1         # it keeps what it has


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_of_a_network_that_diverged_are_refused(value, tmp_path):
    with pytest.raises(ValueError, match="line holds values of weight that are not finite; the "
                                         "network diverged before it was saved$"):
        md.load(nn.Linear(2, 1), kept(tmp_path, value))


@pytest.mark.parametrize("form", [checkpoint.OLDEST - 1, checkpoint.FORMAT + 1, "5", None, True,
                                  []])
def test_weights_of_another_format_are_refused(form, tmp_path):
    with pytest.raises(ValueError, match=r"line is of format .*, and this minidrop loads 5; "
                                         r"load it with the one that wrote it$"):
        md.load(nn.Linear(2, 1), kept(tmp_path, form=form))
    assert md.load(nn.Linear(2, 1), kept(tmp_path)).weight.data.tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize("call, kind, words", [
    (lambda folder: md.load(nn.Linear(4, 9), folder / "net"), ValueError, "must have the paths"),
    (lambda folder: md.load(network(), folder / "none"), (ValueError, OSError), "none"),
    (lambda folder: md.save("net", folder / "net"), TypeError, "net must be a Module, got str"),
    (lambda folder: md.load(None, folder / "net"), TypeError, "net must be a Module"),
    (lambda folder: md.save(nn.Linear(1, 1), folder / "x"), ValueError, "call model.init")])
def test_what_cannot_be_saved_or_loaded_is_said(call, kind, words, tmp_path):
    md.save(network().init(0), tmp_path / "net")
    with pytest.raises(kind, match=words):
        call(tmp_path)


@pytest.mark.parametrize("options, words", [
    ({"penalty": md.l2}, r"penalty is called as penalty\(net, step\), and l2 does not take that"),
    ({"project": md.apply_max_norm}, r"project is called as project\(net\), and apply_max_norm"),
    ({"recorder": print}, None),
    ({"recorder": lambda step: None}, r"recorder is called as recorder\(step, net, loss\)"),
    ({"batch": lambda rng, x, y: None}, r"batch must return a pair \(x, y\), got NoneType None"),
    ({"batch": 3}, r"batch must be a function, called as batch\(rng, x, y\), got int 3"),
    ({"loss": None}, r"loss must be a function, called as loss\(outputs, y\), got None")])
def test_fit_says_how_it_calls_what_it_is_given(options, words):
    def run():
        return md.fit(network().init(0), md.optim.SGD(0.1), (X, Y), 1, progress=False, **options)

    if words is None:
        assert run().loss.shape == (1,)
    else:
        with pytest.raises(TypeError, match=words):
            run()


@pytest.mark.parametrize("look, words", [
    (lambda: nn.Dropout, "did you mean minidrop.Dropout?"),
    (lambda: nn.BatchNorm, "did you mean minidrop.BatchNorm?"),
    (lambda: md.Linear, "did you mean minidrop.nn.Linear?"),
    (lambda: nn.Lniear, "has no attribute 'Lniear'$"),
    (lambda: md.nothing, "has no attribute 'nothing'$")])
def test_a_name_looked_for_in_the_other_place_is_pointed_to(look, words):
    with pytest.raises(AttributeError, match=words):
        look()


def test_a_list_of_networks_parameters_is_asked_for():
    with pytest.raises(TypeError, match=r"got a Sequential; give its \.parameters\(\)$"):
        md.l1(network().init(0))


def test_a_pattern_of_max_norm_matches_from_a_dot_on_and_lists_what_there_is():
    net = nn.Sequential(stem=nn.Sequential(linear=nn.Linear(2, 3)), head=nn.Linear(3, 1)).init(0)
    net.stem.linear.weight.data[:] = net.head.weight.data[:] = 100
    md.apply_max_norm(net, 1.0, "linear.weight")
    assert abs(net.stem.linear.weight.data).max() < 1 and (net.head.weight.data == 100).all()
    with pytest.raises(ValueError, match="matches no weight of two or more axes; there are "
                                         "stem.linear.weight, head.weight"):
        md.apply_max_norm(net, 1.0, "*.kernel")


def test_a_wrong_pattern_of_a_schedule_is_answered_briefly():
    net = md.models.resnet20().init(0)
    with pytest.raises(ValueError, match="schedules: 'LR' matches no number; there are ") as caught:
        md.fit(net, md.optim.SGD(0.1), (np.ones((2, 3, 32, 32), "float32"), Y[:2]), 1,
               schedules={"LR": [0.1]}, progress=False)
    assert len(str(caught.value)) < 400 and " lr" in str(caught.value)


def test_crops_need_not_be_mirrored():
    x = md.gaussian(0, (50, 1, 4, 4))
    same, _ = md.flip_crop(3, x, Y, padding=0, mirror=False)
    flipped, _ = md.flip_crop(3, x, Y, padding=0)
    np.testing.assert_array_equal(same, x)
    assert (flipped != x).any()


class OfBytes:
    def __fspath__(self):
        return b"weights"


PATHS = {"a folder": (".", ValueError), "with a 0": ("a\0b", TypeError), "none": ("", TypeError),
         "bytes": (b"weights", TypeError), "a path of bytes": (OfBytes(), TypeError),
         "half a letter": ("\ud800", ValueError), "too long": ("a" * 400, ValueError),
         "a number": (3, TypeError), "None": (None, TypeError)}


@pytest.mark.parametrize("what", PATHS)
@pytest.mark.parametrize("use", ["save", "load", "checkpoint"])
def test_what_is_no_path_of_a_file_is_refused_by_its_name(use, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, kind = PATHS[what]
    if (use, what) == ("checkpoint", "None"):     # no checkpoint at all
        return
    name = "checkpoint" if use == "checkpoint" else "path"
    with pytest.raises(kind, match=rf"^{name} must be the path of a file, got "):
        {"save": lambda: md.save(nn.Linear(2, 3).init(0), path),
         "load": lambda: md.load(nn.Linear(2, 3), path),
         "checkpoint": lambda: md.fit(nn.Linear(4, 3).init(0), md.optim.SGD(0.1), (
             np.ones((2, 4), "float32"), Y[:2]), 1, checkpoint=path, progress=False)}[use]()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("path, kind", [("a\0b", TypeError), (None, TypeError), ("", TypeError),
                                        ("file", ValueError)])
def test_what_is_no_path_of_a_folder_is_refused_by_its_name(path, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for use in (lambda: md.Snapshots(path, [1]), lambda: md.load_snapshots(nn.Linear(2, 3), path)):
        with pytest.raises(kind, match="^folder must be the path of a folder, got "):
            use()


def test_a_file_of_weights_in_a_folder_that_is_not_there_makes_it(tmp_path):
    md.save(nn.Linear(2, 3).init(0), tmp_path / "new" / "weights")
    with pytest.raises(FileNotFoundError, match="none"):
        md.load(nn.Linear(2, 3), tmp_path / "none")
