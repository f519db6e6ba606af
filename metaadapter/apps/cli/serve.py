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

NEEDED = ("fastapi", "uvicorn", "python_multipart")


def serve(
    project: Annotated[
        Path | None,
        Argument(
            metavar="[PROJECT]",
            help="Folder of the project, or a new one; the one that was used last, by default.",
            show_default=False,
        ),
    ] = None,
    *,
    open_page: Annotated[bool, Option("--open", help="Show the page in the browser.")] = False,
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

    The classifier, a table or sorted folders can be taken along. The page is on this machine alone,
    at the address that is printed; nothing leaves the machine. Ctrl-C ends it, and everything is
    kept in the project.
    """
    console = Console(quiet=quiet)
    _require_packages()
    from metaadapter.apps.page.app import make_app
    from metaadapter.apps.page.entrance import shown_in_browser
    from metaadapter.apps.page.guards import Access
    from metaadapter.apps.page.projects import Projects, default_project
    from metaadapter.apps.page.server import listening_socket, run_server
    from metaadapter.features.encoder_by_name import load_encoder

    listening = listening_socket(port)
    access = Access.at(listening.getsockname()[1])
    folder = default_project() if project is None else project
    console.note(f"opening the project {folder} …")
    load = partial(load_encoder, device=device)
    with listening, Projects(folder, encoder, load).held() as projects, ExitStack() as until_end:

        def tell() -> None:
            console.result(access.address)
            sys.stdout.flush()  # where it goes into a pipe, too, somebody is waiting for it
            console.note("The page is at this address, on this machine alone. Ctrl-C ends it.")
            if open_page:
                until_end.enter_context(shown_in_browser(access.address, folder))

        with suppress(KeyboardInterrupt):  # a signal is how a server ends
            run_server(make_app(projects, access), listening, tell)
    console.note("ended; everything is kept in the project")


def _require_packages() -> None:
    from importlib import import_module

    for name in NEEDED:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"`metaadapter serve` needs the package {name}, which cannot be imported "
                f"({error}); install the extra: pip install 'metaadapter[serve]'"
            ) from error
