"""Run jobs on a cluster: each once, or again if its process or machine is lost."""

from __future__ import annotations

import io
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.apps.cluster.connection import Cluster
from metaadapter.data.machine_errors import machine_error
from metaadapter.errors import DataError, MetaAdapterError

# How often a job begins again after its process was lost. A job continues where the lost one was,
# so that this many losses are no matter of chance.
RESTARTS = 10
# The seconds that cancelled jobs have to write what they have finished.
SECONDS_TO_END = 10.0


class Job(NamedTuple):
    """Work that a process of the cluster does; it can be done again after any interruption."""

    number: int
    name: str
    work: Callable[[], object]


class Failure(NamedTuple):
    """An error that a job would meet again."""

    kind: type[MetaAdapterError]
    message: str


def run_jobs(jobs: Iterable[Job], cluster: Cluster, finished: Callable[[Job, str], None]) -> int:
    """Run jobs, and return how often one began again; `finished` gets a job and its output.

    Jobs run in the folder of this process, which has the same path on all machines. The first
    error of a job ends the others; if this process is interrupted, they end, too.

    Raises:
        MetaAdapterError: The error of a job, of its own kind.
        DataError: The process of a job was lost too often.
    """
    import ray

    remote = ray.remote(max_retries=0, num_cpus=cluster.cpus, num_gpus=cluster.gpus)(_run)
    folder, release = str(Path.cwd()), version("metaadapter")

    def submit(job: Job) -> Any:
        return remote.options(name=job.name).remote(job.work, folder, release)

    running = {submit(job): job for job in jobs}
    losses: dict[int, int] = {}
    with _cancelled_at_the_end(ray, running):
        while running:
            (done, *_), _ = ray.wait([*running])
            job = running.pop(done)
            try:
                outcome = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise RuntimeError(f"{job.name} failed: {error.cause!r}") from error
            except ray.exceptions.RayError as error:  # the process or the machine was lost
                losses[job.number] = losses.get(job.number, 0) + 1
                if losses[job.number] > RESTARTS:
                    raise DataError(_lost(job, error)) from error
                running[submit(job)] = job
                continue
            if isinstance(outcome, Failure):
                raise outcome.kind(f"{job.name}: {outcome.message}")
            finished(job, outcome)
    return sum(losses.values())


@contextmanager
def _cancelled_at_the_end(ray: Any, running: dict[Any, Job]) -> Iterator[None]:
    try:
        yield
    finally:
        for reference in running:
            ray.cancel(reference)
        if running:
            ray.wait([*running], num_returns=len(running), timeout=SECONDS_TO_END)


def _run(work: Callable[[], object], folder: str, release: str) -> str | Failure:
    """Do the work of a job in a process of the cluster, and return what it prints."""
    machine, here = platform.node(), version("metaadapter")
    if here != release:
        return Failure(
            DataError,
            f"the machine {machine} has metaadapter {here}, but this one {release}; install the "
            "same version everywhere",
        )
    try:
        os.chdir(folder)
    except OSError as error:
        return Failure(
            DataError,
            f"the machine {machine} cannot enter the folder {folder} of this command "
            f"({error.strerror}); all machines need a common drive under the same path",
        )
    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(io.StringIO()):
            work()
    except MetaAdapterError as error:
        return Failure(_kind(error), str(error))
    except Exception as error:
        if (refused := machine_error(error)) is None:
            raise
        return Failure(DataError, f"on the machine {machine}: {refused}")
    return output.getvalue()


def _kind(error: MetaAdapterError) -> type[MetaAdapterError]:
    """Return the first class of an error that is made from a message alone."""
    return next(
        kind for kind in type(error).__mro__ if kind.__module__ == MetaAdapterError.__module__
    )


def _lost(job: Job, error: Exception) -> str:
    reason = str(error).strip().splitlines()
    return (
        f"{job.name} began {RESTARTS + 1} times, and each time its process was lost "
        f"({reason[0] if reason else type(error).__name__}); perhaps a worker has too little "
        "memory. What is finished is kept: give the same command again to continue"
    )
