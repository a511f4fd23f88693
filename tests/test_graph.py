"""The computation graph: traced, folded, laid out and drawn."""

import functools
import itertools
import math

import matplotlib.image
import numpy as np
import pytest

import minidrop as md
from minidrop import Module, drawing, graph, layout, models, nn

NETS = {name: (build, models.named.usual_shape(name)) for name, build in models.MODELS.items()
        if name != "mlp"} | {"mlp": (lambda: models.mlp(784, 256, 64, 10), (1, 28, 28))}


@functools.cache
def nodes_of(name):
    """The nodes of one of NETS."""
    build, shape = NETS[name]
    return graph.trace(build(), shape)


def traced(net, shape=(4,)):
    """{path: node} and the list of nodes."""
    nodes = graph.trace(net, shape)
    return {node.path: node for node in nodes}, nodes


def sources(nodes, path):
    """The paths that the node at `path` takes from."""
    node = next(node for node in nodes if node.path == path)
    return [nodes[i].path for i in node.inputs]


class Plain(Module):
    """x + f(x), its sum written in forward; `first` says which term is computed first."""

    def __init__(self, first="skip"):
        self.f, self.skip, self.first = nn.Linear(4, 4), nn.Identity(), first

    def forward(self, x):
        if self.first == "skip":
            return self.skip(x) + self.f(x)
        return self.f(x) + self.skip(x)


# --- trace ---------------------------------------------------------------------------------------

def test_lenet_is_a_chain_with_the_shapes_of_its_forward():
    nodes = graph.trace(models.lenet(), (1, 28, 28))
    assert [node.inputs for node in nodes] == [(), *((i,) for i in range(len(nodes) - 1))]
    assert [(node.path, node.kind, node.shape, node.parameters) for node in nodes
            if node.place is None] == [
        ("", "input", (1, 28, 28), 0),
        ("stage1.conv", "Conv2d", (20, 24, 24), 520), ("stage1.relu", "ReLU", (20, 24, 24), 0),
        ("stage1.pool", "MaxPool2d", (20, 12, 12), 0),
        ("stage2.conv", "Conv2d", (50, 8, 8), 25050), ("stage2.relu", "ReLU", (50, 8, 8), 0),
        ("stage2.pool", "MaxPool2d", (50, 4, 4), 0), ("flatten", "Flatten", (800,), 0),
        ("hidden.linear", "Linear", (500,), 400500), ("hidden.relu", "ReLU", (500,), 0),
        ("out", "Linear", (10,), 5010)]


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_and_every_place_is_in_the_graph(name):
    net, nodes = NETS[name][0](), nodes_of(name)
    found = {node.path: node for node in nodes}
    assert graph.total(nodes) == sum(math.prod(w.shape) for w in net.parameters())
    assert {p: n.place for p, n in found.items() if n.place} == models.places(net)
    assert all(node.empty for node in nodes if node.place)


def test_a_residual_block_splits_and_joins():
    _, nodes = traced(models.resnet8(), (3, 32, 32))
    block = "stage2.block1.sum"
    assert sources(nodes, f"{block}.branch.conv1") == ["stage1.block1.relu"]
    assert sources(nodes, f"{block}.skip.halve") == ["stage1.block1.relu"]
    assert sources(nodes, block) == [f"{block}.branch.dropblock2", f"{block}.skip.dropblock"]
    assert sources(nodes, "stage2.block1.relu") == [block]


@pytest.mark.parametrize("first", ["skip", "f"])
def test_a_sum_in_a_forward_is_found_on_the_tape_whatever_comes_first(first):
    _, nodes = traced(nn.Sequential(relu=nn.ReLU(), plain=Plain(first)))
    assert sources(nodes, "plain.f") == sources(nodes, "plain.skip") == ["relu"]
    assert set(sources(nodes, "plain")) == {"plain.f", "plain.skip"}


def test_a_network_is_traced_as_a_copy():
    net = models.place(models.mlp(4, 3, 2), "hidden1.drop", md.Dropout(0.5)).init(0)
    before = {path: w.data.copy() for path, w in net.named_parameters()}
    state = net.hidden1.drop.rng.state
    graph.trace(net, (4,))
    assert all("forward" not in vars(m) and m.training for _, m in net.named_modules())
    assert all((before[path] == w.data).all() for path, w in net.named_parameters())
    assert net.hidden1.drop.rng.state == state


def test_a_filled_place_says_what_fills_it():
    found, _ = traced(models.place(models.mlp(4, 3, 2), "hidden1.drop", md.Dropout(0.5)))
    drop, other = found["hidden1.drop"], found["input.drop"]
    assert (drop.kind, drop.detail, drop.place, drop.empty) == (
        "Dropout", "p = 0.5", "dropout", False)
    assert graph.in_words(drop) == "Dropout, p = 0.5"
    assert graph.in_words(other) == "place for dropout"


