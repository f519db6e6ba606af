from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import hold_adapter, load_adapter, store_adapter
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.origin import Origin

TENSORS = "adapter_model.safetensors"


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

    save(tmp_path / "a b", weights, facts, support, ["cd", "ab", ""])
    stored = load_adapter(tmp_path / "a b")

    assert stored.config.model_copy(update={"files": {}}) == facts
    assert stored.picture_hashes == ("cd", "ab", "")
    for name, tensor in weights.tensors().items():
        assert torch.equal(stored.weights.tensors()[name], tensor)
    assert same_support(stored.support, support)


def test_store_adapter__folder__holds_no_pickle(tmp_path, weights):
    save(tmp_path / "adapter", weights, config())

    names = {path.name for path in (tmp_path / "adapter").iterdir()}

    assert names - {".lock"} == {"adapter_config.json", TENSORS, "README.md"}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_store_adapter__again__keeps_the_authors_words_in_the_card(tmp_path, weights, encoding):
    save(tmp_path, weights, config())
    card, words = tmp_path / "README.md", "\nVon Jörg, im Harz, 2026.\n".encode(encoding)
    card.write_bytes(card.read_bytes() + words)

    save(tmp_path, weights, config(n_shots=[5, 6]))

    assert card.read_bytes().endswith(words)
    assert b"from 11 labelled" in card.read_bytes()
    assert b"from 3 labelled" not in card.read_bytes()


@pytest.mark.parametrize("name", [".DS_Store", f"{TENSORS}.new", f"{TENSORS}.new.tmp"])
def test_store_adapter__folder_with_a_hidden_file_or_of_a_killed_save__counts_as_empty(
    tmp_path, weights, name
):
    (tmp_path / name).write_bytes(b"cut")

    save(tmp_path, weights, config())

    assert load_adapter(tmp_path).config.classes == ["fox", "lynx"]
    assert not (tmp_path / f"{TENSORS}.new").exists()


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": None}, "wrong values: classes"),
        (
            {"schema": "metaadapter.adapter/9"},
            "expected schema .*/1', found .*/9'; upgrade",
        ),
    ],
)
def test_load_adapter__other_configuration__is_refused(tmp_path, weights, reseal, changes, message):
    save(tmp_path, weights, config())
    reseal(tmp_path / "adapter_config.json", **changes)

    with pytest.raises(IncompatibleArtifact, match=message):
        load_adapter(tmp_path)


@pytest.mark.parametrize("file", ["adapter_config.json", TENSORS])
def test_load_adapter__cut_file__says_adapt_again(tmp_path, weights, file):
    save(tmp_path, weights, config())
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=f"{file} is damaged .*adapt again"):
        load_adapter(tmp_path)


def test_load_adapter__tensors_of_another_save__are_noticed(tmp_path, weights):
    save(tmp_path / "one", weights, config())
    save(tmp_path / "two", weights.map(lambda tensor: 2 * tensor), config())
    (tmp_path / "two" / TENSORS).replace(tmp_path / "one" / TENSORS)

    with pytest.raises(DataError, match=r"adapter_model\.safetensors is damaged"):
        load_adapter(tmp_path / "one")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            torch.eye(3, 8),
            r"classes should be Float.* N D.* with N = 2, D = 8, .*got shape \(3, 8\)",
        ),
        (torch.eye(2, 8) * torch.nan, r"adapter_model\.safetensors holds weights that are NaN"),
        (torch.full((2, 8), torch.inf), r"adapter_model\.safetensors holds weights that are NaN"),
    ],
    ids=["another shape", "NaN", "infinite"],
)
def test_load_adapter__tensors_that_cannot_be__are_refused(
    tmp_path, weights, replace_tensors, classes, message
):
    save(tmp_path, weights, config())
    replace_tensors(tmp_path / TENSORS, AdapterWeights.zero_shot(classes, 15.0).tensors())

    with pytest.raises(DataError, match=message):
        load_adapter(tmp_path)


def test_load_adapter__any_folder__says_what_was_expected(tmp_path):
    with pytest.raises(
        IncompatibleArtifact, match="is not an adapter: expected a folder or a skill file with"
    ):
        load_adapter(tmp_path)


@pytest.mark.parametrize("n_replaced", range(6))
def test_store_adapter__killed_at_any_moment__leaves_the_old_one_or_the_new_one(
    tmp_path, weights, kill_at, n_replaced
):
    support = Support.of_rows(torch.eye(3, 8), torch.tensor([0, 0, 1]), torch.eye(2, 8))
    save(tmp_path, weights, config(), support, ["ab"] * 3)
    twice = weights.map(lambda tensor: 2 * tensor)

    exitcode = kill_at(
        n_replaced, save, tmp_path, twice, config(mode="finetune"), support, ["cd"] * 3
    )

    stored = load_adapter(tmp_path)
    is_new = stored.config.mode == "finetune"
    expected = twice if is_new else weights
    assert torch.equal(stored.weights.classes, expected.classes)
    assert stored.picture_hashes == (("cd",) * 3 if is_new else ("ab",) * 3)
    assert (exitcode, is_new) == (-signal.SIGKILL, n_replaced > 2)
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


def test_load_adapter__hashes_that_are_not_one_for_each_picture__are_damage(tmp_path, weights):
    support = Support.of_rows(torch.eye(3, 8), torch.tensor([0, 0, 1]), torch.eye(2, 8))
    save(tmp_path, weights, config(), support, ["ab"])

    with pytest.raises(DataError, match="expected a hash of each of 3 pictures, got 1"):
        load_adapter(tmp_path)
