"""Encode the inputs of a store in their order, and keep what is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from metaadapter.data.table import ImageRow
from metaadapter.features.encoding_loop import Progress, meter
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.store.encoding_checkpoint import EncodingCheckpoint
from metaadapter.features.store.header import CACHE_FOLDER
from metaadapter.features.store.input_journal import InputJournal
from metaadapter.features.store.input_states import InputStates


@dataclass(frozen=True, slots=True)
class EncodedInputs:
    """The states of all inputs, how many contents were encoded, and pictures read per second."""

    states: InputStates
    n_new: int
    rate: float


def encode_inputs(
    out: Path,
    rows: Sequence[ImageRow],
    pipeline: Pipeline,
    cache: EncodingCheckpoint,
    progress: Callable[[Progress], None] | None,
) -> EncodedInputs:
    """Read each input once, and encode the contents that are new; continue an unfinished run.

    Inputs that an unfinished run could not read are tried again.
    """
    states = InputStates(len(rows))
    journal = InputJournal(out / CACHE_FOLDER, rows, states, cache.__contains__)
    n_done = journal.n_done
    again = sorted(states.reasons)
    advance = meter("encode", len(rows), progress, done=n_done - len(again))
    numbers = chain(again, range(n_done, len(rows)))
    pictures = (rows[number].picture for number in chain(again, range(n_done, len(rows))))
    n_new, rate = 0, 0.0
    try:
        for part in pipeline.run(pictures, cache.__contains__):
            for outcome in part.outcomes:
                number = next(numbers)
                states.set(number, outcome)
                n_done = max(n_done, number + 1)
            n_new += len(part.features)
            if cache.add(part.features):
                journal.append(n_done)
            rate = advance(len(part.outcomes))
    finally:
        cache.flush()
        journal.append(n_done)
    return EncodedInputs(states, n_new, rate)
