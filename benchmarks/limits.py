"""The lines of the benchmark's table: a figure, its peer from the same run, and its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of a row with a limit. With a peer, the limit is on the ratio of both figures."""

    row: str
    figure: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    peer: str = ""
    """The figure of the peer in the same row; "" without a peer."""

    @property
    def limit(self) -> str:
        """The limit as text, such as "≤ 0.01 × peer"."""
        sign, value = ("≥", self.at_least) if self.at_most is None else ("≤", self.at_most)
        return f"{sign} {value:g} {'× peer' if self.peer else self.unit}"

    def judge(self, figures: Mapping[str, float]) -> dict[str, Any]:
        """Return the line for a row's figures; `value` is what the limit is about.

        A peer that is not installed has no figure; then `value` and `holds` are None.

        Raises:
            LookupError: The row does not measure the figure.
        """
        if self.figure not in figures:
            raise LookupError(
                f"a line of benchmarks/limits.py names {self.figure!r}, which {self.row!r} does "
                f"not measure; it measures {', '.join(figures)}"
            )
        ours, peer = figures[self.figure], figures.get(self.peer)
        value = ours if not self.peer else None if peer is None else ours / peer
        holds = None
        if value is not None:
            low, high = self.at_least or 0.0, float("inf") if self.at_most is None else self.at_most
            holds = low <= value <= high
        return {
            "row": self.row,
            "figure": self.figure,
            "unit": self.unit,
            "ours": ours,
            "peer_figure": self.peer or None,
            "peer": peer,
            "value": value,
            "limit": self.limit,
            "more_is_better": self.at_most is None,
            "holds": holds,
        }


LINES = (
    Line(
        "encode-throughput",
        "encode_images_per_second",
        "pictures/s",
        None,
        0.85,
        "forward_images_per_second",
    ),
    # A million take less than 1 GiB if a picture takes less than 1 kB.
    Line("encode-memory", "mib_of_100000_pictures", "MiB", 256.0),
    Line("predict-rows", "pictures_s", "pictures/s", None, 0.8, "forward_pictures_s"),
    # Twenty times the rows take no more memory.
    Line("predict-rows", "large_own_mib", "MiB", 1.5, None, "small_own_mib"),
    Line("predict-rows", "proba_large_own_mib", "MiB", 1.5, None, "proba_small_own_mib"),
    Line("adapt-latency", "ms_each_of_64", "ms", 2.0),
    Line("classifier-latency", "fit_and_predict_ms", "ms", 8.0),
    *(
        Line("episodes", f"{size}_tasks_s", "tasks/s", None, 1.0, f"{size}_learn2learn_tasks_s")
        for size in ("5way_5shot", "20way_16shot")
    ),
    Line("generator-scale", "1000x16_default_float32_seconds", "s", 1.0),
    Line("generator-scale", "1000x16_peak_gib", "GiB", 1.5),
    Line("generator-scale", "20000x1_peak_gib", "GiB", 24.0),
    Line("generator-scale", "20000x0_default_seconds", "s", 10.0),
    # Both peers train one matrix; ours trains a transformer and a kernel ridge on changed tasks.
    Line("meta-training", "tasks_s", "tasks/s", None, 1.0, "learn2learn_tasks_s"),
    Line("meta-training", "tasks_s", "tasks/s", None, 1.0, "easyfsl_tasks_s"),
    *(
        Line("prediction-time", f"{size}_predict_ms", "ms a task", 0.01, None, f"{size}_fit_ms")
        for size in ("10way_4shot_each_of_64", "20way_16shot_each_of_64")
    ),
    Line("fine-tuning", "together_seconds", "s", 0.1, None, "one_by_one_seconds"),
    *(
        # How many times slower than the floor of the machine, with room for a busy one.
        Line("floor", f"{path}_ms", "ms", times, None, f"{path}_floor_ms")
        for path, times in (
            *(("encode", 4.0), ("classify", 4.0), ("gather", 6.0), ("train", 10.0)),
            ("predict", 15.0),
        )
    ),
    Line("start-up", "help_ms", "ms", 300.0),
    Line("start-up", "predict_cpu_ms", "ms", 1.5, None, "predict_bare_cpu_ms"),
    Line("start-up", "serve_page_s", "s", 3.0),
    Line("store-rows", "open_s", "s", 2.0),
    Line("store-rows", "index_s", "s", 5.0),
    Line("store-rows", "own_memory_gib", "GiB", 1.0),
    Line("store-rows", "large_tasks_s", "tasks/s", None, 0.5, "small_tasks_s"),
)


def lines_of(row: str, figures: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the judged lines of a row that was measured."""
    return [line.judge(figures) for line in LINES if line.row == row]
