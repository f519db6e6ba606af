"""Cells measured one after the other, or in several processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait

import torch

from metaadapter.errors import DataError
from metaadapter.evaluation.bench import Bench
from metaadapter.evaluation.config import Cell, EvaluationConfig
from metaadapter.evaluation.journal import CellResult

__all__ = ["measure_cells"]


def measure_cells(bench: Bench, cells: Sequence[Cell], jobs: int) -> Iterator[CellResult]:
    """Results as they come.

    Args:
        bench: Of this process; others make their own.
        cells: What to measure.
        jobs: Number of processes; 1 works in this one.

    Raises:
        DataError: A process was ended from outside, for instance for want of memory.
    """
    jobs = min(jobs, len(cells))
    if jobs <= 1:
        with _one_thread():
            yield from map(bench.measure, cells)
        return
    pool = ProcessPoolExecutor(
        jobs,
        # Forking a process that has used torch or a GPU is not safe.
        multiprocessing.get_context("spawn"),
        _begin,
        (bench.config, str(bench.device)),
    )
    try:
        with _deaf_to_interrupts():  # processes that start inherit it
            futures = [pool.submit(_measure, cell) for cell in cells]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a process of the evaluation was ended from outside, perhaps for want of memory. "
            "Finished cells are kept: give the same command again, with fewer --jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_bench: Bench


def _begin(config: EvaluationConfig, device: str) -> None:
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _bench = Bench(config, torch.device(device))


def _end_with_parent() -> None:
    """A killed parent cannot tell its processes, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _measure(cell: Cell) -> CellResult:
    return _bench.measure(cell)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