def test_what_trains_numbers_besides_its_children_is_one_node_and_its_places():
    net = nn.Sequential(nn.MultiHeadAttention(8, 2), nn.ReLU())
    found, nodes = traced(net, (5, 8))
    assert list(found) == ["", "multiheadattention1.drop", "multiheadattention1", "relu1"]
    assert sources(nodes, "multiheadattention1") == ["", "multiheadattention1.drop"]
    assert graph.total(nodes) == sum(math.prod(w.shape) for w in net.parameters())


@pytest.mark.parametrize("net, paths", [
    (nn.Linear(4, 2), ["", ""]), (Plain("f"), ["", "f", "skip", ""]),
    (nn.Sequential(), ["", ""])])
def test_a_network_that_is_itself_a_node(net, paths):
    nodes = graph.trace(net, (4,))
    assert [node.path for node in nodes] == paths
    assert nodes[-1].kind == type(net).__name__
    layout.planned(graph.tree(nodes)[0], nodes)


@pytest.mark.parametrize("module, words", [
    (nn.Conv2d(4, 8, (3, 5), stride=2, groups=4), "4 → 8, 3 × 5, stride 2, 4 groups"),
    (nn.Conv2d(4, 8, 1, stride=(1, 2)), "4 → 8, 1 × 1, stride 1 × 2"),
    (nn.MaxPool2d(2), "2 × 2"), (nn.MaxPool2d(3, stride=2), "3 × 3, stride 2"),
    (nn.PatchEmbedding(3, 8, (2, 4)), "3 → 8, 2 × 4"), (nn.MultiHeadAttention(8, 2), "2 heads"),
    (nn.Linear(4, 2), "4 → 2"), (md.Dropout(0.25), "p = 0.25"), (nn.ReLU(), "")])
def test_the_numbers_of_a_module_in_words(module, words):
    assert graph.detail(module) == words


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="net must be a Module, got str 'lenet'"):
        graph.trace("lenet", (1, 28, 28))


# --- folding -------------------------------------------------------------------------------------

def groups(group):
    """All groups below one, by path."""
    for item in group.items:
        if isinstance(item, graph.Group):
            yield item
            yield from groups(item)


@pytest.mark.parametrize("depth", [20, 110])
def test_equal_blocks_are_folded_and_those_that_halve_are_not(depth):
    n = (depth - 2) // 6
    nodes = nodes_of(f"resnet{depth}")
    root, stands = graph.tree(nodes)
    folded = {group.path: group.copies for group in groups(root) if len(group.copies) > 1}
    assert folded == {
        "stage1.block1": [f"block{i}" for i in range(1, n + 1)],
        "stage2.block2": [f"block{i}" for i in range(2, n + 1)],
        "stage3.block2": [f"block{i}" for i in range(2, n + 1)]}
    drawn = set(range(len(nodes))) - set(stands)
    assert len(drawn) == 4 + 11 + 2 * (12 + 11) + 3       # stem, stages, the end
    for i, j in stands.items():
        assert j in drawn
        assert nodes[i]._replace(path="", inputs=()) == nodes[j]._replace(path="", inputs=())


def test_blocks_that_differ_or_reach_further_back_are_not_folded():
    class Dense(Module):
        def __init__(self):
            self.a, self.b = (nn.Sequential(linear=nn.Linear(4, 4)) for _ in range(2))
            self.c = nn.Sequential(linear=nn.Linear(4, 4))

        def forward(self, x):
            y = self.a(x)
            return self.c(self.b(y) + y)

    class Parallel(Module):
        def __init__(self):
            self.a, self.b = (nn.Sequential(linear=nn.Linear(4, 4)) for _ in range(2))

        def forward(self, x):
            return self.a(x) + self.b(x)

    def copies(net):
        root, _ = graph.tree(graph.trace(net, (4,)))
        return [group.copies for group in groups(root)]

    assert copies(Dense()) == [["a", "b"], ["c"]]
    assert copies(Parallel()) == [["a"], ["b"]]
    assert copies(nn.Sequential(a=Plain(), b=Plain())) == [["a", "b"]]
    filled = nn.Sequential(a=models.mlp(4, 4, 4), b=models.mlp(4, 4, 4))
    models.place(filled, "b.hidden1.drop", md.Dropout(0.5))
    assert ["a", "b"] not in copies(filled)


