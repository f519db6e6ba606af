"""Any peer by its name, behind the face that the predicted adapter has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, SupportSet, probabilities
from metaadapter.baselines import PEERS, Peer, Support
from metaadapter.classifier.class_texts import require_shared_labels, text_features
from metaadapter.classifier.one_shot import by_class
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.features import FrozenEncoder

__all__ = ["PeerClassifier"]


class PeerClassifier(ClassifierMixin, BaseEstimator):
    """One of `PEERS` as a scikit-learn classifier over frozen features.

    Rows of X are features of one encoder; they are scaled to length 1. As with
    `MetaAdapterClassifier` a class may have pictures, a text, or both.

    Args:
        peer: a name in `PEERS`.
        class_texts: label → vector of the encoder's text tower, or label → name when `encoder` is
            given.
        encoder: the `FrozenEncoder` the features come from. It reads names and tells its
            temperature.
        logit_scale: the encoder's inverse temperature, 100 for most CLIPs; read from `encoder` when
            `None`.
    """

    classes_: np.ndarray
    """Sorted labels; column order of `predict_proba`."""
    adapter_: AdapterWeights
    """What the peer came to, float64."""
    n_features_in_: int
    """Width of the features."""
    n_shots_: np.ndarray
    """Pictures of each class."""

    def __init__(
        self,
        peer: str = "GDA",
        class_texts: Mapping[Any, Any] | None = None,
        *,
        encoder: FrozenEncoder | None = None,
        logit_scale: float | None = None,
    ) -> None:
        self.peer = peer
        self.class_texts = class_texts
        self.encoder = encoder
        self.logit_scale = logit_scale

    def fit(self, X: Any, y: Any) -> PeerClassifier:
        """Fit the peer to a support set.

        Args:
            X: (n, D) features of the labelled pictures; n may be 0 where `class_texts` names the
                classes.
            y: (n,) their labels.

        Raises:
            ValueError: if X or y is not usable, there are fewer than two classes, no peer has the
                name, or the temperature is not known.
        """
        X, y = validate_data(
            self,
            X,
            y,
            dtype=(np.float64, np.float32),
            ensure_min_samples=0 if self.class_texts else 1,
        )
        check_classification_targets(y)
        method, logit_scale = self._method(), self._temperature()
        labels = y.tolist()
        self.classes_ = np.unique([*labels, *require_shared_labels(self.class_texts, labels)])
        classes = self.classes_.tolist()
        if len(classes) < 2:
            raise ValueError(f"a classifier needs at least two classes, got one class: {classes}")
        place = {label: row for row, label in enumerate(classes)}
        support = SupportSet(
            features=normalize(torch.from_numpy(np.array(X, dtype=np.float64)), dim=1).float(),
            labels=torch.tensor([place[label] for label in labels], dtype=torch.long),
            text=torch.from_numpy(
                text_features(self.class_texts, classes, X.shape[1], self.encoder)
            ),
        )
        self.adapter_ = method(_batch_of_one(support), logit_scale).task(0)
        self.n_shots_ = np.bincount(support.labels, minlength=len(classes))
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n N"]:
        """Probability of each class, columns in the order of `classes_`; X is (n, D)."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        return probabilities(torch.from_numpy(np.array(rows)), self.adapter_).numpy()

    def predict(self, X: Any) -> Shaped[np.ndarray, " n"]:
        """The most probable label of each row of X (n, D)."""
        best = self.predict_proba(X).argmax(-1)  # before classes_: an unfitted one must say so
        labels: np.ndarray = self.classes_[best]
        return labels

    def _method(self) -> Peer:
        if self.peer not in PEERS:
            raise UsageError(f"no peer {self.peer!r}; there are: {', '.join(PEERS)}")
        return PEERS[self.peer]

    def _temperature(self) -> float:
        if self.logit_scale is not None:
            if not self.logit_scale > 0:
                raise UsageError(
                    f"logit_scale must be positive (CLIP's is 100), got {self.logit_scale!r}"
                )
            return float(self.logit_scale)
        if self.encoder is None:
            raise UsageError(
                "a peer needs the encoder's inverse temperature: pass logit_scale=… (100 for most "
                "CLIPs), or encoder=FrozenEncoder.load(…)"
            )
        return float(self.encoder.logit_scale)


def _batch_of_one(support: SupportSet) -> Support:
    """A batch of one task, float64."""
    shots_NKD, mask_NK = by_class(support)
    return Support(
        shots_NKD[None].double(),
        mask_NK[None],
        support.text[None].double(),
        torch.ones(1, len(support.text), dtype=torch.bool),
    )
