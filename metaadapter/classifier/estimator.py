"""A classifier that is predicted, not trained: scikit-learn's face of the generator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from metaadapter.adapter import (
    AdapterConfig,
    AdapterWeights,
    SupportSet,
    classify,
    load_adapter,
    save_adapter,
)
from metaadapter.classifier.added_class import append_class
from metaadapter.classifier.class_texts import require_shared_labels, text_features, text_names
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.errors import UsageError
from metaadapter.generator import Generator, generator_id, load_generator

if TYPE_CHECKING:
    from metaadapter.features import FrozenEncoder

__all__ = ["MetaAdapterClassifier"]


class MetaAdapterClassifier(ClassifierMixin, BaseEstimator):
    """Few-shot classifier over frozen features; `fit` is one forward pass of a generator.

    Rows of X are features of one encoder, of any width; they are scaled to length 1. A class may
    have pictures, a text, or both: labels of `class_texts` that are not in y become classes too.

    Args:
        class_texts: label → vector of the encoder's text tower, or label → name when `encoder` is
            given; without it the classifier works from pictures alone.
        mode: `"one_shot"`, the generator's prediction as it is.
        generator: `"default"`, `"closed-form"`, a folder, or a `Generator`.
        encoder: the `FrozenEncoder` the features come from, or its name. It reads names, tells its
            temperature, and is written into a saved adapter.
        logit_scale: the encoder's inverse temperature; read from `encoder` when `None`. Only a fit
            without any picture needs it.
    """

    classes_: np.ndarray
    """Sorted labels; column order of `predict_proba`."""
    adapter_: AdapterWeights
    """The predicted weights, float64."""
    n_features_in_: int
    """Width of the features."""
    n_shots_: np.ndarray
    """Pictures of each class."""
    support_: SupportSet
    """The features that the adapter was predicted from."""
    generator_id_: str
    """Which weights predicted it."""

    def __init__(
        self,
        class_texts: Mapping[Any, Any] | None = None,
        *,
        mode: Literal["one_shot"] = "one_shot",
        generator: str | Path | Generator = "default",
        encoder: FrozenEncoder | str | None = None,
        logit_scale: float | None = None,
    ) -> None:
        self.class_texts = class_texts
        self.mode = mode
        self.generator = generator
        self.encoder = encoder
        self.logit_scale = logit_scale

    def fit(self, X: Any, y: Any) -> MetaAdapterClassifier:
        """Predict the adapter of a support set.

        Args:
            X: (n, D) features of the labelled pictures.
            y: (n,) their labels.

        Raises:
            ValueError: if X or y is not usable, or there are fewer than two classes.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self._check_parameters()
        labels = y.tolist()
        named = require_shared_labels(self.class_texts, labels)
        self.classes_ = np.unique([*labels, *named])
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds one class only, {labels[0]!r}: a classifier needs at least two; add "
                "pictures of another class, or its name to class_texts"
            )
        encoder = self._loaded_encoder()
        text = text_features(self.class_texts, self.classes_.tolist(), X.shape[1], encoder)
        generator = self._loaded_generator()
        self.support_ = SupportSet(
            features=_unit_rows(X),
            labels=torch.from_numpy(np.searchsorted(self.classes_, y)),
            text=torch.from_numpy(text),
        )
        self.adapter_ = predict_adapter(generator, self.support_, self._temperature(encoder))
        self.n_shots_ = np.bincount(self.support_.labels, minlength=len(self.classes_))
        self.generator_id_ = generator_id(generator)
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n N"]:
        """Probability of each class, columns in the order of `classes_`; X is (n, D)."""
        return self._logits(X).softmax(-1).numpy()

    def predict(self, X: Any) -> Shaped[np.ndarray, " n"]:
        """The most probable label of each row of X (n, D)."""
        best = self._logits(X).argmax(-1)  # before classes_: an unfitted estimator must say so
        labels: np.ndarray = self.classes_[best.numpy()]
        return labels

    def add_class(self, label: Any, X: Any = None, *, text: Any = None) -> MetaAdapterClassifier:
        """Add one class later; the logits of the others stay as they are, to the last bit.

        Args:
            label: a label that is not there yet, of the same kind as the others.
            X: (n, D) features of its pictures, or `None` when its text is to do.
            text: its vector, or its name when `encoder` is given.

        Raises:
            UsageError: if the label is there already, or neither pictures nor a text are given.
        """
        check_is_fitted(self)
        if not hasattr(self, "support_"):
            raise UsageError(
                "this adapter was saved without its support features, so no class can be added; "
                "fit it again from the pictures"
            )
        none = np.empty((0, self.n_features_in_))
        rows = none if X is None else validate_data(self, X, reset=False)
        if label in self.classes_.tolist():
            raise UsageError(f"class {label!r} is there already; classes: {self.classes_.tolist()}")
        if not len(rows) and text is None:
            raise UsageError(f"class {label!r} needs pictures (X), a text, or both")
        encoder = self._loaded_encoder()
        texts = None if text is None else {label: text}
        new_text = text_features(texts, [label], self.n_features_in_, encoder)
        classes = np.unique(np.concatenate([self.classes_, np.array([label])]))
        position = classes.tolist().index(label)
        self.adapter_, self.support_ = append_class(
            self._loaded_generator(),
            self.adapter_,
            self.support_,
            position,
            _unit_rows(rows),
            torch.from_numpy(new_text[0]),
            self._temperature(encoder),
        )
        if texts is not None:
            self.class_texts = {**(self.class_texts or {}), **texts}
        self.classes_, self.n_shots_ = classes, np.insert(self.n_shots_, position, len(rows))
        return self

    def save(self, folder: str | Path, *, n_views: int = 1, seed: int = 0) -> None:
        """Write the adapter's folder: configuration, safetensors, card; no pickle, no picture.

        Args:
            folder: new, empty, or an adapter that is to be replaced.
            n_views: how many views of each picture the features average, for the record.
            seed: of the views.
        """
        check_is_fitted(self)
        encoder = self._loaded_encoder()
        config = AdapterConfig(
            classes=self.classes_.tolist(),
            width=self.n_features_in_,
            n_shots=self.n_shots_.tolist(),
            mode=self.mode,
            generator=self._generator_name(),
            generator_id=self.generator_id_,
            logit_scale=self._temperature(encoder),
            class_names=text_names(self.class_texts, self.classes_.tolist()),
            encoder=getattr(encoder, "name", None),
            fingerprint=encoder.fingerprint.to_dict() if encoder is not None else None,
            n_views=n_views,
            seed=seed,
        )
        save_adapter(Path(folder), self.adapter_, config, self.support_)

    @classmethod
    def load(
        cls, folder: str | Path, *, encoder: FrozenEncoder | None = None
    ) -> MetaAdapterClassifier:
        """Read a saved adapter.

        Args:
            folder: written by `save`.
            encoder: the encoder that features will come from; when given, it must be the one that
                the adapter was made with.

        Raises:
            IncompatibleArtifact: if the folder is no adapter, is damaged, or belongs to another
                encoder.
        """
        stored = load_adapter(Path(folder))
        config = stored.config
        if encoder is not None and config.fingerprint is not None:
            from metaadapter.features import Fingerprint

            made_with = Fingerprint.from_dict(config.fingerprint)
            made_with.require_match(encoder.fingerprint, owner=f"the adapter {folder}")
        names = zip(config.classes, config.class_names or [], strict=False)
        classifier = cls(
            class_texts={label: name for label, name in names if name} or None,
            generator=config.generator,
            encoder=encoder,
            logit_scale=config.logit_scale,
        )
        classifier.classes_ = np.array(config.classes)
        classifier.adapter_ = stored.weights
        classifier.n_features_in_ = config.width
        classifier.n_shots_ = np.array(config.n_shots)
        classifier.generator_id_ = config.generator_id
        if stored.support is not None:
            classifier.support_ = stored.support
        return classifier

    def _logits(self, X: Any) -> torch.Tensor:
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        # float64 keeps a row's probabilities the same in whichever batch it comes.
        return classify(_unit_rows(rows), self.adapter_.to(dtype=torch.float64))

    def _check_parameters(self) -> None:
        if self.mode != "one_shot":
            raise UsageError(f"mode must be 'one_shot', got {self.mode!r}")
        if self.logit_scale is not None and not self.logit_scale > 0:
            raise UsageError(
                f"logit_scale must be positive (CLIP's is 100) or None, got {self.logit_scale!r}"
            )

    def _loaded_encoder(self) -> FrozenEncoder | None:
        if not isinstance(self.encoder, str):
            return self.encoder
        from metaadapter.features import FrozenEncoder

        return FrozenEncoder.load(self.encoder)

    def _loaded_generator(self) -> Generator:
        if isinstance(self.generator, Generator):
            return self.generator.eval()
        return load_generator(self.generator)

    def _generator_name(self) -> str:
        return "custom" if isinstance(self.generator, Generator) else str(self.generator)

    def _temperature(self, encoder: FrozenEncoder | None) -> float | None:
        if self.logit_scale is not None or encoder is None:
            return self.logit_scale
        return float(encoder.logit_scale)


def _unit_rows(X: np.ndarray) -> Float[torch.Tensor, "n D"]:
    """(n, D) float64 rows of length 1; a row of zeros stays."""
    return torch.nn.functional.normalize(torch.from_numpy(np.array(X, dtype=np.float64)), dim=1)
