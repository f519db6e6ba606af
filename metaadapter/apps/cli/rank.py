"""`metaadapter rank`: order captions for each picture, and pictures for each caption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Excludes, Needs, Output
from metaadapter.apps.cli.rank_output import QuestionAnswers, RankedLists, show

if TYPE_CHECKING:
    from metaadapter.labs.ranking.captions import Captions
    from metaadapter.labs.ranking.ranking_adapter import RankingTask


Pictures = Annotated[
    Path,
    Argument(
        metavar="PICTURES",
        help="Pictures: a folder (with subfolders), a manifest, a feature store, or one picture.",
    ),
]
Texts = Annotated[
    Path | None,
    Argument(
        metavar="[TEXTS]",
        help="Captions: a text file with one caption per line, or a manifest with a column "
        "`caption`. By default the captions in the manifest PICTURES.",
        show_default=False,
    ),
]
Text = Annotated[
    list[str] | None,
    Option(metavar="CAPTION", help="A caption, in place of TEXTS; repeatable."),
    Excludes(("TEXTS", "--question")),
]
Top = Annotated[int, Option(min=1, help="Number of answers in each list, the best first.")]
Together = Annotated[
    bool,
    Option(
        "--together",
        help="Also take means and hubs from all these pictures and captions. This is mostly "
        "better, especially with few pairs; scores then depend on one another.",
    ),
]
Question = Annotated[
    str | None,
    Option(
        metavar="QUESTION",
        help="A question about each picture, in place of TEXTS; it needs --answers.",
    ),
    Needs("--answers"),
    Excludes(("TEXTS",)),
]
Answers = Annotated[
    str | None,
    Option(metavar="ANSWER,…", help="The answers to choose from."),
    Needs("--question"),
]
Sentence = Annotated[
    str | None,
    Option(
        metavar="SENTENCE",
        help="A sentence in which the answer replaces {}, as in 'the car is {}'.",
        show_default="made from the question",
    ),
    Needs("--question"),
]
TableFile = Annotated[
    Path | None,
    Option("--out", "-o", metavar="FILE.csv", help="Write a table in place of the lists."),
    Output(rb"\A(asked about,kind,place|picture,answer,probability),", ending=(".csv",)),
]


def rank(
    adapter: options.Adapter,
    pictures: Pictures,
    texts: Texts = None,
    text: Text = None,
    top: Top = 5,
    together: Together = False,
    question: Question = None,
    answers: Answers = None,
    sentence: Sentence = None,
    out: TableFile = None,
    encoder: options.MovedEncoder = None,
) -> None:
    """Order captions and pictures, or answer a question.

    ADAPTER is made from pictures with captions (`metaadapter captions`). If it is made from
    classes, only its frozen encoder is used. If the output is no terminal, lines are tab-separated:
    the picture or caption that answers are for, its kind, and the answer's rank, text and score.
    """
    console = Console()
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.labs.ranking.captions import answer_sentences, list_captions
    from metaadapter.labs.ranking.ranking_adapter import read_ranking_adapter

    choices = [answer.strip() for answer in (answers or "").split(",")]
    given = text if question is None else answer_sentences(question, choices, sentence)
    choice = read_encoder(encoder, of_adapter=True)
    captions = list_captions(pictures, texts, given)
    ranking = read_ranking_adapter(adapter, choice.encoder, choice.device, choice.precision)
    with console.progress():
        task = ranking.encode(pictures, captions, together=together)
    document = {
        "adapter": str(adapter),
        "encoder": ranking.origin.encoder,
        "n_pairs": ranking.n_pairs,
        "together": together,
        "n_pictures": len(task.pictures.paths),
        **_warn(console, adapter, task, n_pairs=ranking.n_pairs, together=together),
    }
    result: QuestionAnswers | RankedLists
    if question is not None:
        result = _answer(task, question, choices, captions, ranking.logit_scale)
    else:
        result = _rank(task, captions, top)
    show(console, result, out, document)


def _answer(
    task: RankingTask,
    question: str,
    answers: Sequence[str],
    sentences: Captions,
    logit_scale: float,
) -> QuestionAnswers:
    from metaadapter.labs.ranking.captions import answer_probabilities

    scores = task.picture_rows @ task.caption_rows.T
    probabilities = answer_probabilities(scores, logit_scale)
    return QuestionAnswers(question, answers, sentences.texts, task.pictures.paths, probabilities)


def _rank(task: RankingTask, captions: Captions, top: int) -> RankedLists:
    from metaadapter.labs.ranking.captions import picture_key
    from metaadapter.labs.ranking.rankings import RECALL_AT, rank, recall_of

    rankings = rank(task.picture_rows, task.caption_rows, max(top, *RECALL_AT))
    keys = [picture_key(path, box) for path, box in task.pictures.keys]
    recall = recall_of(rankings, keys, captions)
    return RankedLists(task.pictures.paths, captions.texts, rankings, top, recall)


def _warn(
    console: Console, adapter: Path, task: RankingTask, *, n_pairs: int, together: bool
) -> dict[str, Any]:
    """Print notes and warnings about the scores, and return those about pictures."""
    warnings = [*task.pictures.warnings]
    if not n_pairs:
        console.note(
            f"{adapter} was made from classes, so only its frozen encoder is used; with pairs of "
            "your domain, `metaadapter captions PAIRS.csv` makes a better adapter for this"
        )
    if task.n_of_pairs:
        warnings.append(
            f"the adapter was fitted to {task.n_of_pairs} of these pictures, so their results are "
            "better than those of new pictures"
        )
    about = console.warn_of_pictures("these", warnings, task.pictures.quarantined)
    if task.n_new:
        console.note(
            f"{task.n_new} of the captions are not among the pairs: the frozen encoder decides how "
            "many of these pictures get one, so scores of captions depend on the other pictures; "
            "leave out captions that describe no picture"
        )
    if together:
        console.note("these scores depend on one another: they change with the other candidates")
    return about
