"""What holds for every test: one thread, no network, no model hub, repeatable draws."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from typing import Any

# Read once by huggingface_hub when it is imported. `HF_HUB_OFFLINE=0 pytest -m network` opens it.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import settings

# More threads than free cores make small tensor loops ten times slower.
torch.set_num_threads(1)

settings.register_profile("metaadapter", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("metaadapter")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep a test, and the fixtures it is the first to ask for, from leaving this machine."""
    if item.get_closest_marker("network"):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _refuse_to_leave(getattr(socket.socket, method)))
        return (yield)


def _refuse_to_leave(connect: Any) -> Any:
    def connect_locally(self: socket.socket, address: Any) -> Any:
        is_local = self.family == getattr(socket, "AF_UNIX", None) or address[0] in _LOOPBACK
        if not is_local:
            raise RuntimeError(
                f"a test tried to reach {address[0]}; tests run without a network. "
                "Use the encoder `tiny` or a local file, or mark the test with pytest.mark.network"
            )
        return connect(self, address)

    return connect_locally


_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
