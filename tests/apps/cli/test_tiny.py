"""The embedded encoder, as a user without a network meets it."""

from __future__ import annotations

from metaadapter.adapter.files import load_adapter


def test_adapt_and_predict__no_encoder_named__take_tiny(run, labelled, unlabelled, tmp_path):
    adapted = run("adapt", labelled, "--out", tmp_path / "adapter", "--shots", "1")
    predicted = run("predict", tmp_path / "adapter", unlabelled, "--json")

    assert adapted.code == predicted.code == 0
    assert load_adapter(tmp_path / "adapter").config.origin.encoder == "tiny"
    assert [it["label"] for it in predicted.document["predictions"]] == [
        it["path"].rsplit("/", 1)[1].rsplit("-", 1)[0] for it in predicted.document["predictions"]
    ]
