"""`--shard`: a part of the work, or all of it divided among the machines of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.data.checksums import content_hash

if TYPE_CHECKING:
    from metaadapter.apps.cli.console import Console

Shard = Annotated[
    str | None,
    Option(
        metavar="I/N",
        help="The I-th of N parts, for `metaadapter merge`; or ray[@HOST:PORT]: all parts, on a "
        "Ray cluster.",
    ),
]
RAY = "ray"
JOBS_PER_SLOT = 4
# The options that change nothing in the result.
UNIMPORTANT = ("out", "shard", "batch_size", "workers")


def is_for_ray(shard: str | None) -> bool:
    """Whether `--shard` asks for a Ray cluster."""
    return shard is not None and shard.partition("@")[0] == RAY


@contextmanager
def parts_on_cluster(
    command: Callable[..., object],
    values: Mapping[str, Any],
    sizes: Sequence[int],
    facts: str,
    console: Console,
) -> Iterator[tuple[Sequence[Path], int]]:
    """Run a command once for each shard, on a cluster; yield the parts and the number of pictures.

    Pictures of parts that an interrupted run has made do not count. The parts are deleted when the
    block ends without an error.

    Args:
        command: The function of the command.
        values: Its own options.
        sizes: The number of pictures in each item of which shards consist.
        facts: A digest of the pictures.
        console: The output of the command.
    """
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.apps.cluster.connection import connected
    from metaadapter.apps.cluster.jobs import Job, run_jobs
    from metaadapter.apps.cluster.parts import hold_parts
    from metaadapter.data.progress import tell
    from metaadapter.data.shard import pick_shard

    kept = {name: value for name, value in values.items() if name not in UNIMPORTANT}
    choice = read_encoder(values["encoder"], of_adapter="adapter" in values)
    name = choice.encoder if "adapter" in values else choice.name
    kept["encoder"] = choice  # not the name of a file, whose content may change
    depends_on = version("metaadapter"), sorted(kept.items()), facts, _encoder(name)
    request = content_hash(repr(depends_on))
    address = values["shard"].partition("@")[2] or None
    out: Path = values["out"]
    with ExitStack() as held:
        cluster = held.enter_context(connected(address, device=choice.device))
        n_jobs = min(JOBS_PER_SLOT * cluster.slots, len(sizes))
        parts = held.enter_context(hold_parts(out, request, n_jobs, ending=out.suffix))
        jobs = []
        for number in parts.missing():
            changes = {"out": parts.path(number), "shard": f"{number}/{parts.n}"}
            work = partial(_run_job, command, {**values, **changes})
            jobs.append(Job(number, f"shard {number} of {parts.n}", work))
        n_pictures, started = sum(sizes), time.monotonic()
        left = {job.number: sum(pick_shard(sizes, (job.number, parts.n))) for job in jobs}
        n_before = n_pictures - sum(left.values())
        with console.progress():

            def finish(job: Job, _: str) -> None:
                parts.finish(job.number)
                del left[job.number]
                done = n_pictures - sum(left.values())
                rate = (done - n_before) / max(time.monotonic() - started, 1e-9)
                tell("encode", done, n_pictures, rate)

            n_restarts = run_jobs(jobs, cluster, finish)
        if n_restarts:
            console.note(f"{n_restarts} time(s) a process or machine was lost; its job went on")
        with parts.merging():
            yield parts.paths, n_pictures - n_before
        parts.remove()


def _run_job(command: Callable[..., object], values: Mapping[str, Any]) -> None:
    from metaadapter.apps.cli.console import OutputForm, choose_output

    choose_output(OutputForm(quiet=True))
    command(**values)


def _encoder(name: str | None) -> str:
    """Return a digest of the files that an encoder's name means.

    Without a name the encoder is that of the adapter, which knows its fingerprint.
    """
    from metaadapter.data.inputs import inputs_digest
    from metaadapter.data.table import ImageRow
    from metaadapter.data.user_code import user_code_and_folder
    from metaadapter.features.encoder_source import encoder_files

    if name is None:
        return ""
    code, _ = user_code_and_folder(name)
    own = [Path(code.rpartition(":")[0])] if code else encoder_files(name)
    return inputs_digest(ImageRow(path, None) for path in own)
