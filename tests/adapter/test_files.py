from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as safetensors_bytes

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import hold_adapter, load_adapter, store_adapter
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.data.checksums import unsealed, write_document
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.origin import Origin


def config(**changes):
    facts = {
        "classes": ["fox", "lynx"],
        "width": 8,
        "n_shots": [2, 1],
        "mode": "one_shot",
        "generator": "closed-form",
        "generator_id": "0123456789ab",
    }
    return AdapterConfig(**(facts | changes))


def replace_weights(folder, tensors):
    """Put other tensors into an adapter's folder, as a save would."""
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(tensors))
    path = folder / "adapter_config.json"
    facts, files = unsealed(json.loads(path.read_bytes()))
    write_document(path, facts, files=files)


def save(path, weights, facts, support=None, hashes=()):
    store_adapter(path, StoredAdapter(weights, facts, support, tuple(hashes)))


@pytest.fixture
def weights():
    return AdapterWeights.zero_shot(torch.eye(2, 8), 15.0)


def test_store_adapter__then_load__gives_the_same_tensors_and_facts(
    tmp_path, weights, same_support
):
    labels = torch.tensor([0, 0, 1])
    rows, texts = torch.rand(3, 8), torch.rand(2, 8)
    support = Support.of_rows(rows, labels, texts, logit_scale=20.0, blocks=(5, 3))
    facts = config(origin=Origin(encoder="tiny", n_views=6), logit_scale=20.0, blocks=(5, 3))

    save(tmp_path / "a b", weights, facts, support, ["cd", "ab"])
    stored = load_adapter(tmp_path / "a b")

    assert stored.config.model_copy(update={"files": {}}) == facts
    assert stored.picture_hashes == ("ab", "cd")
    for name, tensor in weights.tensors().items():
        assert torch.equal(stored.weights.tensors()[name], tensor)
    assert same_support(stored.support, support)


def test_store_adapter__folder__holds_no_pickle(tmp_path, weights):
    save(tmp_path / "adapter", weights, config())

    names = {path.name for path in (tmp_path / "adapter").iterdir()}

    assert names - {".lock"} == {"adapter_config.json", "adapter_model.safetensors", "README.md"}


def test_store_adapter__card_in_another_encoding__keeps_the_bytes_of_its_author(tmp_path, weights):
    save(tmp_path / "adapter", weights, config())
    file = tmp_path / "adapter" / "README.md"
    file.write_bytes(file.read_bytes() + "Von Jörg".encode("latin-1"))

    save(tmp_path / "adapter", weights, config(n_shots=[4, 4]))

    assert file.read_bytes().endswith("Von Jörg".encode("latin-1"))
    assert b"8 labelled" in file.read_bytes()


def test_store_adapter__folder_with_a_hidden_file_of_a_file_manager__counts_as_empty(
    tmp_path, weights
):
    (tmp_path / ".DS_Store").touch()

    save(tmp_path, weights, config())

    assert load_adapter(tmp_path).config.classes == ["fox", "lynx"]


@pytest.mark.parametrize("end", [".new", ".new.tmp"])
def test_store_adapter__folder_of_one_killed_at_its_first_file__is_taken_up(tmp_path, weights, end):
    (tmp_path / f"adapter_model.safetensors{end}").write_bytes(b"cut")

    save(tmp_path, weights, config())

    assert load_adapter(tmp_path).config.classes == ["fox", "lynx"]
    assert not (tmp_path / "adapter_model.safetensors.new").exists()


def test_store_adapter__folder_of_something_else__is_left_alone(tmp_path, weights):
    (tmp_path / "thesis.txt").write_text("years of work")

    message = r"holds other files \(thesis\.txt\) and no adapter; give --out an empty or new"
    with pytest.raises(DataError, match=message):
        save(tmp_path, weights, config())

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_store_adapter__place_without_permission__says_which(tmp_path, weights, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, _: path != tmp_path)

    with pytest.raises(DataError, match=r"no permission to write to .*choose another folder"):
        save(tmp_path / "new" / "adapter", weights, config())

    assert not list(tmp_path.iterdir())


def test_store_adapter__again__keeps_the_authors_words_in_the_card(tmp_path, weights):
    save(tmp_path / "adapter", weights, config())
    card = tmp_path / "adapter" / "README.md"
    card.write_text(card.read_text() + "\nTaken in the Harz, 2026.\n")

    save(tmp_path / "adapter", weights, config(n_shots=[5, 6]))

    assert "Taken in the Harz, 2026." in card.read_text()
    assert "from 11 labelled" in card.read_text()
    assert "from 3 labelled" not in card.read_text()


def test_load_adapter__key_of_a_newer_version__is_dropped_and_named(tmp_path, weights, reseal):
    save(tmp_path, weights, config())
    reseal(tmp_path / "adapter_config.json", hyperbolic=True)

    with pytest.warns(UserWarning, match="hyperbolic is not known to this version"):
        stored = load_adapter(tmp_path)

    assert stored.config.classes == ["fox", "lynx"]


def test_load_adapter__tensor_of_a_newer_version__is_dropped_and_named(tmp_path, weights):
    save(tmp_path, weights, config())
    replace_weights(tmp_path, weights.tensors() | {"curvature": torch.ones(1)})

    with pytest.warns(UserWarning, match="curvature is not known"):
        stored = load_adapter(tmp_path)

    assert torch.equal(stored.weights.classes, weights.classes)


def test_load_adapter__missing_required_key__is_refused(tmp_path, weights, reseal):
    save(tmp_path, weights, config())
    reseal(tmp_path / "adapter_config.json", classes=None)

    with pytest.raises(IncompatibleArtifact, match="missing or wrong: classes"):
        load_adapter(tmp_path)


