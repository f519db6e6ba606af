"""The connection to a Ray cluster, or a cluster of this machine alone while a command runs."""

from __future__ import annotations

import importlib
import io
import logging
import os
import re
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from metaadapter.errors import DataError, MissingPackage

# Ray would report its use to its makers, and warn of its own future.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
SECONDS_TO_ANSWER = 10.0
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and the share of it that a job takes."""

    slots: int
    """The number of jobs that run at a time."""
    cpus: int
    """The number of processor cores, and so of threads, of a job."""
    gpus: int
    """The number of GPUs of a job: 0 or 1."""

    @classmethod
    def of(cls, resources: dict[str, float], device: str) -> Cluster:
        """Divide a cluster's resources: a job has a GPU if there are any, else one core."""
        cpus, gpus = (int(resources.get(name, 0)) for name in ("CPU", "GPU"))
        if gpus and device.partition(":")[0] in ("auto", "cuda"):
            return cls(gpus, max(1, cpus // gpus), 1)
        return cls(max(1, cpus), 1, 0)


@contextmanager
def connected(address: str | None, *, device: str = "cpu") -> Iterator[Cluster]:
    """Connect to the cluster at an address, as `ray.init` does; disconnect at the end.

    A new cluster of this machine listens on the loopback alone, and has a token of its own.
    What is printed on stdout meanwhile is dropped.

    Args:
        address: As in `ray.init`: `HOST:6379`; `auto`, a cluster that runs on this machine; or
            `local`, a new one of this machine alone. If None, that of `RAY_ADDRESS`, else `local`.
        device: The device on which jobs encode.

    Raises:
        DataError: No cluster answers at the address.
        MissingPackage: The package ray is not installed.
    """
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    # Ray and its processes read these when they start.
    for name, value in (QUIET | (_private() if address == LOCAL else {})).items():
        os.environ.setdefault(name, value)
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise MissingPackage(
            f"--shard ray needs the package ray, which cannot be imported ({error}); install the "
            "extra: pip install 'metaadapter[ray]'"
        ) from error
    is_own = not ray.is_initialized()
    # Ray prints on stdout which processes were lost, also with log_to_driver=False.
    with redirect_stdout(io.StringIO()):
        if is_own:
            _start(ray, address)
        try:
            yield Cluster.of(ray.cluster_resources(), device)
        finally:
            if is_own:
                ray.shutdown()


def _private() -> dict[str, str]:
    """Return the environment of a cluster that nobody else can use.

    Despite its name, the first variable works on all systems: its 0 means the loopback.
    """
    return {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def _start(ray: Any, address: str) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if match := re.fullmatch(r"(?:ray://)?(.+):(\d+)", address):  # ray.init waits ten minutes
            socket.create_connection((match[1], int(match[2])), SECONDS_TO_ANSWER).close()
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"no Ray cluster answers at {address} ({str(error).splitlines()[0]}); start one with "
            "`ray start --head`, or correct the address in --shard"
        ) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray's own would end the command without cleaning up
