"""The program that `test_predict_killed.py` starts: OUT N_KILLS SEED ARGUMENT ….

Runs `metaadapter predict ARGUMENT … --out OUT` in children that it kills at random moments, and
starts again, until so many are killed and one has ended; prints the number of kills in between.
A child writes slowly and in halves, so that a kill leaves half a row or half a record.
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
from metaadapter.data.journal import Journal
from metaadapter.workflow import (
    parquet_predictions,
    prediction_parts,
    prediction_shards,  # noqa: F401 — imported once, not by each child
    run_predict,  # noqa: F401
)
from metaadapter.workflow.prediction_table import PredictionTable

SECONDS = 0.004


def write_in_halves(_: PredictionTable, file, rows: bytes) -> None:
    half = len(rows) // 2
    file.write(rows[:half])
    file.flush()
    time.sleep(SECONDS)
    file.write(rows[half:])


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


def changed(journal: Path) -> int | None:
    try:
        return journal.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def wait_for(journal: Path, child: int) -> None:
    """Wait until the child has opened the journal; it is there if an earlier one has left it."""
    before = changed(journal)
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if changed(journal) != before:
            return
        time.sleep(0.001)


def run(out: Path, n_kills: int, seed: int, arguments: list[str]) -> None:
    command = ["predict", *arguments, "--quiet", "--out"]
    whole = out.with_name(f"whole-{out.name}")
    began = time.monotonic()
    assert wait(start([*command, str(whole)])) == 0
    seconds, moments = time.monotonic() - began, random.Random(seed)
    journal = out.with_name(f"{out.name}.partial.journal")
    n_ended = n_resumed = 0
    while n_kills:
        child = start([*command, str(out)])
        if moments.random() < 0.25:  # perhaps before the first row
            time.sleep(moments.uniform(0, seconds))
        else:
            wait_for(journal, child)
            time.sleep(moments.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        code = wait(child)
        if code == -signal.SIGKILL:
            n_kills -= 1
            n_resumed += journal.exists()
        else:
            assert code == 0, code
            assert out.read_bytes() == whole.read_bytes()
            n_ended += 1
            out.unlink()
    assert wait(start([*command, str(out)])) == 0
    print(n_ended, n_resumed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    prediction_parts.PICTURES_AT_ONCE = prediction_parts.STORED_AT_ONCE = 2
    parquet_predictions.MOST_ROWS_IN_A_GROUP = 5
    PredictionTable._write = write_in_halves
    Journal.append = slowly(Journal.append)
    out, n_kills, seed, *arguments = sys.argv[1:]
    run(Path(out), int(n_kills), int(seed), arguments)
