"""The processes of one training run, which torchrun starts, and what they exchange.

Gradients are averaged by one all-reduce a step, not by DistributedDataParallel. Its wrapper follows
one forward call, while a step predicts adapters several times, in several draws, and some losses
leave whole networks without a gradient.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, final

import torch
from torch import Tensor, distributed, nn

from metaadapter.errors import DataError, UsageError

ADDRESS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""The variables by which torchrun tells a process its rank and where the others are."""
PATIENCE = timedelta(minutes=10)
"""The longest wait for another process, which may be saving or validating."""


class OtherProcessFailed(DataError):
    """Another process of the run has failed and has printed the reason."""


def launched() -> tuple[int, int]:
    """Return the rank of this process and the number of processes, by the environment."""
    if not all(os.environ.get(name) for name in ADDRESS):
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


@contextmanager
def joined() -> Iterator[Processes]:
    """Connect the processes that torchrun started while a block runs; else yield this one alone."""
    if launched()[1] == 1:
        yield ALONE
        return
    if not distributed.is_available():
        raise UsageError("this build of PyTorch cannot train with several processes; start one")
    on_gpus = torch.cuda.is_available() and distributed.is_nccl_available()
    rank, size = launched()
    with _lost_processes(rank, size):
        distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", None, PATIENCE)
    yield Processes(rank, size)
    # After a failure this would wait for processes that have ended.
    distributed.destroy_process_group()


@final
@dataclass(frozen=True, slots=True)
class Processes:
    """One process of a run: its rank, the number of all, and their exchanges.

    All processes must call the same methods in the same order. A process alone exchanges nothing.

    Raises:
        DataError: Another process has ended, or does not answer within `PATIENCE`.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run and prints its results."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """Return the name of this process's device: of several on a machine, each has one GPU."""
        if self.size == 1 or not (name == "cuda" or (name == "auto" and torch.cuda.is_available())):
            return name
        return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"

    def share(self, n_draws: int, n_tasks: int) -> tuple[int, int]:
        """Divide a step's draws of `n_tasks` tasks; return this process's draws and their tasks.

        Whole draws are divided as far as possible, because large draws cost less a task.
        """
        divisor = math.gcd(n_draws, self.size)
        n_parts = self.size // divisor
        if n_tasks % n_parts:
            raise UsageError(
                f"{self.size} processes cannot share {n_draws} draw(s) of {n_tasks} tasks a step "
                "(optim.draws_per_step, optim.tasks_per_draw) equally; change one of these numbers "
                "or the number of processes"
            )
        return n_draws // divisor, n_tasks // n_parts

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of this tensor over all processes; it replaces the tensor."""
        if self.size > 1:
            with _lost_processes(self.rank, self.size):
                distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        return bool(self.sum(torch.tensor([float(flag)])) > 0)

    def gather(self, value: Any) -> list[Any]:
        """Return this value of each process, by rank."""
        if self.size == 1:
            return [value]
        parts = [None] * self.size
        with _lost_processes(self.rank, self.size):
            distributed.all_gather_object(parts, value)
        return parts

    def average(self, network: nn.Module) -> None:
        """Replace gradients and buffers of numbers by their means over the processes.

        A parameter without a gradient in any process keeps none, so that its decay stays off.
        """
        if self.size == 1:
            return
        parameters = [one for one in network.parameters() if one.requires_grad]
        has_gradient = torch.tensor([float(one.grad is not None) for one in parameters])
        parts = [one for one in network.buffers() if one.is_floating_point()]
        for parameter, n_processes in zip(parameters, self.sum(has_gradient).tolist(), strict=True):
            if n_processes:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                parts.append(parameter.grad)
        if not parts:
            return
        flat = self.sum(torch.cat([part.flatten() for part in parts])) / self.size
        for part, mean in zip(
            parts, torch.split(flat, [part.numel() for part in parts]), strict=True
        ):
            part.copy_(mean.view_as(part))

    def require_same(self, value: Any, what: str) -> None:
        """Raise `DataError` if this value differs between the processes."""
        values = self.gather(value)
        others = [str(rank) for rank, one in enumerate(values) if one != values[0]]
        if others:
            raise DataError(
                f"{what} of process(es) {', '.join(others)} differ from those of process 0; give "
                "all processes, on every machine, the same files and the same versions"
            )

    @contextmanager
    def together(self) -> Iterator[None]:
        """End all processes if one fails within the block.

        If the first one fails with the same message, the error is an `OtherProcessFailed`.
        """
        cause: Exception | None = None
        try:
            yield
        except Exception as error:
            cause = error
        messages = self.gather(None if cause is None else str(cause))
        if cause is not None and (self.is_first or str(cause) != messages[0]):
            raise cause
        if any(message is not None for message in messages):
            raise OtherProcessFailed(
                "another process of this run has failed; its message tells why"
            ) from cause


ALONE = Processes()


@contextmanager
def _lost_processes(rank: int, size: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise DataError(
            f"process {rank} of {size} has lost another process of this run, which has ended or "
            f"does not answer ({str(error).splitlines()[0]}). The last saved state, if any, is "
            "kept; continue it with --resume"
        ) from error
