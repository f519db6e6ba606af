"""`MetaAdapterClassifier`, the scikit-learn classifier whose adapter a generator predicts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted

from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.label_tree import LabelTree, SureAnswer
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.adapter.weights import AdapterWeights, probabilities
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.files.regular_files import given_path
from metaadapter.files.user_code import is_user_code
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.workflow.class_texts import is_described
from metaadapter.workflow.classifier_base import AdapterClassifier, checked, loaded_encoder
from metaadapter.workflow.estimator_inputs import (
    label_array,
    label_tree,
    unchanged_on_error,
    unlabelled_rows,
)
from metaadapter.workflow.fit_adapter import CUSTOM, Mode, fit_support
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.new_class import add_class, require_addable
from metaadapter.workflow.prediction.predictions import PredictionOptions, sure_answers
from metaadapter.workflow.prediction.query_shift import QuerySample

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder


def _part(path: str) -> Any:
    """Return a property that reads this part of `stored_`."""
    return property(attrgetter(f"stored_.{path}"))


class MetaAdapterClassifier(AdapterClassifier):
    """A few-shot classifier of frozen features; `fit` is one forward pass of a generator.

    Rows of X are features from one encoder, of any width; they are scaled to length 1. A class may
    have pictures, a text, or both: labels in `class_texts` that are not in y become classes too.
    `predict` and `predict_proba` warn of 20 rows or more that come from elsewhere than the labelled
    pictures (docs/explanation/shift.md).

    Args:
        class_texts: label → text: a vector from the encoder's text tower or, if `encoder` is given,
            a name (`"red_fox"` is read as "red fox") or [name, sentence, …], where sentences count
            as far as the pictures support them. `None` uses only pictures.
        mode: `"one_shot"` keeps the generator's prediction; `"finetune"` refines it by gradient
            steps, whose number is chosen on pictures left out of the support; with unlabelled
            pictures the prediction is kept.
        generator: `"default"`, `"closed-form"`, a folder, FILE.py:CLASS or FILE.py:CLASS@FOLDER, or
            an `AdapterGenerator`.
        encoder: The `FrozenEncoder` that the features come from, or its name. It reads names and
            has the temperature; a saved adapter names it.
        logit_scale: The encoder's inverse temperature; `None` reads it from `encoder`. A fit
            without any picture needs it; with pictures the generator estimates a temperature.
        fine_tuning: The settings for the gradient steps in mode `"finetune"`.
        blocks: The widths of the blocks that the features consist of (`FeatureStore.blocks`), which
            the generator weighs; those of `encoder` by default.
        tree: The label tree of the classes, for `predict_sure`: a `LabelTree`, or child → parent.
    """

    _gives_several: ClassVar[bool] = False
    """Whether a picture may show several classes."""
    stored_: StoredAdapter
    """The adapter with all that `save` writes; the attributes below are parts of it."""
    adapter_: AdapterWeights = _part("weights")
    """The adapter's weights, float64."""
    support_: Support | None = _part("support")
    """The features that the adapter was predicted from; `None` if it was loaded without them."""
    generator_id_: str = _part("config.generator_id")
    """The identity of the generator that predicted the adapter."""
    n_steps_: int = _part("config.n_steps")
    """The number of gradient steps that `fit` took; 0 in mode `"one_shot"`, with unlabelled
    pictures, and if no number of steps helps left-out pictures."""

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
        tree: LabelTree | Mapping[Any, Any] | None = None,
    ) -> None:
        self.class_texts = class_texts
        self.mode = mode
        self.generator = generator
        self.encoder = encoder
        self.logit_scale = logit_scale
        self.fine_tuning = fine_tuning
        self.blocks = blocks
        self.tree = tree

    def fit(self, X: Any, y: Any, *, unlabelled: Any = None) -> Self:
        """Predict an adapter from a support; a fit that fails leaves the estimator as it was.

        If the towers of the encoder were trained, the probabilities are calibrated for that.

        Args:
            X: (n, D) features of the labelled pictures; n may be 0 if `class_texts` names the
                classes, which gives zero-shot CLIP.
            y: (n,) labels of the pictures.
            unlabelled: (u, D) features of unlabelled pictures, of these classes or of others, which
                the generator reads too (docs/explanation/pool.md).

        Raises:
            ValueError: An array is not usable, or there are fewer than two classes.
        """
        if self.mode not in get_args(Mode):
            raise UsageError(f"mode must be 'one_shot' or 'finetune', got {self.mode!r}")
        if self.fine_tuning is not None and self.mode != "finetune":
            raise UsageError(f"fine_tuning is for mode='finetune' only, got mode={self.mode!r}")
        with unchanged_on_error(self):
            support, encoder = self._read(X, y)
            self.stored_ = fit_support(
                support,
                self.classes_.tolist(),
                names=self.class_texts,
                logit_scale=self.logit_scale_,
                mode=self.mode,
                generator=self.generator,
                fine_tuning=self.fine_tuning,
                encoder=encoder,
                pool=unlabelled_rows(unlabelled, self.n_features_in_),
                tree=label_tree(self.tree),
            )
        return self

    def predict_sure(self, X: Any, sure: float = 0.9) -> list[SureAnswer]:
        """Return for each row of X (n, D) the deepest node of the label tree that is sure enough.

        Args:
            X: Features of pictures.
            sure: How probable the node must be, 0.5 … 0.99.

        Raises:
            UsageError: There is no label tree, or `sure` is out of range.
        """
        parts = [*self._probabilities(X)]  # first: it needs a `fit`
        PredictionOptions(sure=sure).require(self.stored_, "that was fitted")
        options = PredictionOptions(sure=sure)
        answers = [one for rows in parts for one in sure_answers(self.stored_, rows, options)]
        return [answer for answer in answers if answer is not None]

    def _probabilities(self, X: Any) -> Iterator[Float[np.ndarray, "n N"]]:
        sample = None
        for rows in self._rows(X):  # raises unless there is a fit
            sample = sample or QuerySample(self.stored_)
            sample.add(rows.numpy())
            yield probabilities(rows, self.adapter_).numpy()
        shift = None if sample is None else sample.shift
        for line in [] if shift is None else shift.lines("pass them to fit as unlabelled"):
            warnings.warn(line, stacklevel=3)

    def add_class(self, label: Any, X: Any = None, *, text: Any = None) -> Self:
        """Add one class later; the vectors and biases of the other classes do not change.

        Args:
            label: A new label: text if the other labels are text, else a number.
            X: (n, D) features of pictures of the class; `None` if the class has only a text.
            text: A vector for the class, or a name or [name, sentence, …] for `encoder` to read.

        Raises:
            UsageError: The label exists or is of the wrong kind, neither pictures nor a text are
                given, or the adapter was saved without its support features.
            IncompatibleArtifact: Another generator predicted the adapter.
        """
        check_is_fitted(self)
        require_addable(self.stored_, label, self.generator)
        if X is None and text is None:
            raise UsageError(f"class {label!r} needs pictures (X), a text, or both")
        is_read = isinstance(text, str) or is_described(text)
        encoder = loaded_encoder(self.encoder) if is_read else None
        none = np.empty((0, self.n_features_in_))
        rows = unit_rows(none if X is None else checked(self, X, reset=False))
        self._set_stored(
            add_class(self.stored_, label, rows, text, encoder=encoder, generator=self.generator)
        )
        if text is not None:
            self.class_texts = {**(self.class_texts or {}), label: text}
        return self

    def save(self, folder: str | Path) -> None:
        """Write the adapter as a configuration, safetensors and a card: no pickle, no picture.

        Args:
            folder: A new or empty folder, a skill file (a new name that ends in `.adapter`), or an
                adapter to replace.
        """
        check_is_fitted(self)
        store_adapter(given_path(folder), self.stored_)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        encoder: ImageEncoder | str | None = None,
        generator: str | Path | AdapterGenerator | None = None,
    ) -> Self:
        """Read a saved adapter.

        Args:
            folder: A folder or a skill file that `save` wrote, or one on the hub:
                hf-hub:ORGANISATION/NAME, perhaps with /FILE.adapter and @REVISION.
            encoder: The encoder that the adapter was made with, or its name. If the adapter has
                parts in the image tower, the `adapted_encoder` is accepted too.
            generator: The generator that predicted the adapter: to add classes, if it is your own.

        Raises:
            DataError: The adapter is damaged.
            IncompatibleArtifact: There is no adapter, or it belongs to another encoder.
        """
        stored = load_adapter(folder, several=cls._gives_several)
        config = stored.config
        if cls._gives_several and config.several is None:
            raise IncompatibleArtifact(
                f"expected an adapter of several labels, but {folder} gives each picture one; load "
                "it with MetaAdapterClassifier.load, or adapt with --several"
            )
        encoder = loaded_encoder(encoder)
        if encoder is not None:
            if config.inside is not None:
                encoder = adapted_encoder(encoder, stored)
            else:
                config.origin.require_encoder(encoder.fingerprint, owner=f"the adapter {folder}")
        if generator is None:  # a saved adapter never makes code run by itself
            generator = CUSTOM if is_user_code(config.generator) else config.generator
        arguments: dict[str, Any] = {
            "class_texts": config.texts or None,
            "mode": config.mode,
            "generator": generator,
            "encoder": encoder,
            "logit_scale": config.logit_scale,
            "blocks": config.blocks,
            "tree": config.tree,
        }
        classifier = cls(
            **{name: arguments[name] for name in arguments.keys() & {*cls._get_param_names()}}
        )
        classifier._set_stored(stored)
        return classifier

    def _set_stored(self, stored: StoredAdapter) -> None:
        self.stored_ = stored
        self.classes_ = np.asarray(label_array(stored.config.classes))
        self.n_features_in_ = stored.config.width
        self.n_shots_ = np.array(stored.config.n_shots)
        self.logit_scale_ = stored.config.logit_scale
