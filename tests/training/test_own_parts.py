from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from episodes import gather, nested_draws, synthetic_source
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import generator_id
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from metaadapter.training.run_folder import load_checkpoint

PARTS = Path(__file__).with_name("own_parts.py")


@pytest.fixture
def parts(tmp_path):
    """The user's file, in the folder of the configuration."""
    return Path(shutil.copy(PARTS, tmp_path / "own_parts.py"))


@pytest.fixture
def own(config_file, parts, tmp_path):
    """Start and stop a run of the user's generator."""
    text = config_file.read_text(encoding="utf-8")
    network = text[text.index("[network]") : text.index("[optim]")]
    text = 'generator = "own_parts.py:Blend"\n' + text.replace(network, "")
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")

    def new(name, *overrides, stop_at=None):
        steps = []
        summary = train(
            tmp_path / name,
            load_config(path, overrides),
            config_text=text,
            device="cpu",
            tell=lambda moment: steps.append(moment.step),
            should_stop=lambda: steps[-1] == stop_at,
        )
        return tmp_path / name, summary

    return new


def test_train__generator_of_one_s_own__learns_and_is_evaluated_with_its_weights(own, parts):
    folder, summary = own("run", "optim.steps=20", "optim.lr=0.1", "validate.every=20")

    trained = load_generator(f"{parts}:Blend@{folder / 'best'}")

    assert summary.best.step == 20
    assert summary.best.mean_loss < summary.before.mean_loss
    assert generator_id(trained) == summary.generator
    best = load_checkpoint(folder / "checkpoint.json").tensors["best"]
    torch.testing.assert_close(dict(trained.state_dict()), best, rtol=0, atol=0)
    assert not trained.training
    draw = torch.Generator().manual_seed(0)
    source = synthetic_source(n_classes=6, width=24, generator=draw)
    task = gather(nested_draws(source.index, (4,), 15, 10, 6, seed=0), source)
    adapters = trained.predict(Support.of_batch(task.batch, task.logit_scale))
    predicted_TQ = classify(task.batch.query_TQD, adapters).argmax(-1)
    assert float((predicted_TQ == task.batch.query_labels_TQ).float().mean()) > 0.5


def test_train__fault_in_a_generator_of_one_s_own__is_reported_as_its_own(own, parts):
    text = parts.read_text(encoding="utf-8")
    parts.write_text(text.replace("support.means_TND", "support.no_such_part"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"Blend failed: AttributeError.*\(own_parts\.py, line \d"):
        own("run")
