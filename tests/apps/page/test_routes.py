"""The HTTP interface: a project from its first class to its downloads, and refusals."""

from __future__ import annotations

import hashlib
import importlib

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.workflow.prediction.predictions import predict_pictures


def test_pictures__in_folders__make_classes_and_others_go_to_the_tray(project, picture):
    loose = picture("red")
    files = [("some/green/2.png", picture("green")), ("notes.txt", b"no picture")]

    sent = project.upload(("red/1.png", picture("red")), *files, into="folders")
    added = project.upload(("loose.png", loose))["added"]

    state = project.state
    assert [entry["name"] for entry in state["classes"]] == ["red", "green"]
    assert [len(entry["pictures"]) for entry in state["classes"]] == [1, 1]
    assert state["tray"] == added == [hashlib.sha256(loose).hexdigest()]
    assert state["names"][added[0]] == "loose.png"
    assert state["saved"]
    assert [entry["name"] for entry in sent["refused"]] == ["notes.txt"]
    assert "not a picture" in sent["refused"][0]["reason"]


def test_answers__of_the_tray__are_those_of_the_downloaded_adapter(project, picture, tmp_path):
    tray = {f"{colour}.png": picture(colour) for colour in ("red", "blue")}
    project.fill(n_tray=0)
    project.upload(*tray.items())
    skill = tmp_path / "downloaded.adapter"
    predictions, later = {}, project.answers()
    while predictions != later:  # with a tray, better answers follow a moment later
        predictions = later
        skill.write_bytes(project.client.get("/take/adapter").content)
        later = project.answers()
    for name, content in tray.items():
        (tmp_path / name).write_bytes(content)
    rows = [ImageRow(tmp_path / name, None) for name in tray]
    pictures = encode_rows(rows, project.session.project.encoder, views=1, seed=0)
    expected = predict_pictures(load_adapter(skill), pictures)

    names = {entry["id"]: entry["name"] for entry in project.state["classes"]}
    for content, prediction in zip(tray.values(), expected, strict=True):
        predicted = predictions["answers"][hashlib.sha256(content).hexdigest()]
        assert names[predicted["class"]] == prediction.label
        assert names[predicted["runner_up"]] == prediction.runner_up
        assert predicted["probability"] == pytest.approx(prediction.probability, abs=1e-6)
        assert predicted["known"] == pytest.approx(prediction.known, abs=1e-6)
        assert predicted["unfamiliar"] == prediction.unfamiliar


def test_label__of_none_of_the_classes__leaves_the_tray_and_can_be_undone(project, picture):
    project.fill(n_tray=2)
    first, second = project.state["tray"]

    project.client.post("/labels", json={"labels": {first: "none"}})
    project.client.post("/labels", json={"labels": {second: "none"}})
    (third,) = project.upload(("grey.png", picture((99, 99, 99))), into="none")["added"]

    state = project.state
    assert (state["none"], state["tray"]) == ([first, second, third], [])
    assert not any({first, second, third} & {*entry["pictures"]} for entry in state["classes"])
    assert not project.answers()["answers"]
    for _ in range(2):
        project.client.post("/undo")
    assert (project.state["none"], project.state["tray"]) == ([first], [second])


def test_class__renamed_and_described__keeps_its_pictures_and_changes_the_adapter(project):
    project.fill()
    red = project.class_of("red")

    project.client.patch(f"/classes/{red}", json={"name": "crimson", "description": "dark red"})

    project.answers()
    stored = project.session.wait_for_results().stored
    assert [str(name) for name in stored.config.classes] == ["blue", "crimson", "green"]
    assert stored.config.texts["crimson"] == ["crimson", "dark red"]


def test_predict__of_pictures_that_are_not_kept__is_the_answer_of_the_tray(project, picture):
    project.fill(n_tray=0)
    before = project.state
    sent = [("pictures", ("x.png", picture("blue"))), ("pictures", ("y.txt", b"nothing"))]
    result = project.client.post("/predict", files=sent).json()

    assert [entry["label"] for entry in result["predictions"]] == ["blue"]
    assert result["predictions"][0]["path"] == "x.png"
    assert [entry["name"] for entry in result["refused"]] == ["y.txt"]
    assert project.state == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("POST", "/classes", {"name": "  "}, 422, "invalid"),
        ("POST", "/classes", {"name": "x" * 121}, 422, "invalid"),
        ("POST", "/classes", {"name": "a", "more": 1}, 422, "invalid"),
        ("PATCH", "/classes/abc", {"name": "a"}, 404, "no-such-class"),
        ("DELETE", "/classes/abc", None, 404, "no-such-class"),
        ("POST", "/labels", {"labels": {"0" * 64: None}}, 404, "no-such-picture"),
        ("POST", "/labels", {"labels": {"../../etc": None}}, 422, "invalid"),
        ("DELETE", "/pictures", {"pictures": ["0" * 64]}, 404, "no-such-picture"),
        ("POST", "/undo", None, 409, "nothing-to-undo"),
        ("POST", "/redo", None, 409, "nothing-to-redo"),
        ("GET", "/take/adapter", None, 409, "no-adapter"),
        ("GET", "/take/answers.csv?sure=nan", None, 422, "invalid"),
        ("GET", "/pictures/..%2f..%2fproject.json", None, 404, "no-such-path"),
        ("GET", "/page/..%2fapp.py", None, 404, "no-such-path"),
        ("POST", "/projects/open", {"folder": "../.."}, 404, "no-such-project"),
        ("POST", "/pictures", {"pictures": []}, 422, "invalid"),
        ("PUT", "/classes", {"name": "a"}, 405, "method"),
    ],
)
def test_request__that_cannot_be_done__is_refused(project, method, path, body, status, kind):
    before = project.state

    answer = project.client.request(method, path, json=body)

    assert (answer.status_code, answer.json()["kind"]) == (status, kind)
    assert answer.json()["error"][0].isupper()
    assert answer.json()["error"].endswith((".", "?"))
    assert project.state == before


