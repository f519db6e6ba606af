"""A classifier that is predicted, not trained: scikit-learn's face of the generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import torch
from jaxtyping import Float32
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from metaadapter.adapter import (
    AdapterConfig,
    AdapterWeights,
    Origin,
    Support,
    load_adapter,
    save_adapter,
)
from metaadapter.classifier.adapter_classifier import AdapterClassifier, unit_rows
from metaadapter.classifier.class_texts import require_one_kind, text_features, text_names
from metaadapter.classifier.fine_tune import FineTune, fine_tune_adapter
from metaadapter.classifier.one_shot import append_class, predict_adapter
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.generator import AdapterGenerator, generator_id, shared_generator

if TYPE_CHECKING:
    from metaadapter.features import ImageEncoder

__all__ = ["MetaAdapterClassifier"]

CUSTOM = "custom"
Mode = Literal["one_shot", "finetune"]


class MetaAdapterClassifier(AdapterClassifier):
    """Few-shot classifier over frozen features; `fit` is one forward pass of a generator.

    Rows of X are features of one encoder, of any width; they are scaled to length 1. A class may
    have pictures, a text, or both: labels of `class_texts` that are not in y become classes too.

    Args:
        class_texts: label → vector of the encoder's text tower, or label → name when `encoder` is
            given; without it the classifier works from pictures alone.
        mode: `"one_shot"`, the generator's prediction as it is; `"finetune"`, gradient steps from
            there, as many as pictures left out of the support bear out.
        generator: `"default"`, `"closed-form"`, a folder, FILE.py:CLASS or FILE.py:CLASS@FOLDER, or
            an `AdapterGenerator`.
        encoder: the `FrozenEncoder` the features come from, or its name. It reads names, tells its
            temperature, and is written into a saved adapter.
        logit_scale: the encoder's inverse temperature; read from `encoder` when `None`. It is what
            a fit without any picture needs; with pictures the temperature follows from the support.
        fine_tuning: what moves and how far, in mode `"finetune"`.
    """

    support_: Support | None
    """The features that the adapter was predicted from; `None` if it was loaded without them."""
    generator_id_: str
    """Which weights predicted it."""
    logit_scale_: float | None
    """The encoder's own inverse temperature, as far as it is known."""
    picture_hashes_: tuple[str, ...]
    """SHA-256 of the pictures of the support, as far as they are known."""
    origin_: Origin
    """Where the features come from, as far as it is known."""
    n_steps_: int
    """Gradient steps that `fit` took; 0 in mode `"one_shot"`, and where none was borne out."""

    def __init__(
        self,
        class_texts: Mapping[Any, Any] | None = None,
        *,
        mode: Mode = "one_shot",
        generator: str | Path | AdapterGenerator = "default",
        encoder: ImageEncoder | str | None = None,
        logit_scale: float | None = None,
        fine_tuning: FineTune | None = None,
    ) -> None:
        self.class_texts = class_texts
        self.mode = mode
        self.generator = generator
        self.encoder = encoder
        self.logit_scale = logit_scale
        self.fine_tuning = fine_tuning

    def fit(self, X: Any, y: Any, *, views: Any = None) -> MetaAdapterClassifier:
        """Predict the adapter of a support set.

        Args:
            X: (n, D) features of the labelled pictures; n may be 0 where `class_texts` names the
                classes, which gives zero-shot CLIP.
            y: (n,) their labels.
            views: (n, V, D) features of the views that each picture is the mean of, for the
                gradient steps of mode `"finetune"`.

        Raises:
            ValueError: if X, y or views are not usable, or there are fewer than two classes.
        """
        X, labels = self._labelled(X, y)
        self._check_parameters()
        self._take_classes(labels)
        encoder = self._loaded_encoder()
        self.logit_scale_ = self._temperature(encoder)
        unit_views = None if views is None else self._unit_views(views, X.shape)
        support = self._support(X, labels, encoder, self.logit_scale_, unit_views)
        generator, self.generator_id_ = self._loaded_generator()
        self.adapter_, self.n_steps_ = self._adapter_of(generator, support)
        self.support_, self.picture_hashes_ = replace(support, views_TNKVD=None), ()
        self.origin_ = _origin_of(encoder)
        return self

    def add_class(self, label: Any, X: Any = None, *, text: Any = None) -> MetaAdapterClassifier:
        """Add one class later; the vectors and biases of the others stay as they are.

        Args:
            label: a label that is not there yet, of the same kind as the others.
            X: (n, D) features of its pictures, or `None` when its text is to do.
            text: its vector, or its name when `encoder` is given.

        Raises:
            UsageError: if the label is there already or of another kind, neither pictures nor a
                text are given, or the adapter was saved without its support features.
            IncompatibleArtifact: if another generator predicted the adapter.
        """
        check_is_fitted(self)
        known = self.classes_.tolist()
        if label in known:
            raise UsageError(f"class {label!r} is there already; classes: {known}")
        require_one_kind([*known, label])
        if X is None and text is None:
            raise UsageError(f"class {label!r} needs pictures (X), a text, or both")
        if self.support_ is None:
            raise UsageError(
                "this adapter was saved without its support features, so no class can be added; "
                "fit it again from the pictures"
            )
        generator = self._same_generator()
        encoder = self._loaded_encoder() if isinstance(text, str) else None
        none = np.empty((0, self.n_features_in_))
        rows = none if X is None else validate_data(self, X, reset=False)
        texts = {} if text is None else {label: text}
        vector = text_features(texts, [label], self.n_features_in_, encoder)[0]
        position = int(np.searchsorted(self.classes_, label))
        self.adapter_, self.support_ = append_class(
            generator,
            self.adapter_,
            self.support_,
            position,
            unit_rows(rows),
            torch.from_numpy(vector),
        )
        self.class_texts = {**(self.class_texts or {}), **texts} or None
        self.classes_ = np.array([*known[:position], label, *known[position:]])
        self.n_shots_ = np.insert(self.n_shots_, position, len(rows))
        return self

    def save(
        self,
        folder: str | Path,
        *,
        origin: Origin | None = None,
        class_names: Mapping[Any, str] | None = None,
        picture_hashes: Sequence[str] | None = None,
    ) -> None:
        """Write the adapter's folder: configuration, safetensors, card; no pickle, no picture.

        Args:
            folder: new, empty, or an adapter that is to be replaced.
            origin: encoder and views of the features, where `encoder` does not tell or the adapter
                was not loaded.
            class_names: label → name for the record, where `class_texts` holds vectors.
            picture_hashes: SHA-256 of the support's pictures, to recognise them among queries,
                beside those in `picture_hashes_`.
        """
        check_is_fitted(self)
        names = class_names or self.class_texts
        config = AdapterConfig(
            classes=self.classes_.tolist(),
            width=self.n_features_in_,
            n_shots=self.n_shots_.tolist(),
            mode=self.mode,
            n_steps=self.n_steps_,
            generator=self._generator_name(),
            generator_id=self.generator_id_,
            logit_scale=self.logit_scale_,
            class_names=text_names(names, self.classes_.tolist()),
            origin=origin or self.origin_,
        )
        hashes = {*self.picture_hashes_, *(picture_hashes or ())}
        save_adapter(Path(folder), self.adapter_, config, self.support_, tuple(hashes))

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        encoder: ImageEncoder | None = None,
        generator: str | Path | AdapterGenerator | None = None,
    ) -> MetaAdapterClassifier:
        """Read a saved adapter.

        Args:
            folder: written by `save`.
            encoder: the encoder that features will come from; when given, it must be the one that
                the adapter was made with.
            generator: the one that predicted it, where it was given as a `Generator`; only adding
                a class needs it.

        Raises:
            IncompatibleArtifact: if the folder is no adapter, is damaged, or belongs to another
                encoder.
        """
        stored = load_adapter(Path(folder))
        config = stored.config
        if encoder is not None:
            config.origin.require_encoder(encoder.fingerprint, owner=f"the adapter {folder}")
        names = zip(config.classes, config.class_names or [], strict=False)
        classifier = cls(
            class_texts={label: name for label, name in names if name} or None,
            mode=cast("Mode", config.mode),
            generator=config.generator if generator is None else generator,
            encoder=encoder,
            logit_scale=config.logit_scale,
        )
        classifier.classes_ = np.array(config.classes)
        classifier.adapter_ = stored.weights
        classifier.n_features_in_ = config.width
        classifier.n_shots_ = np.array(config.n_shots)
        classifier.generator_id_ = config.generator_id
        classifier.support_ = stored.support
        classifier.picture_hashes_ = stored.picture_hashes
        classifier.logit_scale_ = config.logit_scale
        classifier.origin_ = config.origin
        classifier.n_steps_ = config.n_steps
        return classifier

    def _adapter_of(
        self, generator: AdapterGenerator, support: Support
    ) -> tuple[AdapterWeights, int]:
        if self.mode == "one_shot":
            return predict_adapter(generator, support), 0
        return fine_tune_adapter(generator, support, self.fine_tuning)

    def _unit_views(self, views: Any, shape: tuple[int, ...]) -> Float32[torch.Tensor, "n V D"]:
        if self.mode != "finetune":
            raise UsageError(f"views go with mode='finetune' alone, got {self.mode!r}")
        views = check_array(views, dtype=(np.float64, np.float32), allow_nd=True, ensure_2d=False)
        n, width = shape
        if views.ndim != 3 or views.shape[::2] != shape:
            raise UsageError(
                f"views must have the shape ({n}, views of a picture, {width}), as X has {shape}; "
                f"got {views.shape}"
            )
        return unit_rows(views)

    def _check_parameters(self) -> None:
        if self.mode not in get_args(Mode):
            raise UsageError(f"mode must be 'one_shot' or 'finetune', got {self.mode!r}")
        if self.fine_tuning is not None and self.mode != "finetune":
            raise UsageError(f"fine_tuning goes with mode='finetune' alone, got {self.mode!r}")
        if self.logit_scale is not None and not self.logit_scale > 0:
            raise UsageError(
                f"logit_scale must be positive (CLIP's is 100) or None, got {self.logit_scale!r}"
            )

    def _loaded_encoder(self) -> ImageEncoder | None:
        if not isinstance(self.encoder, str):
            return self.encoder
        from metaadapter.features import load_encoder

        return load_encoder(self.encoder)

    def _loaded_generator(self) -> tuple[AdapterGenerator, str]:
        """The generator and its identity."""
        if isinstance(self.generator, AdapterGenerator):
            return self.generator, generator_id(self.generator)
        return shared_generator(self.generator)

    def _same_generator(self) -> AdapterGenerator:
        if self.generator == CUSTOM:
            raise UsageError(
                "the adapter was predicted by a generator of your own; to add a class, load it "
                "with generator=… that one"
            )
        generator, identity = self._loaded_generator()
        if identity != self.generator_id_:
            raise IncompatibleArtifact(
                f"the adapter was predicted by generator {self.generator_id_}, and "
                f"{self._generator_name()!r} is now {identity}; load it with "
                "generator=… the one that predicted it, or fit again"
            )
        return generator

    def _generator_name(self) -> str:
        return CUSTOM if isinstance(self.generator, AdapterGenerator) else str(self.generator)

    def _temperature(self, encoder: ImageEncoder | None) -> float | None:
        if self.logit_scale is not None or encoder is None:
            return self.logit_scale
        return encoder.logit_scale


def _origin_of(encoder: ImageEncoder | None) -> Origin:
    if encoder is None:
        return Origin()
    return Origin(encoder=encoder.name, fingerprint=encoder.fingerprint.to_dict())
