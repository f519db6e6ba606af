"""Classes and pictures that go to another project: both sides, undo on both, and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metaadapter.apps.page.history import read_contents
from metaadapter.apps.page.project import read_facts, write_facts
from tests.apps.page.conftest import NUMBERS


class Pair:
    """The open project `here`, and another one, of which the folder is `to`."""

    def __init__(self, project, picture):
        self.project, self.client = project, project.client
        self.to = self.folder.name
        project.upload(("hat/1.png", picture("blue")), ("1.png", picture("green")), into="folders")
        name = f"here {next(NUMBERS)}"
        assert self.client.post("/projects", json={"name": name}).is_success
        self.here = self.folder.name

    @property
    def folder(self):
        return self.project.session.project.folder

    def move(self, path, json=None, to=None, **headers):
        """Move to the other project; return the response."""
        query = {"to": to or self.to}
        return self.client.request("DELETE", path, params=query, json=json, headers=headers)

    def there(self):
        """What the other project has on disk: class, or "" for the tray → names of pictures."""
        contents = read_contents(self.folder.with_name(self.to) / "history.db")
        names = {None: "", "none": "none", **contents.class_names}
        return {
            names[label]: sorted(contents.pictures[key].name for key in pile)
            for label, pile in contents.piles().items()
        }

    def open(self, folder):
        """Open one of the two."""
        assert self.client.post("/projects/open", json={"folder": folder}).is_success


@pytest.fixture
def pair(project, picture):
    return Pair(project, picture)


BEFORE = {"hat": ["hat/1.png"], "none": [], "": ["1.png"]}


def piles_of(state):
    classes = {one["name"]: one["pictures"] for one in state["classes"]}
    return classes | {"none": state["none"], "": state["tray"]}


def test_class__moved__joins_the_one_of_its_name_and_is_undone_on_each_side(pair, picture):
    content = picture("blue")
    pair.project.upload(("Hat/2.png", content), ("shoe/3.png", picture("red")), into="folders")
    before = piles_of(pair.project.state)

    label = pair.project.class_of("Hat")
    assert pair.move(f"/classes/{label}").is_success

    assert pair.there() == BEFORE | {"hat": ["Hat/2.png", "hat/1.png"]}
    assert piles_of(pair.project.state) == {"shoe": before["shoe"], "none": [], "": []}
    said = f"Moved 1 picture from {pair.project.state['name']} to "
    undone = pair.client.post("/undo").json()
    assert undone["edit"].startswith(said)
    assert piles_of(pair.project.state) == before
    assert pair.there()["hat"] == ["Hat/2.png", "hat/1.png"]  # until it is undone there

    pair.open(pair.to)
    state = pair.project.state
    assert pair.client.get("/history").json()["steps"][0]["edit"] == undone["edit"]
    whole = pair.client.get(f"/pictures/{piles_of(state)['hat'][-1]}?size=whole")
    assert whole.content == content
    assert pair.client.post("/undo").json()["edit"] == undone["edit"]
    assert pair.there() == BEFORE


def test_pictures__moved__keep_their_labels_and_bring_classes_with_their_sentences(pair, picture):
    pair.project.upload(("shoe/2.png", picture("red")), ("3.png", picture("red")), into="folders")
    pair.project.upload(("4.png", picture("red")), into="none")
    label, state = pair.project.class_of("shoe"), pair.project.state
    pair.client.patch(f"/classes/{label}", json={"description": "worn on feet"})
    pictures = [*state["classes"][0]["pictures"], *state["tray"], *state["none"]]

    assert pair.move("/pictures", {"pictures": pictures}).is_success

    there = {
        "hat": BEFORE["hat"],
        "shoe": ["shoe/2.png"],
        "none": ["4.png"],
        "": ["1.png", "3.png"],
    }
    assert pair.there() == there
    assert piles_of(pair.project.state) == {"shoe": [], "none": [], "": []}
    pair.open(pair.to)
    assert pair.project.state["classes"][1]["description"] == "worn on feet"
    pair.project.session.wait_for_results()  # its pictures can be read


def test_picture__that_is_there_already__is_not_added_twice_and_keeps_its_class(pair):
    pair.open(pair.to)
    hat, tray = (pair.project.state["classes"][0]["pictures"], pair.project.state["tray"])
    contents = [pair.client.get(f"/pictures/{one}?size=whole").content for one in (*hat, *tray)]
    pair.open(pair.here)
    files = [(f"shoe/{number}.png", one) for number, one in enumerate(contents)]
    pair.project.upload(*files, into="folders")

    assert pair.move(f"/classes/{pair.project.class_of('shoe')}").is_success

    assert pair.there() == {"hat": ["hat/1.png"], "shoe": ["shoe/1.png"], "none": [], "": []}


def test_move__sent_again__adds_nothing_twice_also_after_undo(pair, picture):
    pair.project.upload(("shoe/2.png", picture("red")), into="folders")
    path, key = f"/classes/{pair.project.class_of('shoe')}", {"Idempotency-Key": "k1"}

    sent = [pair.move(path, **key) for _ in range(2)]
    there = pair.there()
    pair.client.post("/undo")
    state = piles_of(pair.project.state)
    sent.append(pair.move(path, **key))

    assert [one.status_code for one in sent] == [200] * 3
    assert pair.there() == there == BEFORE | {"shoe": ["shoe/2.png"]}
    assert piles_of(pair.project.state) == state


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


def test_move__cut_off_between_its_two_edits__is_completed_when_it_is_sent_again(
    pair, picture, monkeypatch
):
    pair.project.upload(("shoe/2.png", picture("red")), into="folders")
    path, key = f"/classes/{pair.project.class_of('shoe')}", {"Idempotency-Key": "k1"}
    with monkeypatch.context() as cut:
        cut.setattr(pair.project.session.project.history._log, "append", full_disk)
        cut.setattr("metaadapter.apps.page.history.History.undo", lambda *_: None)
        assert not pair.move(path, **key).is_success
    assert pair.there()["shoe"] == ["shoe/2.png"]

    assert pair.move(path, **key).is_success

    assert pair.there() == BEFORE | {"shoe": ["shoe/2.png"]}
    assert pair.project.state["classes"] == []


FULL = {
    "while pictures are copied": "metaadapter.apps.page.picture_folder.replace_file",
    "at the first edit": "metaadapter.files.db.Database.append",
}


@pytest.mark.parametrize("place", FULL.values(), ids=FULL)
def test_full_disk__leaves_both_projects_as_they_are(pair, picture, monkeypatch, place):
    pair.project.upload(("shoe/2.png", picture("red")), into="folders")
    path, state = f"/classes/{pair.project.class_of('shoe')}", pair.project.state
    with monkeypatch.context() as full:
        full.setattr(place, full_disk)
        assert not pair.move(path).is_success

    assert pair.there() == BEFORE
    assert pair.project.state["classes"] == state["classes"]
    assert len([*(pair.folder.with_name(pair.to) / "pictures").iterdir()]) == 2
    assert pair.move(path).is_success


def test_edit_here__that_a_full_disk_refuses__takes_the_edit_there_back(pair, picture, monkeypatch):
    pair.project.upload(("shoe/2.png", picture("red")), into="folders")
    path, state = f"/classes/{pair.project.class_of('shoe')}", pair.project.state
    with monkeypatch.context() as full:
        full.setattr(pair.project.session.project.history._log, "append", full_disk)
        refused = pair.move(path)

    assert (refused.status_code, refused.json()["kind"]) == (503, "not-saved")
    assert pair.there() == BEFORE
    assert pair.project.state["classes"] == state["classes"]


REFUSED = {
    "an unknown project": ("../..", "shoe", 404, "no-such-project"),
    "the open project": (None, "shoe", 422, "data"),
    "a name that its labels do not allow": ("several", "a;b", 409, "name-separator"),
}


@pytest.mark.parametrize(("to", "name", "status", "kind"), REFUSED.values(), ids=REFUSED)
def test_move__that_is_refused__changes_nothing(pair, picture, to, name, status, kind):
    pair.project.upload((f"{name}/2.png", picture("red")), into="folders")
    path, state = f"/classes/{pair.project.class_of(name)}", pair.project.state
    if to == "several":
        pair.open(pair.to)
        assert pair.client.patch("/labelling", json={"several": True}).is_success
        pair.open(pair.here)
        to = pair.to

    refused = pair.move(path, to=to or pair.here)

    assert (refused.status_code, refused.json()["kind"]) == (status, kind), refused.text
    assert pair.there() == BEFORE
    assert pair.project.state["classes"] == state["classes"]


def test_damaged_picture__refuses_the_move_of_its_class(pair, picture):
    files = [(f"shoe/{number}.png", picture("red")) for number in range(3)]
    added = pair.project.upload(*files, into="folders")["added"]
    (pair.folder / "pictures" / added[1]).write_bytes(b"damaged")

    refused = pair.move(f"/classes/{pair.project.class_of('shoe')}")

    assert (refused.status_code, refused.json()["kind"]) == (422, "data"), refused.text
    assert pair.there() == BEFORE
    assert len(pair.project.state["classes"][0]["pictures"]) == 3
    assert len([*(pair.folder.with_name(pair.to) / "pictures").iterdir()]) == 2


def test_project_whose_encoder_is_missing__gets_pictures_all_the_same(pair, picture):
    folder = pair.folder.with_name(pair.to)
    write_facts(folder, replace(read_facts(folder), encoder="no such encoder"))
    pair.project.upload(("shoe/2.png", picture("red")), into="folders")

    assert pair.move(f"/classes/{pair.project.class_of('shoe')}").is_success
    assert pair.there()["shoe"] == ["shoe/2.png"]


def test_class_of_several_labels__takes_its_pictures_but_leaves_those_of_another_class(
    pair, picture
):
    assert pair.client.patch("/labelling", json={"several": True}).is_success
    one, other = picture("red"), picture("blue")
    pair.project.upload(
        ("fox/1.png", one), ("fox/2.png", other), ("snow/2.png", other), into="folders"
    )

    assert pair.move(f"/classes/{pair.project.class_of('fox')}").is_success

    assert pair.there() == BEFORE | {"fox": ["fox/1.png", "snow/2.png"]}
    here = piles_of(pair.project.state)
    assert (list(here), len(here["snow"]), here[""]) == (["snow", "none", ""], 1, [])


@pytest.mark.parametrize("several", [False, True])
def test_picture_in_a_box__takes_its_frame_along_unless_pictures_there_have_several_labels(
    pair, picture, several
):
    frame = pair.project.upload(("brook/1.png", picture("red")))["added"][0]
    box = {"before": None, "after": [0.1, 0.1, 0.5, 0.5]}
    assert pair.client.post(f"/frames/{frame}/boxes", json=box).is_success
    (crop,) = pair.project.state["tray"]
    shown = pair.client.get(f"/pictures/{crop}?size=whole").content
    pair.open(pair.to)
    pair.client.patch("/labelling", json={"several": several})
    pair.open(pair.here)

    moved = pair.move("/pictures", {"pictures": [crop]})

    if several:
        assert (moved.status_code, moved.json()["kind"]) == (409, "several-labels")
        assert pair.there() == BEFORE
    else:
        assert pair.there() == BEFORE | {"": ["1.png", "brook/1.png"]}
        pair.open(pair.to)
        assert pair.project.state["frames"] == {crop: frame}
        assert pair.client.get(f"/pictures/{crop}?size=whole").content == shown


def test_one_project_alone__says_that_there_are_no_others(serve, colour_encoder, tmp_path):
    with serve(tmp_path / "alone", None, lambda *_, **__: colour_encoder) as served:
        flags = [served.client.get("/project").json()["has_others"]]
        for name in ("second", "third"):
            served.client.post("/projects", json={"name": name})
            flags.append(served.client.get("/project").json()["has_others"])
        served.client.post("/projects/open", json={"folder": "alone"})
        flags.append(served.client.get("/project").json()["has_others"])

    assert flags == [False, True, True, True]
