"""A fitted classifier as the adapter that is kept of it, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.features.origin import Origin
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.workflow.given_arrays import label_array
from metaadapter.workflow.labelled_support import descriptions, text_names

if TYPE_CHECKING:
    from metaadapter.workflow.estimator import MetaAdapterClassifier

# In the place of the name of a generator that is an object or code.
CUSTOM = "custom"


def stored_adapter(
    classifier: MetaAdapterClassifier,
    *,
    origin: Origin | None = None,
    class_names: Mapping[Any, str] | None = None,
    picture_hashes: Sequence[str] | None = None,
) -> StoredAdapter:
    """What is kept of a fitted classifier; the arguments are those of its `save`."""
    check_is_fitted(classifier)
    classes = classifier.classes_.tolist()
    names = class_names or classifier.class_texts
    support = classifier.support_
    config = AdapterConfig(
        classes=classes,
        width=classifier.n_features_in_,
        n_shots=classifier.n_shots_.tolist(),
        mode=classifier.mode,
        n_steps=classifier.n_steps_,
        generator=_kept_name(classifier.generator),
        generator_id=classifier.generator_id_,
        logit_scale=classifier.logit_scale_,
        blocks=classifier.blocks_,
        n_unlabelled=0 if support is None else support.n_pool,
        class_names=text_names(names, classes),
        descriptions=descriptions(names, classes),
        origin=origin or classifier.origin_,
        inside=classifier.inside_,
        prompt=classifier.prompt_,
    )
    hashes = tuple({*classifier.picture_hashes_, *(picture_hashes or ())})
    signature = classifier.signature_ if support is None else None
    towers = classifier.towers_
    return StoredAdapter(classifier.adapter_, config, support, hashes, signature, towers)


def set_stored(classifier: MetaAdapterClassifier, stored: StoredAdapter) -> None:
    """Make a classifier the fitted one that an adapter was kept of."""
    config = stored.config
    classifier.blocks_ = config.blocks
    classifier.classes_ = np.asarray(label_array(config.classes))
    classifier.adapter_ = stored.weights
    classifier.n_features_in_ = config.width
    classifier.n_shots_ = np.array(config.n_shots)
    classifier.generator_id_ = config.generator_id
    classifier.support_ = stored.support
    classifier.signature_ = stored.signature
    classifier.picture_hashes_ = stored.picture_hashes
    classifier.logit_scale_ = config.logit_scale
    classifier.origin_ = config.origin
    classifier.n_steps_ = config.n_steps
    classifier.inside_, classifier.prompt_ = config.inside, config.prompt
    classifier.towers_ = stored.towers


def _kept_name(generator: str | Path | AdapterGenerator) -> str:
    """The name that a saved adapter keeps."""
    return CUSTOM if isinstance(generator, AdapterGenerator) else str(generator)
