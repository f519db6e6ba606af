from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import AdapterWeights

PETS = LabelTree({"fox": "canine", "dog": "canine", "canine": "animal", "cat": "animal", "car": ""})


def random_tree(rng, n_classes):
    """A tree of classes c0, c1, … below nodes n0, n1, …, some of which are classes, too."""
    parents = {f"n{i}": f"n{rng.integers(i)}" if rng.random() < 0.8 else "" for i in range(1, 12)}
    of_classes = {f"c{i}": f"n{rng.integers(12)}" for i in range(n_classes - 3)}
    return LabelTree(parents | of_classes), [*of_classes, "n3", "n7", "alone"]


def random_shares(rng, n, n_classes):
    return rng.dirichlet(np.full(n_classes, 0.3), size=n)


@pytest.mark.parametrize("seed", range(5))
def test_node_probabilities__random_trees__are_sums_of_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    tree, classes = random_tree(rng, 20)
    shares = random_shares(rng, 7, 20)

    of_classes = ClassTree.of(tree, classes)
    sums = of_classes.node_probabilities(shares)

    for node, column in zip(of_classes.nodes, sums.T, strict=True):
        below = [c for c, label in enumerate(classes) if node is None or node in tree.path(label)]
        np.testing.assert_allclose(column, shares[:, below].sum(1), atol=1e-12)
    assert set(of_classes.nodes[1:]) == {name for label in classes for name in tree.path(label)}


@pytest.mark.parametrize("least", [0.51, 0.9])
def test_sure_answers__random_trees__are_the_deepest_of_all_sure_nodes(least):
    rng = np.random.default_rng(0)
    tree, classes = random_tree(rng, 20)
    shares = random_shares(rng, 50, 20)

    answers = ClassTree.of(tree, classes).sure_answers(shares, least)

    for answer, row in zip(answers, shares, strict=True):
        sums = {
            node: sum(p for p, label in zip(row, classes, strict=True) if node in tree.path(label))
            for node in {name for label in classes for name in tree.path(label)}
        }
        sure = [node for node, share in sums.items() if share >= least]
        deepest = max(sure, key=lambda node: len(tree.path(node)), default=None)
        assert answer.label == deepest
        assert answer.level == len(answer.path) == (len(tree.path(deepest)) if deepest else 0)
        assert answer.path == (tree.path(deepest) if deepest else ())
        assert answer.probabilities == pytest.approx([sums[node] for node in answer.path])


def test_distance__is_that_of_networkx():
    networkx = pytest.importorskip("networkx")
    tree, classes = random_tree(np.random.default_rng(2), 15)
    names = {*tree.names, *classes}
    graph = networkx.Graph([(name, tree.parents.get(name, "")) for name in names])

    for one in classes:
        for other in classes:
            expected = networkx.shortest_path_length(graph, one, other)
            assert tree.distance(one, other) == expected


def test_label_tree__circle__is_refused():
    with pytest.raises(ValueError, match=r"'a' below 'b' below 'c' below 'a'"):
        LabelTree({"a": "b", "b": "c", "c": "a"})


@pytest.mark.parametrize("place", ["folder", "pets.adapter"])
def test_tree__in_an_adapter__is_kept(tmp_path, place):
    weights = AdapterWeights.zero_shot(torch.eye(2, 8), 15.0)
    facts = {
        **{"classes": ["dog", "fox"], "width": 8, "n_shots": [0, 0], "mode": "one_shot"},
        **{"generator": "closed-form", "generator_id": "0123456789ab"},
    }
    plain, treed = AdapterConfig(**facts), AdapterConfig(**facts, tree=dict(PETS.parents))

    store_adapter(tmp_path / place, StoredAdapter(weights, treed, None))
    stored = load_adapter(tmp_path / place)
    store_adapter(tmp_path / "plain", StoredAdapter(weights, plain, None))

    assert stored.config.class_tree == ClassTree(PETS, ("dog", "fox"))
    assert "tree" not in (tmp_path / "plain" / "adapter_config.json").read_text()
    assert load_adapter(tmp_path / "plain").config.class_tree is None
