"""Export an adapter: make each file, check it against this library, then write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from metaadapter.adapter.known import FRACTIONS, place_of_none
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.export.checks import (
    Case,
    Run,
    feature_cases,
    largest_difference,
    picture_cases,
    require_same,
    square_cases,
    squashed_cases,
)
from metaadapter.apps.export.int8 import (
    Int8Loss,
    int8_loss,
    int8_model,
    match_support,
    require_measurable,
)
from metaadapter.apps.export.models import MOST_BYTE, FeatureModel, PictureModel
from metaadapter.apps.export.program import (
    label_lines,
    onnx_bytes,
    onnx_model,
    onnx_run,
    tflite_bytes,
    tflite_run,
    with_facts,
)
from metaadapter.apps.export.targets import LABELMAP, ExportTargets
from metaadapter.apps.export.web_page import write_web_page
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.files.output_folder import write_errors, write_output
from metaadapter.workflow.accuracy import Proportion
from metaadapter.workflow.prediction.predictions import predict_probabilities

SCHEMA = "metaadapter.exported/1"

Count: TypeAlias = Callable[[int], object]
"""Receives the number of batches checked so far; there are `ExportModel.n_cases`."""


@dataclass(frozen=True, slots=True, eq=False)
class ExportModel:
    """A module to export, and the cases that check its files."""

    stored: StoredAdapter
    module: FeatureModel | PictureModel
    cases: Callable[[], Iterable[Case]]
    n_cases: int
    n_checked: int
    """The number of feature rows or pictures in the cases."""
    pictures: EncodedPictures | None = None
    """The pictures of the cases; `None` if the input is features."""
    encoder: ImageEncoder | None = None
    """The encoder in the file; `None` if the input is features."""

    @classmethod
    def alone(cls, stored: StoredAdapter) -> ExportModel:
        """An adapter without its encoder."""
        cases = feature_cases(stored)
        n_rows = sum(map(len, cases))
        return cls(
            stored,
            FeatureModel(stored.weights, stored.config.classes),
            lambda: cases,
            len(cases),
            n_rows,
        )

    @classmethod
    def with_encoder(
        cls,
        stored: StoredAdapter,
        encoder: ImageEncoder,
        read_pictures: Callable[[], EncodedPictures],
    ) -> ExportModel:
        """An adapter with its encoder; pictures are read only if both can be exported."""
        module = PictureModel(stored.weights, stored.config, encoder)
        pictures = read_pictures()
        cases = partial(picture_cases, stored, encoder, pictures)
        return cls(stored, module, cases, len(pictures) + 1, len(pictures), pictures, encoder)

    def of_squares(self, *, frigate: bool = False) -> ExportModel:
        """The same adapter and encoder for one square picture of a fixed size at a time."""
        if self.pictures is None or self.encoder is None:
            raise UsageError("a TFLite file holds the encoder, so it needs --pixels")
        weights, config = self.stored.weights, self.stored.config
        module = PictureModel(weights, config, self.encoder, square=True, frigate=frigate)
        side, pictures = module.square_side, self.pictures
        make = squashed_cases if frigate else square_cases
        cases = partial(make, self.stored, self.encoder, pictures, side)
        return replace(self, module=module, cases=cases, n_cases=len(pictures))

    @property
    def takes(self) -> Literal["features", "pictures"]:
        """The kind of input."""
        return "features" if self.pictures is None else "pictures"

    def facts(self, difference: float, *, int8: bool = False) -> dict[str, Any]:
        """The metadata of a file; docs/reference/file-formats.md explains each key."""
        config, weights = self.stored.config, self.stored.weights
        head, thresholds = weights.known_head, weights.label_thresholds
        origin = config.origin
        sets = None if head is None else head.own_quantiles.exp().tolist()
        return {
            "schema": SCHEMA,
            "library_version": version("metaadapter"),
            "input": self.takes,
            "outputs": list(self.module.outputs),
            "classes": config.classes,
            "reject_threshold": None if head is None else float(head.reject_threshold),
            "label_thresholds": None if thresholds is None else thresholds.float().tolist(),
            "set_thresholds": sets and dict(zip(map(str, FRACTIONS), sets, strict=True)),
            "tree": config.tree,
            "width": config.width,
            "encoder": origin.encoder,
            "fingerprint": None if origin.fingerprint is None else asdict(origin.fingerprint),
            "zoom": origin.zoom,
            "blocks": origin.blocks,
            "generator": config.generator,
            "generator_id": config.generator_id,
            "int8": int8,
            "n_checked": self.n_checked,
            "largest_difference": difference,
        }


class Exported(NamedTuple):
    """The content of a file that has passed its check."""

    content: bytes
    facts: dict[str, Any]
    """The metadata of the file."""
    int8_loss: Int8Loss | None = None
    """The accuracy that 8 bits cost, if it can be measured."""
    same: Proportion | None = None
    """Of a file for Frigate: pictures with the answer that `predict` gives the whole picture."""


class WrittenFile(NamedTuple):
    """A file, or the folder of a page, that was written."""

    path: Path
    form: Literal["onnx", "web", "tflite"]
    n_bytes: int
    exported: Exported

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        loss, same = self.exported.int8_loss, self.exported.same
        return {
            "path": str(self.path),
            "form": self.form,
            "n_bytes": self.n_bytes,
            "largest_difference": self.exported.facts["largest_difference"],
            "int8_loss": None if loss is None else loss.to_dict(),
            "same": None if same is None else same.to_dict(),
        }


def write_exports(
    model: ExportModel,
    targets: ExportTargets,
    checking: Callable[[Sequence[Path], int], AbstractContextManager[Count]],
    *,
    int8_of: Path | None = None,
) -> Iterator[WrittenFile]:
    """Make, check and write the files one after the other.

    `checking` opens a display while files are made and checked on so many batches. If `int8_of`,
    the path of the adapter, is given, the ONNX files have the encoder in 8 bits.
    """
    if paths := targets.of_onnx:
        make = export_onnx if int8_of is None else partial(export_int8, adapter=int8_of)
        with checking(paths, model.n_cases) as count:
            exported = make(model, count, owner=" and ".join(map(str, paths)))
        if targets.onnx is not None:
            yield _write_file(targets.onnx, "onnx", exported)
        if targets.web is not None:
            n_bytes = write_web_page(targets.web, exported.content, exported.facts)
            yield WrittenFile(targets.web, "web", n_bytes, exported)
    if targets.tflite is not None:
        squares = model.of_squares(frigate=targets.frigate)
        export = export_frigate if targets.frigate else export_tflite
        with checking([targets.tflite], squares.n_cases) as count:
            exported = export(squares, count, owner=str(targets.tflite))
        if targets.frigate:
            labels = frigate_labels(model.stored.config.classes)
            with write_errors(LABELMAP, instead="write to another place"):
                write_output(targets.tflite.with_name(LABELMAP), labels)
        yield _write_file(targets.tflite, "tflite", exported)


def _export(
    make: Callable[[Any], Any],
    content_of: Callable[[Any, Mapping[str, Any]], bytes],
    run_of: Callable[[bytes], Run],
    model: ExportModel,
    count: Count,
    *,
    owner: str,
) -> Exported:
    """Make and check a file; `owner` is its name in an `IncompatibleArtifact`."""
    made = make(model.module)
    facts = _checked(model, run_of(content_of(made, {})), count, owner)
    return Exported(content_of(made, facts), facts)


export_onnx = partial(_export, onnx_model, onnx_bytes, onnx_run)
export_tflite = partial(_export, tflite_bytes, with_facts, tflite_run)


def frigate_labels(classes: Sequence[object]) -> str:
    """Return one class a line; an object of the class "none" gets no label by Frigate."""
    none = place_of_none(classes)
    return label_lines("none" if n == none else label for n, label in enumerate(classes))


def export_frigate(model: ExportModel, count: Count, *, owner: str) -> Exported:
    """Make a TFLite file of `of_squares(frigate=True)`, and compare it with whole pictures too."""
    answers = []

    def run_of(content: bytes) -> Run:
        run = tflite_run(content)

        def shares(batch: np.ndarray) -> list[np.ndarray]:
            (levels,) = run(batch)
            answers.append(int(levels.argmax()))
            return [levels / MOST_BYTE]

        return shares

    exported = _export(tflite_bytes, with_facts, run_of, model, count, owner=owner)
    assert model.pictures is not None
    whole = predict_probabilities(model.pictures.features, model.stored.weights).classes_NC
    same = Proportion(int((whole.argmax(1) == answers).sum()), len(answers))
    return exported._replace(same=same)


def export_int8(model: ExportModel, count: Count, *, owner: str, adapter: Path) -> Exported:
    """Make an ONNX file with its encoder in 8 bits, and measure the lost accuracy.

    The float32 file is checked as in `export_onnx`. The pictures of the cases, some of them from
    the support of the `adapter`, give the range of each layer's activations.
    """
    pictures = model.pictures
    if pictures is None:
        raise UsageError("--int8 writes the encoder in 8 bits, so it needs --pixels")
    require_measurable(model.stored, owner=adapter)
    numbers, places = match_support(model.stored, pictures, owner=adapter)
    graph = onnx_model(model.module)
    small = int8_model(graph, model.cases)
    _checked(model, onnx_run(onnx_bytes(graph, {})), count, owner)
    run, features = onnx_run(onnx_bytes(small, {})), []

    def keep_features(batch: np.ndarray) -> Any:
        outputs = run(batch)
        features.append(outputs[-1])
        return outputs

    difference = largest_difference(keep_features, model.cases(), count)
    rows = np.concatenate(features)[-len(pictures) :]  # the batch of several pictures comes first
    loss = int8_loss(model.stored, places, rows[numbers])
    facts = model.facts(difference, int8=True)
    return Exported(onnx_bytes(small, facts), facts, loss)


def _checked(model: ExportModel, run: Run, count: Count, owner: str) -> dict[str, Any]:
    """Check that a file predicts what this library predicts, and return its facts."""
    difference = largest_difference(run, model.cases(), count)
    require_same(difference, owner=owner)
    return model.facts(difference)


def _write_file(path: Path, form: Literal["onnx", "tflite"], exported: Exported) -> WrittenFile:
    with write_errors(str(path), instead="write to another place"):
        write_output(path, exported.content)
    return WrittenFile(path, form, len(exported.content), exported)
