"""Adapters, skill files and generators on the hub, by a fake of its HTTP interface."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from metaadapter import (
    DataError,
    FrozenEncoder,
    IncompatibleArtifact,
    MetaAdapterClassifier,
    UsageError,
    adapt,
    add,
    push,
)
from metaadapter.adapter import load_adapter, store_adapter
from metaadapter.adapter.layout import pinned_adapter
from metaadapter.adapter.skill import skill_bytes
from metaadapter.data.hub import forget_downloads
from metaadapter.features.hub import hub_folder
from metaadapter.generator import Generator, GeneratorConfig, generator_id, load_generator
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.fake_hub import READER, hub_for_tests, variables
from tests.several_tasks import CLASSES, MixedPictures

NAME = "acme/birds"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with hub_for_tests(monkeypatch, tmp_path) as running:
        yield running


@pytest.fixture
def offline(monkeypatch):
    from huggingface_hub import constants

    def switch():
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        forget_downloads()

    return switch


@pytest.fixture
def hub_encoder(hub, encoder):
    """The small encoder as a model of the hub."""
    hub.put("acme/clip", {file.name: file.read_bytes() for file in Path(encoder).iterdir()})
    hub_folder.cache_clear()
    yield "hf-hub:acme/clip"
    hub_folder.cache_clear()


@pytest.fixture
def own(adapter, tmp_path):
    return shutil.copytree(adapter, tmp_path / "birds")


def same(one, other):
    tensors = one.weights.tensors(), other.weights.tensors()
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    assert one.config.classes == other.config.classes
    assert one.picture_hashes == other.picture_hashes


def test_push__adapter__comes_back_with_the_same_tensors_and_hashes(hub, own, same_support):
    pushed = push(own, NAME)

    stored, again = load_adapter(own), load_adapter(f"hf-hub:{NAME}")
    same(stored, again)
    assert same_support(stored.support, again.support)
    assert hub.repositories[NAME].refs["main"] == pushed.name.revision
    assert not hub.repositories[NAME].private
    classifier = MetaAdapterClassifier.from_pretrained(NAME)
    assert torch.equal(classifier.adapter_.classes, stored.weights.classes)


def test_push__is_one_commit_after_all_large_files(hub, own):
    push(own, NAME)

    commits = [path for path in hub.asked("POST") if "/commit/" in path]
    assert len(commits) == 1
    last = hub.requests.index(("POST", commits[0]))
    assert all(hub.requests.index(("PUT", path)) < last for path in hub.asked("PUT"))
    assert len(hub.repositories[NAME].commits) == 2  # creation, and the push


def test_push__nothing_of_it_holds_a_path_of_this_machine_or_a_picture(hub, own, labelled, encoder):
    before = load_adapter(own)
    assert str(encoder) in before.config.model_dump_json()

    push(own, NAME)

    files = hub.repositories[NAME].files()
    assert files.keys() - {".gitattributes"} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "support.safetensors",
    }
    here = {str(path).encode() for path in (encoder, own, labelled, Path.home(), Path.cwd())}
    pictures = {path.name.encode() for path in labelled.rglob("*.*")}
    for content in files.values():
        assert not [text for text in here | pictures if text in content]
    again = load_adapter(f"hf-hub:{NAME}")
    assert again.config.origin.encoder is None
    assert again.config.origin.fingerprint.digest == before.config.origin.fingerprint.digest
    store_adapter(own.with_suffix(".adapter"), before)
    push(own.with_suffix(".adapter"), "acme/skill")
    skill = hub.repositories["acme/skill"].files()["birds.adapter"]
    assert not [text for text in here | pictures if text in skill]


def test_push__without_features__a_later_commit_removes_those_of_an_earlier_one(hub, own):
    push(own, NAME)

    push(own, NAME, features=False)

    assert "support.safetensors" not in hub.repositories[NAME].files()
    again = load_adapter(f"hf-hub:{NAME}")
    assert again.support is None
    assert again.picture_hashes == ()


def test_push__skill_file__is_read_by_the_name_of_its_repository(hub, own, tmp_path):
    store_adapter(tmp_path / "skill.adapter", load_adapter(own))

    push(tmp_path / "skill.adapter", NAME)

    assert "skill.adapter" in hub.repositories[NAME].files()
    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}"))
    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}/skill.adapter"))


def test_push__skill_file_without_paths__is_the_same_file_to_the_last_byte(hub, tmp_path, own):
    stored = load_adapter(own)
    origin = stored.config.origin.model_copy(update={"encoder": None, "fingerprint": None})
    config = stored.config.model_copy(update={"origin": origin})
    skill = tmp_path / "skill.adapter"
    skill.write_bytes(skill_bytes(type(stored)(stored.weights, config, stored.support)))

    push(skill, NAME)

    assert hub.repositories[NAME].files()["skill.adapter"] == skill.read_bytes()


def test_push__folder_of_skill_files__one_is_chosen_by_its_name(hub, own, tmp_path):
    folder = tmp_path / "skills"
    for name in ("a", "b"):
        store_adapter(folder / f"{name}.adapter", load_adapter(own))

    push(folder, NAME)

    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}/b.adapter"))
    assert not hub.asked("GET", "a.adapter")
    with pytest.raises(UsageError, match=rf"name one of them:\n  hf-hub:{NAME}/a.adapter\n"):
        load_adapter(f"hf-hub:{NAME}")
    with pytest.raises(UsageError, match=r"has the skill files a\.adapter, b\.adapter"):
        load_adapter(f"hf-hub:{NAME}/c.adapter")
    (folder / "a.adapter").rename(folder / "a@b.adapter")
    with pytest.raises(UsageError, match=r"a@b\.adapter has an @ in its name"):
        push(folder, NAME)
    (folder / "a@b.adapter").unlink()
    push(folder, NAME)
    assert "a.adapter" not in hub.repositories[NAME].files()


def test_push__one_skill_file__leaves_the_others_and_lists_all(hub, own, tmp_path):
    folder = tmp_path / "skills"
    for name in ("a", "b"):
        store_adapter(folder / f"{name} [1].adapter", load_adapter(own))
    push(folder, NAME)
    before = hub.repositories[NAME].files()
    add_class(own)
    store_adapter(tmp_path / "c.adapter", load_adapter(own))

    push(tmp_path / "c.adapter", NAME)

    files = hub.repositories[NAME].files()
    assert {file for file in files if file.endswith(".adapter")} == {
        *("a [1].adapter", "b [1].adapter", "c.adapter")
    }
    assert files["a [1].adapter"] == before["a [1].adapter"]
    rows = [row for row in files["README.md"].decode().splitlines() if ".adapter |" in row]
    assert ["zebra" in row for row in rows] == [False, False, True]
    push(tmp_path / "c.adapter", NAME, features=False)
    assert hub.repositories[NAME].files().keys() == files.keys()


def test_push__first_one_fails__says_that_an_empty_repository_stays(hub, own):
    def refuse(name):
        hub.repositories[name].commit({})  # somebody else is faster

    hub.before_commit = refuse

    with pytest.raises(DataError, match="acme/birds was created for this push, and may be empty"):
        push(own, NAME)
    with pytest.raises(DataError) as second:
        push(own, NAME)
    assert "was created" not in str(second.value)


def test_push__skill_file_whose_name_is_a_pattern__comes_back(hub, own, tmp_path):
    skill = tmp_path / "birds [1].adapter"
    store_adapter(skill, load_adapter(own))

    push(skill, NAME)

    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}/{skill.name}"))


@pytest.mark.parametrize("place", ["birds", f"hf-hub:{NAME}", f"{NAME}@v2", f"{NAME}/a.adapter"])
def test_push__place_that_is_no_repository__says_what_was_expected(hub, own, place):
    with pytest.raises(UsageError, match="no repository to push to: expected ORGANISATION/NAME"):
        push(own, place)
    assert hub.requests == []


def test_push__generator__comes_back_and_predicts_the_same(hub, tmp_path):
    generator = load_generator("default")

    pushed = generator.push_to_hub("acme/generator", license="apache-2.0")

    again = Generator.from_pretrained("acme/generator")
    assert generator_id(again) == generator_id(generator)
    assert again.config == generator.config
    assert generator_id(load_generator(str(pushed.name))) == generator_id(generator)
    assert not again.training
    assert b"license: apache-2.0" in hub.repositories["acme/generator"].files()["README.md"]


def test_push__generator_of_your_own__its_weights_come_back_into_its_class(hub, tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "import torch\n"
        "from metaadapter import AdapterGenerator\n"
        "class Own(AdapterGenerator):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.zeros(()))\n"
        "    def forward(self, support):\n"
        "        raise NotImplementedError\n"
    )
    own = load_generator(f"{file}:Own")
    own.scale.data.fill_(3.0)
    own.push_to_hub("acme/own")

    assert load_generator(f"{file}:Own@hf-hub:acme/own").scale == 3
    assert type(own).from_pretrained("acme/own").scale == 3
    files = hub.repositories["acme/own"].files()
    assert not [name for name, content in files.items() if str(tmp_path).encode() in content]
    with pytest.raises(IncompatibleArtifact, match="without its code"):
        Generator.from_pretrained("acme/own")


def test_generator__adapter_names_it_with_its_commit(hub, labelled, encoder, tmp_path):
    small = Generator(GeneratorConfig(width=8, n_layers=1, n_heads=2))
    pushed = small.push_to_hub("acme/generator")

    adapted = adapt(labelled, encoder=str(encoder), generator="hf-hub:acme/generator")

    assert adapted.adapter.config.generator == str(pushed.name)
    assert adapted.adapter.config.generator_id == generator_id(small)


def test_add__generator_that_only_an_adapter_names__is_told_before_it_is_fetched(
    hub, labelled, encoder, tmp_path, monkeypatch
):
    from huggingface_hub import constants

    small = Generator(GeneratorConfig(width=8, n_layers=1, n_heads=2))
    small.push_to_hub("acme/generator")
    adapted = adapt(labelled, encoder=str(encoder), generator="hf-hub:acme/generator")
    adapted.save(tmp_path / "own")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another machine"))
    forget_downloads()
    name = adapted.adapter.config.generator
    n_bytes = sum(
        len(hub.repositories["acme/generator"].files()[file])
        for file in ("config.json", "model.safetensors")
    )
    message = (
        f"the adapter names the generator {name}, .*: {n_bytes / 1e6:,.1f} MB are fetched from "
        f"{hub.url}/acme/generator into "
    )
    pictures = sorted(labelled.rglob("*.png"))

    with pytest.warns(UserWarning, match=message):
        add(tmp_path / "own", "zebra", pictures[:1])
    forget_downloads()
    add(tmp_path / "own", "okapi", pictures[-1:])  # warnings are errors


def test_from_pretrained__revision__is_the_version_of_that_commit(hub, own):
    first = push(own, NAME).name.revision
    add_class(own)
    second = push(own, NAME).name.revision

    old = MetaAdapterClassifier.from_pretrained(NAME, revision=first)
    new = MetaAdapterClassifier.from_pretrained(NAME)

    assert len(new.classes_) == len(old.classes_) + 1
    assert pinned_adapter(Path(f"hf-hub:{NAME}")) == Path(f"hf-hub:{NAME}@{second}")
    with pytest.raises(UsageError, match=f"the hub has no model hf-hub:{NAME}@v2"):
        MetaAdapterClassifier.from_pretrained(NAME, revision="v2")
    with pytest.raises(UsageError, match="names a revision already"):
        MetaAdapterClassifier.from_pretrained(f"hf-hub:{NAME}@{first}", revision="main")


def add_class(path):
    classifier = MetaAdapterClassifier.load(path)
    X = classifier.support_.labelled_rows()[0].numpy()[:2]
    classifier.add_class("zebra", X)
    classifier.save(path)


def test_name__within_a_process__stays_at_its_commit(hub, own):
    push(own, NAME)
    before = load_adapter(f"hf-hub:{NAME}")
    add_class(own)
    push(own, NAME)

    n_requests = len(hub.requests)
    same(before, load_adapter(f"hf-hub:{NAME}"))

    assert len(hub.requests) == n_requests


def test_offline__cache__is_read_and_a_commit_needs_no_network(hub, own, offline):
    commit = push(own, NAME).name.revision
    load_adapter(f"hf-hub:{NAME}")

    offline()
    n_requests = len(hub.requests)

    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}"))
    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}@{commit}"))
    assert len(hub.requests) == n_requests
    with pytest.raises(DataError, match=r"the adapter hf-hub:acme/cats is not on this machine"):
        load_adapter("hf-hub:acme/cats")
    with pytest.raises(DataError, match="cannot be written while HF_HUB_OFFLINE=1"):
        push(own, NAME)


def test_hub_out_of_reach__cache_is_read_and_push_says_so(hub, own, monkeypatch):
    from huggingface_hub import constants

    push(own, NAME)
    load_adapter(f"hf-hub:{NAME}")
    forget_downloads()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")

    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}"))
    with pytest.raises(DataError, match=r"could not write to .*all of the files or none"):
        push(own, NAME)


def test_push__without_a_token__says_how_to_log_in(hub, own, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match=r"does not let you write .*hf auth login"):
        push(own, NAME)

    hub.put(NAME, {})
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(UsageError, match=r"does not let you write .*hf auth login"):
        push(own, NAME)
    assert hub.repositories[NAME].files() == {}


def test_load__missing_private_or_gated__says_which_and_what_to_do(hub, own, monkeypatch):
    with pytest.raises(UsageError, match="the hub has no model hf-hub:acme/nothing, or keeps it"):
        load_adapter("hf-hub:acme/nothing")
    push(own, NAME, private=True)
    assert hub.repositories[NAME].private
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match=r"keeps it private: then run `hf auth login`"):
        load_adapter(f"hf-hub:{NAME}")
    hub.repositories[NAME].private = False
    hub.repositories[NAME].gated = True
    with pytest.raises(DataError, match=f"accept it at {hub.url}/{NAME}"):
        load_adapter(f"hf-hub:{NAME}")


def test_push__private__is_refused_for_a_public_repository(hub, own):
    push(own, NAME)
    n_commits = len(hub.repositories[NAME].commits)

    with pytest.raises(UsageError, match="acme/birds is public already"):
        push(own, NAME, private=True)

    assert len(hub.repositories[NAME].commits) == n_commits


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x"},
        {"adapter_config.json": b'{"peft_type": "LORA"}', "adapter_model.safetensors": b"x"},
        {"data.csv": b"1,2"},
        {"skill.adapter": b"x"},
    ],
)
def test_repository_with_something_else__is_neither_replaced_nor_read(hub, own, files):
    hub.put(NAME, files)

    with pytest.raises(UsageError, match="acme/birds holds something else than an adapter"):
        push(own, NAME)
    with pytest.raises((IncompatibleArtifact, DataError)):
        load_adapter(f"hf-hub:{NAME}")
    with pytest.raises(IncompatibleArtifact):
        load_generator(f"hf-hub:{NAME}")
    assert hub.repositories[NAME].files() == files


def test_load__only_files_of_an_adapter_are_fetched(hub, own):
    push(own, NAME)
    extra = {"code.py": b"1/0", "pytorch_model.bin": b"x", "folder/adapter_config.json": b"{}"}
    hub.put(NAME, hub.repositories[NAME].files() | extra)
    hub.requests.clear()

    load_adapter(f"hf-hub:{NAME}")

    fetched = {path.rpartition("/")[2] for path in hub.asked("GET", "/resolve/")}
    assert fetched <= {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "support.safetensors",
    }
    assert not hub.asked("GET", "folder/")


def test_load__file_that_is_too_large__is_not_fetched(hub, own, monkeypatch):
    from metaadapter.adapter import layout

    push(own, NAME)
    monkeypatch.setitem(layout.MEMBERS, "adapter_model.safetensors", 100)

    with pytest.raises(
        DataError, match=r"adapter_model\.safetensors of the adapter .* at most 100"
    ):
        load_adapter(f"hf-hub:{NAME}")
    assert not hub.asked("GET", "/resolve/")


def test_load__damaged_file__is_refused_by_its_proof(hub, own):
    push(own, NAME)
    files = hub.repositories[NAME].files()
    weights = bytearray(files["adapter_model.safetensors"])
    weights[-1] ^= 1
    hub.put(NAME, files | {"adapter_model.safetensors": bytes(weights)})

    with pytest.raises(DataError, match="is damaged or was changed"):
        load_adapter(f"hf-hub:{NAME}")


def test_add__to_an_adapter_of_the_hub__needs_a_place_for_the_new_one(hub, own, tmp_path):
    push(own, NAME)

    with pytest.raises(UsageError, match=r"is on the hub.*--out ADAPTER.*metaadapter push"):
        add(f"hf-hub:{NAME}", "owl", name="owl")
    with pytest.raises(UsageError, match="is on the hub"):
        store_adapter(Path(f"hf-hub:{NAME}"), load_adapter(own))
    assert not list(tmp_path.glob("hf-hub*"))


def test_push__card_of_the_hub__keeps_its_author_s_words_and_metadata(hub, own):
    written = b"---\nlicense: cc-by-4.0\ntags:\n- owls\nlanguage: en\n---\n\n# Our birds\n"
    hub.put(NAME, {"README.md": written})

    push(own, NAME)
    push(own, NAME, license="mit")

    card = hub.repositories[NAME].files()["README.md"].decode()
    head, body = re.fullmatch(r"---\n(.*?)---\n(.*)", card, re.DOTALL).groups()
    assert head.splitlines() == [
        "license: mit",
        *("tags:", "- owls", "- clip", "- few-shot", "- adapter"),
        "language: en",
        "library_name: metaadapter",
        "pipeline_tag: image-classification",
    ]
    assert body.count("# A few-shot adapter for") == 1
    assert body.endswith("# Our birds\n")
    assert "path/of/this" not in card


def test_push__card_without_lists_or_facts__keeps_all_words(hub, own):
    hub.put(NAME, {"README.md": b"---\ntags: owls\n---\n# Our birds\n"})
    hub.put("acme/others", {"README.md": b"---\nOnly words.\n---\n# Our birds\n"})

    push(own, NAME)
    push(own, "acme/others")

    card, other = (hub.repositories[n].files()["README.md"].decode() for n in (NAME, "acme/others"))
    assert "tags:\n- owls\n- clip\n" in card
    assert other.startswith("---\nlibrary_name: metaadapter\n")
    assert other.endswith("---\nOnly words.\n---\n# Our birds\n")


def test_push__card_with_broken_metadata__is_refused_before_anything_is_written(hub, own):
    hub.put(NAME, {"README.md": b"---\na: [\n---\n"})

    with pytest.raises(DataError, match="the metadata at the top of the card are no YAML"):
        push(own, NAME)
    assert not hub.asked("PUT")


def test_card__its_code_runs_as_it_is(hub, hub_encoder, labelled, tmp_path, monkeypatch):
    adapted = adapt(labelled, encoder=hub_encoder)
    adapted.save(tmp_path / "birds")
    push(tmp_path / "birds", NAME)
    card = hub.repositories[NAME].files()["README.md"].decode()
    assert "base_model:\n- acme/clip\n" in card
    work = tmp_path / "elsewhere"
    work.mkdir()
    picture = next(labelled.rglob("*.png"))
    shutil.copy(picture, work / "picture.jpg")
    monkeypatch.chdir(work)

    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    *statements, last = code.strip().splitlines()
    namespace = {}
    exec("\n".join(statements), namespace)
    answer = eval(last, namespace)

    encoder = FrozenEncoder.load(hub_encoder, device="cpu")
    local = MetaAdapterClassifier.load(tmp_path / "birds")
    assert answer == pytest.approx(local.predict_proba(encoder.encode_images([picture])), abs=1e-6)


def test_push__adapter_of_several_labels__its_card_loads_it(hub, tmp_path):
    made = MixedPictures(n=60)
    classifier = SeveralLabelsClassifier(dict(zip(CLASSES, made.texts, strict=True)))
    classifier.fit(made.rows, made.shows).save(tmp_path / "several")

    push(tmp_path / "several", NAME)

    card = hub.repositories[NAME].files()["README.md"].decode()
    line = re.search(r"^classifier = (.*)$", card, re.MULTILINE)[1]
    again = eval(line, {"SeveralLabelsClassifier": SeveralLabelsClassifier})
    assert (again.predict_proba(made.rows) == classifier.predict_proba(made.rows)).all()


def test_card_of_a_generator__its_code_runs_as_it_is(hub):
    load_generator("closed-form").push_to_hub("acme/generator")
    card = hub.repositories["acme/generator"].files()["README.md"].decode()

    namespace = {}
    exec(re.search(r"```python\n(.*?)```", card, re.DOTALL)[1], namespace)

    generator = namespace["classifier"].generator
    assert generator_id(generator) == generator_id(load_generator("closed-form"))


def test_predict__encoder_that_only_an_adapter_names__is_told_before_it_is_fetched(
    hub, hub_encoder, own, labelled
):
    from metaadapter import predict

    stored = load_adapter(own)
    origin = stored.config.origin.model_copy(update={"encoder": hub_encoder})
    config = stored.config.model_copy(update={"origin": origin})
    store_adapter(own, type(stored)(stored.weights, config, stored.support))
    message = rf"birds names the encoder {hub_encoder}, .* fetched from {hub.url}/acme/clip into"

    with pytest.warns(UserWarning, match=message):
        predict(own, [labelled])
    hub_folder.cache_clear()
    predict(own, [labelled])  # the encoder is here now: warnings are errors


def test_push__of_two_at_once__one_is_told_and_loses_nothing(hub, own):
    push(own, NAME)

    def somebody_else(name):
        hub.before_commit = lambda _: None
        hub.put(name, hub.repositories[name].files() | {"notes.md": b"theirs"})

    hub.before_commit = somebody_else
    add_class(own)
    with pytest.raises(DataError, match=r"somebody changed .* at the same time; nothing of yours"):
        push(own, NAME)

    assert hub.repositories[NAME].files()["notes.md"] == b"theirs"
    push(own, NAME)
    forget_downloads()
    assert "zebra" in load_adapter(f"hf-hub:{NAME}").config.classes
    assert hub.repositories[NAME].files()["notes.md"] == b"theirs"


def test_load__by_many_threads__gives_all_the_same(hub, own):
    push(own, NAME)
    loaded = []

    def load():
        loaded.append(load_adapter(f"hf-hub:{NAME}"))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(loaded) == 4
    for other in loaded:
        same(load_adapter(own), other)


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["/preupload/", "/objects/batch", "/large/", "/commit/"])
def test_push__killed_at_a_request__leaves_all_of_the_old_or_all_of_the_new(
    hub, own, request_, tmp_path
):
    push(own, NAME)
    before = dict(hub.repositories[NAME].files())
    add_class(own)
    process, has_begun = None, threading.Event()

    def kill(path):
        if request_ in path:
            has_begun.wait()
            process.kill()
            process.wait()

    hub.before_answer = kill
    command = [sys.executable, "-m", "metaadapter", "push", own, NAME]
    process = subprocess.Popen(command, env=variables(tmp_path, hub))
    has_begun.set()

    assert process.wait() == -signal.SIGKILL
    if request_ != "/commit/":  # where all of it has arrived
        assert hub.repositories[NAME].files() == before
    forget_downloads()
    assert load_adapter(f"hf-hub:{NAME}").support is not None  # its proof fits its files
