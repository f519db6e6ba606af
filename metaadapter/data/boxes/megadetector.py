"""The JSON formats of detectors: MegaDetector's, and SpeciesNet's two.

- MegaDetector's, format 1.0 to 1.6: https://lila.science/megadetector-output-format
- SpeciesNet's `predictions.json`: https://github.com/google/cameratrapai. Version 4 classifies
  frames, version 5 boxes. Its model of whole images reports its classification as a box of the
  category "0" around the frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, Field

from metaadapter.data.boxes.frame_detections import ANIMAL, Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing, Share
from metaadapter.data.crop import Box

# MegaDetector's categories, for its early files and SpeciesNet's files, which do not list them.
USUAL_CATEGORIES = {"1": ANIMAL, "2": "person", "3": "vehicle"}
WHOLE_IMAGE = "0"
# SpeciesNet's labels: an identifier, class, order, family, genus, species, common name.
N_PARTS = 7


def is_megadetector(value: Any) -> bool:
    """Return whether parsed JSON has the form of one of the formats."""
    return isinstance(value, dict) and ("predictions" in value or "images" in value)


def read_megadetector(value: Any) -> Listing:
    """Read parsed JSON; other content is a `ValidationError` of pydantic, or a `ValueError`."""
    kind: type[_MegaDetector | _SpeciesNet]
    kind = _SpeciesNet if "predictions" in value else _MegaDetector
    model = kind.model_validate(value)
    return Listing("MegaDetector", model.categories, [*model.frames()], model.info)


def is_species_label(label: str) -> bool:
    """Return whether a label has the seven parts of SpeciesNet's labels."""
    return label.count(";") == N_PARTS - 1


class _Scores(BaseModel):
    classes: list[str] = []
    scores: list[Share] = []

    def read(self) -> dict[str, float]:
        return _species(zip(self.classes, self.scores, strict=True))


class _Processed(BaseModel):
    label: str = Field("", alias="class")
    score: Share = 0.0
    source: str = ""


class _Detection(BaseModel):
    category: str
    conf: Share
    bbox: tuple[float, float, float, float]
    classifications: list[tuple[str, Share]] | None = None  # MegaDetector's

    def read(
        self, names: Mapping[str, str], species: Mapping[str, float] | None = None
    ) -> Detection:
        if self.category not in names:
            listed = ", ".join(f"{number} ({name})" for number, name in names.items())
            raise ValueError(f"it has a box of the category {self.category!r}, but lists {listed}")
        return Detection(names[self.category], self.conf, Box(*self.bbox), species or {})


class _SpeciesDetection(_Detection):
    raw_classifications: _Scores | None = None
    processed_classification: _Processed | None = None

    @property
    def species(self) -> dict[str, float]:
        raw = self.raw_classifications.read() if self.raw_classifications else {}
        processed = self.processed_classification
        return _located(raw, processed) if processed else raw


class _Image(BaseModel):
    file: str
    detections: list[_Detection] | None = None
    failure: str | None = None


class _MegaDetector(BaseModel):
    info: dict[str, Any] = {}
    detection_categories: dict[str, str] = USUAL_CATEGORIES
    classification_category_descriptions: dict[str, str] | None = None
    images: list[_Image]

    @property
    def categories(self) -> dict[str, str]:
        return self.detection_categories

    def frames(self) -> Iterator[FrameDetections]:
        labels = self.classification_category_descriptions or {}
        for image in self.images:
            failure = image.failure or ("" if image.detections is not None else "no detections")
            boxes = tuple(
                detection.read(
                    self.categories,
                    _species(
                        (labels.get(number, ""), score)
                        for number, score in detection.classifications or ()
                    ),
                )
                for detection in image.detections or ()
            )
            yield FrameDetections(image.file, boxes, failure)


class _Prediction(BaseModel):
    filepath: str
    detections: list[_SpeciesDetection] | None = None
    classifications: _Scores | None = None
    prediction: str | None = None
    prediction_score: float = 0.0
    prediction_source: str = ""
    failures: list[str] = []

    @property
    def of_frame(self) -> dict[str, float]:
        """The scores of the frame as a whole, or in version 4 of its most confident box."""
        for detection in self.detections or ():
            if detection.category == WHOLE_IMAGE:
                return detection.species
        raw = self.classifications.read() if self.classifications else {}
        processed = _Processed.model_validate(
            {
                "class": self.prediction or "",
                "score": self.prediction_score,
                "source": self.prediction_source,
            }
        )
        return _located(raw, processed)


class _SpeciesNet(BaseModel):
    predictions: list[_Prediction]

    @property
    def info(self) -> dict[str, Any]:
        return {"detector": "SpeciesNet"}

    @property
    def categories(self) -> dict[str, str]:
        return USUAL_CATEGORIES

    def frames(self) -> Iterator[FrameDetections]:
        self._require_detector()
        for frame in self.predictions:
            failure = ", ".join(frame.failures) or "no detections"
            failure = "" if frame.detections is not None else failure
            boxes = [box for box in frame.detections or () if box.category != WHOLE_IMAGE]
            # Version 4 crops the most confident box; a model of whole images sees them all.
            sees_all = len(boxes) < len(frame.detections or ())
            surest = max((box.conf for box in boxes), default=0.0)
            read = tuple(
                box.read(
                    self.categories,
                    box.species or (frame.of_frame if sees_all or box.conf == surest else {}),
                )
                for box in boxes
            )
            yield FrameDetections(frame.filepath, read, failure)

    def _require_detector(self) -> None:
        """Raise a `ValueError` if the classifier alone has run, and no frame has a box."""
        ran = [frame for frame in self.predictions if not frame.failures]
        has_boxes = any(
            frame.prediction is not None
            or (frame.detections is not None and not frame.detections)
            or any(
                box.category != WHOLE_IMAGE or box.processed_classification
                for box in frame.detections or ()
            )
            for frame in ran
        )
        if ran and not has_boxes:
            raise ValueError(
                "SpeciesNet's classifier alone made it (--classifier_only), so it has no boxes; "
                "run SpeciesNet without that option"
            )


def _species(scores: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The scores of the labels that are SpeciesNet's."""
    return {label: score for label, score in scores if is_species_label(label)}


def _located(raw: dict[str, float], processed: _Processed) -> dict[str, float]:
    """The raw scores; or the final one if there are none, or if the place rules species out."""
    if raw and "geofence" not in processed.source:
        return raw
    return _species([(processed.label, processed.score)]) or raw
