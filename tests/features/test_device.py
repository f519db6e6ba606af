from __future__ import annotations

import pytest
import torch

from metaadapter.errors import UsageError
from metaadapter.features.device import choose_device, require_precision


@pytest.mark.parametrize("name", [None, "auto"])
@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_device__not_named__is_the_fastest(monkeypatch, name, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    assert choose_device(name).type == expected


def test_device__unknown__lists_the_known():
    with pytest.raises(UsageError, match="unknown device 'gpu'; choose auto, cpu, cuda"):
        choose_device("gpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "meta"])
def test_device__not_on_this_machine__offers_one_that_is(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    with pytest.raises(UsageError, match=rf"device '{device}' was asked for.*use --device cpu"):
        choose_device(device)


@pytest.mark.parametrize(
    ("precision", "message"),
    [
        ("fp16", "fp16 is slow and overflows on a CPU; use fp32"),
        ("int8", "unknown precision 'int8'; choose fp32, bf16 or fp16"),
    ],
)
def test_precision__that_cannot_be__says_what_to_use(precision, message):
    with pytest.raises(UsageError, match=message):
        require_precision(precision, torch.device("cpu"))


@pytest.mark.parametrize(("precision", "device"), [("bf16", "cpu"), ("fp16", "cuda")])
def test_precision__suits_the_device__is_accepted(precision, device):
    require_precision(precision, torch.device(device))


def test_choose_device__cpu__asks_no_driver(monkeypatch):
    def refuse():
        raise AssertionError("a driver was asked")

    for name in ("is_available", "device_count"):
        monkeypatch.setattr(torch.cuda, name, refuse)

    assert choose_device("cpu").type == "cpu"