def test_groups_within_folded_groups_are_folded_too():
    def pile():
        return nn.Sequential(**{f"in{i}": nn.Sequential(relu=nn.ReLU()) for i in range(3)})

    nodes = graph.trace(nn.Sequential(a=pile(), b=pile(), out=nn.Linear(4, 2)), (4,))
    root, stands = graph.tree(nodes)
    assert [(g.path, g.copies) for g in groups(root)] == [
        ("a", ["a", "b"]), ("a.in0", ["in0", "in1", "in2"])]
    assert {graph.drawn(i, stands) for i in range(1, 7)} == {1}
    plan = layout.planned(root, nodes)
    assert sorted(plan.boxes) == [0, 1, 7]


def test_the_table_names_every_node_or_the_block_that_it_equals():
    rows = graph.table(nodes_of("resnet20"))
    assert rows[0] == ("", "input", "3 × 32 × 32", "")
    assert ("stem.conv", "Conv2d, 3 → 16, 3 × 3", "16 × 32 × 32", "432") in rows
    assert ("stage1.block2 … block3", "as block1", "16 × 32 × 32", "2 × 4,672") in rows
    assert ("stage2.block3", "as block2", "32 × 16 × 16", "1 × 18,560") in rows
    assert ("stage2.block1.sum", "place for stochastic depth", "32 × 16 × 16", "") in rows
    numbers = [row[3].replace(",", "").split(" × ") for row in rows if row[3]]
    assert sum(math.prod(map(int, number)) for number in numbers) == 269_722


# --- layout and drawing --------------------------------------------------------------------------

@pytest.mark.parametrize("name", NETS)
def test_boxes_lie_on_the_sheet_and_do_not_overlap(name):
    nodes = nodes_of(name)
    root, stands = graph.tree(nodes)
    plan = layout.planned(root, nodes)
    assert set(plan.boxes) == set(range(len(nodes))) - set(stands)
    for box in (*plan.boxes.values(), *plan.panels):
        assert 0 <= box.left < box.right <= plan.width
        assert 0 <= box.top < box.bottom <= plan.height + 1e-9
    for a, b in itertools.combinations(plan.boxes.values(), 2):
        assert (a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top)
    assert 0.4 < plan.width / plan.height < 2.5


@pytest.mark.parametrize("name", NETS)
def test_every_line_leaves_one_box_and_enters_the_other(name):
    nodes = nodes_of(name)
    root, stands = graph.tree(nodes)
    boxes = layout.planned(root, nodes).boxes
    lines = 0
    for i, box in boxes.items():
        for j in nodes[i].inputs:
            start = boxes[graph.drawn(j, stands)]
            (x0, y0), *between, (x1, y1) = layout.route(start, box, boxes.values())
            assert (x0, y0) == (start.x, start.bottom)
            assert (x1, y1) in ((box.x, box.top), (box.right, (box.top + box.bottom) / 2))
            corners = [(x0, y0), *between, (x1, y1)]
            assert all(a == c or b == d for (a, b), (c, d) in itertools.pairwise(corners))
            lines += 1
    assert lines >= len(boxes) - 1


def test_a_line_over_other_boxes_goes_around_them():
    nodes = graph.trace(nn.Sequential(relu=nn.ReLU(), a=nn.Linear(4, 4), plain=Skips()), (4,))
    root, _ = graph.tree(nodes)
    boxes = layout.planned(root, nodes).boxes
    at = {nodes[i].path: box for i, box in boxes.items()}
    corners = layout.route(at["a"], at["plain"], boxes.values())
    assert max(x for x, _ in corners) > max(box.right for box in boxes.values())


def test_a_line_around_a_narrow_box_ends_beside_a_wide_one():
    nodes = nodes_of("vit")
    boxes = layout.planned(graph.tree(nodes)[0], nodes).boxes
    at, branch = {nodes[i].path: box for i, box in boxes.items()}, "block1.attention.sum.branch"
    heads = at[f"{branch}.heads"]
    *_, above, end = layout.route(at[f"{branch}.norm"], heads, boxes.values())
    assert end == (heads.right, (heads.top + heads.bottom) / 2) and above[0] > heads.right


class Skips(Module):
    def __init__(self):
        self.f, self.g = nn.Linear(4, 4), nn.ReLU()

    def forward(self, x):
        return self.g(self.f(x)) + x


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet", "resnet8"])
def test_a_figure_is_written_and_its_path_printed(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    build, shape = NETS[name]
    path = drawing.draw(build(), shape, name)
    assert capsys.readouterr().out == f"figure: {path}\n"
    pixels = matplotlib.image.imread(path)[..., :3]
    ink = (pixels.min(axis=2) < 0.9)
    assert path.name == f"{name}.png" and 0.02 < ink.mean() < 0.5
    margin = np.concatenate([ink[:20].ravel(), ink[-20:].ravel(), ink[:, -15:].ravel()])
    assert not margin.any()                       # nothing is cut off
