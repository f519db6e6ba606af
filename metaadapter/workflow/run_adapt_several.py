"""From pictures that show several classes to an adapter: the work of `adapt --several`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from metaadapter.adapter.files import store_adapter
from metaadapter.data.class_names import require_own_spelling
from metaadapter.data.given_values import given_path
from metaadapter.data.label_sets import (
    NO_LABEL,
    LabelSets,
    absent_warnings,
    draw_shots_of_sets,
    joined,
    one_row_per_picture,
)
from metaadapter.data.reader import read_images
from metaadapter.data.table import CompactRows
from metaadapter.data.url import as_place
from metaadapter.errors import DataError
from metaadapter.features.blocks import default_blocks
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, is_store
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.origin import Origin
from metaadapter.workflow.class_texts import ClassNames, Texts
from metaadapter.workflow.fit_adapter import support_of
from metaadapter.workflow.fit_several import FittedSeveral, SeveralTask, fit_several
from metaadapter.workflow.labelled_pictures import (
    LabelledPictures,
    Reading,
    Selection,
    read_support,
)


@dataclass(frozen=True, slots=True, eq=False)
class AdaptedSeveral:
    """An adapter of several labels, the pictures that it was predicted from, and their labels."""

    fitted: FittedSeveral
    labelled: LabelledPictures
    sets: LabelSets

    @property
    def counts(self) -> dict[str, int]:
        """Class → number of pictures that show it."""
        return dict(zip(self.sets.classes, self.sets.shows_NC.sum(0).tolist(), strict=True))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the pictures and their labels."""
        pictures, n = self.labelled.pictures, len(self.labelled.pictures)
        always = [label for label, count in self.counts.items() if count == n]
        warnings = list(pictures.warnings)
        if always:
            warnings.append(
                f"all pictures show {', '.join(always)}, so nothing tells how a picture without "
                "looks; add pictures without"
            )
        if not (self.sets.shows_NC.sum(1) > 1).any():
            warnings.append(
                "no picture has more than one label; labels of one picture stand in one cell, "
                "such as fox;snow, or in several rows"
            )
        if self.sets.shows_NC.any(1).all():
            warnings.append(
                f"no picture is labelled {NO_LABEL!r}, so new pictures of nothing often get a "
                "label: of empty frames of camera traps 82 and 98 of 100 did, 16 and 35 with four "
                "such pictures; add some if there are any"
            )
        return tuple(warnings)

    def save(self, path: Path | str) -> None:
        """Write the adapter to a folder, or to a skill file `NAME.adapter`."""
        store_adapter(given_path(path), self.fitted.adapter)


def adapt_several(
    support: Path | str,
    *,
    partial_labels: bool = False,
    class_names: ClassNames | None = None,
    selection: Selection | None = None,
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    templates: str | Sequence[str] | None = None,
    generator: str = "default",
    progress: Callable[[Progress], None] | None = None,
) -> AdaptedSeveral:
    """Read and encode pictures of which each may show several classes, and predict their adapter.

    Args:
        support: A manifest whose labels are such as "fox;snow", a folder with one folder per class
            (a picture of several classes has a copy in each), a file of boxes, or a feature store.
        partial_labels: Whether a class that is not among a picture's labels may yet be shown.
        class_names: Names that replace labels; `None` to learn from the pictures only.
        selection: The pictures that are used, and how they are encoded.
        encoder: The name of the encoder; that of a feature store, or `tiny`, by default.
        device: The device that encodes.
        precision: The number format that the encoder computes in.
        templates: The prompts that class names are put into.
        generator: The generator whose closed form is used.
        progress: Called after each batch that is encoded.

    Raises:
        UsageError: Arguments contradict one another or the source.
        DataError: A source is missing, or no picture has a label.
        IncompatibleArtifact: A feature store was made by another encoder.
    """
    selection = selection or Selection()
    load = partial(load_encoder, device=device, precision=precision, templates=templates)
    reading = Reading(load, selection, progress)
    labelled = _read(as_place(support), reading, encoder, reads_names=class_names is not None)
    sets = LabelSets.of(labelled.pictures.labels)
    if len(sets.classes) < 2:
        raise DataError(
            f"expected labels of at least two classes in {support}, got "
            f"{', '.join(sets.classes) or 'none'}; give more labels"
        )
    texts = None
    if class_names is not None:
        texts = class_names.of(sets.classes, labelled.descriptions)
    fitted = fit_label_sets(labelled, sets, texts, generator=generator, partial=partial_labels)
    return AdaptedSeveral(fitted, labelled, sets)


