from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys

import pytest
import torch
from torch import nn

from metaadapter.errors import DataError, UsageError
from metaadapter.training.processes import OtherProcessFailed, Processes, joined
from metaadapter.training.random_streams import streams_of_step
from metaadapter.training.run import train
from metaadapter.training.run_folder import load_checkpoint
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import load_training_data

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork there")


def in_processes(function, *arguments, size=2):
    """Call `function(rank, …)` in connected processes; return values or errors, None if killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(size)]

    def work(rank):
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        try:
            outcome = function(rank, *arguments)
        except Exception as error:
            outcome = error
        pipes[rank][1].send(outcome)
        pipes[rank][1].close()
        os._exit(0)

    started = [context.Process(target=work, args=(rank,)) for rank in range(size)]
    for process in started:
        process.start()
    outcomes = []
    for process, (receiver, sender) in zip(started, pipes, strict=True):
        sender.close()
        process.join(300)  # a busy machine starts slowly
        if process.exitcode is None:
            process.kill()
        outcomes.append(receiver.recv() if process.exitcode == 0 else None)
    return outcomes


@pytest.fixture
def train_in_two(tmp_path, config_file, load):
    """Trains the tiny configuration in two processes."""

    def run(name, *overrides, resume=False, **options):
        text = None if resume else config_file.read_text(encoding="utf-8")

        def work(rank):
            own = {key: option(rank) for key, option in options.items()}
            summary = train(tmp_path / name, load(*overrides), config_text=text, **own)
            return summary.ending, summary.step, summary.generator

        return in_processes(work)

    return run


def state_of(folder):
    return load_checkpoint(folder / "checkpoint.json")


def one_with_the_tasks_of_two(config):
    """Train in this process on the tasks that two processes draw, one after the other."""
    data, cpu = load_training_data(config), torch.device("cpu")
    trainer = Trainer(config, data.mixture(config, cpu), data.validator(config, cpu), cpu)
    backward, calls = trainer._backward, []

    def of_the_next_process(_):
        calls.append(1)
        rank = (len(calls) - 1) % 2
        with streams_of_step(config.seed, trainer.step, rank, cpu) as random:
            return backward(random)

    trainer._backward = of_the_next_process
    return trainer, list(trainer.steps())


EVERYTHING = ("loss.draws=0.3", "loss.off_class=0.1", "inner.steps=1", "inner.share=0.5")


@pytest.mark.parametrize("overrides", [(), pytest.param(EVERYTHING, marks=pytest.mark.slow)])
def test_train__two_processes__equal_one_with_the_same_tasks(
    train_in_two, load, tmp_path, overrides
):
    outcomes = train_in_two("two", *overrides)

    trainer, moments = one_with_the_tasks_of_two(load(*overrides))

    assert outcomes[0] == outcomes[1]
    expected = trainer.state({})
    for group in ("network", "average", "optimizer"):
        torch.testing.assert_close(
            state_of(tmp_path / "two").tensors[group], dict(expected.tensors[group]),
            rtol=1e-4, atol=1e-6,
        )  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert len(lines) == len(moments)
    for line, moment in zip(lines, moments, strict=True):
        assert line.get("loss", {}) == pytest.approx(dict(moment.terms), rel=1e-4)
        assert line.get("sources", {}) == pytest.approx(dict(moment.sources), rel=1e-4)
        if moment.validation:
            assert line["validation"]["score"] == pytest.approx(moment.validation.score, rel=1e-4)


def die_at(step):
    """A `tell` that kills the second process."""

    def of(rank):
        def tell(moment):
            if rank == 1 and moment.step == step:
                os.kill(os.getpid(), signal.SIGKILL)

        return tell

    return of


@pytest.mark.slow
def test_train__one_process_killed__others_end_and_a_resume_goes_on_exactly(train_in_two, tmp_path):
    lost, killed = train_in_two("killed", tell=die_at(6))
    at = state_of(tmp_path / "killed").values["step"]

    resumed = train_in_two("killed", resume=True)

    assert killed is None
    assert isinstance(lost, DataError)
    assert "process 0 of 2 has lost another process of this run" in str(lost)
    assert "continue it with --resume" in str(lost)
    assert at == 4
    assert resumed == train_in_two("whole")
    ends = [state_of(tmp_path / name).tensors for name in ("killed", "whole")]
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)


@pytest.mark.slow
def test_train__begun_in_two_processes__continues_alone(train_in_two, tmp_path, load):
    train_in_two("run", should_stop=lambda _: lambda: True)

    summary = train(tmp_path / "run", load(), device="cpu")

    assert (summary.ending, summary.n_processes) == ("finished", 1)


@pytest.mark.parametrize("messages", [("a", "a"), ("a", "b"), ("", "b"), ("a", "")])
def test_together__errors__are_their_own_unless_the_first_process_has_the_same(messages):
    def work(rank):
        with joined() as processes, processes.together():
            if messages[rank]:
                raise UsageError(messages[rank])

    outcomes = in_processes(work)

    own = [bool(messages[0]), messages[1] not in ("", messages[0])]
    assert [type(outcome) for outcome in outcomes] == [
        UsageError if is_own else OtherProcessFailed for is_own in own
    ]


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.both, self.one, self.neither = (nn.Parameter(torch.zeros(3)) for _ in range(3))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))


def averaged_parts(rank):
    network = Parts()
    network.both.grad = torch.tensor([1.0, 2.0, 3.0]) * (rank + 1)
    if rank == 1:
        network.one.grad = torch.ones(3)
    network.mean += rank
    network.count += 5
    with joined() as processes:
        processes.average(network)
    gradients = [None if p.grad is None else p.grad.tolist() for p in network.parameters()]
    return gradients, network.mean.tolist(), network.count.tolist()


def test_average__gradients_and_buffers__are_means_and_what_none_has_stays_without():
    first, second = in_processes(averaged_parts)

    assert first == second == ([[1.5, 3.0, 4.5], [0.5] * 3, None], [0.5, 0.5], [5])


@pytest.mark.parametrize(
    ("size", "n_draws", "n_tasks", "expected"),
    [
        (1, 3, 5, (3, 5)),
        (2, 2, 5, (1, 5)),
        (2, 1, 16, (1, 8)),
        (4, 2, 6, (1, 3)),
        (6, 4, 9, (2, 3)),
    ],
)
def test_share__draws_first_then_tasks__are_all_the_tasks(size, n_draws, n_tasks, expected):
    assert Processes(0, size).share(n_draws, n_tasks) == expected
    assert size * expected[0] * expected[1] == n_draws * n_tasks
