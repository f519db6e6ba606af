from __future__ import annotations

import pytest
from safetensors.torch import save


@pytest.fixture
def replace_tensors(reseal):
    """Puts other tensors into a file of an adapter's folder, with the hashes of a save."""

    def replace(file, tensors):
        file.write_bytes(save(tensors))
        reseal(file.with_name("adapter_config.json"))

    return replace
