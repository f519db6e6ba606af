from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from metaadapter import AdapterLibrary, MetaAdapterClassifier
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.origin import Origin

WIDTH = 12


def with_origin(stored, origin):
    return replace(stored, config=stored.config.model_copy(update={"origin": origin}))


@pytest.fixture(scope="session")
def fitted():
    """Makes a classifier of some classes, each of a few random pictures.

    Its encoder's fingerprint may differ in its first `digits`, and have another name.
    """

    def make(*classes, n_shots=2, seed=0, width=WIDTH, encoder=None, digits=0.0, called=None):
        rng = np.random.default_rng(seed)
        labels = np.repeat(classes or ("fox", "lynx"), n_shots)
        texts = {label: rng.standard_normal(width) for label in set(labels.tolist())}
        rows = np.stack([texts[label] for label in labels.tolist()])
        rows = rows + 0.3 * rng.standard_normal(rows.shape)
        classifier = MetaAdapterClassifier(texts, generator="closed-form", logit_scale=20.0)
        classifier.fit(rows, labels)
        if encoder is not None:
            fingerprint = Fingerprint.of_name(encoder, width)
            probe = (fingerprint.probe[0] + digits, *fingerprint.probe[1:])
            fingerprint = replace(fingerprint, probe=probe, encoder=called or encoder)
            origin = Origin(encoder=encoder, fingerprint=fingerprint)
            classifier.stored_ = with_origin(classifier.stored_, origin)
        return classifier

    return make


@pytest.fixture
def library(tmp_path):
    return AdapterLibrary.open(tmp_path / "library")


@pytest.fixture(scope="session")
def _animals(tmp_path_factory, fitted):
    library = AdapterLibrary.open(tmp_path_factory.mktemp("libraries") / "animals")
    library.add("animals", fitted("fox", "lynx"))
    library.add("birds", fitted("heron", "owl", "raven", seed=1))
    library.add("wear", fitted("dress", "hat", seed=2))
    return library


@pytest.fixture
def animals(_animals, tmp_path):
    """A library of three entries."""
    return AdapterLibrary.open(shutil.copytree(_animals.folder, tmp_path / "animals"))


@pytest.fixture
def files_in():
    """Path → content of each file in a folder and those within it, but for locks and the list."""

    def read(folder):
        files = (path for path in folder.rglob("*") if path.is_file())
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in files
            if not path.name.endswith((".lock", "library.json"))
        }

    return read
