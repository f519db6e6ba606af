"""A generator of one's own wherever the shipped one can be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import save_generator
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.estimator import MetaAdapterClassifier

OWN = '''\
import torch
from torch import nn

from metaadapter import AdapterGenerator


class Mine(AdapterGenerator):
    """Texts and mean pictures, mixed as much as is learned."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(()))

    def forward(self, support):
        rows_TND = support.text_TND + self.mix.exp() * support.means_TND
        return support.head(nn.functional.normalize(rows_TND, dim=-1), logit_scale=20.0)
'''


class Own:
    """A generator of one's own: its file, its trained weights in a folder, and the object."""

    def __init__(self, folder):
        self.folder, self.file = folder / "weights", folder / "mine.py"
        self.file.write_text(OWN)
        self.name = f"{self.file}:Mine"
        self.object = load_generator(self.name)
        with torch.no_grad():
            self.object.mix += 1
        save_generator(self.object, self.folder)


@pytest.fixture
def own(tmp_path):
    return Own(tmp_path)


def mixed(data, factor):
    """Probabilities by hand."""
    means = np.stack([data.X[data.y == name].mean(0) for name in data.texts])
    vectors = data.support.text_TND[0].numpy() + factor * means
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.exp(log_softmax(20 * data.X_new @ vectors.T, axis=1))


@pytest.mark.parametrize(
    ("way", "factor"), [("object", np.e), ("FILE.py:CLASS", 1.0), ("FILE.py:CLASS@FOLDER", np.e)]
)
def test_own_generator__by_each_way_of_naming_it__fits_saves_and_takes_a_class(
    data, own, tmp_path, way, factor
):
    names = {"object": own.object, "FILE.py:CLASS": own.name}
    generator = names.get(way, f"{own.name}@{own.folder}")
    classifier = MetaAdapterClassifier(data.texts, generator=generator).fit(data.X, data.y)

    probabilities = classifier.predict_proba(data.X_new)
    classifier.save(tmp_path / "adapter")
    loaded = MetaAdapterClassifier.load(tmp_path / "adapter", generator=generator)

    np.testing.assert_allclose(probabilities, mixed(data, factor), rtol=1e-4)
    np.testing.assert_array_equal(loaded.predict_proba(data.X_new), probabilities)
    assert "eel" in loaded.add_class("eel", data.X_new[:2]).classes_


def test_own_generator__named_by_an_adapter_in_a_folder_with_an_at__is_not_run(data, tmp_path):
    folder = tmp_path / "me@home"
    folder.mkdir()
    own = Own(folder)
    classifier = MetaAdapterClassifier(data.texts, generator=own.name).fit(data.X, data.y)
    classifier.save(tmp_path / "adapter")

    own.file.write_text("raise AssertionError('code that nobody named was run')\n")

    with pytest.raises(UsageError, match="generator of your own, whose code"):
        MetaAdapterClassifier.load(tmp_path / "adapter").add_class("eel", data.X_new[:2])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class Mine(AdapterGenerator)", "class Mine(nn.Module)", "must be a subclass of Adapter"),
        ("def __init__(self)", "def __init__(self, n)", "cannot be made without arguments"),
        ("class Mine", "class Other", "has no 'Mine'"),
        (
            "support.head",
            "(lambda rows, **_: (rows,))",
            r"generator Mine must return .*\(1, 4, 32\).* got tuple",
        ),
    ],
)
def test_own_generator__that_is_none_or_gives_no_adapter__says_why(data, own, old, new, message):
    own.file.write_text(OWN.replace(old, new))

    with pytest.raises(UsageError, match=message):
        MetaAdapterClassifier(data.texts, generator=own.name).fit(data.X, data.y)
