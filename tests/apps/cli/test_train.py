from __future__ import annotations

import json
import re
import signal

import pytest

from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.train import _announce_stop, _launcher
from metaadapter.errors import UsageError
from metaadapter.generator.pretrained import load_generator
from metaadapter.training import run as run_module

CONFIG = """\
[[data.sources]]
name = "gaussians"
synthetic = { n_classes = 12, width = 16 }

[[data.validation_classes]]
name = "others"
synthetic = { n_classes = 6, width = 16, seed = 1 }

[episodes]
n_way = [2, 4]
n_shot = [1, 3]
n_query = 2

[network]
width = 16
n_layers = 1
n_heads = 2

[optim]
steps = 4
tasks_per_draw = 2

[validate]
every = 2
tasks = 2
shots = [1, 4]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "birds.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def train(run, config, tmp_path):
    """`metaadapter train CONFIG … --out tmp_path/run`."""

    def command(*more):
        return run("train", config, "--out", tmp_path / "run", "--device", "cpu", *more)

    return command


@pytest.fixture
def interrupt_at(monkeypatch):
    """Ctrl-C during a step of the next run, so many times."""
    original = run_module.train

    def at(step, *, times=1):
        def interrupted(*arguments, tell, **options):
            def tell_and_interrupt(moment):
                tell(moment)
                if moment.step == step:
                    for _ in range(times):
                        signal.raise_signal(signal.SIGINT)

            return original(*arguments, tell=tell_and_interrupt, **options)

        monkeypatch.setattr(run_module, "train", interrupted)

    yield at
    monkeypatch.setattr(run_module, "train", original)


def test_train__configuration__leaves_a_generator_and_says_how_good_it_is(train, tmp_path):
    result = train()

    assert result.code == 0
    assert "finished at step 4 of 4" in result.out
    assert ", with the lowest mean validation loss:" in result.out
    best_and_start = r"  best: loss \d\.\d{3}, accuracy [\d.]+%\n  at the start: loss \d"
    assert re.search(best_and_start, result.out)
    assert "held-out classes, others, by shots 1: " in result.out
    assert load_generator(tmp_path / "run" / "best").config.width == 16


def test_train__no_terminal__has_one_line_for_each_validation(train):
    lines = [line for line in train().err.splitlines() if line.startswith("step ")]

    assert [line.split(";")[0] for line in lines] == ["step 0 of 4", "step 2 of 4", "step 4 of 4"]
    assert "loss query" in lines[1]
    assert re.search(r"validation loss \d\.\d{3}, accuracy [\d.]+%", lines[1])
    assert "by shots 1: " in lines[1]
    assert "tasks/s" in lines[1]
    assert lines[2].endswith("0:00 left")


def test_train__terminal__shows_terms_accuracy_by_shots_and_time_left(train, terminal):
    shown = train().err

    for words in ("loss query", "4 shot(s)", "points since step 0", "tasks/s", "left"):
        assert words in shown


def test_train__interrupted_on_a_terminal__says_so_beside_the_table(train, interrupt_at, terminal):
    interrupt_at(1)

    assert "stopping after this step, which is saved" in train().err


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_train__json_or_quiet__says_nothing_but_the_result(train, option):
    result = train(option)

    assert result.err == ""
    assert "finished" in result.out


def test_train__without_out__makes_a_folder_named_after_the_configuration(
    run, config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    run("train", config, "--device", "cpu")

    assert (tmp_path / "runs" / "birds" / "best" / "model.safetensors").exists()


def test_train__set__changes_the_configuration_that_is_kept(train, tmp_path):
    result = train("--set", "optim.steps=2", "--set", "loss.query=0.5")

    resolved = json.loads((tmp_path / "run" / "resolved.json").read_text())
    assert "step 2 of 2" in result.out
    assert resolved["loss"]["query"] == 0.5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("optim.stepz=2", "optim.stepz: no such key; did you mean 'steps'?"),
        ("network.n_heads=3", "network"),
        ("network.width=0", "network"),
        ("optim.lr=inf", "optim"),
        ("optim.ema=1", "optim"),
    ],
)
def test_train__value_that_cannot_be__ends_with_3_and_names_it(train, tmp_path, change, reason):
    result = train("--set", change)

    assert result.code == 3
    assert reason in result.err
    assert not (tmp_path / "run").exists()


def test_train__folder_in_use__ends_with_3_and_offers_to_go_on(train, tmp_path):
    train()

    result = train()

    assert result.code == 3
    assert f"--resume {tmp_path / 'run'}" in result.err


@pytest.mark.parametrize(
    ("times", "kept", "options"),
    [(1, "step 3 of 4 is kept", ()), (2, "the last saved state is kept", ("--quiet",))],
)
def test_train__interrupted__ends_with_130_and_the_command_that_goes_on_works(
    train, run, interrupt_at, tmp_path, times, kept, options
):
    interrupt_at(3, times=times)

    stopped = train(*options)
    command = stopped.err.splitlines()[-1].split()
    interrupt_at(-1)
    finished = run(*command[1:], "--json")

    assert stopped.code == 130
    assert "stopping after this step, which is saved; Ctrl-C again" in stopped.err
    assert stopped.err.splitlines()[-2:] == [
        f"error: interrupted; {kept}. To continue:",
        f"  metaadapter train --resume {tmp_path / 'run'} --device cpu",
    ]
    assert finished.document["ending"] == "finished"
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == [0, 1, 2, 3, 4]


def test_announce_stop__the_signal_comes_while_a_line_is_written__is_printed(monkeypatch, capfd):
    def interrupted(*_lines):
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    console = Console()
    monkeypatch.setattr(console, "say", interrupted)

    _announce_stop(console, rank=0)
    _announce_stop(console, rank=1)

    assert capfd.readouterr().err.count("stopping after this step, which is saved") == 1


def test_train__interrupted_twice_while_it_reads__says_that_nothing_has_begun(train, monkeypatch):
    def interrupted(*_arguments, **_options):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("metaadapter.training.run.load_training_data", interrupted)

    result = train()

    assert result.code == 130
    assert result.err.splitlines()[-1] == "error: interrupted before the first step"


def test_train__resume_with_the_same_configuration__goes_on(
    train, run, config, interrupt_at, tmp_path
):
    interrupt_at(1)
    assert train().code == 130
    interrupt_at(-1)

    result = run("train", config, "--resume", tmp_path / "run", "--device", "cpu")

    assert result.code == 0
    assert "finished at step 4 of 4" in result.out


def test_train__resume_of_code_of_one_s_own__wants_the_configuration_that_names_it(
    train, run, config, interrupt_at, tmp_path
):
    """Else a run folder from elsewhere would make code run by itself."""
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\n\nPath(__file__).with_suffix('.ran').touch()\n\n\n"
        "def length(episodes, adapters, generator):\n"
        "    return adapters.classes.square().mean()\n"
    )
    with config.open("a") as file:
        file.write('\n[loss.own]\n"mine.py:length" = 0.1\n')
    interrupt_at(1)
    command = f"  metaadapter train {config} --resume {tmp_path / 'run'} --device cpu"
    assert train().err.splitlines()[-1] == command
    interrupt_at(-1)
    (tmp_path / "mine.ran").unlink()

    alone = run("train", "--resume", tmp_path / "run", "--device", "cpu")

    assert alone.code == 2
    assert "--resume alone never runs such code" in alone.err
    assert not (tmp_path / "mine.ran").exists()
    assert run(*command.split()[1:]).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("{config} --set optim.steps=9", 2, "optim.steps: 4 → 9"),
        ("--set seed=1", 2, "seed: 0 → 1"),
        ("--set data.root={folder}", 0, ""),
    ],
    ids=["other configuration", "other seed", "other place of the stores"],
)
def test_train__resume_with_a_change__goes_on_only_if_it_is_of_no_account(
    train, run, config, tmp_path, arguments, code, reason
):
    train()
    changed = arguments.format(config=config, folder=tmp_path).split()

    result = run("train", *changed, "--resume", tmp_path / "run")

    assert result.code == code
    assert reason in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((), 2, "give a configuration, or a run to continue"),
        (("--resume", "run", "--out", "other"), 2, "give --resume or --out, not both"),
        (
            ("--resume", "."),
            3,
            "resolved.json: No such file or directory; give --resume a folder",
        ),
    ],
)
def test_train__nothing_that_could_be_trained__is_told(run, tmp_path, arguments, code, reason):
    result = run("train", *(tmp_path if part == "." else part for part in arguments))

    assert result.code == code
    assert reason in result.err


@pytest.fixture
def launch(run, monkeypatch):
    """Runs `train` as a process of four that torchrun started on two machines."""

    def launched(rank, *arguments):
        address = {"WORLD_SIZE": "4", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
        place = {"TORCHELASTIC_RUN_ID": "none", "RANK": str(rank), "LOCAL_RANK": str(rank % 2)}
        for name, value in {**address, **place}.items():
            monkeypatch.setenv(name, value)
        return run("train", *arguments, "--json")

    return launched


@pytest.mark.parametrize("arguments", [(), ("--no-such-option",), ("--resume", "a", "--out", "b")])
def test_train__usage_error_under_torchrun__is_printed_once_on_a_machine(launch, arguments):
    first, second, other_machine, _ = results = [launch(rank, *arguments) for rank in range(4)]

    assert {result.code for result in results} == {2}
    assert first.err.startswith("error: ")
    assert other_machine.err == first.err
    assert (second.out, second.err) == ("", "")


def test_train__error_of_one_process_alone__is_printed_by_it(launch, config, monkeypatch):
    def fail(*_, **__):
        raise UsageError("the loss mine.py:length failed: KeyError: 7")

    monkeypatch.setattr(run_module, "train", fail)

    assert "process 3: the loss mine.py:length failed" in launch(3, config).err


def test_train__mps__ends_with_2_and_one_sentence(train, monkeypatch):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)

    result = train("--device", "mps")

    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "float64, which device 'mps' does not have; use --device cpu" in result.err


MACHINES = {"LOCAL_WORLD_SIZE": "8", "GROUP_WORLD_SIZE": "4", "MASTER_ADDR": "gpu-1"}
MEETING = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "gpu-1:29400"]


@pytest.mark.parametrize(
    ("environment", "launcher"),
    [
        ({}, ["metaadapter"]),
        ({"LOCAL_WORLD_SIZE": "2"}, ["torchrun", "--nproc-per-node", "2", "-m", "metaadapter"]),
        (
            MACHINES,
            ["torchrun", "--nnodes", "4", *MEETING, "--nproc-per-node", "8", "-m", "metaadapter"],
        ),
    ],
)
def test_launcher__torchrun__starts_the_same_processes_that_meet_where_they_met(
    monkeypatch, environment, launcher
):
    for name in MACHINES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert _launcher() == launcher
