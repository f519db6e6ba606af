from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from episodes import gather, nested_draws, synthetic_source
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.errors import UsageError
from metaadapter.generator.pretrained import generator_id, load_generator
from metaadapter.training.checkpoint import load_checkpoint
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from metaadapter.training.run_folder import open_run

PARTS = Path(__file__).with_name("own_parts.py")


@pytest.fixture
def parts(tmp_path):
    """The user's file, in the folder of the configuration."""
    return Path(shutil.copy(PARTS, tmp_path / "own_parts.py"))


@pytest.fixture
def own(config_file, parts, tmp_path):
    """Start and stop a run of the user's generator and loss."""
    text = config_file.read_text(encoding="utf-8")
    network = text[text.index("[network]") : text.index("[optim]")]
    text = 'generator = "own_parts.py:Blend"\n' + text.replace(
        network, '[loss.own]\n"own_parts.py:length" = 0.1\n\n'
    )
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
    best = load_checkpoint(folder / "checkpoint.safetensors").tensors["best"]
    torch.testing.assert_close(dict(trained.state_dict()), best, rtol=0, atol=0)
    assert not trained.training
    draw = torch.Generator().manual_seed(0)
    source = synthetic_source(n_classes=6, width=24, generator=draw)
    task = gather(nested_draws(source.index, (4,), 15, 10, 6, seed=0), source)
    adapters = trained.predict(Support.of_batch(task.batch, task.logit_scale))
    predicted_TQ = classify(task.batch.query_TQD, adapters).argmax(-1)
    assert float((predicted_TQ == task.batch.query_labels_TQ).float().mean()) > 0.5


def test_train__generator_of_one_s_own_with_dropout__resumes_to_the_same_bits(own):
    whole, _ = own("whole")
    stopped, summary = own("stopped", stop_at=5)
    torch.rand(3)  # what else the process draws must not matter

    train(stopped, open_run(stopped))

    assert summary.ending == "interrupted"
    ends = [load_checkpoint(run / "checkpoint.safetensors") for run in (whole, stopped)]
    torch.testing.assert_close(ends[0].tensors, ends[1].tensors, rtol=0, atol=0)
    assert ends[0].values["schedule"] == ends[1].values["schedule"]


@pytest.mark.slow
def test_train__loss_of_one_s_own__is_logged_by_its_name_and_shrinks_what_it_measures(own):
    def last(folder):
        return json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["loss"]

    more = "loss.own={'own_parts.py:length'=100.0}"
    weak, _ = own("weak", "optim.steps=30")
    strong, _ = own("strong", "optim.steps=30", more)

    assert set(last(weak)) == {"query", "length", "total"}
    assert last(weak)["total"] == pytest.approx(last(weak)["query"] + 0.1 * last(weak)["length"])
    assert last(strong)["length"] < last(weak)["length"]


def test_train__code_of_one_s_own__is_named_with_its_identity_and_must_not_change(own, parts):
    folder, _ = own("run", stop_at=2)
    resolved = json.loads((folder / "resolved.json").read_text())
    config = open_run(folder)

    names = [f"{parts}:{name}" for name in ("Blend", "length")]
    assert resolved["generator"] == names[0]
    assert list(resolved["loss"]["own"]) == names[1:]
    assert sorted(resolved["code"]) == names
    text = parts.read_text(encoding="utf-8")
    parts.write_text(f"# A comment is no code.\n{text}", encoding="utf-8")
    assert train(folder, config, should_stop=lambda: True).ending == "interrupted"
    parts.write_text(text.replace("Tanh", "ReLU"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"the code of .*own_parts\.py:.* began\. Restore it"):
        train(folder, config)


def test_train__generator_without_parameters__is_refused(own, tmp_path):
    with pytest.raises(UsageError, match=r"own_parts\.py:Nothing has no parameter to train"):
        own("run", "generator=own_parts.py:Nothing")

    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_train__generator_that_does_not_exist__is_named(own):
    with pytest.raises(UsageError, match=r"own_parts\.py has no 'Missing'"):
        own("run", "generator=own_parts.py:Missing")


def test_train__fault_in_a_generator_of_one_s_own__is_reported_as_its_own(own, parts):
    text = parts.read_text(encoding="utf-8")
    parts.write_text(text.replace("support.means_TND", "support.no_such_part"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"Blend failed: AttributeError.*\(own_parts\.py, line \d"):
        own("run")
