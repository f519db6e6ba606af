"""A phone in the same network as a camera: where it finds this machine, and what it may do.

The phone has an address, a port and a token of its own, and an application of its own with nothing
but the routes of `phone_routes`. The connection is not encrypted, because no browser trusts a
certificate that this program makes.
"""

from __future__ import annotations

import ipaddress
import socket

from starlette.types import ASGIApp, Receive, Scope, Send

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.server import listening_socket
from metaadapter.errors import UsageError

# The most bytes of a request: some pictures, not an archive.
PHONE_BYTES = 2**28
# Of a network for documentation: nothing is sent there, but the system chooses the way to it.
ELSEWHERE = ("192.0.2.1", 9)


def open_to_phones() -> tuple[socket.socket, Access]:
    """Listen in the network of this machine; return the socket and the permission of phones.

    Raises:
        UsageError: This machine is in no network, or in one that is open to the internet.
    """
    host = network_address()
    listening = listening_socket(0, host)
    return listening, Access.at(listening.getsockname()[1], host)


def network_address() -> str:
    """The address of this machine in its network; a `UsageError` unless it is a private one."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ELSEWHERE)
            host = str(probe.getsockname()[0])
    except OSError:
        host = "127.0.0.1"
    address = ipaddress.ip_address(host)
    if address.is_loopback or address.is_unspecified:
        raise UsageError(
            "--phone needs a network, but this machine is in none: connect it to the network of "
            "the phone, or leave --phone out"
        )
    if not address.is_private:
        raise UsageError(
            f"--phone is for a network at home or at work, but {host}, the address of this "
            "machine, is open to the internet: leave --phone out"
        )
    return host


def by_port(app: ASGIApp, phone_app: ASGIApp, phone: Access) -> ASGIApp:
    """Hand the requests at the phones' address to their application, and all others to `app`."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        is_phone = tuple(scope.get("server") or ()) == (phone.host, phone.port)
        await (phone_app if is_phone else app)(scope, receive, send)

    return choose
