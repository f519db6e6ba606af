"""`metaadapter doctor --advise`: from files to text, JSON and a page."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def advise(run, encoder):
    """Advice on pictures through the small encoder."""

    def on(source, *more):
        return run("doctor", "--advise", source, "--encoder", encoder, *more)

    return on


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """Three classes of pictures that differ, one of them in two classes, and a damaged one."""
    folder, rng = tmp_path_factory.mktemp("faulty") / "animals", np.random.default_rng(0)
    for label in ("heron", "lynx", "red_fox"):
        (folder / label).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    shutil.copy(folder / "heron" / "0.png", folder / "lynx" / "9.png")
    (folder / "heron" / "broken.png").write_bytes(b"no picture")
    return folder


def test_advise__faulty_pictures__are_told_with_what_to_do(advise, faulty):
    result = advise(faulty)

    assert result.code == 0
    head, first, *pictures = result.out.splitlines()[:4]
    assert head == f"{faulty}, 10 pictures of 3 classes; the most helpful advice first:"
    assert first == (
        "1. Nearly the same picture is in 'heron' and 'lynx': keep it only in the class that it "
        "shows."
    )
    paths = [f"{faulty}/heron/0.png", f"{faulty}/lynx/9.png"]
    assert pictures == [f"     {path}" for path in paths]
    assert "left out, because unreadable: 1" in result.err
    first, *_ = advise(faulty, "--json").document["advice"]
    assert (first["kind"], first["classes"]) == ("near_duplicate", ["heron", "lynx"])
    assert first["pictures"] == paths


def test_advise__feature_store__gives_the_same_advice_without_its_pictures(
    advise, run, encode, faulty, tmp_path
):
    pictures = shutil.copytree(faulty, tmp_path / "animals")
    assert encode(pictures).code == 0
    of_folder = advise(pictures, "--json").document["advice"]
    shutil.rmtree(pictures)

    result = run(
        "doctor", "--advise", tmp_path / "store", "--page", tmp_path / "page.html", "--json"
    )

    assert result.document["advice"] == of_folder
    forecast = result.document["forecast"]
    assert [one["times"] for one in forecast] == [1, 2, 4, 8]
    assert f"{forecast[3]['accuracy']:.0%} (" in (tmp_path / "page.html").read_text("utf-8")
    assert "<img" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    looks = run("doctor", "--advise", tmp_path / "store", "--encoder", "views=2")
    assert (looks.code, "made with views 1" in looks.err) == (2, True)


def test_advise__page__holds_the_pictures_and_is_replaced_by_the_next(advise, faulty, tmp_path):
    page = tmp_path / "new folder" / "page.html"

    result = [advise(faulty, "--page", page) for _ in range(2)][1]

    assert result.code == 0
    html = page.read_text(encoding="utf-8")
    assert result.err.endswith(f"page: {page}\n")
    assert html.count('src="data:image/jpeg;base64,') >= 2
    assert f"file {faulty}/lynx/9.png" in html
    assert "Pictures that cannot be read" in html


def test_advise__names_of_hostile_classes__are_inert_on_page_and_terminal(
    advise, pictures, tmp_path
):
    hostile = pictures / "<b>\x1b[31m&"
    (pictures / "lynx").rename(hostile)
    Image.open(pictures / "heron" / "0.png").save(hostile / "copy.png")

    result = advise(pictures, "--page", tmp_path / "page.html")

    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "\x1b" not in result.out + html
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
