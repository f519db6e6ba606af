"""The sources and options that `metaadapter adapt` refuses, with its reason."""

from __future__ import annotations

import shutil

import pytest

from metaadapter.apps.cli.app import main


@pytest.fixture(scope="module")
def places(tmp_path_factory, labelled, unlabelled, encoder):
    folder = tmp_path_factory.mktemp("sources")
    places = {"labelled": labelled, "unlabelled": unlabelled, "nowhere": folder / "nowhere"}
    for name in ("store", "broken"):
        places[name] = folder / name
    encode = ["encode", labelled, "--out", places["store"], "--encoder", encoder, "--quiet"]
    assert main([*map(str, encode)]) == 0
    places["spelled"] = shutil.copytree(labelled, folder / "spelled")
    (places["spelled"] / "lynx").rename(places["spelled"] / "heron_")
    places["broken"].mkdir()
    (places["broken"] / "broken.png").write_bytes(b"no picture")
    return places


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("{nowhere}", 3, "nowhere"),
        ("{labelled} --generator magic", 2, "no generator 'magic': expected"),
        # names and sentences
        (
            "{labelled} --text lynks=cat",
            2,
            "(--text): there is no class 'lynks'; did you mean 'lynx'",
        ),
        ("--names lynx=cat,fox --text lynx=dog", 2, "gets two names, 'dog' and 'cat'"),
        ("{labelled} --text lynx", 2, '--text fox="red fox"'),
        ("{labelled} --names lynx", 2, "--text lynx=NAME"),
        ("{labelled} --no-text --text lynx=cat", 2, "--no-text excludes --text"),
        (
            "{labelled} --describe hern=tall",
            2,
            "(--describe): there is no class 'hern'; did you mean",
        ),
        ("{labelled} --describe heron", 2, "--describe expects LABEL=SENTENCE, for example"),
        ("{labelled} --describe heron=a --no-text", 2, "--no-text excludes"),
        # names alone
        ("", 2, "give labelled pictures (SUPPORT), or names of classes"),
        ("--names heron,Heron", 3, "the labels (--names) differ only by"),
        ("{labelled} --names Lynx", 2, "'Lynx' differs from the class 'lynx' only by"),
        ("{spelled}", 3, "'heron' and 'heron_'"),
        ("{labelled} --names ,", 2, "--names is empty"),
        ("--names heron,heron", 2, "--names has 'heron' more than once"),
        ("--names heron,lynx --describe fox=red", 2, "there is no class 'fox'"),
        # pictures from elsewhere
        # unlabelled pictures
        (
            "{labelled} --unlabelled {nowhere}",
            3,
            "--unlabelled {nowhere}: there is no such file or",
        ),
        ("{labelled} --unlabelled {broken}", 3, "broken.png"),
        (
            "--names heron,lynx --unlabelled {store} --encoder {encoder},zoom=no",
            4,
            "Only one encoder zooms into each picture",
        ),
        # weights inside the encoder
        ("{labelled} --inside bottleneck --encoder tiny,precision=bf16", 2, "trained in fp32"),
        ("{labelled} --inside bottleneck --unlabelled {store}", 2, "{store} is a feature store"),
        ("{store} --inside bottleneck", 2, "is a feature store, and --inside changes the features"),
    ],
)
def test_adapt__what_does_not_fit__is_refused_and_leaves_no_adapter(
    run, places, encoder, tmp_path, arguments, code, reason
):
    words = [word.format(encoder=encoder, **places) for word in arguments.split()]

    done = run("adapt", "--out", tmp_path / "adapter", "--encoder", encoder, *words)

    assert done.code == code
    assert reason.format(**places) in done.err
    assert not (tmp_path / "adapter").exists()
