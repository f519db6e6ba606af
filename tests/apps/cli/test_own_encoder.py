"""`--encoder FILE.py:FACTORY`, and stores of features from elsewhere, through the commands."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.features.store.feature_store import FeatureStore

CODE = """
import numpy as np
import torch
from metaadapter.features import ImageEncoder, ModelEncoder


def preprocess(picture):
    pixels = np.array(picture.resize((8, 8)), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255 - 0.5


def encoder(**more):
    torch.manual_seed(SEED)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 24))
    return ModelEncoder("colours", model, preprocess, device="cpu", **more)


def with_texts():
    rng = np.random.default_rng(0)
    texts = {name: rng.standard_normal(24) for name in ("heron", "lynx", "red_fox")}
    own = {name.replace("_", " "): vector for name, vector in texts.items()}
    return encoder(
        texts=lambda names: np.stack([own.get(name, np.ones(24)) for name in names]),
        logit_scale=20.0,
    )


def fails():
    raise KeyError("weights")


def nothing():
    return 3


class Bare(ImageEncoder):
    def encode_pixels(self, batch):
        return batch.mean((2, 3))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CODE.replace("SEED", "0"))
    return path


@pytest.fixture
def adapted(adapt, labelled, file, tmp_path):
    """An adapter of the encoder of one's own."""
    result = adapt(labelled, "--encoder", f"{file}:encoder")
    assert result.code == 0, result.err
    return tmp_path / "adapter"


def test_own_encoder__adapt_and_predict__work_from_pictures_alone(run, adapted, unlabelled, file):
    named = run("predict", adapted, unlabelled, "--encoder", f"{file}:encoder", "--json")

    assert named.code == 0, named.err
    assert len(named.document["predictions"]) == 6
    assert named.document["zoom"]
    assert load_adapter(adapted).config.origin.encoder == f"{file}:encoder"


def test_own_encoder__adapter_that_names_code__runs_it_only_if_the_user_names_it(
    run, adapted, unlabelled, file, tmp_path
):
    file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{CODE.replace('SEED', '0')}")

    result = run("predict", adapted, unlabelled)

    assert result.code == 2
    assert f"if you trust that file, give --encoder {file}:encoder" in result.err
    assert not (tmp_path / "ran").exists()
    assert run("predict", adapted, unlabelled, "--encoder", f"{file}:encoder").code == 0
    assert (tmp_path / "ran").exists()


def test_own_encoder__store_that_names_code__runs_it_only_if_the_user_names_it(
    run, encode, labelled, file, tmp_path
):
    store = tmp_path / "store"
    name = f"{file}:with_texts"
    assert encode(labelled, "--encoder", name).code == 0
    more = ("--out", tmp_path / "adapter", "--text", "lynx=lynx")

    plain = run("adapt", store, "--out", tmp_path / "plain")
    refused = run("adapt", store, *more)
    named = run("adapt", store, *more, "--encoder", name)

    assert (plain.code, refused.code, named.code) == (0, 2, 0)
    assert f"the feature store {store} was made with the encoder {name}" in refused.err


@pytest.mark.parametrize(
    ("factory", "more", "message"),
    [
        ("nothing", "", "should return an ImageEncoder, such as a ModelEncoder; it returned built"),
        ("fails", "", "cannot be made: KeyError: 'weights' (mine.py, line 29)"),
        ("absent", "", "has no 'absent'"),
        ("Bare", "", ":Bare lacks fingerprint and preprocess; see ImageEncoder"),
        ("encoder", ",precision=bf16", "sets device, precision and templates itself"),
    ],
)
def test_own_encoder__what_cannot_be__says_why(encode, labelled, file, factory, more, message):
    result = encode(labelled, "--encoder", f"{file}:{factory}{more}")

    assert result.code == 2
    assert message in result.err


@pytest.fixture
def created(tmp_path):
    """A store of features from elsewhere, with and without texts: three classes in a plane each."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 16))
    labels = np.repeat(["heron", "lynx", "red_fox"], 8)
    features = centres.repeat(8, axis=0) + 0.3 * rng.standard_normal((24, 16))
    texts = dict(zip(("heron", "lynx", "red_fox"), centres + 1, strict=True))
    with_texts = FeatureStore.create(
        tmp_path / "with", features, labels.tolist(), texts=texts, logit_scale=20.0
    )
    bare = FeatureStore.create(tmp_path / "bare", features, labels.tolist())
    return with_texts, bare


def test_created_store__adapt_and_predict__work_with_and_without_texts(run, created, tmp_path):
    for store in created:
        out = tmp_path / f"adapter of {store.folder.name}"
        adapt = run("adapt", store.folder, "--out", out)
        document = run("predict", out, store.folder, "--labelled", "--json").document

        assert adapt.code == 0, adapt.err
        assert document["scores"]["accuracy"]["value"] > 0.9
