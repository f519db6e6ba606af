"""`metaadapter serve`: a page in the browser, for people without Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.errors import MetaAdapterError, MissingPackage, UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from metaadapter.apps.cli.encoder_choice import EncoderChoice
    from metaadapter.apps.page.access import Access
    from metaadapter.apps.page.projects import Projects

PACKAGES = ("fastapi", "uvicorn", "python_multipart")
WARNING = (
    "Everyone who has the address for phones can add pictures and see predictions. The connection "
    "is not encrypted, so others in the network can see the address and the pictures: use it only "
    "in a network that you trust."
)

Phone = Annotated[
    bool,
    Option(
        "--phone",
        help="Let a phone in the same network take pictures and see predictions, at an address of "
        "its own. The connection is not encrypted.",
    ),
]


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
    _require_packages([*PACKAGES, "segno"] if phone else PACKAGES)
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.apps.page.access import open_in_browser, open_port, open_to_phones
    from metaadapter.apps.page.guard import Guard
    from metaadapter.apps.page.project_folders import default_project
    from metaadapter.apps.page.server import Starting, run_server

    choice = read_encoder(encoder, of_adapter=True)
    folder = default_project() if project is None else project
    listening, access = open_port(folder, port)
    of_phones = open_to_phones() if phone else None
    also = [of_phones[0]] if of_phones else []
    phone_access = of_phones[1] if of_phones else None
    opening = _Opening(folder, choice, access, phone_access, console)

    def announce() -> None:
        _announce(console, access, phone_access)
        if open_page:
            stack.enter_context(open_in_browser(access.address, folder))

    with (
        listening,
        ExitStack() as stack,
        Starting(opening.opened, opening.doing) as starting,
        suppress(KeyboardInterrupt),  # a signal ends the server
    ):
        for other in also:
            stack.enter_context(other)
        run_server(
            Guard(starting, access, phone=phone_access),
            listening,
            announce,
            also=also,
            former_port=access.former_port,
            is_over=lambda: starting.has_failed,
        )
    if opening.projects and (failure := opening.projects.failure):
        raise Exit(failure.exit_code)  # the error is printed already
    console.note("ended; everything is saved in the project")


def _announce(console: Console, access: Access, phone: Access | None) -> None:
    console.result(access.address)
    sys.stdout.flush()  # a program that reads the address from a pipe is waiting for it
    console.note("Open this address in a browser on this machine. Ctrl-C ends the page.")
    if access.former_port is not None:
        console.note(
            f"Tabs that are still open ask at the former port {access.former_port}, where they "
            "are answered too as soon as no other program uses it."
        )
    if phone is not None:
        console.note(f"A phone in the same network opens {phone.address}")
        console.note(WARNING)


@dataclass
class _Opening:
    """Imports and opens what a project needs; this takes seconds, so the page is shown before."""

    folder: Path
    encoder: EncoderChoice
    access: Access
    phone: Access | None
    console: Console
    projects: Projects | None = None

    def doing(self) -> str:
        """A sentence on what is being opened."""
        return self.projects.doing if self.projects else "Starting metaadapter …"

    @contextmanager
    def opened(self) -> Iterator[ASGIApp]:
        """Open the project, and yield the application for it."""
        from metaadapter.apps.page.access import keep_access
        from metaadapter.apps.page.app import make_app
        from metaadapter.apps.page.projects import Projects

        note = partial(keep_access, access=self.access)
        choice = self.encoder
        self.projects = Projects(self.folder, choice.encoder, choice.loader, note, self._fail)
        with self.projects.opened():
            yield make_app(self.projects, phone=self.phone)

    def _fail(self, error: MetaAdapterError) -> None:
        """Tell why the project is not open; the page says so, too, and what can be done."""
        self.console.error(str(error))
        self.console.note("The page says what can be done. Ctrl-C ends it.")


def _require_packages(names: Sequence[str]) -> None:
    from importlib import import_module

    for name in names:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"`metaadapter serve` needs the package {name}, which cannot be imported "
                f"({error}); install the extra: pip install 'metaadapter[serve]'"
            ) from error
