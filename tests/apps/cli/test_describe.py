"""Sentences on a class: `--describe`, a column of a manifest, and class.txt."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.workflow.estimator import MetaAdapterClassifier


@pytest.fixture
def adapted(adapt, tmp_path):
    """`adapt` on a source, and the adapter that it wrote."""

    def command(source, *options):
        result = adapt(source, "--json", *options)
        return result, load_adapter(tmp_path / "adapter") if result.code == 0 else None

    return command


def test_adapt__described_class__has_its_sentences_and_another_text(adapted, pictures, tmp_path):
    _, plain = adapted(pictures)

    result, described = adapted(pictures, "--describe", "heron=grey, long legs")

    assert result.document["descriptions"] == {"heron": ["grey, long legs"]}
    assert described.config.class_names == ["heron", "lynx", "red fox"]
    assert described.config.descriptions == [["grey, long legs"], [], []]
    assert "heron; grey, long legs" in (tmp_path / "adapter" / "README.md").read_text()
    texts, before = described.support.text_TND[0], plain.support.text_TND[0]
    assert not np.allclose(texts[0], before[0])
    np.testing.assert_array_equal(texts[1:], before[1:])


def test_adapt__class_txt_that_is_not_in_utf_8__ends_with_3(adapt, pictures):
    (pictures / "heron" / "class.txt").write_bytes(b"\xff\xfe")

    result = adapt(pictures)

    assert result.code == 3
    assert "byte 1 is not; save it as plain text in UTF-8" in result.err


def test_load__described_adapter__has_its_sentences_and_takes_a_described_class(
    adapted, pictures, encoder, tmp_path
):
    adapted(pictures, "--describe", "heron=grey, long legs")

    classifier = MetaAdapterClassifier.load(tmp_path / "adapter", encoder=str(encoder))
    assert classifier.class_texts == {
        "heron": ["heron", "grey, long legs"],
        "lynx": "lynx",
        "red_fox": "red fox",
    }
    classifier.add_class("owl", text=["owl", "a round face", "wide eyes"])
    classifier.save(tmp_path / "more")

    config = load_adapter(tmp_path / "more").config
    assert config.class_names == ["heron", "lynx", "owl", "red fox"]
    assert config.descriptions == [["grey, long legs"], [], ["a round face", "wide eyes"], []]


def test_add__described_class__keeps_its_sentences(run, adapt, labelled, tmp_path):
    adapt(labelled)

    result = run(
        *("add", tmp_path / "adapter", "owl", "--text", "an owl", "--json"),
        *("--describe", "a round face", "--describe", "wide eyes"),
    )

    assert result.document["name"] == "an owl"
    assert result.document["descriptions"] == ["a round face", "wide eyes"]
    config = load_adapter(tmp_path / "adapter").config
    assert config.descriptions == [[], [], ["a round face", "wide eyes"], []]
