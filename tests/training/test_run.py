from __future__ import annotations

import errno
import json
import subprocess
import sys

import pytest
import torch

from episodes import ClassSplit
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.generator.adapter_generator import generator_id
from metaadapter.generator.pretrained import load_generator
from metaadapter.training import run as run_module
from metaadapter.training.run import train
from metaadapter.training.run_folder import Checkpoint, load_checkpoint, open_run

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
        *("config.toml", "resolved.json", "log.jsonl", "checkpoint.json"),
        *("checkpoint.safetensors", "best", "summary.json", ".lock"),
    }
    assert (folder / "config.toml").read_text() == config_file.read_text()
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["generator"] == summary.generator
    assert stored["best"]["score"] == summary.best.score
    assert [source["name"] for source in stored["data"]["training"]] == [
        *("gaussians", "wider gaussians")
    ]
    assert load_generator(folder / "best").config == config.network


def test_train__killed_before_a_checkpoint_has_its_name__the_repeated_command_names_it(start):
    folder, config, _ = start("run")
    tensors = folder / "checkpoint.safetensors"
    tensors.rename(unfinished := folder / "checkpoint.safetensors.new")

    train(folder, config)

    assert tensors.exists()
    assert not unfinished.exists()


@pytest.mark.slow
def test_train__asked_to_stop__ends_at_the_step_and_resumes_later(start):
    folder, config, stopped = start("stopped", **stop_at(5))
    state = load_checkpoint(folder / "checkpoint.json").values

    finished = train(folder, config)

    assert (stopped.ending, stopped.step, state["step"]) == ("interrupted", 5, 5)
    assert finished.ending == "finished"
    assert finished.generator == start("whole")[2].generator
    assert finished.seconds > state["seconds"] > 0


def test_train__stopped_without_validation_sets__best_is_the_average_of_then(start):
    folder, config, stopped = start("run", *WITHOUT_VALIDATION, **stop_at(5))
    average = load_checkpoint(folder / "checkpoint.json").tensors["average"]

    best = load_generator(folder / "best")

    for name, tensor in best.state_dict().items():
        assert torch.equal(tensor, average[f"module.{name}"]), name
    assert generator_id(best) == stopped.generator != train(folder, config).generator


def test_train__cut_off_without_validation_sets__best_is_of_the_last_checkpoint(start, tmp_path):
    def cut_off(moment):
        if moment.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start("run", *WITHOUT_VALIDATION, tell=cut_off)

    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoint.json")
    best = load_generator(tmp_path / "run" / "best").state_dict()
    assert checkpoint.values["step"] == 4
    for name, tensor in best.items():
        assert torch.equal(tensor, checkpoint.tensors["average"][f"module.{name}"]), name


@pytest.mark.parametrize("name", ["config.toml.new.tmp", "config.toml.new", "resolved.json.tmp"])
def test_train__folder_of_one_killed_before_it_began__is_begun_anew(start, tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("{")

    folder, _, summary = start("run", "optim.steps=2")

    assert summary.ending == "finished"
    assert not list(folder.glob("*.tmp")) + list(folder.glob("*.new"))


def test_train__folder_in_use__is_refused_and_left_alone(start, load):
    folder, _, _ = start("run", "optim.steps=2")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    with pytest.raises(DataError, match=r"run is not empty; resume .* --resume .*run"):
        start("run")

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "fault",
    [
        ("data.sources.0.synthetic.n_classes=2", "episodes.n_way=[5, 5]"),
        ("data.sources.0={name='birds', stores=['nowhere']}",),
        ("data.reserved=['nowhere']",),
    ],
)
def test_train__data_that_are_not_fit__do_not_block_the_next_try(start, fault):
    with pytest.raises(DataError):
        start("run", *fault)

    _, _, summary = start("run", "optim.steps=2")

    assert summary.ending == "finished"


@pytest.mark.skipif(sys.platform == "win32", reason="the lock is taken with flock here")
def test_train__folder_that_another_process_writes_to__is_refused(start):
    folder, config, _ = start("run", **stop_at(5))
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'ab'); "
        "fcntl.flock(file, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(folder / ".lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()

        with pytest.raises(DataError, match=r"another run is writing to the run folder .*run;"):
            train(folder, config)

        other.stdin.close()
    assert train(folder, config).ending == "finished"


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
    reseal(store / "store.json")
    log = (folder / "log.jsonl").read_bytes()

    with pytest.raises(DataError, match=r"the data of 'birds' have changed since the run began"):
        train(folder, config)

    assert (folder / "log.jsonl").read_bytes() == log


def test_train__resumed_where_the_stores_are_now__resumes(stopped_on_stores, tmp_path):
    folder, config = stopped_on_stores
    (tmp_path / "stores").rename(tmp_path / "moved")
    with pytest.raises(DataError, match="there is no feature store"):
        train(folder, config)

    summary = train(folder, open_run(folder, [f"data.root={tmp_path / 'moved'}"]))

    assert summary.ending == "finished"
    assert open_run(folder).data.root == str(tmp_path / "moved")


def test_train__resumed_after_the_split_was_edited__names_the_source(stopped_on_stores, tmp_path):
    folder, config = stopped_on_stores
    ClassSplit({"birds": ("heron", "stork")}).save(tmp_path / "split.json")

    with pytest.raises(DataError, match=r"the data of 'birds' have changed since the run began"):
        train(folder, config)


def test_train__resumed_with_another_configuration__is_refused(start, load):
    folder, _, _ = start("run", **stop_at(2))

    with pytest.raises(UsageError, match="cannot change: optim differ"):
        train(folder, load("optim.lr=0.5"))


def edit_checkpoint(folder, edit):
    path = folder / "checkpoint.json"
    checkpoint = load_checkpoint(path)
    edit(checkpoint)
    checkpoint.save(path)


def test_train__resumed_without_a_device__takes_that_of_the_run(start, monkeypatch):
    folder, config, _ = start("run", **stop_at(2))
    edit_checkpoint(folder, lambda saved: saved.values.update(device="cuda:7"))
    devices = []

    def note(name):
        devices.append(name)
        return torch.device("cpu")

    monkeypatch.setattr(run_module, "training_device", note)
    train(folder, config)

    assert devices == ["cuda:7"]


def test_train__full_disk_at_a_checkpoint__names_the_run(start, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", full)
        with pytest.raises(
            DataError, match=r"cannot write the training run (.*): No space left"
        ) as e:
            start("run")
    assert "No state was saved yet" in str(e.value)


def test_train__resumed_with_weights_of_another_network__names_the_checkpoint(start):
    folder, config, _ = start("run", **stop_at(2))
    edit_checkpoint(folder, lambda saved: saved.tensors["network"].pop("encoder.norm.bias"))

    with pytest.raises(
        IncompatibleArtifact, match=r"(?s)checkpoint\.json does not fit.*norm\.bias.*--out"
    ):
        train(folder, config)