def test_load_adapter__other_schema__says_upgrade(tmp_path, weights, reseal):
    save(tmp_path, weights, config())
    reseal(tmp_path / "adapter_config.json", schema="metaadapter.adapter/9")

    with pytest.raises(
        IncompatibleArtifact, match=r"expected schema .*/2' or .*/3', found .*/9'; upgrade"
    ):
        load_adapter(tmp_path)


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
def test_load_adapter__cut_file__says_adapt_again(tmp_path, weights, file):
    save(tmp_path, weights, config())
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=f"{file} is damaged .*adapt again"):
        load_adapter(tmp_path)


def test_load_adapter__tensors_of_another_save__are_noticed(tmp_path, weights):
    save(tmp_path / "one", weights, config())
    save(tmp_path / "two", weights.map(lambda tensor: 2 * tensor), config())
    (tmp_path / "two" / "adapter_model.safetensors").replace(
        tmp_path / "one" / "adapter_model.safetensors"
    )

    with pytest.raises(DataError, match=r"adapter_model\.safetensors is damaged"):
        load_adapter(tmp_path / "one")


def test_load_adapter__tensors_of_another_shape__are_refused(tmp_path, weights):
    save(tmp_path, weights, config())
    replace_weights(tmp_path, AdapterWeights.zero_shot(torch.eye(3, 8), 15.0).tensors())

    with pytest.raises(
        DataError, match=r"classes should be \(2, 8\) real numbers, and is \(3, 8\)"
    ):
        load_adapter(tmp_path)


def test_load_adapter__any_folder__says_what_was_expected(tmp_path):
    with pytest.raises(
        IncompatibleArtifact, match="is not an adapter: expected a folder or a skill file with"
    ):
        load_adapter(tmp_path)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_load_adapter__weight_that_is_no_number__is_refused(tmp_path, weights, number):
    save(tmp_path, weights, config())
    tensors = weights.tensors()
    tensors["classes"][1, 3] = number
    replace_weights(tmp_path, tensors)

    with pytest.raises(DataError, match=r"adapter_model\.safetensors holds weights that are NaN"):
        load_adapter(tmp_path)


@pytest.mark.parametrize("n_replaced", range(6))
def test_store_adapter__killed_at_any_moment__leaves_the_old_one_or_the_new_one(
    tmp_path, weights, monkeypatch, n_replaced
):
    support = Support.of_rows(torch.eye(3, 8), torch.tensor([0, 0, 1]), torch.eye(2, 8))
    save(tmp_path, weights, config(), support, ["ab"])
    original, n_calls = Path.replace, itertools.count()

    def killed(self, target):
        if next(n_calls) == n_replaced:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    twice = weights.map(lambda tensor: 2 * tensor)
    process = multiprocessing.get_context("fork").Process(
        target=save, args=(tmp_path, twice, config(mode="finetune"), support, ["cd"])
    )
    process.start()
    process.join()
    monkeypatch.undo()

    stored = load_adapter(tmp_path)
    is_new = stored.config.mode == "finetune"
    expected = twice if is_new else weights
    assert torch.equal(stored.weights.classes, expected.classes)
    assert stored.picture_hashes == (("cd",) if is_new else ("ab",))
    assert (process.exitcode, is_new) == (-signal.SIGKILL, n_replaced > 2)
    save(tmp_path, twice, config(n_shots=[5, 5]), support)
    assert load_adapter(tmp_path).config.n_shots == [5, 5]


def test_store_adapter__while_another_process_writes__says_so_and_changes_nothing(
    tmp_path, weights
):
    save(tmp_path, weights, config())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with ThreadPoolExecutor(1) as other, hold_adapter(tmp_path):
        saving = other.submit(save, tmp_path, weights, config(mode="finetune"))
        with pytest.raises(DataError, match="another run is writing to the adapter"):
            saving.result()

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_load_adapter__of_an_earlier_version__opens_and_says_that_it_cannot_be_checked(
    tmp_path, weights
):
    save(tmp_path, weights, config())
    path = tmp_path / "adapter_config.json"
    facts, files = unsealed(json.loads(path.read_bytes()))
    path.write_text(json.dumps({**facts, "schema": "metaadapter.adapter/1", "files": files}))

    with pytest.warns(UserWarning, match="earlier version"):
        assert torch.equal(load_adapter(tmp_path).weights.classes, weights.classes)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="earlier version"),
        pytest.raises(DataError, match="safetensors is damaged"),
    ):
        load_adapter(tmp_path)


@pytest.mark.parametrize("change", [{"probe": 3}, {"probe": ["x"]}, {"dim": "wide"}, {}])
def test_load_adapter__damaged_fingerprint__names_the_file_and_the_entry(
    tmp_path, weights, change, reseal
):
    fingerprint = Fingerprint.of_name("mine", 8)
    save(tmp_path, weights, config(origin=Origin(fingerprint=fingerprint)))
    facts = json.loads((tmp_path / "adapter_config.json").read_bytes())
    assert facts["origin"]["fingerprint"] == {**asdict(fingerprint), "probe": [0.0] * 32}
    stored = facts["origin"]["fingerprint"]
    wrong = stored | change if change else {"dim": 8}
    reseal(tmp_path / "adapter_config.json", origin={**facts["origin"], "fingerprint": wrong})

    with pytest.raises(IncompatibleArtifact, match=r"adapter_config\.json.* origin\.fingerprint\."):
        load_adapter(tmp_path)