def fit_label_sets(
    labelled: LabelledPictures,
    sets: LabelSets,
    texts: Texts | None,
    *,
    generator: str = "default",
    partial: bool = False,
) -> FittedSeveral:
    """Predict the adapter of encoded pictures, whose labels are the rows of `sets`.

    Raises:
        DataError: There are too many pictures.
    """
    return fit_several(
        _task(labelled, sets, texts, partial=partial),
        sets.classes,
        names=texts,
        generator=generator,
        partial=partial,
        origin=labelled.origin,
        picture_hashes=labelled.pictures.sha256,
    )


def _task(
    labelled: LabelledPictures, sets: LabelSets, texts: Texts | None, *, partial: bool
) -> SeveralTask:
    picture_M, class_M = np.nonzero(sets.shows_NC)
    some = labelled.pictures.select(picture_M.tolist())
    one_label = tuple(
        picture._replace(label=sets.classes[number])
        for picture, number in zip(some.pictures, class_M, strict=True)
    )
    by_class = replace(labelled, pictures=replace(some, pictures=one_label))
    support, _ = support_of(by_class, texts)
    return SeveralTask(
        labelled.pictures.features,
        sets.shows_NC,
        sets.known_NC(partial=partial),
        support.text_TND[0].numpy(),
        labelled.logit_scale,
        support.blocks,
    )


def _read(
    source: Path, reading: Reading, encoder: str | None, *, reads_names: bool
) -> LabelledPictures:
    """Return the pictures with all their labels in one cell; copies of a picture are one."""
    selection = reading.selection
    if is_store(source):
        everything = replace(reading, selection=replace(selection, shots=None))
        labelled = read_support(source, everything, encoder=encoder, reads_names=reads_names)
        pictures = _without_copies(labelled.pictures)
        warnings = (*pictures.warnings, *absent_warnings(pictures.labels))
        pictures = replace(pictures, warnings=warnings)
        drawn = draw_shots_of_sets(pictures.labels, selection.shots, selection.seed)
        return replace(labelled, pictures=pictures.select(drawn))
    table = one_row_per_picture(
        read_images(
            source,
            split=selection.split,
            n_classes=1,
            pictures=selection.pictures,
            min_confidence=selection.min_confidence,
        )
    )
    cells = [row.label or "" for row in table.rows]
    require_own_spelling(LabelSets.of([*{*cells}]).classes, f"labels of {source}")
    drawn = draw_shots_of_sets(cells, selection.shots, selection.seed)
    rows = CompactRows(table.rows[number] for number in drawn)
    name = "tiny" if encoder is None else encoder
    blocks = default_blocks(selection.blocks, name, of_places=False)
    loaded = reading.load(name, zoom=selection.zoom, blocks=blocks)
    views, seed = selection.views or 1, selection.seed
    encoded = encode_rows(rows, loaded, views=views, seed=seed, progress=reading.progress)
    warnings = (*table.warnings, *absent_warnings(cells))
    # Equal pictures with different labels are one picture here, and no contradiction.
    pictures = _without_copies(replace(encoded, warnings=warnings))
    return LabelledPictures(
        pictures,
        Origin.of(loaded, views, seed),
        loaded.logit_scale,
        loaded,
        descriptions=table.descriptions,
    )


def _without_copies(pictures: EncodedPictures) -> EncodedPictures:
    """Return each picture once, with the labels of all its copies."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, sha256 in enumerate(pictures.sha256):
        numbers[sha256].append(number)
    kept = pictures.select([copies[0] for copies in numbers.values()])
    cells = [joined(pictures.labels[number] for number in copies) for copies in numbers.values()]
    relabelled = tuple(
        picture._replace(label=cell) for picture, cell in zip(kept.pictures, cells, strict=True)
    )
    return replace(kept, pictures=relabelled)
