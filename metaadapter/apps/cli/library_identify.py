"""`metaadapter library identify`: which stored task pictures, or names of classes, are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.library_noticed import told_of_asked, warn_of_asked
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metaadapter.apps.library.route import Identified

NONE = "none"
"""In the place of an entry where pictures look unfamiliar to the likeliest one."""


def identify(
    library: options.Library,
    images: options.AnyPictures = None,
    together: Annotated[
        bool,
        Option("--together", help="The pictures are all of one task: one answer for all of them."),
    ] = False,
    names: Annotated[
        str | None,
        Option(
            "--names",
            metavar="NAME,…",
            help="In place of pictures: which stored task classes of these names are like.",
        ),
    ] = None,
    top: Annotated[int, Option(min=1, help="How many likely entries to tell of.")] = 2,
    split: options.Split = None,
    encoder: options.EncoderOfLibrary = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell which entry's task pictures, or names of classes, are of.

    Without a terminal the list is tab-separated: path, entry, probability, runner-up, its
    probability[, and so on with --top], the probability of showing one of the entry's classes at
    all. Where that is too low the entry is `none`. With --together the path is empty, with --names
    also the last one.
    """
    if (names is None) != bool(images):
        raise UsageError("give either pictures or --names")
    if together and names is not None:
        raise UsageError("--together is about pictures, and --names takes their place")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.apps.library.asked import AskedLibrary
    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.features.encoded_pictures import EncodedPictures

    asked = AskedLibrary(AdapterLibrary.open(library, create=False), encoder, device, precision)
    answers: list[_Answer] = []
    if names is not None:
        given = [name.strip() for name in names.split(",") if name.strip()]
        shares = asked.library.identify_names(given, encoder=asked.load())
        answers.append(_Answer(None, False, None, _most(shares, top)))
    else:
        with console.progress() as progress:
            parts = asked.parts(images or [], split, progress)
            if together:
                parts = iter([EncodedPictures.joined(parts, width=asked.config.width)])
            for part in parts:
                found = asked.library.identify(
                    part.features, encoder=asked.fingerprint, together=together
                )
                paths = [None] if together else part.paths
                answers += _answers(paths, found, top)
                asked.leave_out(found.left_out)
    warn_of_asked(console, asked)
    if json_output:
        document = {
            "library": str(library),
            "encoder": asked.config.origin.encoder,
            "together": together,
            "names": None if names is None else given,
            "answers": [answer.to_dict() for answer in answers],
            **told_of_asked(asked),
        }
        print_document("library-identify", document)
        return
    titles = ["picture", "entry", "probability", "runner-up", "probability"]
    for _ in range(top - 2):
        titles += ["next", "probability"]
    shown = [*titles[: 1 + 2 * top], "known"]
    console.table(shown, [it.row(top) for it in answers], right=("probability", "known"))


class _Answer(NamedTuple):
    """Which entries pictures are of; `path` is `None` of all of them together."""

    path: str | None
    is_none: bool
    known: float | None
    likely: list[tuple[str, float]]

    def row(self, top: int) -> list[object]:
        """The cells of a table."""
        likely = [*self.likely]
        if self.is_none:
            likely = [(NONE, 1 - (self.known or 0.0)), *likely][:top]
        likely += [("", float("nan"))] * (top - len(likely))
        cells = [cell for name, share in likely for cell in (name, f"{share:.4f}" if name else "")]
        return [self.path or "", *cells, "" if self.known is None else f"{self.known:.4f}"]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": self.path,
            "entry": None if self.is_none else self.likely[0][0],
            "known": self.known,
            "likely": [{"entry": name, "probability": share} for name, share in self.likely],
        }


def _answers(paths: Sequence[str | None], found: Identified, top: int) -> Iterator[_Answer]:
    shares_by_name = (
        dict(zip(found.names, row, strict=True)) for row in found.probabilities.tolist()
    )
    columns = (found.is_none.tolist(), found.known.tolist(), shares_by_name)
    for path, is_none, known, shares in zip(paths, *columns, strict=True):
        yield _Answer(path, is_none, known, _most(shares, top))


def _most(shares: Mapping[str, float], top: int) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])[:top]
