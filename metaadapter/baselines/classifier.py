"""Any peer by its name, behind the face that the predicted adapter has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metaadapter.baselines import META_PEERS, PEERS, Peer, load_meta_peer
from metaadapter.classifier.adapter_classifier import AdapterClassifier
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.features import FrozenEncoder

__all__ = ["PeerClassifier"]


class PeerClassifier(AdapterClassifier):
    """A peer as a scikit-learn classifier over frozen features.

    Rows of X are features of one encoder; they are scaled to length 1. As with
    `MetaAdapterClassifier` a class may have pictures, a text, or both.

    Args:
        peer: a name in `PEERS` or, for features that its weights are for, in `META_PEERS`.
        class_texts: label → vector of the encoder's text tower, or label → name when `encoder` is
            given.
        encoder: the `FrozenEncoder` the features come from. It reads names and tells its
            temperature.
        logit_scale: the encoder's inverse temperature, 100 for most CLIPs; read from `encoder` when
            `None`.
    """

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
                name, its weights are for another encoder, or the temperature is not known.
        """
        X, labels = self._labelled(X, y)
        method, logit_scale = self._method(), self._temperature()
        self._take_classes(labels)
        support = self._support(X, labels, self.encoder, logit_scale)
        self.adapter_ = method(support.exact).task(0)
        return self

    def _method(self) -> Peer:
        if self.peer in META_PEERS:
            peer = load_meta_peer(self.peer)
            if self.encoder is not None:
                peer.require_encoder(self.encoder.name, owner="encoder=")
            return peer
        if self.peer not in PEERS:
            known = ", ".join([*PEERS, *META_PEERS])
            raise UsageError(f"no peer {self.peer!r}; there are: {known}")
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
