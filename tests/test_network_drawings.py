"""The drawings of networks: what they say adds up, and no layer or place is missing."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import minidrop as md
from minidrop import graph

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
from scripts import pictures


def test_the_block_of_stochastic_depth_adds_up():
    texts = [e.text for e in ET.fromstring(pictures.network("stochastic_depth")[0])]
    assert [t for t in texts if t in ("3", "2", "2.5")] == ["3", "2", "2.5"]


def test_plain_dropout_runs_the_body_for_each_mask_and_multi_sample_once():
    svg = ET.fromstring(pictures.network("multi_sample")[0])
    assert [sum(e.get("data-what") == what for e in svg) for what in ("body", "head")] == [5, 5]


@pytest.mark.parametrize("name, net, shape", [("lenet", md.models.lenet, (1, 28, 28)),
                                              ("vgg", md.models.vgg_small, (3, 32, 32))])
def test_a_network_shows_its_layers_and_its_places(name, net, shape):
    svg = ET.fromstring(pictures.network(name)[0])
    boxes = [e.get("data-what") for e in svg if e.get("data-what") in ("layer", "place")]
    assert boxes.count("place") == len(md.models.places(net()))
    assert len(boxes) == len(graph.trace(net(), shape))
