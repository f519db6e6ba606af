"""Measures cells, one after the other or in several processes with one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from multiprocessing.connection import wait

import torch

from metaadapter.bench.evaluation.bench import Bench
from metaadapter.bench.evaluation.cells import Cell
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.files.machine_errors import machine_error
from metaadapter.files.user_code import explain

# Not by fork, which is unsafe in a process that has used torch or a GPU.
SPAWN = multiprocessing.get_context("spawn")


def measure_cells(bench: Bench, cells: Sequence[Cell], jobs: int) -> Iterator[tuple[Cell, Tables]]:
    """Yield each cell with its tables when it is finished; measure in up to `jobs` processes.

    joblib does not fit: its workers outlive a killed parent, and it reports an error only when all
    cells that were sent to workers are finished.
    """
    if min(jobs, len(cells)) > 1:
        yield from _in_processes(bench, cells, min(jobs, len(cells)))
        return
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for cell in cells:
            yield cell, bench.measure(cell)
    finally:
        torch.set_num_threads(n_threads)


def _in_processes(bench: Bench, cells: Sequence[Cell], jobs: int) -> Iterator[tuple[Cell, Tables]]:
    try:  # its locks lie in shared memory
        pool = ProcessPoolExecutor(jobs, SPAWN, _start_worker)
    except OSError as error:
        raise DataError(
            f"cannot start {jobs} processes ({error.strerror}), perhaps because the folder of "
            "shared memory, /dev/shm, is full or missing; free some space in it, or give --jobs 1"
        ) from error
    try:
        job = partial(_measure, type(bench), bench.config, bench.device)
        futures = [pool.submit(job, cell) for cell in cells]
        for future in as_completed(futures):
            yield future.result()
    except BaseException as error:
        # An unfinished cell might take minutes more, and its result would not be kept.
        for worker in list(pool._processes.values()):
            worker.kill()
        if not isinstance(error, BrokenProcessPool):
            raise
        raise DataError(
            "a process of the evaluation was killed, perhaps because memory ran out; finished "
            "cells are kept, so give the same command again, with fewer --jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@cache
def _bench_of(kind: type[Bench], config: EvaluationConfig, device: torch.device) -> Bench:
    return kind(config, device)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C for all
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """End this process when its parent is killed; otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _measure(
    kind: type[Bench], config: EvaluationConfig, device: torch.device, cell: Cell
) -> tuple[Cell, Tables]:
    try:
        return cell, _bench_of(kind, config, device).measure(cell)
    except MetaAdapterError:
        raise
    except Exception as error:
        if (refused := machine_error(error)) is not None:
            raise refused from error
        # An error whose class is from another package may fail to be pickled.
        raise RuntimeError(f"{cell.method} failed on {cell.store}: {explain(error)}") from error
