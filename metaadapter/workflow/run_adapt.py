"""From a few labelled pictures to an adapter: all the work of `metaadapter adapt`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from metaadapter.adapter.files import store_adapter
from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.label_tree_file import fitted_tree, read_label_tree
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.class_names import require_own_spelling
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.label_sets import NO_LABEL, hints, labels_in
from metaadapter.errors import UsageError
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.files.regular_files import expanded, given_path, given_texts
from metaadapter.workflow.accuracy import LabelScores
from metaadapter.workflow.class_texts import ClassNames, Texts, empty_names, unread_names
from metaadapter.workflow.fit_adapter import Mode, fit_pictures
from metaadapter.workflow.forecast import Expected, forecast_of
from metaadapter.workflow.labelled_pictures import (
    WHOLE,
    Cut,
    LabelledPictures,
    Reading,
    Selection,
    read_labelled,
)
from metaadapter.workflow.left_out_accuracy import (
    LeftOutEstimate,
    estimate_accuracy,
    estimate_scores,
)
from metaadapter.workflow.unlabelled_pictures import (
    PoolEffect,
    pool_effect,
    read_unlabelled,
)

BY_LABEL = ClassNames()
"""The label of each class is its name."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """An adapter, its pictures, and estimates, which are computed when they are first read.

    `labelled.pictures` has as `quarantined` the pictures that could not be read; `unlabelled` is
    `None` if no unlabelled pictures were given, and `texts` is `None` if names were left out.
    """

    adapter: StoredAdapter
    labelled: LabelledPictures
    texts: Texts | None
    unlabelled: EncodedPictures | None

    @property
    def counts(self) -> dict[str, int]:
        """Label → number of labelled pictures, in the adapter's order."""
        config = self.adapter.config
        return dict(zip(map(str, config.classes), config.n_shots, strict=True))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the labelled pictures and the classes."""
        labelled, texts = self.labelled, self.texts or {}
        if labelled.several:
            return (*labelled.pictures.warnings, *_warnings_of_sets(labelled))
        of_names = empty_names(texts)
        if texts and self.adapter.has_no_texts:
            of_names = [unread_names(labelled.origin.encoder or "")]
        return (*labelled.pictures.warnings, *hints(labelled.counts), *of_names)

    @property
    def quarantined(self) -> tuple[UnreadableImage, ...]:
        """All pictures that could not be read."""
        unlabelled = () if self.unlabelled is None else self.unlabelled.quarantined
        return (*self.labelled.pictures.quarantined, *unlabelled)

    @cached_property
    def estimate(self) -> LeftOutEstimate | None:
        """The accuracy on left-out pictures; see `estimate_accuracy`."""
        return estimate_accuracy(self.labelled.pictures, self.adapter)

    @cached_property
    def forecast(self) -> tuple[Expected, ...]:
        """The accuracy to expect of new pictures, now and with more labels; see `forecast_of`.

        It is measured for adapters of the default generator, without a pool or gradient steps; for
        others it is empty.
        """
        config, support = self.adapter.config, self.adapter.support
        is_measured = config.generator == "default" and config.inside is None
        if support is None or not is_measured or config.n_steps or config.n_unlabelled:
            return ()
        return forecast_of(support, [picture.group for picture in self.labelled.pictures.pictures])

    @cached_property
    def label_scores(self) -> LabelScores | None:
        """The scores of left-out pictures of several labels; see `estimate_scores`."""
        return estimate_scores(self.adapter)

    @cached_property
    def pool_effect(self) -> PoolEffect | None:
        """The effect of the unlabelled pictures on the predictions; `None` without any."""
        return None if self.unlabelled is None else pool_effect(self.adapter)

    def save(self, path: Path | str) -> None:
        """Write the adapter to a folder, or to a skill file `NAME.adapter`."""
        store_adapter(given_path(path), self.adapter)


def adapt(
    support: Path | str | None = None,
    *,
    classes: Sequence[str] | str = (),
    class_names: ClassNames | None = BY_LABEL,
    selection: Selection | None = None,
    unlabelled: Path | str | None = None,
    tree: Path | str | None = None,
    several: bool = False,
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    templates: str | Sequence[str] | None = None,
    mode: Mode = "one_shot",
    generator: str = "default",
    cut: Cut = WHOLE,
    tune: Callable[[LabelledPictures, Texts | None], LabelledPictures] | None = None,
) -> Adapted:
    """Read and encode labelled pictures, and predict their adapter.

    Args:
        support: A folder with one folder per class, a manifest or a feature store;
            `None` for classes that have only names.
        classes: The names of the classes, if `support` is `None`.
        class_names: Names that replace labels, further classes and sentences; `None` to learn from
            the pictures only.
        selection: The pictures that are used, and how they are encoded.
        unlabelled: Pictures of the same kind without labels, which the generator reads too.
        tree: A file with the parents of the classes, as for `read_label_tree`.
        several: Whether pictures may show several classes or none, with labels such as "fox;snow".
            Copies count once.
        encoder: The name of the encoder; that of a feature store, or `tiny`, by default.
        device: The device that encodes.
        precision: The number format that the encoder computes in.
        templates: The prompts that class names are put into.
        mode: `"one_shot"` keeps the prediction; `"finetune"` refines it by gradient steps.
        generator: The generator, as for `MetaAdapterClassifier`.
        cut: The parts to use of labelled and unlabelled pictures, such as boxes.
        tune: A function that trains parts of the encoder on the labelled pictures.

    Raises:
        UsageError: Arguments contradict one another or the source.
        DataError: A source is missing, a class has no readable picture, or there is one class only.
        IncompatibleArtifact: A feature store was made by another encoder.
    """
    selection, classes = selection or Selection(), given_texts(classes)
    if several:
        given: dict[str, object] = {"unlabelled": unlabelled, "tree": tree, "tune": tune}
        given |= {"shots": selection.shots}
        _require_options_of_several(given, support, mode)
    load = partial(load_encoder, device=device, precision=precision, templates=templates)
    reading = Reading(load, selection)
    tree = None if tree is None else given_path(tree)
    pool = None if unlabelled is None else expanded(unlabelled)
    has_names = class_names is not None and bool(class_names.are_given or tree or several)
    labelled = read_labelled(
        None if support is None else expanded(support),
        reading,
        encoder=encoder,
        reads_names=has_names or bool(templates or tune),
        check_labels=partial(_check_names, class_names, classes, tree),
        cut=cut.labelled,
        several=several,
    )
    texts = None
    if class_names is not None:
        texts = class_names.of(classes or labelled.counts, labelled.descriptions)
    parents = _label_tree(tree, texts or labelled.counts)
    if tune is not None:
        labelled = tune(labelled, texts)
    pictures = rows = None
    if pool is not None:
        pictures = read_unlabelled(pool, labelled, reading, cut=cut.unlabelled)
        rows = pictures.features
    adapter = fit_pictures(labelled, texts, mode=mode, generator=generator, pool=rows, tree=parents)
    return Adapted(adapter, labelled, texts, pictures)


def _require_options_of_several(
    given: Mapping[str, object], support: Path | str | None, mode: Mode
) -> None:
    """Raise a `UsageError` if several labels are combined with what needs one label."""
    wrong = [name for name, value in given.items() if value is not None]
    wrong += ["mode 'finetune'"] if mode != "one_shot" else []
    wrong += ["no labelled pictures"] if support is None else []
    if wrong:
        raise UsageError(f"several labels exclude {', '.join(wrong)}; leave one of the two out")


def _warnings_of_sets(labelled: LabelledPictures) -> Iterator[str]:
    shown = [labels_in(cell) for cell in labelled.pictures.labels]
    if always := sorted(frozenset.intersection(*shown)):
        yield (
            f"all pictures show {', '.join(always)}, so nothing tells how a picture without looks; "
            "add pictures without"
        )
    if all(shown):
        yield (
            f"no picture is labelled {NO_LABEL!r}, so new pictures of nothing often get a label: "
            "of empty frames of camera traps 82 and 98 of 100 did, 16 and 35 with four such "
            "pictures; add some if there are any"
        )


def _check_names(
    class_names: ClassNames | None,
    classes: Sequence[str],
    tree: Path | None,
    labels: Sequence[str],
) -> None:
    require_own_spelling(labels or classes, "the labels (--names)" if classes else "the labels")
    if labels and classes:
        raise UsageError("give either labelled pictures or names of classes (--names), not both")
    texts = {} if class_names is None else class_names.of(labels or classes)
    if not labels and len(texts) < 2:
        given = ",".join(classes)
        raise UsageError(f"classes (--names) must be at least two for a classifier, got {given!r}")
    _label_tree(tree, texts or labels)


def _label_tree(file: Path | None, labels: Iterable[str]) -> LabelTree | None:
    return None if file is None else fitted_tree(read_label_tree(file), [*labels], file)
