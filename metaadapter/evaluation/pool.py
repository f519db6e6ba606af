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
from functools import cache
from multiprocessing.connection import wait

import torch

from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.evaluation.bench import Bench
from metaadapter.evaluation.config import Cell, EvaluationConfig
from metaadapter.evaluation.metrics import Tables
from metaadapter.own_code import explain

__all__ = ["measure_cells"]


def measure_cells(bench: Bench, cells: Sequence[Cell], jobs: int) -> Iterator[tuple[Cell, Tables]]:
    """Cells with their rows as they come.

    Args:
        bench: Of this process; others make their own.
        cells: What to measure.
        jobs: Number of processes; 1 works in this one.

    Raises:
        MetaAdapterError: A method or set cannot be used; what a process says of it arrives here.
        DataError: A process was ended from outside, for instance for want of memory.
    """
    jobs = min(jobs, len(cells))
    if jobs <= 1:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            for cell in cells:
                yield cell, bench.measure(cell)
        finally:
            torch.set_num_threads(before)
        return
    pool = ProcessPoolExecutor(
        jobs,
        # Forking a process that has used torch or a GPU is not safe.
        multiprocessing.get_context("spawn"),
        _begin,
    )
    try:
        with _deaf_to_interrupts():  # processes that start inherit it
            futures = [pool.submit(_measure, bench.config, bench.device, cell) for cell in cells]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a process of the evaluation was ended from outside, perhaps for want of memory. "
            "Finished cells are kept: give the same command again, with fewer --jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_bench = cache(Bench)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A killed parent cannot tell its processes, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _measure(config: EvaluationConfig, device: torch.device, cell: Cell) -> tuple[Cell, Tables]:
    try:
        return cell, _bench(config, device).measure(cell)
    except MetaAdapterError:
        raise
    except Exception as error:
        # An error of somebody else's class need not survive the way to the parent.
        raise RuntimeError(f"{cell.method} failed on {cell.store}: {explain(error)}") from error


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
