from __future__ import annotations

import json
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.peers.maml import Start, anil, maml
from metaadapter.bench.peers.meta_trained import META_PEERS, load_meta_peer
from tools.inner_steps import task_losses
from tools.train_peers import main

CONFIG = """\
[data]
root = "."

[[data.sources]]
name = "pets"
stores = ["pets"]

[[data.sources]]
name = "wide pets"
stores = ["wide"]

[[data.validation_domains]]
name = "birds"
stores = ["birds"]

[[data.validation_domains]]
name = "wide birds"
stores = ["wide birds"]

[episodes]
n_way = [2, 4]
n_shot = [1, 3]
n_query = 2
"""


@pytest.fixture
def config_file(make_store, tmp_path):
    """Two sources, one of them of another width, and a validation set."""
    counts = {"ant": 12, "bee": 12, "cow": 12, "dog": 12}
    make_store("pets", counts, spread=0.8)
    make_store("wide", counts, width=10, encoder="lines")
    make_store("birds", {"owl": 9, "wren": 9, "kite": 9}, spread=0.8, seed=1)
    make_store("wide birds", {"owl": 9, "wren": 9}, width=10, encoder="lines", seed=1)
    path = tmp_path / "peers.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def run(config_file, tmp_path, monkeypatch):
    """Runs the tool; gives its folder."""

    def start(folder, *options):
        out = tmp_path / folder
        arguments = ["train_peers", str(config_file), "--out", str(out), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        main()
        return out

    return start


@pytest.fixture
def needs_learn2learn():
    pytest.importorskip("gym", reason="learn2learn is not installed")


@pytest.mark.slow
@pytest.mark.usefixtures("needs_learn2learn")
def test_train_peers__all_of_them__are_methods_with_their_record(run):
    out = run("peers", "--steps", "3")

    for name in META_PEERS:
        method = load_method(str(out / name.casefold()))
        assert method.fit.encoders == {"dots"}
        assert method.meta_training.stores == {"pets"}
        assert method.meta_training.classes == {"ant", "bee", "cow", "dog"}
        assert "birds" not in method.meta_training.chosen_on
    record = json.loads((out / "maml" / "training.json").read_text())
    assert set(record["accuracy"]["birds"]) == {"1", "2", "4", "8"}
    assert record["recipe"]["optim"]["steps"] == 3


def test_train_peers__same_seed__gives_the_same_bytes_of_the_peer_of_that_name(run):
    one, two = (run(name, "--only", "Meta-Adapter", "--steps", "3") for name in ("one", "two"))
    other = run("other", "--only", "Meta-Adapter", "--steps", "3", "--set", "seed=1")

    weights = [folder / "meta-adapter" / "model.safetensors" for folder in (one, two, other)]
    first, second, third = (path.read_bytes() for path in weights)
    assert first == second != third
    assert load_meta_peer(one / "meta-adapter").name == "Meta-Adapter"


@pytest.mark.slow
@pytest.mark.usefixtures("needs_learn2learn")
@pytest.mark.parametrize(("peer", "moves_adapter"), [(maml, True), (anil, False)])
def test_task_losses__batch_of_unlike_tasks__are_those_of_the_peer(peer, moves_adapter):
    draw = torch.Generator().manual_seed(0)

    def unit(*shape):
        rows = torch.randn(*shape, generator=draw, dtype=torch.float64)
        return torch.nn.functional.normalize(rows, dim=-1)

    there_TNK = torch.rand(2, 4, 3, generator=draw) < 0.7
    class_mask_TN = torch.tensor([[True] * 4, [True, False, True, True]])
    batch = EpisodeBatch(
        support_TNKD=unit(2, 4, 3, 8),
        support_mask_TNK=there_TNK,
        query_TQD=unit(2, 5, 8),
        query_labels_TQ=torch.tensor([[0, 1, 2, 3, 3], [2, 0, 3, -1, -1]]),
        text_TND=unit(2, 4, 8),
        class_mask_TN=class_mask_TN,
    )
    learned = {
        "down_RD": torch.nn.Parameter(unit(5, 8)),
        "up_DR": torch.nn.Parameter(0.3 * unit(8, 5)),
        "log_rate": torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64)),
    }

    losses = list(task_losses(learned, batch, 9.0, moves_adapter=moves_adapter))

    plain = {name: parameter.detach() for name, parameter in learned.items()}
    weights = peer(Support.of_batch(batch, 9.0), Start(**plain))
    logits_TQN = classify(batch.query_TQD, weights)
    for task, n_way in enumerate((4, 3)):
        wanted = cross_entropy(logits_TQN[task], batch.query_labels_TQ[task], ignore_index=-1)
        torch.testing.assert_close(losses[task], wanted / torch.tensor(n_way).log())
    gradients = torch.autograd.grad(sum(losses), list(learned.values()))
    assert all(gradient.abs().max() > 0 for gradient in gradients)
