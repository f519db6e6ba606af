"""`metaadapter predict --why`: the labelled pictures that an answer rests on."""

from __future__ import annotations

import pytest


def test_why__of_a_picture__is_the_prediction_of_an_adapter_without_it(
    run, adapt, pictures, unlabelled, tmp_path
):
    adapt(pictures)
    why = ("predict", tmp_path / "adapter", unlabelled, "--why", pictures)
    document, listed = run(*why, "--json").document, run(*why)

    one = document["predictions"][0]
    first = one["why"]["for"][0]
    assert one["why"]["answer"] == one["label"]
    rows = [line.split("\t") for line in listed.out.splitlines()]
    assert rows[0][:2] == [one["path"], one["label"]]
    assert rows[0][3:7] == ["for", first["picture"], first["label"], first["answer"]]
    (pictures / first["label"] / first["picture"].rpartition("/")[2]).unlink()
    adapt(pictures, out=tmp_path / "without")
    again = run("predict", tmp_path / "without", one["path"], "--json").document["predictions"][0]
    assert again["label"] == first["answer"]
    assert again["probabilities"][one["label"]] == pytest.approx(first["probability"], abs=1e-3)


def test_why__after_add__still_names_pictures_by_their_own_class(
    run, adapt, pictures, unlabelled, encoder, tmp_path
):
    first = min(pictures.iterdir())
    added = first.rename(tmp_path / first.name)
    adapt(pictures)
    assert run("add", tmp_path / "adapter", first.name, added).code == 0
    added.rename(first)

    document = run(
        "predict", tmp_path / "adapter", unlabelled, "--why", pictures, "--json"
    ).document

    reasons = [
        reason
        for one in document["predictions"]
        for reason in (*one["why"]["for"], *one["why"]["against"])
    ]
    assert len({reason["label"] for reason in reasons}) > 1
    assert all(f"/{reason['label']}/" in reason["picture"] for reason in reasons)


def test_why__with_other_pictures_or_an_adapter_of_several_labels__is_refused(
    run, adapt, labelled, unlabelled, manifest, tmp_path
):
    adapt(labelled)
    other = run("predict", tmp_path / "adapter", unlabelled, "--why", unlabelled)
    adapt(manifest, "--several", out=tmp_path / "several")
    several = run("predict", tmp_path / "several", unlabelled, "--why", manifest)

    assert (other.code, several.code) == (3, 2)
    assert "was predicted from none of these pictures; give the labelled pictures" in other.err
    assert "it gives several labels; leave why out" in several.err