def test_onnx__without_its_packages__says_how_to_install_them_and_the_preview_is_there(
    project, monkeypatch
):
    real = importlib.import_module

    def without(name, *rest):
        if name == "onnxscript":
            raise ImportError("No module named 'onnxscript'")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    project.fill()

    for path in ("/take/onnx", "/take/web.zip", "/web/adapter.json"):
        answer = project.client.get(path)
        assert (answer.status_code, answer.json()["kind"]) == (409, "missing-package")
        assert "pip install 'metaadapter[onnx]'" in answer.json()["error"]
        assert 'uv tool install ".[onnx,serve]"' in answer.json()["error"]
    preview = project.client.get("/web/index.html")
    assert "app.js" in preview.text
    assert "script-src 'self' 'wasm-unsafe-eval'" in preview.headers["content-security-policy"]
    for path in ("/web/model.onnx", "/web/", "/web/%2e%2e/app.py", "/web//etc/passwd"):
        assert project.client.get(path).status_code == 404


def test_openapi__describes_every_address_and_needs_no_other_host(served):
    document = served.client.get("/openapi.json")

    paths = document.json()["paths"]
    assert {"/project", "/pictures", "/answers", "/predict"} <= set(paths)
    assert "://" not in document.text


def sent(key, by="", project=""):
    return {"Idempotency-Key": key, "Metaadapter-Author": by, "Metaadapter-Project": project}


def test_edit__sent_twice__is_done_once_also_after_a_restart(project, picture, tmp_path):
    client = project.client
    red = {"name": "red", "id": "abc"}
    made = [client.post("/classes", json=red, headers=sent("k1")) for _ in range(2)]
    (added,) = project.upload(("1.png", picture("red")))["added"]
    label = {"labels": {added: made[0].json()["id"]}}
    client.post("/labels", json=label, headers=sent("k2"))
    client.post("/labels", json={"labels": {added: None}}, headers=sent("k3"))
    client.post("/undo", headers=sent("k4"))
    before, folder = project.state, project.session.project.folder.name

    for _ in range(2):
        assert client.post("/labels", json={"labels": {added: None}}, headers=sent("k3")).is_success
        assert client.post("/undo", headers=sent("k4")).json()["pictures"] == []
        assert content_of(project.state) == content_of(before)
        name = before["name"]  # opened again, from what is on disk
        client.post("/projects", json={"name": f"beside {name}"})
        assert client.post("/projects/open", json={"folder": folder}).is_success

    assert made[0].json()["id"] == made[1].json()["id"] == "abc"
    taken = client.post("/classes", json={"name": "other", "id": "abc"})
    assert (taken.status_code, taken.json()["kind"]) == (409, "invalid")
    assert [len(entry["pictures"]) for entry in before["classes"]] == [1]
    client.post("/undo", headers=sent("k5"))
    assert project.state["tray"] == [added]


def test_portion__whose_reply_was_lost__says_what_it_added(project, picture):
    files = [("pictures", (f"{n}.png", picture("red"))) for n in range(3)]
    first, second = files[:2], [files[0], files[2]]

    def send(portion, key):
        form = {"files": portion, "data": {"class": "", "drop": "d"}, "headers": sent(key)}
        return project.client.post("/pictures", **form)

    replies = [send(first, "d-0").json() for _ in range(2)]
    for reply in replies:
        reply.pop("revision")  # it also grows when a picture is encoded
    assert replies[0] == replies[1]
    assert len(replies[0]["added"]) == 2
    assert project.client.post("/pictures", files=first).json()["added"] == []

    project.client.post("/undo")
    refused = send(second, "d-1")
    assert (refused.status_code, refused.json()["kind"]) == (409, "drop-undone")
    assert project.state["tray"] == []
    project.client.post("/redo")
    assert sorted(project.state["tray"]) == sorted(replies[0]["added"])
    assert len(send(second, "d-1").json()["added"]) == 2
    assert [step["values"] for step in project.client.get("/history").json()["steps"]][-1] == {
        "n": 3
    }


def content_of(state):
    return {key: value for key, value in state.items() if key != "revision"}


def test_history__says_who_did_what_after_a_restart_too(project, picture):
    client = project.client
    (added,) = project.upload(("1.png", picture("red")))["added"]
    deer = client.post("/classes", json={"name": "deer"}, headers=sent("", "J%C3%B6rg")).json()[
        "id"
    ]
    client.post("/labels", json={"labels": {added: deer}}, headers=sent("", "Anna"))
    undone = client.post("/undo", headers=sent("", "J%C3%B6rg")).json()
    steps = client.get("/history").json()["steps"]
    folder = project.session.project.folder.name
    client.post("/projects", json={"name": f"beside {folder}"})
    client.post("/projects/open", json={"folder": folder})

    assert [(step["by"], step["what"], step["edit"]) for step in steps] == [
        ("Jörg", "undo", "Put 1 picture into deer"),
        ("Anna", "edit", "Put 1 picture into deer"),
        ("Jörg", "edit", "Added the class deer"),
        ("", "edit", "Added 1 picture"),
    ]
    assert (undone["by"], undone["pictures"]) == ("Anna", [added])
    assert client.get("/history").json()["steps"] == steps
    assert all(step["at"].endswith("+00:00") for step in steps)
