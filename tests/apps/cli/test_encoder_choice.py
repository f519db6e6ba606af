"""The value of `--encoder`: a name and settings."""

import pytest

from metaadapter.apps.cli.encoder_choice import OF_ADAPTERS, read_encoder
from metaadapter.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("tiny", "tiny", {}),
        ("ViT-B-32/laion2b_s34b_b79k", "ViT-B-32/laion2b_s34b_b79k", {}),
        ("tiny,zoom=no,views=4", "tiny", {"zoom": False, "views": 4}),
        ("tiny+timm:vit_small,blocks=joint+second", None, {"blocks": ("joint", "second")}),
        ("a, b/model.py:MAKE,seed=3", "a, b/model.py:MAKE", {"seed": 3}),
        ("device=cuda:1,precision=bf16", "tiny", {"device": "cuda:1", "precision": "bf16"}),
        ("tiny,templates=a photo of a {}.", "tiny", {"templates": ("a photo of a {}.",)}),
    ],
)
def test_read_encoder__name_and_settings__are_told_apart(text, name, settings):
    choice = read_encoder(text)
    assert choice.name == (name or text.partition(",")[0])
    assert choice.model_dump(exclude={"encoder"}, exclude_unset=True) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tiny,zom=no", "zom: no such key; did you mean 'zoom'"),
        ("tiny,views=0", "views: expected greater than or equal to 1, got 0"),
        ("tiny,precision=fp8", "'fp32', 'bf16' or 'fp16', got 'fp8'"),
    ],
)
def test_read_encoder__wrong_setting__is_named(text, message):
    with pytest.raises(DataError, match=message):
        read_encoder(text)


@pytest.mark.parametrize("name", ["tiny,blocks=joint,stages", "tiny,zoom", "tiny,"])
def test_read_encoder__what_is_no_setting__belongs_to_the_name(name):
    assert read_encoder(name).name == name


def test_read_encoder__nothing__is_refused():
    with pytest.raises(UsageError, match="--encoder is empty"):
        read_encoder("")


def test_read_encoder__settings_that_an_adapter_keeps__are_refused():
    with pytest.raises(UsageError, match="--encoder sets views, zoom, which is as the adapter"):
        read_encoder("tiny,zoom=no,views=2", only=OF_ADAPTERS)
    assert read_encoder("device=cpu", only=OF_ADAPTERS).encoder is None
