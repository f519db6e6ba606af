"""`metaadapter serve`: a page in the browser, for people without Python."""

from __future__ import annotations

import sys
from _thread import interrupt_main
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.errors import MetaAdapterError, UsageError, require_packages

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from metaadapter.apps.page.access import Access
    from metaadapter.apps.page.projects import Projects

PACKAGES = ("fastapi", "uvicorn", "python_multipart")
WARNING = (
    "Everyone who has the address for phones can add pictures and see predictions. The connection "
    "is not encrypted, so others in the network can see the address and the pictures: use it only "
    "in a network that you trust."
)

Project = Annotated[
    Path | None,
    Argument(
        metavar="[PROJECT]",
        help="Folder of an old or new project; by default the project that was used last.",
        show_default=False,
    ),
]
Port = Annotated[
    int,
    Option(min=0, max=65535, metavar="N", help="Port of this machine.", show_default="a free one"),
]
Phone = Annotated[
    bool,
    Option(
        "--phone",
        help="Let a phone in the same network take pictures and see predictions, at an address of "
        "its own. The connection is not encrypted.",
    ),
]


def serve(
    project: Project = None,
    *,
    open_page: Annotated[bool, Option("--open", help="Open the page in the browser.")] = False,
    port: Port = 0,
    phone: Phone = False,
    encoder: options.Encoder = None,
) -> None:
    """Sort pictures into classes on a page in the browser.

    The page offers the classifier, a table and sorted folders as downloads. Without --phone only
    this machine can open it, at the printed address, and no data leave the machine. Ctrl-C ends the
    page; everything is saved in the project.
    """
    console = Console()
    if console.json_output:
        raise UsageError("`metaadapter serve` has no result for --json; leave it out")
    packages = (*PACKAGES, "segno") if phone else PACKAGES
    require_packages("`metaadapter serve`", packages, "serve")
    from metaadapter.apps.cli.encoder_choice import OF_ADAPTERS, read_encoder
    from metaadapter.apps.page.access import (
        keep_access,
        open_in_browser,
        open_port,
        open_to_phones,
    )
    from metaadapter.apps.page.project_folders import default_project

    choice = read_encoder(encoder, only=OF_ADAPTERS)
    folder = default_project() if project is None else project
    listening, access, former = open_port(folder, port)

    def keep(opened: Path) -> None:
        if former is None or port:  # else the next start has the former port again
            keep_access(opened, access)

    def fail(error: MetaAdapterError) -> None:
        console.error(str(error))
        console.note("The page says what can be done. Ctrl-C ends it.")

    with ExitStack() as stack:
        sockets, of_phones = [stack.enter_context(listening)], None
        if phone:
            other, of_phones = open_to_phones()
            sockets.append(stack.enter_context(other))
        _announce(console, access, of_phones, former)
        if open_page:
            stack.enter_context(open_in_browser(access.address, folder))
        from metaadapter.apps.page.guard import Guard
        from metaadapter.apps.page.loading import Loading
        from metaadapter.apps.page.server import run_server

        def load_projects() -> Projects:
            from metaadapter.apps.page.projects import Projects

            projects = Projects(folder, choice.encoder, choice.loader, keep, fail)
            return stack.enter_context(projects.opened(waits=False))

        def load_app() -> ASGIApp:
            from metaadapter.apps.page.app import make_app

            return make_app(opened.result(), phone=of_phones)

        # Imports take seconds; the page is there meanwhile.
        loader = stack.enter_context(ThreadPoolExecutor(1, "loading"))
        opened, app = loader.submit(load_projects), loader.submit(load_app)
        app.add_done_callback(_end_server_on_error)
        with suppress(KeyboardInterrupt):  # a signal ends the server
            run_server(Guard(Loading(app), access, phone=of_phones), sockets)
        app.result()  # raises the error of an import
        projects = opened.result()
    if projects.failure:
        raise Exit(projects.failure.exit_code)  # the error is printed already
    console.note("ended; everything is saved in the project")


def _end_server_on_error(app: Future[ASGIApp]) -> None:
    if app.exception() is not None:
        interrupt_main()


def _announce(
    console: Console, access: Access, phone: Access | None, former_port: int | None
) -> None:
    if former_port is not None:
        console.note(
            f"The project had the port {former_port}. Changes that a tab still holds are sent when "
            f"it is served there again (--port {former_port})."
        )
    console.result(access.address)
    sys.stdout.flush()  # a program that reads the address from a pipe is waiting for it
    console.note("Open this address in a browser on this machine. Ctrl-C ends the page.")
    if phone is not None:
        console.note(f"A phone in the same network opens {phone.address}")
        console.note(WARNING)
