from __future__ import annotations

import json
import re
import signal

import pytest

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
    assert load_generator(tmp_path / "run" / "best").config.width == 16


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


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((), 2, "give a configuration, or a run to continue"),
        (("--resume", "run", "--out", "other"), 2, "--resume excludes --out"),
        (
            ("--resume", "."),
            3,
            "resolved.json: No such file or directory; give --resume a run folder",
        ),
    ],
)
def test_train__nothing_that_could_be_trained__is_told(run, tmp_path, arguments, code, reason):
    result = run("train", *(tmp_path if part == "." else part for part in arguments))

    assert result.code == code
    assert reason in result.err
