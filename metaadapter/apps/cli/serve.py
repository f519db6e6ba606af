"""`metaadapter serve`: a page in the browser, for people without Python."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.errors import MissingPackage

PACKAGES = ("fastapi", "uvicorn", "python_multipart")


def serve(
    project: Annotated[
        Path | None,
        Argument(
            metavar="[PROJECT]",
            help="Folder of an old or new project; by default the project that was used last.",
            show_default=False,
        ),
    ] = None,
    *,
    open_page: Annotated[bool, Option("--open", help="Open the page in the browser.")] = False,
    port: Annotated[
        int,
        Option(
            min=0, max=65535, metavar="N", help="Port of this machine.", show_default="a free one"
        ),
    ] = 0,
    encoder: options.EncoderOfPictures = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Sort pictures into classes on a page in the browser.

    The page offers the classifier, a table and sorted folders as downloads. Only this machine can
    open it, at the printed address, and no data leave the machine. Ctrl-C ends the page; everything
    is saved in the project.
    """
    console = Console(quiet=quiet)
    _require_packages()
    from metaadapter.apps.page.access import Access, open_in_browser
    from metaadapter.apps.page.app import make_app
    from metaadapter.apps.page.projects import Projects, default_project
    from metaadapter.apps.page.server import listening_socket, run_server
    from metaadapter.features.encoder_by_name import load_encoder

    listening = listening_socket(port)
    access = Access.at(listening.getsockname()[1])
    folder = default_project() if project is None else project
    console.note(f"opening the project {folder} …")
    load = partial(load_encoder, device=device)
    with listening, Projects(folder, encoder, load).opened() as projects, ExitStack() as stack:

        def announce() -> None:
            console.result(access.address)
            sys.stdout.flush()  # a program that reads the address from a pipe is waiting for it
            console.note("Open this address in a browser on this machine. Ctrl-C ends the page.")
            if open_page:
                stack.enter_context(open_in_browser(access.address, folder))

        with suppress(KeyboardInterrupt):  # a signal ends the server
            run_server(make_app(projects, access), listening, announce)
    console.note("ended; everything is saved in the project")


def _require_packages() -> None:
    from importlib import import_module

    for name in PACKAGES:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"`metaadapter serve` needs the package {name}, which cannot be imported "
                f"({error}); install the extra: pip install 'metaadapter[serve]'"
            ) from error
