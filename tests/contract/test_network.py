"""The guard of tests/conftest.py: nothing leaves the machine in a default run."""

from __future__ import annotations

import socket

import pytest

# Set aside for documentation, so that nobody answers even if the guard fails.
NOBODY = "192.0.2.1"


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_network__an_address_elsewhere__is_refused_before_anything_is_sent(method):
    with socket.socket() as client:
        client.settimeout(0.1)

        with pytest.raises(RuntimeError, match=rf"tried to reach {NOBODY}.*pytest\.mark\.network"):
            getattr(client, method)((NOBODY, 80))


def test_network__this_machine__is_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())

        assert client.getpeername() == server.getsockname()
