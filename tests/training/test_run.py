from __future__ import annotations

import json

import pytest
import torch

from episodes import ClassSplit
from metaadapter.errors import DataError, UsageError
from metaadapter.features.store.chunks import write_chunk_hashes
from metaadapter.features.store.header import StoreHeader
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.checkpoint import load_checkpoint
from metaadapter.training.run import train

WITHOUT_VALIDATION = ("data.validation_classes=[]", "data.validation_domains=[]")


def stop_at(step):
    """Options of `train` that end it after a step."""
    steps = []
    return {
        "tell": lambda moment: steps.append(moment.step),
        "should_stop": lambda: steps[-1] == step,
    }


def test_train__run_folder__holds_all_that_is_needed_to_repeat_it(start, config_file):
    folder, config, summary = start("run")

    assert {path.name for path in folder.iterdir()} == {
        *("config.toml", "resolved.json", "log.jsonl", "checkpoint.safetensors"),
        *("best", "summary.json", ".lock"),
    }
    assert (folder / "config.toml").read_text() == config_file.read_text()
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["generator"] == summary.generator
    assert stored["best"]["score"] == summary.best.score
    assert [source["name"] for source in stored["data"]["training"]] == [
        *("gaussians", "wider gaussians")
    ]
    assert load_generator(folder / "best").config == config.network


def test_train__log_and_summary__tell_loss_and_time_by_source_and_part(start):
    """Two draws of three tasks in each of eight steps, stopped and continued between."""
    folder, config, _ = start("run", *WITHOUT_VALIDATION, "validate.every=8", **stop_at(5))
    summary = train(folder, config)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()[1:]]
    clock = load_checkpoint(folder / "checkpoint.safetensors").values["clock"]

    names = {"gaussians", "wider gaussians"}
    assert len(lines) == 8
    for line in lines:
        losses = [source["loss"] for source in line["sources"].values()]
        assert line["loss"]["total"] == pytest.approx(sum(losses) / len(losses))
        assert set(line["sources"]) <= names
        assert all(source["tasks_per_second"] > 0 for source in line["sources"].values())
    assert sum(n_tasks for n_tasks, _ in clock["sources"].values()) == 8 * 2 * 3
    assert set(summary.tasks_per_second) == set(clock["sources"]) == names
    assert [*summary.part_seconds] == ["draw", "perturb", "loss", "gradient", "update"]
    assert 0 < sum(summary.part_seconds.values()) < summary.seconds


@pytest.mark.slow
def test_train__asked_to_stop__ends_at_the_step_and_resumes_later(start):
    folder, config, stopped = start("stopped", **stop_at(5))
    state = load_checkpoint(folder / "checkpoint.safetensors").values

    finished = train(folder, config)

    assert (stopped.ending, stopped.step, state["step"]) == ("interrupted", 5, 5)
    assert finished.ending == "finished"
    assert finished.generator == start("whole")[2].generator
    assert finished.seconds > state["seconds"] > 0


BIRDS = {"heron": 4, "stork": 4, "crane": 4}


@pytest.fixture
def stopped_on_stores(start, make_store, tmp_path, config_file):
    """A run on part of the store `stores/a` that was stopped at its second step."""
    (tmp_path / "stores").mkdir()
    make_store("stores/a", {**BIRDS, "newt": 4})
    ClassSplit({"birds": tuple(BIRDS), "rest": ("newt",)}).save(tmp_path / "split.json")
    source = "{name='birds', stores=['a'], classes={split='split.json', part='birds'}}"
    folder, config, _ = start(
        "run",
        f"data.root='{tmp_path / 'stores'}'",
        f"data.sources=[{source}]",
        *WITHOUT_VALIDATION,
        "optim.steps=3",
        **stop_at(2),
    )
    return folder, config


@pytest.mark.parametrize("what", ["features", "texts", "labels", "a view more"])
def test_train__resumed_on_other_data__names_the_source(
    stopped_on_stores, make_store, tmp_path, what, reseal
):
    folder, config = stopped_on_stores
    store = tmp_path / "stores" / "a"
    store.rename(tmp_path / "old")
    make_store(
        "stores/a",
        {"heron": 5, "stork": 3, "crane": 4, "newt": 4}
        if what == "labels"
        else {**BIRDS, "newt": 4},
        seed=1 if what in ("features", "texts") else 0,
        n_views=2 if what == "a view more" else 1,
    )
    for kept in {"features": ("texts",), "texts": ("features",)}.get(what, ()):
        name = f"{kept}-0001.npy"
        (store / name).write_bytes((tmp_path / "old" / name).read_bytes())
    write_chunk_hashes(store, StoreHeader.read(store)[0])
    reseal(store / "store.json")
    log = (folder / "log.jsonl").read_bytes()

    with pytest.raises(DataError, match=r"the data of 'birds' have changed since the run began"):
        train(folder, config)

    assert (folder / "log.jsonl").read_bytes() == log


def test_train__resumed_with_another_configuration__is_refused(start, load):
    folder, _, _ = start("run", **stop_at(2))

    with pytest.raises(UsageError, match=r"optim\.lr: 0\.01 → 0\.5"):
        train(folder, load("optim.lr=0.5"))


@pytest.fixture
def threads():
    """Set the threads of this process; they are as they were afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


NORM = "encoder.norm.bias"
