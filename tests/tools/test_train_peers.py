from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.peers.maml import Start, anil, maml
from metaadapter.bench.peers.meta_trained import META_PEERS, load_meta_peer
from metaadapter.errors import DataError
from metaadapter.training.config_file import load_config
from metaadapter.training.training_data import load_training_data
from tools.inner_steps import task_losses
from tools.train_peers import RECIPES, data_of_one_width, joint_alone, learn, main

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
@pytest.mark.parametrize("name", META_PEERS)
def test_learn__some_steps__lower_the_loss_on_the_tasks_drawn(name, config_file):
    config = load_config(config_file)
    data = data_of_one_width(load_training_data(config))
    recipe = RECIPES[name]
    optim = recipe.optim.model_copy(update={"steps": 30, "lr": 1e-2, "tasks_per_draw": 4})
    heard = []

    learn(name, data, config, replace(recipe, optim=optim), tell=heard.append)

    assert sum(heard[-8:]) < sum(heard[:8])


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--steps", "0"), "--steps expects a whole number of at least 1, got 0"),
        (("--only", "Meta-Adapter"), "meta-adapter exists already; name another folder"),
        (("--only", "Reptile"), "no meta-trained peer 'Reptile'; there are: Meta-Adapter"),
    ],
)
def test_train_peers__option_that_cannot_be__says_why_and_writes_nothing(
    run, tmp_path, capsys, options, message
):
    (tmp_path / "peers" / "meta-adapter").mkdir(parents=True)

    with pytest.raises(SystemExit):
        run("peers", *options)

    assert message in capsys.readouterr().err
    assert not list((tmp_path / "peers" / "meta-adapter").iterdir())


def test_learn__feature_that_is_no_number__stops_and_says_where(config_file):
    config = load_config(config_file)
    data = data_of_one_width(load_training_data(config))
    data.sources[0].tasks.features_nVD.fill_(torch.nan)

    with pytest.raises(DataError, match=r"Meta-Adapter: the loss of step 0 is nan; look for rows"):
        learn("Meta-Adapter", data, config, RECIPES["Meta-Adapter"])


def test_joint_alone__coordinates_without_texts__are_left_out_and_logits_stay(config_file):
    data = load_training_data(load_config(config_file))
    source = data.sources[0]
    tasks = source.tasks
    rows = torch.nn.functional.normalize(
        torch.cat([tasks.features_nVD, 0.5 * torch.ones_like(tasks.features_nVD)], -1), dim=-1
    )
    text = torch.cat([tasks.text_CD, torch.zeros_like(tasks.text_CD)], -1)
    width = tasks.text_CD.shape[1]
    wider = replace(tasks, features_nVD=rows, text_CD=text, blocks=(width, width))
    # The other block has one length in every row, as those of an encoder have.
    wider = replace(wider, logit_scale=tasks.logit_scale / float(rows[0, 0, :width].norm()))

    reduced = joint_alone(replace(data, sources=(replace(source, tasks=wider), *data.sources[1:])))

    joint = reduced.sources[0].tasks
    torch.testing.assert_close(joint.features_nVD, tasks.features_nVD)
    torch.testing.assert_close(joint.text_CD, tasks.text_CD)
    assert joint.logit_scale == pytest.approx(tasks.logit_scale)
    assert reduced.sources[1] is data.sources[1]
