"""The HTTP interface: a project from its first class to its downloads, and refusals."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import zipfile
from dataclasses import replace
from datetime import date
from urllib.parse import quote

import pytest
import torch

from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.apps.page.changes import remove_pictures
from metaadapter.apps.page.project import hold, read_facts
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.towers.config import InsideConfig
from metaadapter.workflow.predictions import predict_pictures
from metaadapter.workflow.query_shift import QueryShift


@pytest.fixture
def shots(picture):
    """Parts of a form: so many pictures of each colour, named by it."""

    def make(*colours, n=1):
        names = [(colour, number) for colour in colours for number in range(n)]
        return [("pictures", (f"{one}/{number}.png", picture(one))) for one, number in names]

    return make


def test_pictures__in_folders__make_classes_and_others_go_to_the_tray(project, picture):
    red, green, loose = picture("red"), picture("green"), picture("red")

    project.upload(("red/1.png", red), ("some/green/2.png", green), into="folders")
    added = project.upload(("loose.png", loose))["added"]

    state = project.state
    assert [entry["name"] for entry in state["classes"]] == ["red", "green"]
    assert [len(entry["pictures"]) for entry in state["classes"]] == [1, 1]
    assert state["tray"] == added == [hashlib.sha256(loose).hexdigest()[:32]]
    assert state["names"][added[0]] == "loose.png"
    assert state["saved"]


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
        predicted = predictions["answers"][hashlib.sha256(content).hexdigest()[:32]]
        assert names[predicted["class"]] == prediction.label
        assert names[predicted["runner_up"]] == prediction.runner_up
        assert predicted["probability"] == pytest.approx(prediction.probability, abs=1e-6)
        assert predicted["known"] == pytest.approx(prediction.known, abs=1e-6)
        assert predicted["unfamiliar"] == prediction.unfamiliar


def test_label__of_none_of_the_classes__leaves_the_tray_and_can_be_undone(project, picture):
    project.fill(n_tray=2)
    first, second = project.state["tray"]

    project.client.post("/labels", json={"labels": {first: "none"}})
    project.client.post("/labels", json={"pictures": [second], "class": "none"})
    (third,) = project.upload(("grey.png", picture((99, 99, 99))), into="none")["added"]

    state = project.state
    assert (state["none"], state["tray"]) == ([first, second, third], [])
    assert not any({first, second, third} & {*entry["pictures"]} for entry in state["classes"])
    assert not project.answers()["answers"]
    for _ in range(2):
        project.client.post("/undo")
    assert (project.state["none"], project.state["tray"]) == ([first], [second])


def test_folder__of_none_of_the_classes__becomes_their_label(project, picture):
    content = picture((99, 99, 99))
    added = project.upload(
        ("red/1.png", picture("red")), ("None of these/2.png", content), into="folders"
    )["added"]

    assert project.state["none"] == added[1:]
    assert [entry["name"] for entry in project.state["classes"]] == ["red"]


def test_answers__that_fall_on_pictures_of_none__are_unfamiliar_here_and_in_the_skill_file(
    project, picture, tmp_path
):
    orange = 220, 140, 30
    project.fill(n_tray=3)
    strangers = [(f"{number}.png", picture(orange)) for number in range(6)]
    added = project.upload(*strangers)["added"]

    project.client.post("/labels", json={"labels": dict.fromkeys(added[:3], "none")})

    answers = project.answers()["answers"]
    ids = {entry["id"] for entry in project.state["classes"]}
    assert all(answers[picture]["unfamiliar"] for picture in added[3:])
    assert {answer["class"] for answer in answers.values()} <= ids
    skill = tmp_path / "downloaded.adapter"
    skill.write_bytes(project.client.get("/take/adapter").content)
    (tmp_path / "new.png").write_bytes(picture(orange))
    rows = [ImageRow(tmp_path / "new.png", None)]
    pictures = encode_rows(rows, project.session.project.encoder, views=1, seed=0)
    (prediction,) = predict_pictures(load_adapter(skill), pictures)
    assert (prediction.label, prediction.unfamiliar) == ("none of these", True)
    assert prediction.known == pytest.approx(0.0, abs=0.2)
    left_out = project.answers()["left_out"]
    assert all(left_out[picture]["unfamiliar"] for picture in added[:3])
    assert project.client.get("/sure").json()["n_pictures"] == len(left_out) - 3


def test_answers__that_the_client_has__are_not_sent_again(project):
    held = project.fill(n_tray=0)  # with a tray, better answers follow a moment later

    again = project.client.get(f"/answers?since={held['revision']}").json()

    assert again == {"revision": held["revision"], "ready": True, "unchanged": True}


def test_left_out__has_every_labelled_picture_with_another_in_its_class(project, picture):
    project.fill(n_shots=2, n_tray=0)
    (alone,) = project.upload(("white/1.png", picture((250, 250, 250))), into="folders")["added"]

    left_out = project.answers()["left_out"]

    labelled = {picture for entry in project.state["classes"] for picture in entry["pictures"]}
    assert set(left_out) == labelled - {alone}
    sure = project.client.get("/sure").json()
    assert sure["n_pictures"] == len(left_out)
    assert sure["points"][0]["kept"] == 1.0


def test_labels__of_several_pictures__are_one_edit_that_undo_and_redo_move(project):
    project.fill(n_tray=3)
    red, green = project.class_of("red"), project.class_of("green")
    before = project.state["tray"]
    labels = dict(zip(before, (red, green, red), strict=True))

    assert project.client.post("/labels", json={"labels": labels}).status_code == 200
    assert project.state["tray"] == []
    assert "3 pictures" in project.client.post("/undo").json()["undone"]
    assert project.state["tray"] == before
    project.client.post("/redo")

    assert project.state["tray"] == []
    assert before[1] in project.state["classes"][1]["pictures"]


def test_class__removed__leaves_its_pictures_in_the_tray(project):
    project.fill(n_tray=0)
    (red, *_) = project.state["classes"]

    project.client.delete(f"/classes/{red['id']}")

    assert project.state["tray"] == red["pictures"]
    assert [entry["name"] for entry in project.state["classes"]] == ["green", "blue"]


def test_class__renamed_and_described__keeps_its_pictures_and_changes_the_adapter(project):
    project.fill()
    red = project.class_of("red")

    project.client.patch(f"/classes/{red}", json={"name": "crimson", "description": "dark red"})

    project.answers()
    stored = project.session.wait_for_results().stored
    assert [str(name) for name in stored.config.classes] == ["blue", "crimson", "green"]
    assert stored.config.texts["crimson"] == ["crimson", "dark red"]


def test_pictures__removed__are_gone_from_answers_and_cannot_be_read(project):
    project.fill(n_tray=2)
    gone, kept = project.state["tray"]

    project.client.request("DELETE", "/pictures", json={"pictures": [gone]})

    assert set(project.answers()["answers"]) == {kept}
    assert project.client.get(f"/pictures/{gone}").status_code == 404
    assert project.client.get(f"/pictures/{kept}").headers["content-type"] == "image/jpeg"


def test_picture__whole__is_the_file_that_was_sent_and_a_rare_kind_a_jpeg(project, picture):
    png, bmp = picture("red"), picture("red", "BMP")
    ids = project.upload(("a.png", png), ("b.bmp", bmp))["added"]

    whole = [project.client.get(f"/pictures/{picture}?size=whole") for picture in ids]

    assert whole[0].content == png
    assert [response.headers["content-type"] for response in whole] == ["image/png", "image/jpeg"]


def test_zip__of_pictures__is_unpacked_and_others_refused_by_name(project, picture, zip_of):
    files = [("red/1.png", picture("red")), ("notes.txt", b"no picture"), (".DS_Store", b"x")]

    sent = project.upload(("all.zip", zip_of(files)), into="folders")

    assert len(sent["added"]) == 1
    assert [entry["name"] for entry in sent["refused"]] == ["notes.txt"]
    assert "not a picture" in sent["refused"][0]["reason"]


def test_picture__uploaded_twice__is_known_already_and_stays_where_it_is(project, picture):
    content = picture("red")
    first = project.upload(("red/a.png", content), into="folders")

    second = project.upload(("b.png", content))

    assert second["known_already"] == first["added"]
    assert second["added"] == []
    assert project.state["tray"] == []


@pytest.mark.parametrize("into", ["a class", "folders"])
def test_picture__of_the_tray__uploaded_into_a_class__goes_there(project, picture, into):
    content = picture("red")
    sent = project.upload(("a.png", content))
    if into == "a class":
        into = project.client.post("/classes", json={"name": "red"}).json()["id"]

    again = project.upload(("red/a.png", content), into=into)

    assert again["known_already"] == sent["added"]
    (red,) = project.state["classes"]
    assert (red["name"], red["pictures"]) == ("red", sent["added"])
    project.client.post("/undo")
    assert project.state["tray"] == sent["added"]


def test_pictures__whose_class_goes_during_the_upload__go_to_the_tray(
    project, picture, monkeypatch
):
    from metaadapter.apps.page import uploads

    label = project.client.post("/classes", json={"name": "red"}).json()["id"]

    def keep_and_remove_class(*arguments):
        project.client.delete(f"/classes/{label}")
        return keep_pictures(*arguments)

    keep_pictures = uploads.keep_pictures
    monkeypatch.setattr(uploads, "keep_pictures", keep_and_remove_class)
    sent = project.upload(("a.png", picture("red")), into=label)

    assert project.state["tray"] == sent["added"]


def test_downloads__table_and_folders__have_each_picture_by_its_answer(project):
    project.fill(n_tray=3)
    client = project.client
    n_labelled = 6

    rows = list(csv.DictReader(io.StringIO(client.get("/take/answers.csv").text)))
    archive = zipfile.ZipFile(io.BytesIO(client.get("/take/pictures.zip").content))
    unsure = list(csv.DictReader(io.StringIO(client.get("/take/answers.csv?sure=1").text)))

    assert len(rows) == len(archive.namelist()) == n_labelled + 3
    assert archive.testzip() is None
    answers = sorted(row["answer"] for row in rows)
    assert sorted(name.split("/")[0] for name in archive.namelist()) == answers
    of_tray = [row["answer"] for row in unsure if not row["labelled"]]
    assert set(of_tray) <= {"unsure", "none of these"}


def test_missing_picture__is_told_and_left_out_of_the_zip_file(project):
    project.fill(n_shots=2, n_tray=1)
    (red, *_), (tray,) = project.state["classes"], project.state["tray"]
    gone = red["pictures"][0]
    for picture in (gone, tray):
        project.session.project.pictures.path(picture).unlink()

    archive = zipfile.ZipFile(io.BytesIO(project.client.get("/take/pictures.zip").content))
    refused = project.client.get(f"/pictures/{gone}?size=whole")

    said = archive.read("pictures left out.txt").decode()
    assert said.count("no such file") == 2
    assert len(archive.namelist()) == 5 + 1
    assert (refused.status_code, refused.json()["kind"]) == (404, "no-such-picture")
    assert "no such file" in refused.json()["error"]
    assert set(project.answers()["left_out"]).isdisjoint([gone])
    assert set(project.state["unreadable"]) == {gone, tray}
    project.client.request("DELETE", "/pictures", json={"pictures": [gone, tray]})
    assert project.state["unreadable"] == {}


def test_damaged_picture__uploaded_again__is_whole_again(project, picture):
    project.fill(n_shots=2, n_tray=0)
    content = picture("red")
    (added,) = project.upload(("red/new.png", content), into="folders")["added"]
    project.answers()
    path = project.session.project.pictures.path(added)
    path.write_bytes(picture("blue"))
    assert project.client.get(f"/pictures/{added}?size=whole").status_code == 404
    assert added not in project.answers()["left_out"]

    again = project.upload(("red/new.png", content))

    assert again["known_already"] == [added]
    assert project.client.get(f"/pictures/{added}?size=whole").content == content
    assert added in project.answers()["left_out"]
    assert project.state["unreadable"] == {}


def test_predict__of_pictures_that_are_not_kept__is_the_answer_of_the_tray(project, picture):
    project.fill(n_tray=0)
    before = project.state
    sent = [("pictures", ("x.png", picture("blue"))), ("pictures", ("y.txt", b"nothing"))]
    result = project.client.post("/predict", files=sent).json()

    assert [entry["label"] for entry in result["predictions"]] == ["blue"]
    assert result["predictions"][0]["path"] == "x.png"
    assert [entry["name"] for entry in result["refused"]] == ["y.txt"]
    assert project.state == before


def test_predict__pictures_from_elsewhere__have_the_shift_that_the_tray_has(project, picture):
    project.fill(n_tray=0)
    pale = [(f"{n}.png", picture((255, 160, 160) if n % 2 else (160, 255, 160))) for n in range(21)]
    sent = [("pictures", file) for file in pale]
    shift = project.client.post("/predict", files=sent).json()["shift"]
    few = project.client.post("/predict", files=sent[:19]).json()["shift"]
    project.upload(*pale)

    assert few is None
    assert shift["is_shifted"]
    # The document that `predict --json` has.
    n, ratio, probability = shift["n"], shift["ratio"], shift["probability"]
    assert shift == QueryShift(n, ratio, probability, of_pool=False).to_dict()
    assert project.answers()["shift"] == shift | {"ratio": pytest.approx(shift["ratio"], rel=1e-6)}


def test_adapt__pictures_named_by_class__gives_a_file_that_predict_takes(project, picture, shots):
    skill = project.client.post("/adapt", files=shots("red", "blue", n=2))
    question = [("pictures", ("new.png", picture("blue"))), ("adapter", ("a", skill.content))]
    result = project.client.post("/predict", files=question)

    assert skill.status_code == result.status_code == 200, result.text
    assert result.json()["predictions"][0]["label"] == "blue"
    assert set(result.json()["predictions"][0]["probabilities"]) == {"red", "blue"}


def test_predict__adapter_with_a_label_tree__has_the_sure_answer(project, picture, shots, tmp_path):
    skill, asked = tmp_path / "treed.adapter", ("pictures", ("new.png", picture("blue")))
    skill.write_bytes(project.client.post("/adapt", files=shots("red", "blue", n=2)).content)
    plain = [asked, ("adapter", ("a", skill.read_bytes()))]
    (without,) = project.client.post("/predict", files=plain).json()["predictions"]
    stored = load_adapter(skill)
    facts = stored.config.model_copy(update={"tree": {"red": "colour", "blue": "colour"}})
    store_adapter(skill, replace(stored, config=facts))

    treed = [asked, ("adapter", ("a", skill.read_bytes()))]
    (answer,) = project.client.post("/predict", files=treed).json()["predictions"]

    assert answer["sure"]["path"][0] == "colour"
    assert answer["sure"]["probabilities"][0] == pytest.approx(1)
    assert {key: value for key, value in answer.items() if key != "sure"} == without


def test_predict__adapter_with_parts_for_another_encoder__refuses(
    project, picture, shots, tmp_path
):
    skill = tmp_path / "parts.adapter"
    skill.write_bytes(project.client.post("/adapt", files=shots("red", "blue")).content)
    stored = load_adapter(skill)
    inside = InsideConfig(kind="bottleneck", towers=("image",), width=4)
    towers = {"inside/image/visual.block/down.weight": torch.zeros(4, 8)}
    facts = stored.config.model_copy(update={"inside": inside})
    store_adapter(skill, replace(stored, config=facts, towers=towers))

    question = [("pictures", ("new.png", picture("blue"))), ("adapter", ("a", skill.read_bytes()))]
    result = project.client.post("/predict", files=question)

    assert result.status_code == 422
    assert "has parts in the towers of an open_clip model" in result.text


def test_projects__are_listed_opened_and_made_beside_one_another(project, picture):
    project.upload(("red/1.png", picture("red")), into="folders")
    name, revision = project.state["name"], project.state["revision"]

    made = project.client.post("/projects", json={"name": "../Ünsafe ☃"})
    listed = project.client.get("/projects").json()
    back = project.client.post("/projects/open", json={"name": name})

    assert made.status_code == 201
    assert listed["current"] == "../Ünsafe ☃"
    assert {"name": name, "n_pictures": 1, "n_classes": 1} in listed["projects"]
    assert back.json()["current"] == name
    assert project.state["revision"] > revision
    assert len(project.state["classes"]) == 1
    folders = {path.name for path in project.session.project.folder.parent.iterdir()}
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in folders)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("POST", "/classes", {"name": "  "}, 422, "invalid"),
        ("POST", "/classes", {"name": "x" * 121}, 422, "invalid"),
        ("POST", "/classes", {"name": "a", "more": 1}, 422, "invalid"),
        ("PATCH", "/classes/abc", {"name": "a"}, 404, "no-such-class"),
        ("DELETE", "/classes/abc", None, 404, "no-such-class"),
        ("POST", "/labels", {"labels": {"0" * 32: None}}, 404, "no-such-picture"),
        ("POST", "/labels", {"labels": {"../../etc": None}}, 422, "invalid"),
        ("DELETE", "/pictures", {"pictures": ["0" * 32]}, 404, "no-such-picture"),
        ("POST", "/undo", None, 409, "nothing-to-undo"),
        ("POST", "/redo", None, 409, "nothing-to-redo"),
        ("GET", "/take/adapter", None, 409, "no-adapter"),
        ("GET", "/take/answers.csv?sure=nan", None, 422, "invalid"),
        ("GET", "/pictures/..%2f..%2fproject.json", None, 404, "no-such-path"),
        ("GET", "/page/..%2fapp.py", None, 404, "no-such-path"),
        ("POST", "/projects/open", {"name": "nowhere"}, 404, "no-such-project"),
        ("POST", "/pictures", {"pictures": []}, 415, "media-type"),
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


def test_name__of_another_class__is_refused(project):
    project.client.post("/classes", json={"name": "red"})

    again = project.client.post("/classes", json={"name": "red "})

    assert again.status_code == 409
    assert "'red'" in again.json()["error"]


def test_openapi__describes_every_address_and_needs_no_other_host(served):
    document = served.client.get("/openapi.json")

    paths = document.json()["paths"]
    assert {"/project", "/pictures", "/answers", "/predict", "/adapt"} <= set(paths)
    assert "://" not in document.text


def test_openapi__says_how_to_send_the_token_and_describes_everything(served):
    document = served.client.get("/openapi.json").json()
    (scheme,) = document["components"]["securitySchemes"].items()
    operations = [one for path in document["paths"].values() for one in path.values()]

    assert (scheme[1]["type"], scheme[1]["scheme"]) == ("http", "bearer")
    assert all(operation["security"] == [{scheme[0]: []}] for operation in operations)
    assert [one["operationId"] for one in operations if not one["description"].endswith(".")] == []
    parameters = [one for operation in operations for one in operation.get("parameters", ())]
    assert [one["name"] for one in parameters if "description" not in one] == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/pictures", {"pictures", "class", "wait"}),
        ("/predict", {"pictures", "adapter"}),
        ("/adapt", {"pictures"}),
        ("/detections", {"detections"}),
    ],
)
def test_openapi__names_the_fields_of_each_form(served, path, fields):
    document = served.client.get("/openapi.json").json()

    content = document["paths"][path]["post"]["requestBody"]["content"]
    assert set(content["multipart/form-data"]["schema"]["properties"]) == fields


def test_docs__are_a_page_without_scripts_that_has_every_operation(served):
    page = served.client.get("/docs")
    document = served.client.get("/openapi.json").json()

    assert page.headers["content-type"].startswith("text/html")
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"<code>{method.upper()} {path}</code>" in page.text
    for name in document["components"]["schemas"]:
        assert f'<section id="{name}">' in page.text
    assert "<script" not in page.text
    assert "://" not in page.text


def test_predict__with_a_file_that_is_no_adapter__names_the_file_as_the_client_does(
    project, picture
):
    sent = [("pictures", ("x.png", picture("blue"))), ("adapter", ("mine.adapter", b"nothing"))]

    refused = project.client.post("/predict", files=sent)

    assert refused.status_code in (409, 422)
    assert "mine.adapter" in refused.json()["error"]
    assert "upload-" not in refused.text
    assert str(project.session.project.folder) not in refused.text


def test_downloads__are_named_after_the_project_and_the_day(project, picture):
    project.client.post("/projects", json={"name": 'Jörg\'s "wear": 1/2'})
    project.fill(n_tray=0)

    head = project.client.get("/take/answers.csv").headers["content-disposition"]

    name = f"J%C3%B6rg%27s-_wear__-1_2-{date.today()}-answers.csv"
    assert head.endswith(f"filename*=UTF-8''{name}")
    assert f'filename="J_rg\'s-_wear__-1_2-{date.today()}-answers.csv"' in head


def test_onnx__without_its_packages__is_refused_with_what_to_install(project, monkeypatch):
    from metaadapter.apps.export import onnx_model

    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(onnx_model, "import_module", missing)
    project.fill()

    answer = project.client.get("/take/onnx")

    assert (answer.status_code, answer.json()["kind"]) == (409, "missing-package")
    assert "metaadapter[onnx]" in answer.json()["error"]


def test_page__without_its_runtime__is_refused_with_what_to_do(project):
    project.fill()

    answers = [project.client.get(path) for path in ("/take/page.zip", "/preview/index.html")]

    assert {answer.json()["kind"] for answer in answers} == {"no-runtime"}
    assert "serve --runtime FOLDER" in answers[0].json()["error"]


def test_sizes__are_those_of_the_downloads(project):
    project.fill()
    session = project.session
    with session._state:  # the adapter of the tray comes a moment after the first one
        assert session._state.wait_for(lambda: session.results.pool, timeout=60)

    sizes = project.client.get("/take/sizes?sure=0.4").json()

    taken = {
        key: len(project.client.get(f"/take/{path}?sure=0.4").content)
        for key, path in (("answers", "answers.csv"), ("moves", "moves.sh"), ("adapter", "adapter"))
    }
    assert {key: sizes[key] for key in taken} == taken
    content = project.client.get("/take/pictures.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sizes["pictures"] == sum(entry.file_size for entry in archive.infolist())


@pytest.fixture
def runtime(tmp_path):
    """A folder with the files of onnxruntime-web, without their content."""
    from metaadapter.apps.export.web_page import RUNTIME_FILES

    for name in RUNTIME_FILES:
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the file {name}")
    return tmp_path / "package"


@pytest.mark.slow
def test_page__of_a_project__has_the_classifier_and_a_preview(serve, shots, runtime, tmp_path):
    pytest.importorskip("onnxruntime")
    from metaadapter.features.encoder_by_name import load_encoder

    with serve(tmp_path / "project", "tiny", load_encoder, runtime=runtime) as served:
        files = shots("red", "blue", n=2)
        served.client.post("/pictures", files=files, data={"class": "folders"})
        before = served.client.get("/take/sizes").json()
        page = served.client.get("/take/page.zip").content
        previews = {
            name: served.client.get(f"/preview/{name}")
            for name in ("index.html", "model.onnx", "runtime/ort-wasm-simd-threaded.wasm")
        }
        model = served.client.get("/take/onnx").content
        sizes = served.client.get("/take/sizes").json()
        assert served.client.get("/preview/../pyproject.toml").status_code == 404

    with zipfile.ZipFile(io.BytesIO(page)) as archive:
        for name, preview in previews.items():
            assert archive.read(f"page/{name}") == preview.content
        assert archive.read("page/model.onnx") == model  # made once
        assert b'"red"' in archive.read("page/adapter.json")
    assert "wasm-unsafe-eval" in previews["index.html"].headers["content-security-policy"]
    assert (before["is_made"], sizes["is_made"]) == (False, True)
    assert 0.7 * len(model) < before["onnx"] < len(model) == sizes["onnx"]
    assert sizes["page"] == pytest.approx(len(page), rel=0.01)


@pytest.mark.slow
def test_onnx__of_a_project__answers_as_the_tray(serve, picture, shots, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    import numpy as np
    from PIL import Image

    from metaadapter.features.encoder_by_name import load_encoder

    with serve(tmp_path / "project", "tiny", load_encoder) as served:
        files = shots("red", "blue", n=2)
        served.client.post("/pictures", files=files, data={"class": "folders"})
        question = [("pictures", ("new.png", content := picture("blue")))]
        predicted = served.client.post("/predict", files=question).json()
        model = served.client.get("/take/onnx")

    assert model.status_code == 200, model.text
    session = onnxruntime.InferenceSession(model.content)
    pixels = np.array(Image.open(io.BytesIO(content)).convert("RGB"))[None]
    outputs = session.run(None, {session.get_inputs()[0].name: pixels})
    expected = list(predicted["predictions"][0]["probabilities"].values())
    assert outputs[0][0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        *("bald uakari", "BALD  UAKARI", "ｂald uakari", "Bald_Uakari", "_Bald\u2003Uakari "),
        *("Bald\u200b Uakari", "Bald Uak\u00adari", "\ufeffBald Uakari", "Bald Uak\u200dari"),
    ],
)
def test_class__whose_name_differs_too_little__is_refused_with_the_reason(project, name):
    project.client.post("/classes", json={"name": "Bald Uakari"})
    other = project.client.post("/classes", json={"name": "fox"}).json()["id"]

    answers = [
        project.client.post("/classes", json={"name": name}),
        project.client.patch(f"/classes/{other}", json={"name": name}),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    for answer in answers:
        assert answer.json()["error"].startswith("There is already a class 'Bald Uakari'.")
    again = project.client.patch(f"/classes/{project.class_of('Bald Uakari')}", json={"name": name})
    assert again.status_code == 200  # a class may change its own capitals


def test_folders__whose_names_differ_in_capitals__are_one_class(project, picture):
    project.upload(("Fox/1.png", picture("red")), ("fox/2.png", picture("red")), into="folders")
    project.upload(("FOX/3.png", picture("red")), into="folders")

    assert [len(entry["pictures"]) for entry in project.state["classes"]] == [3]


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
    before = project.state

    for _ in range(2):
        assert client.post("/labels", json={"labels": {added: None}}, headers=sent("k3")).is_success
        assert client.post("/undo", headers=sent("k4")).json()["pictures"] == []
        assert content_of(project.state) == content_of(before)
        name = before["name"]  # opened again, from what is on disk
        client.post("/projects", json={"name": f"beside {name}"})
        assert client.post("/projects/open", json={"name": name}).is_success

    assert made[0].json()["id"] == made[1].json()["id"] == "abc"
    taken = client.post("/classes", json={"name": "other", "id": "abc"})
    assert (taken.status_code, taken.json()["kind"]) == (409, "invalid")
    assert [len(entry["pictures"]) for entry in before["classes"]] == [1]
    client.post("/undo", headers=sent("k5"))
    assert project.state["tray"] == [added]


def content_of(state):
    return {key: value for key, value in state.items() if key != "revision"}


def test_edit__meant_for_another_project__is_refused(project):
    name = project.session.project.folder.name
    refused = project.client.post("/classes", json={"name": "a"}, headers=sent("k", project="no"))
    made = project.client.post("/classes", json={"name": "a"}, headers=sent("k", project=name))

    assert (refused.status_code, refused.json()["kind"]) == (409, "another-project")
    assert made.status_code == 201


def test_history__says_who_did_what_after_a_restart_too(project, picture):
    client = project.client
    (added,) = project.upload(("1.png", picture("red")))["added"]
    deer = client.post("/classes", json={"name": "deer"}, headers=sent("", "J%C3%B6rg")).json()[
        "id"
    ]
    client.post("/labels", json={"labels": {added: deer}}, headers=sent("", "Anna"))
    undone = client.post("/undo", headers=sent("", "J%C3%B6rg")).json()
    steps = client.get("/history").json()["steps"]
    name = project.state["name"]
    client.post("/projects", json={"name": f"beside {name}"})
    client.post("/projects/open", json={"name": name})

    assert [(step["by"], step["what"], step["edit"]) for step in steps] == [
        ("Jörg", "undo", "Put 1 picture into deer"),
        ("Anna", "edit", "Put 1 picture into deer"),
        ("Jörg", "edit", "Added the class deer"),
        ("", "edit", "Added 1 picture"),
    ]
    assert (undone["by"], undone["pictures"]) == ("Anna", [added])
    assert client.get("/history").json()["steps"] == steps
    assert all(step["at"].endswith("+00:00") for step in steps)


def test_predict__now__does_not_wait_for_pictures_that_are_not_encoded_yet(
    project, picture, monkeypatch
):
    project.fill(n_tray=0)
    monkeypatch.setattr(project.session, "wait_for_results", None)  # a call would fail

    files = {"pictures": ("new.png", picture("green"))}
    answer = project.client.post("/predict?now=true", files=files)

    assert [one["label"] for one in answer.json()["predictions"]] == ["green"]
    assert project.state["tray"] == []


def test_project__renamed__keeps_its_folder_and_everything_in_it(project, picture):
    project.upload(("red/1.png", picture("red")), into="folders")
    client, folder, name = project.client, project.session.project.folder, project.state["name"]

    def rename(old, new):
        return client.post("/projects/rename", json={"name": old, "new_name": new})

    assert rename(name, f"{name} of wear").json()["current"] == f"{name} of wear"
    assert project.state["name"] == f"{name} of wear"
    client.post("/projects", json={"name": f"beside {name}"})
    refused = rename(f"{name} of wear", f"BESIDE {name}")
    assert (refused.status_code, refused.json()["kind"]) == (409, "name-taken")
    assert rename("nowhere", "x").status_code == 404
    rename(f"{name} of wear", f"{name} OF WEAR")  # one that is not open

    assert client.post("/projects/open", json={"name": f"{name} OF WEAR"}).is_success
    assert project.session.project.folder == folder
    assert [entry["name"] for entry in project.state["classes"]] == ["red"]
    assert read_facts(folder).name == f"{name} OF WEAR"


def test_project__deleted__lies_whole_in_another_folder_that_is_named(project, picture):
    project.upload(("red/1.png", picture("red")), into="folders")
    client, folder, name = project.client, project.session.project.folder, project.state["name"]
    refused = client.post("/projects/delete", json={"name": name})
    client.post("/projects", json={"name": f"beside {name}"})
    before = {file.name for file in folder.rglob("*")}
    (folder.parent / "deleted projects").mkdir(exist_ok=True)
    (folder.parent / "deleted projects" / folder.name).mkdir()  # one of that name is there

    deleted = client.post("/projects/delete", json={"name": name}).json()

    assert (refused.status_code, refused.json()["kind"]) == (409, "project-open")
    place = folder.parent / "deleted projects" / f"{folder.name} (2)"
    assert deleted["place"] == str(place)
    assert not folder.exists()
    assert {file.name for file in place.rglob("*")} == before
    assert name not in [listed["name"] for listed in deleted["projects"]]
    place.rename(folder)
    assert client.post("/projects/open", json={"name": name}).is_success
    assert len(project.state["classes"]) == 1


def test_project__open_in_another_process__is_neither_renamed_nor_deleted(project):
    client, folder, name = project.client, project.session.project.folder, project.state["name"]
    client.post("/projects", json={"name": f"beside {name}"})
    with hold(folder):
        answers = [
            client.post("/projects/rename", json={"name": name, "new_name": "x"}),
            client.post("/projects/delete", json={"name": name}),
        ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("another run is writing" in answer.json()["error"].lower() for answer in answers)
    assert read_facts(folder).name == name


def test_edit__sent_again_after_later_edits__is_answered_as_before(project, picture):
    client = project.client
    (added,) = project.upload(("1.png", picture("red")))["added"]

    def send(key, method, path, body=None):
        return client.request(method, path, json=body, headers=sent(key))

    made = [send("m", "POST", "/classes", {"name": "red"}).json()["id"] for _ in range(2)]
    requests = [
        ("r", "PATCH", f"/classes/{made[0]}", {"name": "fox"}),
        ("l", "POST", "/labels", {"pictures": [added], "class": made[0]}),
        ("d", "DELETE", f"/classes/{made[0]}"),
    ]
    statuses = [send(*request).status_code for request in requests * 2]

    assert made[0] == made[1]
    assert statuses == [200] * 6
    assert (project.state["classes"], project.state["tray"]) == ([], [added])
    assert send("other", *requests[2][1:]).json()["kind"] == "no-such-class"


@pytest.mark.parametrize("name", ["back\\slash", "mark\u200e", "turned\u202eback"])
def test_edit__of_a_project_with_an_unusual_folder__is_for_this_project(
    serve, colour_encoder, tmp_path, name
):
    with serve(tmp_path / name, "colours", lambda *_, **__: colour_encoder) as served:
        shown = re.split(r"[/\\]", served.client.get("/project").json()["folder"])[-1]
        headers = sent("k", project=quote(shown))
        made = served.client.post("/classes", json={"name": "a"}, headers=headers)

    assert made.status_code == 201, made.text


def test_project__with_the_name_of_another__is_not_deleted_or_renamed(project):
    client, folder, name = project.client, project.session.project.folder, project.state["name"]
    client.post("/projects", json={"name": f"beside {name}"})
    copy = folder.with_name(f"{folder.name} copy")
    shutil.copytree(folder, copy)

    refused = [
        client.post("/projects/delete", json={"name": name}),
        client.post("/projects/rename", json={"name": name, "new_name": f"new {name}"}),
    ]
    kinds = [(one.status_code, one.json()["kind"]) for one in refused]
    assert kinds == [(409, "several-projects")] * 2
    assert folder.exists()
    assert copy.exists()

    client.post("/projects/open", json={"name": name})
    renamed = client.post("/projects/rename", json={"name": name, "new_name": f"new {name}"})
    assert renamed.is_success
    assert client.post("/projects/delete", json={"name": name}).is_success


@pytest.mark.parametrize("path", ["answers.csv", "moves.sh", "sizes"])
def test_downloads__while_a_picture_is_removed__are_of_one_moment(project, monkeypatch, path):
    project.fill()
    session, left = project.session, project.state["tray"][:1]
    read = session.read

    def racing(reader):
        value = read(reader)
        if left:
            changes = remove_pictures(read(lambda contents: contents), [left.pop()])
            session.change(lambda history: history.make("removed", changes))
        return value

    monkeypatch.setattr(session, "read", racing)

    assert project.client.get(f"/take/{path}").status_code == 200
    assert left == []
