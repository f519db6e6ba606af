from __future__ import annotations

import pytest
import torch

from metaadapter.errors import UsageError
from metaadapter.features.device import choose_device


@pytest.mark.parametrize("name", [None, "auto"])
@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_device__not_named__is_the_fastest(monkeypatch, name, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    assert choose_device(name).type == expected


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "meta"])
def test_device__not_on_this_machine__offers_one_that_is(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    with pytest.raises(UsageError, match=rf"device '{device}' was asked for.*use device=cpu"):
        choose_device(device)
