"""Measure the size, time per picture and accuracy of an adapter in each form of export.

python -m benchmarks.export PICTURES [--encoder NAME] [--shots N] [--limit N]

An adapter is predicted from N pictures of each class and exported in each form. Other pictures are
then predicted with metaadapter and with each file. The time is the median processor time of one
thread for one decoded picture, without reading and decoding.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.cli.app import main as program
from metaadapter.apps.export.onnx_model import onnx_run
from metaadapter.apps.export.program import program_run
from metaadapter.data.decode import decode_image
from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError
from metaadapter.workflow.labelled_pictures import Selection, draw_shots
from metaadapter.workflow.queries import load_adapter_encoder
from metaadapter.workflow.run_adapt import adapt

N_TIMED = 40
FORMS = {"ONNX": "float.onnx", "ONNX in 8 bits": "int8.onnx", "torch.export": "float.pt2"}


class Measured(NamedTuple):
    """The size of an exported file, its time per picture, and its accuracy."""

    n_bytes: int
    milliseconds: float
    accuracy: float


def measure(images: Path, encoder: str, n_shot: int, limit: int) -> dict[str, Measured]:
    """Measure each form on at most `limit` pictures that are not in the support."""
    torch.set_num_threads(1)
    rows = read_images(images).rows
    labels = [str(row.label) for row in rows]
    support = set(draw_shots(labels, n_shot, 0))
    others = [row for number, row in enumerate(rows) if number not in support]
    queries = [others[number * len(others) // limit] for number in range(min(limit, len(others)))]
    with tempfile.TemporaryDirectory() as folder:
        return _measured(Path(folder), images, encoder, n_shot, queries)


def _measured(
    folder: Path, images: Path, name: str, n_shot: int, queries: Sequence[ImageRow]
) -> dict[str, Measured]:
    adapter, files = folder / "adapter", {form: folder / file for form, file in FORMS.items()}
    pixels = ("--pixels", "--pictures", str(images), "-q")
    adapt(images, selection=Selection(shots=n_shot), encoder=name).save(adapter)
    exact = ("--onnx", str(files["ONNX"]), "--torch", str(files["torch.export"]))
    _run("export", str(adapter), *exact, *pixels)
    _run("export", str(adapter), "--onnx", str(files["ONNX in 8 bits"]), "--int8", *pixels)
    stored = load_adapter(adapter)
    encoder = load_adapter_encoder(adapter, stored, None, "cpu", "fp32")

    def here(batch: np.ndarray) -> list[np.ndarray]:
        features = encoder.encode_images(batch)
        return [probabilities(torch.from_numpy(features), stored.weights).numpy()]

    classes = [str(label) for label in stored.config.classes]
    runs: dict[str, Callable[[np.ndarray], Sequence[np.ndarray]]] = {"metaadapter": here}
    for form, file in files.items():
        read = program_run if form == "torch.export" else onnx_run
        runs[form] = read(file.read_bytes())
    measured = {}
    for form, run in runs.items():
        seconds, n_correct = [], 0
        for row in queries:
            batch = np.array(decode_image(row.path))[None]
            start = time.process_time()
            shares = run(batch)[0][0]
            seconds.append(time.process_time() - start)
            n_correct += classes[int(shares.argmax())] == row.label
        file = files.get(form)
        size = (
            file.stat().st_size if file else sum(part.stat().st_size for part in adapter.iterdir())
        )
        measured[form] = Measured(
            size, 1e3 * statistics.median(seconds[:N_TIMED]), n_correct / len(queries)
        )
    return measured


def _run(*arguments: str) -> None:
    if program(arguments) != 0:
        raise DataError(f"metaadapter {' '.join(arguments)} failed")


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("images", type=Path, help="folder with one folder for each class")
    parser.add_argument("--encoder", default="tiny", metavar="NAME")
    parser.add_argument("--shots", type=int, default=4, help="pictures of each class")
    parser.add_argument("--limit", type=int, default=200, help="most other pictures to predict")
    options = parser.parse_args()
    measured = measure(options.images, options.encoder, options.shots, options.limit)
    print("| encoder | form | bytes | ms a picture | accuracy |\n|---|---|---|---|---|")
    for form, row in measured.items():
        figures = f"{row.n_bytes:,} | {row.milliseconds:.0f} | {row.accuracy:.1%}"
        print(f"| {options.encoder} | {form} | {figures} |")


if __name__ == "__main__":
    main()
