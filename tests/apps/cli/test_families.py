"""Encoders of each family of transformers through the commands."""

from __future__ import annotations

import pytest

from metaadapter.adapter.files import load_adapter
from tests.small_transformers import FAMILIES, WITH_TEXTS, save_family

pytest.importorskip("transformers")
QUICK = ("clip", "dinov2")


@pytest.fixture(scope="module")
def family_folder(tmp_path_factory):
    """The folder of a family, saved once."""
    root = tmp_path_factory.mktemp("families")

    def folder(family):
        if not (root / family).exists():
            save_family(family, root / family)
        return root / family

    return folder


@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def test_family__in_the_commands_for_adapters__works(
    run, labelled, family_folder, tmp_path, family
):
    adapter, library = tmp_path / "adapter", tmp_path / "library"

    adapted = run("adapt", labelled, "--out", adapter, "--encoder", family_folder(family), "--json")
    assert adapted.code == 0, adapted.err
    config = load_adapter(adapter).config
    assert (config.class_names is not None) == (family in WITH_TEXTS)
    predicted = run("predict", adapter, labelled, "--json")
    assert predicted.code == 0
    label = predicted.document["predictions"][0]["label"]
    assert label in config.classes
    assert run("add", adapter, "grey", labelled / str(label), "--quiet").code == 0
    assert "grey" in load_adapter(adapter).config.classes
    assert run("library", "add", library, adapter, "--quiet").code == 0
    assert run("library", "predict", library, labelled, "--json").code == 0


def test_without_texts__names_say_nothing__and_the_answer_and_the_card_say_so(
    run, labelled, family_folder, tmp_path
):
    adapter = tmp_path / "adapter"

    done = run("adapt", labelled, "--out", adapter, "--encoder", family_folder("dinov2"), "--json")

    (warning,) = [text for text in done.document["warnings"] if "gives no texts" in text]
    assert "names of classes say nothing: the adapter is predicted from pictures alone" in warning
    assert "Names of classes say nothing: it had no texts." in (adapter / "README.md").read_text()
    quiet = run(
        *("adapt", labelled, "--out", tmp_path / "b", "--encoder", family_folder("dinov2")),
        *("--no-text", "--json"),
    )
    assert not [text for text in quiet.document["warnings"] if "gives no texts" in text]


def test_inside__without_a_model_of_open_clip__is_refused(run, labelled, family_folder, tmp_path):
    more = ("--encoder", family_folder("clip"), "--out", tmp_path / "a")

    done = run("adapt", labelled, "--inside", "bottleneck", *more)

    assert done.code == 2
    assert "is none: leave --inside" in done.err
