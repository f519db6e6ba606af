"""Where cells are measured, one after the other or in several processes of one thread each."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from itertools import product
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from episodes import EpisodeRows
from metaadapter.bench.evaluation.config import Cell, EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.measure import Metric, measure
from metaadapter.bench.evaluation.methods import load_method
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.noun_features import noun_features
from metaadapter.bench.evaluation.picture_task import files_of
from metaadapter.bench.evaluation.set_encoder import encoder_of_set
from metaadapter.bench.evaluation.store_sets import far_set, load_sets
from metaadapter.bench.evaluation.strangers import FarStrangers, draw_far
from metaadapter.bench.evaluation.tables import TASK_COLUMNS
from metaadapter.bench.peers.meta_trained import MetaPeer
from metaadapter.data.code_identity import code_identity
from metaadapter.data.machine_errors import machine_error
from metaadapter.data.user_code import explain, is_user_code, load_user_code
from metaadapter.errors import DataError, MetaAdapterError, UsageError

_last_draw, _last_far = lru_cache(maxsize=1)(draw_tasks), lru_cache(maxsize=1)(draw_far)


class Bench:
    """Sets, draws and methods of an evaluation, each loaded once in a process.

    Raises:
        UsageError: There is no such method or metric, or a method has weights for another encoder
            than a set's, or reads words and that encoder cannot be loaded.
        DataError: `strangers` has no picture that is strange to a set.
    """

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.sets = {each.name: each for each in load_sets(config)}
        self.far_sets = {
            each.name: far_set(each, config) for each in self.sets.values() if config.strangers
        }
        self.methods = {name: load_method(name) for name in config.method_names}
        self.metrics = load_metrics(config.metrics)
        for method, data in product(self.methods.values(), self.sets.values()):
            if isinstance(method.fit, MetaPeer):
                method.fit.require_encoder(data.encoder, owner=f"the store {data.name}")
            if method.reads_words:
                noun_features(data)
            if method.fit_pictures:
                files_of(method.name, data, torch.arange(len(data.labels_n)))
                encoder_of_set(data, method.name)
        self._warm: set[str] = set()
        self._measure = partial(
            measure, base_to_new=config.base_to_new, metrics=self.metrics, device=device
        )

    @property
    def identity(self) -> str:
        """Changes with the program that draws, fits, answers and scores, whatever the method."""
        files = (Path(name.rpartition(":")[0]) for name in self.config.metrics)
        return code_identity(draw_tasks, draw_far, measure, *files)

    def draw(self, store: str, seed: int) -> EpisodeRows:
        """The tasks of a set and seed, with the most shots; the last ones are remembered."""
        return _last_draw(self.sets[store], self.config, seed)

    def draw_far(self, store: str, seed: int) -> FarStrangers | None:
        """The pictures of other sets that these tasks ask about, too; None if there are none."""
        if store not in self.far_sets:
            return None
        return _last_far(self.far_sets[store], self.draw(store, seed), seed)

    def measure(self, cell: Cell) -> Tables:
        """The rows of a cell."""
        method, data = self.methods[cell.method], self.sets[cell.store]
        rows, far = self.draw(cell.store, cell.seed), self.draw_far(cell.store, cell.seed)
        with warnings.catch_warnings():
            # One from a peer's library would come again with each of a thousand cells.
            warnings.simplefilter("ignore")
            # One that trains a tower takes minutes, beside which a first call is nothing.
            if cell.method not in self._warm and not method.fit_pictures:
                # What a first call imports and sets up is no cost of the method.
                first_far = next(far.split(1)) if far else None
                self._measure(method, data, next(rows.first(1).split(1)), far=first_far)
                self._warm.add(cell.method)
            return self._measure(method, data, rows.first(cell.n_shot), far=far)


@runtime_checkable
class Measures(Protocol):
    """What measures the cells of a configuration; its class makes it anew in each process."""

    config: EvaluationConfig
    device: torch.device

    def measure(self, cell: Cell) -> Tables:
        """The rows of a cell."""


def measure_cells(
    bench: Measures, cells: Sequence[Cell], jobs: int
) -> Iterator[tuple[Cell, Tables]]:
    """Cells with their rows as they come, measured in this process or, by `jobs`, in several.

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
            futures = [
                pool.submit(_measure, type(bench), bench.config, bench.device, cell)
                for cell in cells
            ]
        for future in as_completed(futures):
            yield future.result()
    except BaseException as error:
        # Nothing of a cell that is not finished is kept, and it may take minutes more.
        for worker in list(pool._processes.values()):
            worker.kill()
        if not isinstance(error, BrokenProcessPool):
            raise
        raise DataError(
            "a process of the evaluation was ended from outside, perhaps for want of memory. "
            "Finished cells are kept: give the same command again, with fewer --jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


Kind = Callable[[EvaluationConfig, torch.device], Measures]


@cache
def _bench_of(kind: Kind, config: EvaluationConfig, device: torch.device) -> Measures:
    return kind(config, device)


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


def _measure(
    kind: Kind, config: EvaluationConfig, device: torch.device, cell: Cell
) -> tuple[Cell, Tables]:
    try:
        return cell, _bench_of(kind, config, device).measure(cell)
    except MetaAdapterError:
        raise
    except Exception as error:
        if (refused := machine_error(error)) is not None:
            raise refused from error
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


def load_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """The functions that FILE.py:FUNCTION names, each by the name of the function.

    A function takes the probabilities (n, N) of a task's n queries and their classes (n,), numbered
    from 0 to N − 1, and returns a number.

    Raises:
        UsageError: There is no such file or function, or two of them have one name.
    """
    found: dict[str, Metric] = {}
    for name in names:
        if not is_user_code(name):
            raise UsageError(f"metric {name!r}: expected FILE.py:FUNCTION")
        function = load_user_code(name, kind="metric")
        column = name.rpartition(":")[2]
        if not callable(function):
            raise UsageError(
                f"metric {name!r} must be a function of probabilities and classes, got {function!r}"
            )
        if column in found or column in TASK_COLUMNS:
            raise UsageError(f"another metric or column is called {column!r}; rename the function")
        found[column] = _checked(name, function)
    return found


def _checked(name: str, function: Metric) -> Metric:
    """The function, its faults told as its own."""

    def metric(probabilities: np.ndarray, labels: np.ndarray) -> float:
        try:
            figure = float(function(probabilities, labels))
            if math.isinf(figure):
                raise ValueError(f"it is {figure}; give a number, or NaN where it is undefined")
            return figure
        except Exception as error:
            n, n_way = probabilities.shape
            raise UsageError(
                f"metric {name!r} failed on {n} queries of {n_way} classes: {explain(error)}"
            ) from error

    return metric
