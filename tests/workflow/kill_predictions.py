"""The program that `test_predict_killed.py` starts: OUT N_KILLS SEED ARGUMENT ….

Runs `metaadapter predict ARGUMENT … --out OUT` in children that it kills at random moments, and
starts again, until so many are killed and one has ended; prints the number of kills in between.
A child writes slowly, so that a kill meets it between two parts and within a transaction.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from metaadapter.apps.cli.app import main
from metaadapter.files.db import Database
from metaadapter.workflow.prediction import (
    prediction_shards,  # noqa: F401 — imported once, not by each child
    query_parts,
    run_predict,  # noqa: F401
)

SECONDS = 0.004


def slowly(function):
    def called(*arguments, **options):
        time.sleep(SECONDS)
        return function(*arguments, **options)

    return called


def start(arguments: list[str]) -> int:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(main(arguments))
    return child


def wait(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def changed(rows: Path) -> int | None:
    try:
        return rows.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def wait_for(rows: Path, child: int) -> None:
    """Wait until the child has written to its database, which an earlier one may have left."""
    before = changed(rows)
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if changed(rows) != before:
            return
        time.sleep(0.001)


def run(out: Path, n_kills: int, seed: int, arguments: list[str]) -> None:
    command = ["predict", *arguments, "--quiet", "--out"]
    whole = out.with_name(f"whole-{out.name}")
    began = time.monotonic()
    assert wait(start([*command, str(whole)])) == 0
    seconds, moments = time.monotonic() - began, random.Random(seed)
    rows = out.with_name(f"{out.name}.db")
    n_ended = n_resumed = 0
    while n_kills:
        child = start([*command, str(out)])
        if moments.random() < 0.25:  # perhaps before the first row
            time.sleep(moments.uniform(0, seconds))
        else:
            wait_for(rows, child)
            time.sleep(moments.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        code = wait(child)
        if code == -signal.SIGKILL:
            n_kills -= 1
            n_resumed += rows.exists()
        else:
            assert code == 0, code
            assert out.read_bytes() == whole.read_bytes()
            n_ended += 1
            out.unlink()
            rows.unlink(missing_ok=True)
    assert wait(start([*command, str(out)])) == 0
    print(n_ended, n_resumed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    query_parts.PICTURES_AT_ONCE = query_parts.STORED_AT_ONCE = 2
    Database.add = slowly(Database.add)
    Database._insert = slowly(Database._insert)
    out, n_kills, seed, *arguments = sys.argv[1:]
    run(Path(out), int(n_kills), int(seed), arguments)
