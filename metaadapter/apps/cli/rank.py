"""`metaadapter rank`: captions in order for pictures, and pictures for captions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, quarantined_json
from metaadapter.apps.cli.rank_shown import Answered, Lists, show
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.labs.ranking.ranking_adapter import Asked


def rank(
    adapter: options.Adapter,
    pictures: Annotated[
        Path,
        Argument(
            metavar="PICTURES",
            help="Pictures: a folder (with all folders in it), a manifest, a feature store, or one "
            "picture.",
        ),
    ],
    texts: Annotated[
        Path | None,
        Argument(
            metavar="[TEXTS]",
            help="Captions: a text file with one a line, or a manifest with a column `caption`. By "
            "default those of the manifest PICTURES.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        list[str] | None, Option(metavar="CAPTION", help="A caption, in place of TEXTS. Repeat.")
    ] = None,
    top: Annotated[int, Option(min=1, help="Of each list, the best N.")] = 5,
    together: Annotated[
        bool,
        Option(
            "--together",
            help="Learn from all these pictures and captions what the domain is like, before they "
            "are ordered: mostly better, most after few pairs. Scores then depend on one another.",
        ),
    ] = False,
    question: Annotated[
        str | None,
        Option(
            metavar="QUESTION", help="Ask each picture, in place of TEXTS. It needs --answers too."
        ),
    ] = None,
    answers: Annotated[
        str | None, Option(metavar="ANSWER,…", help="The answers to choose from.")
    ] = None,
    sentence: Annotated[
        str | None,
        Option(
            metavar="SENTENCE",
            help="The answer as a sentence, with {} for it, as in 'the car is {}'.",
            show_default="made of the question",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None, Option("--csv", metavar="FILE", help="Write a table in place of the lists.")
    ] = None,
    split: options.Split = None,
    encoder: options.MovedEncoder = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Order captions and pictures, or answer a question.

    ADAPTER is one of pictures with captions (`metaadapter adapt --captions`); with one of classes
    its frozen encoder orders alone. Without a terminal the list is tab-separated: what is asked
    about, whether it is a picture or a caption, the place in its list, the answer, its score.
    """
    console = Console(quiet=quiet, json_output=json_output)
    if (question is None) != (answers is None):
        raise UsageError("--question and --answers go together: give both, or neither")
    if sentence is not None and question is None:
        raise UsageError("--sentence says how an answer is read, but there is no --question")
    if sum(each is not None for each in (texts, text, question)) > 1:
        raise UsageError("give the captions once: as TEXTS, with --text, or as --question")
    from metaadapter.labs.ranking.captions import list_captions
    from metaadapter.labs.ranking.questions import answer_probabilities, answer_sentences
    from metaadapter.labs.ranking.ranked import RECALL_AT, recall_of
    from metaadapter.labs.ranking.ranked import rank as rank_rows
    from metaadapter.labs.ranking.ranking_adapter import read_ranking_adapter

    candidates = tuple(each.strip() for each in (answers or "").split(","))
    sentences = None if question is None else answer_sentences(question, candidates, sentence)
    captions = list_captions(pictures, texts, sentences or text, split=split)
    ready = read_ranking_adapter(adapter, encoder, device, precision)
    with console.progress() as progress:
        asked = ready.ask(pictures, captions, together=together, split=split, progress=progress)
    warnings = _warn(console, adapter, asked, n_pairs=ready.n_pairs)
    if together:
        console.note("these scores depend on one another: other candidates beside may change them")
    paths = asked.pictures.paths
    shared = {
        "adapter": str(adapter),
        "encoder": ready.origin.encoder,
        "n_pairs": ready.n_pairs,
        "together": together,
        "n_pictures": len(paths),
        "warnings": warnings,
        "quarantined": quarantined_json(asked.pictures.quarantined),
    }
    found: Answered | Lists
    if question is not None:
        scores = asked.picture_rows @ asked.caption_rows.T
        probabilities = answer_probabilities(scores, ready.logit_scale)
        found = Answered(question, candidates, captions.texts, paths, probabilities)
    else:
        ranked = rank_rows(asked.picture_rows, asked.caption_rows, max(top, *RECALL_AT))
        recall = recall_of(ranked, asked.pictures, captions)
        found = Lists(paths, captions.texts, ranked, top, recall)
    show(console, found, csv_file, shared if json_output else None)


def _warn(console: Console, adapter: Path, asked: Asked, *, n_pairs: int) -> list[str]:
    """Tell what is to be known of the scores; the warnings among it come back."""
    warnings = [*asked.pictures.warnings]
    if not n_pairs:
        console.note(
            f"{adapter} was made of classes: its frozen encoder orders alone; with pairs of your "
            "domain, `metaadapter adapt PAIRS.csv --captions` makes an adapter that does it better"
        )
    if asked.n_of_pairs:
        warnings.append(
            f"the adapter was fitted to {asked.n_of_pairs} of these very pictures, so their places "
            "show memory, not skill"
        )
    console.warn_of_pictures("these", warnings, asked.pictures.quarantined)
    return warnings
