"""A classifier whose adapter a generator predicts, as a scikit-learn estimator."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from metaadapter.adapter.adapted_encoder import adapted_encoder, parts_of
from metaadapter.adapter.calibration import calibrated, with_calibrated_head
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.signature import TaskSignature
from metaadapter.adapter.support import Support
from metaadapter.data.user_code import is_user_code
from metaadapter.errors import UsageError
from metaadapter.features.origin import Origin
from metaadapter.features.towers.prompted_encoder import PromptedEncoder
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.adapter_classifier import AdapterClassifier, checked, loaded_encoder
from metaadapter.workflow.fine_tuning import fine_tune_adapter
from metaadapter.workflow.given_arrays import label_array, unchanged_on_error, unlabelled_rows
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.labelled_support import (
    is_described,
    require_one_kind,
    text_of_new_class,
    unit_rows,
)
from metaadapter.workflow.one_shot import append_class, generator_that_predicted, predict_adapter
from metaadapter.workflow.storing import CUSTOM, set_stored, stored_adapter

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder
    from metaadapter.features.towers.config import InsideConfig, PromptConfig

Mode = Literal["one_shot", "finetune"]


class MetaAdapterClassifier(AdapterClassifier):
    """Few-shot classifier over frozen features; `fit` is one forward pass of a generator.

    Rows of X are features of one encoder, of any width; they are scaled to length 1. A class may
    have pictures, a text, or both: labels of `class_texts` that are not in y become classes too.

    Args:
        class_texts: label → vector of the encoder's text tower, or when `encoder` is given label →
            name, which reads `"red_fox"` as "red fox", or label → [name, sentence, …], each
            trusted as far as pictures bear it out; without it the classifier works from pictures.
        mode: `"one_shot"` takes the generator's prediction as it is; `"finetune"` takes gradient
            steps from there, as many as pictures left out of the support bear out.
        generator: `"default"`, `"closed-form"`, a folder, FILE.py:CLASS or FILE.py:CLASS@FOLDER, or
            an `AdapterGenerator`.
        encoder: The `FrozenEncoder` that the features come from, or its name. It reads names, tells
            its temperature, and is written into a saved adapter.
        logit_scale: The encoder's inverse temperature; read from `encoder` when `None`. A fit
            without any picture needs it; with pictures the generator estimates one.
        fine_tuning: How the steps of mode `"finetune"` go.
        blocks: The widths of the blocks that the features consist of (`FeatureStore.blocks`): the
            generator decides how much each is to count. Those of `encoder` where it is given.
    """

    support_: Support | None
    """The features that the adapter was predicted from; `None` if it was loaded without them."""
    signature_: TaskSignature | None
    """What is left of them where they were not kept: class means and scatter; else `None`."""
    generator_id_: str
    """The identity of the generator that predicted the adapter."""
    picture_hashes_: tuple[str, ...]
    """The SHA-256 of the support's pictures, as far as they are known."""
    origin_: Origin
    """The encoder and views that the features come from, as far as they are known."""
    blocks_: tuple[int, ...]
    """The widths of the blocks that the features consist of; () for one."""
    n_steps_: int
    """The number of gradient steps of `fit`; 0 in mode `"one_shot"` and where none is borne out."""
    inside_: InsideConfig | None
    """The adapters in the blocks of the encoder's towers, where there are any; else `None`."""
    prompt_: PromptConfig | None
    """The learned context of texts, where there is one; else `None`."""
    towers_: Mapping[str, torch.Tensor]
    """The tensors of both: of the adapter that was loaded, or of the `encoder` of `fit`."""

    def __init__(
        self,
        class_texts: Mapping[Any, Any] | None = None,
        *,
        mode: Mode = "one_shot",
        generator: str | Path | AdapterGenerator = "default",
        encoder: ImageEncoder | str | None = None,
        logit_scale: float | np.ndarray | torch.Tensor | None = None,
        fine_tuning: FineTune | None = None,
        blocks: Sequence[int] = (),
    ) -> None:
        self.class_texts = class_texts
        self.mode = mode
        self.generator = generator
        self.encoder = encoder
        self.logit_scale = logit_scale
        self.fine_tuning = fine_tuning
        self.blocks = blocks

    def fit(
        self, X: Any, y: Any, *, views: Any = None, unlabelled: Any = None
    ) -> MetaAdapterClassifier:
        """Predict the adapter of a support set; a fit that fails leaves the estimator as it was.

        With an encoder whose towers were trained it is as sure as that training bore out.

        Args:
            X: (n, D) features of the labelled pictures; n may be 0 where `class_texts` names the
                classes, which gives zero-shot CLIP.
            y: (n,) labels of the pictures.
            views: (n, V, D) features of the views that each picture is the mean of, for the
                gradient steps of mode `"finetune"`.
            unlabelled: (u, D) features of pictures that nobody labelled, of these classes or of
                others, which the generator learns from as well (docs/explanation/pool.md).

        Raises:
            ValueError: An array is not usable, or there are fewer than two classes.
        """
        if self.mode not in get_args(Mode):
            raise UsageError(f"mode must be 'one_shot' or 'finetune', got {self.mode!r}")
        if self.fine_tuning is not None and self.mode != "finetune":
            raise UsageError(f"fine_tuning goes with mode='finetune' alone, got {self.mode!r}")
        if views is not None and self.mode != "finetune":
            raise UsageError(f"views go with mode='finetune' alone, got {self.mode!r}")
        with unchanged_on_error(self):
            support, encoder = self._read(X, y, views)
            if unlabelled is not None:
                rows = unlabelled_rows(unlabelled, self.n_features_in_)
                support = support.with_pool(unit_rows(rows))
            generator, self.generator_id_ = shared_generator(self.generator)
            if self.mode == "one_shot":
                self.adapter_, self.n_steps_ = predict_adapter(generator, support), 0
            else:
                tuned = fine_tune_adapter(generator, support, self.fine_tuning)
                self.adapter_, self.n_steps_ = tuned
            self.support_, self.picture_hashes_ = replace(support, views_TNKVD=None), ()
            self.signature_ = None
            base, parts = parts_of(encoder)
            if parts.inside is not None and support.present_TNK.any():
                self.adapter_ = calibrated(self.adapter_, parts.inside.calibration)
            self.inside_, self.prompt_, self.towers_ = parts.inside, parts.prompt, parts.towers
            self.blocks_ = support.blocks
            self.origin_ = Origin()
            if base is not None:
                self.origin_ = Origin(
                    encoder=base.name,
                    fingerprint=base.fingerprint,
                    zoom=getattr(base, "zoom", False),
                    blocks=dict(getattr(base, "look_blocks", {})),
                )
        return self

    def add_class(
        self,
        label: Any,
        X: Any = None,
        *,
        text: Any = None,
        picture_hashes: Sequence[str] = (),
    ) -> MetaAdapterClassifier:
        """Add one class later; the vectors and biases of the others stay as they are.

        Args:
            label: A label that is not there yet, of the same kind as the others.
            X: (n, D) features of its pictures, or `None` when it has a text alone.
            text: The vector of its text; or when `encoder` is given its name, or a list of its name
                and sentences.
            picture_hashes: The SHA-256 of its pictures, to recognise them among queries.

        Raises:
            UsageError: The label is there already or of another kind, neither pictures nor a text
                are given, or the adapter was saved without its support features.
            IncompatibleArtifact: Another generator predicted the adapter.
        """
        support, generator = self.require_addable(label)
        if X is None and text is None:
            raise UsageError(f"class {label!r} needs pictures (X), a text, or both")
        known = self.classes_.tolist()
        is_read = isinstance(text, str) or is_described(text)
        encoder = loaded_encoder(self.encoder) if is_read else None
        none = np.empty((0, self.n_features_in_))
        rows = unit_rows(none if X is None else checked(self, X, reset=False))
        if len(rows) and isinstance(encoder, PromptedEncoder):
            encoder = encoder.base  # a prompt is for classes without a picture
        texts = {} if text is None else {label: text}
        position = bisect_left(known, label)
        vector = text_of_new_class(support, texts, label, rows, encoder)
        classes = label_array([*known[:position], label, *known[position:]])
        self.adapter_, self.support_ = append_class(
            generator, self.adapter_, support, position, rows, vector
        )
        if self.inside_ is not None:
            self.adapter_ = with_calibrated_head(self.adapter_, self.inside_.calibration)
        self.class_texts = {**(self.class_texts or {}), **texts} or None
        self.classes_ = np.asarray(classes)
        self.n_shots_ = np.insert(self.n_shots_, position, len(rows))
        self.picture_hashes_ = (*self.picture_hashes_, *picture_hashes)
        return self

    def require_addable(self, label: Any) -> tuple[Support, AdapterGenerator]:
        """The support and the generator for `add_class`, checked before pictures are encoded.

        Raises:
            UsageError: `add_class` does not take the label.
            IncompatibleArtifact: Another generator predicted the adapter.
        """
        check_is_fitted(self)
        known = self.classes_.tolist()
        if label in known:
            raise UsageError(f"class {label!r} is there already; classes: {known}")
        require_one_kind([*known, label])
        if self.support_ is None:
            raise UsageError(
                "this adapter was saved without its support features, so no class can be added; "
                "fit it again from the pictures"
            )
        if self.generator == CUSTOM:
            raise UsageError(
                "the adapter was predicted by a generator of your own, which is code; if you trust "
                "it, load the adapter with generator=… (--generator) that one to add a class"
            )
        return self.support_, generator_that_predicted(self.generator, self.generator_id_)

    def save(
        self,
        folder: str | Path,
        *,
        origin: Origin | None = None,
        class_names: Mapping[Any, str] | None = None,
        picture_hashes: Sequence[str] | None = None,
    ) -> None:
        """Write the adapter: configuration, safetensors, card; no pickle, no picture.

        Args:
            folder: A new or empty folder, a skill file (a new name that ends in `.adapter`), or an
                adapter that is to be replaced.
            origin: The encoder and views of the features; by default those of `encoder`, or of the
                adapter that was loaded.
            class_names: label → name for the record, where `class_texts` holds vectors.
            picture_hashes: The SHA-256 of further pictures than in `picture_hashes_`.
        """
        stored = stored_adapter(
            self, origin=origin, class_names=class_names, picture_hashes=picture_hashes
        )
        store_adapter(Path(folder), stored)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        encoder: ImageEncoder | str | None = None,
        generator: str | Path | AdapterGenerator | None = None,
    ) -> MetaAdapterClassifier:
        """Read a saved adapter.

        Args:
            folder: A folder or a skill file that `save` wrote.
            encoder: The encoder that the adapter was made with, or its name; for an adapter with
                parts in its towers also the `adapted_encoder`.
            generator: The generator that predicted it, where it is one of your own, to add classes.

        Raises:
            DataError: It is damaged.
            IncompatibleArtifact: It is no adapter, or belongs to another encoder.
        """
        stored = load_adapter(Path(folder))
        config = stored.config
        encoder = loaded_encoder(encoder)
        if encoder is not None:
            if config.has_towers:
                encoder = adapted_encoder(encoder, stored)
            else:
                config.origin.require_encoder(encoder.fingerprint, owner=f"the adapter {folder}")
        if generator is None:  # a saved adapter never makes code run by itself
            generator = CUSTOM if is_user_code(config.generator) else config.generator
        classifier = cls(
            class_texts=config.texts or None,
            mode=cast("Mode", config.mode),
            generator=generator,
            encoder=encoder,
            logit_scale=config.logit_scale,
            blocks=config.blocks,
        )
        set_stored(classifier, stored)
        return classifier
