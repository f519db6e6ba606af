"""The options of commands that can run on a cluster."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Option

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.cli.console import Console
    from metaadapter.apps.cluster.parts import Parts

Engine = Annotated[
    Literal["ray"] | None,
    Option(
        metavar="ray",
        help="Divide the work among the machines of a Ray cluster, which share a drive.",
    ),
]
Address = Annotated[
    str | None,
    Option(
        metavar="HOST:PORT",
        help="With --engine: the address of the cluster, as in ray.init.",
        show_default="RAY_ADDRESS, else a cluster of this machine",
    ),
]
Shards = Annotated[
    int | None,
    Option(
        min=1,
        help="With --engine: the number of jobs.",
        show_default="four for each core, or GPU, of the cluster",
    ),
]
JOBS_PER_SLOT = 4
# The options that change nothing in the result.
UNIMPORTANT = ("engine", "address", "shards", "json_output", "quiet", "batch_size", "workers")
OF_A_JOB = {"engine": None, "address": None, "shards": None, "quiet": True}


def require_engine(values: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options without an engine, or that it cannot follow."""
    if values["engine"] is None:
        for name in ("address", "shards"):
            if values[name] is not None:
                raise UsageError(f"--{name} needs --engine ray; add it")
    elif values["shard"] is not None:
        raise UsageError("--engine ray makes all shards itself; leave --shard out")


@contextmanager
def parts_on_cluster(
    command: Callable[..., object],
    values: Mapping[str, Any],
    place: str,
    sizes: Sequence[int],
    facts: str,
    console: Console,
    *,
    ending: str = "",
) -> Iterator[tuple[Parts, list[str]]]:
    """Run a command once for each shard, on a cluster; yield the parts and what the jobs printed.

    The parts are deleted when the block ends without an error.

    Args:
        command: The function of the command.
        values: Its own options.
        place: The option that names the result.
        sizes: The number of pictures in each item of which shards consist.
        facts: A digest of the pictures.
        console: The output of the command.
        ending: The ending of the names of parts.
    """
    from metaadapter.apps.cluster.connection import connected
    from metaadapter.apps.cluster.jobs import Job, run_jobs
    from metaadapter.apps.cluster.parts import hold_parts
    from metaadapter.data.shard import pick_shard
    from metaadapter.features.encoding_loop import Progress

    kept = {name: value for name, value in values.items() if name not in (*UNIMPORTANT, place)}
    depends_on = version("metaadapter"), sorted(kept.items()), facts, _encoder(values["encoder"])
    request = hashlib.sha256(repr(depends_on).encode()).hexdigest()
    outputs: list[str] = []
    with ExitStack() as held:
        cluster = held.enter_context(connected(values["address"], device=values["device"]))
        n_jobs = min(values["shards"] or JOBS_PER_SLOT * cluster.slots, len(sizes))
        parts = held.enter_context(hold_parts(values[place], request, n_jobs, ending=ending))
        jobs = []
        for number in parts.missing():
            changes = {place: parts.path(number), "shard": f"{number}/{parts.n}", **OF_A_JOB}
            work = partial(command, **{**values, **changes})
            jobs.append(Job(number, f"shard {number} of {parts.n}", work))
        n_pictures, started = sum(sizes), time.monotonic()
        left = {job.number: sum(pick_shard(sizes, (job.number, parts.n))) for job in jobs}
        n_before = n_pictures - sum(left.values())
        with console.progress() as show:

            def finish(job: Job, output: str) -> None:
                parts.finish(job.number)
                outputs.append(output)
                del left[job.number]
                done = n_pictures - sum(left.values())
                rate = (done - n_before) / max(time.monotonic() - started, 1e-9)
                show(Progress("encode", done, n_pictures, rate))

            n_restarts = run_jobs(jobs, cluster, finish)
        if n_restarts:
            console.note(f"{n_restarts} time(s) a process or machine was lost; its job went on")
        with parts.merging():
            yield parts, outputs
        parts.remove()


def _encoder(name: str | None) -> str:
    """Return a digest of the files that an encoder's name means.

    Without a name the encoder is that of the adapter, which knows its fingerprint.
    """
    from metaadapter.data.input_digest import inputs_digest
    from metaadapter.data.table import ImageRow
    from metaadapter.data.user_code import user_code_and_folder
    from metaadapter.features.encoder_source import encoder_files

    if name is None:
        return ""
    code, _ = user_code_and_folder(name)
    own = [Path(code.rpartition(":")[0])] if code else encoder_files(name)
    return inputs_digest(ImageRow(path, None) for path in own)
