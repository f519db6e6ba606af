from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.errors import UsageError
from metaadapter.features.origin import Origin
from metaadapter.workflow.prediction.queries import load_base_encoder


def load(encoder, override=None):
    return load_base_encoder(Path("birds"), Origin(encoder=encoder), 8, override, "cpu", "fp32")


@pytest.mark.parametrize("name", ["ViT-S-32/{file}", "tiny+timm:test_vit/{file}"])
def test_encoder__a_single_file_that_an_adapter_names__is_no_encoder(name, tmp_path):
    file = tmp_path / "private.pth"
    file.write_bytes(b"not for adapters")
    name = name.format(file=file)

    message = "the adapter birds was made with .*(unknown weights|has no model).*--encoder"
    with pytest.raises(UsageError, match=message):
        load(name)
