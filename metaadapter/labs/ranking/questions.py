"""Sentences from a question and its candidate answers, to compare with pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from metaadapter.errors import UsageError

# The factor on scores of an adapter of pairs; docs/explanation/captions.md says how it was chosen.
PAIRS_LOGIT_SCALE = 16.0

PLACE = (
    r"left of|right of|above|below|under|over|behind|beside|between|inside|near|next to|"
    r"in front of|on top of|on|in|at"
)
# A question without its question mark → the sentence, with {} for the answer.
FORMS = (
    # What colour is the car? → the car is red
    (rf"(?:what|which) (?!is |are )[\w-]+ (is|are) (?!(?:{PLACE}) )(.+)", r"\2 \1 {}"),
    # What is left of the lamp? → a cup is left of the lamp
    (rf"(?:what|who|which [\w-]+) (is|are) ((?:{PLACE}) .+)", r"{} \1 \2"),
    # What is the man doing? → the man is reading
    (r"what (is|are) (.+) doing", r"\2 \1 {}"),
    # How many dogs are there? → there are two dogs
    (r"how many (.+?) are (?:there|in the (?:picture|photo|image))", r"there are {} \1"),
    # Where is the cat? What is the animal? → the cat is on a roof
    (r"(?:where|what|who) (is|are) (.+)", r"\2 \1 {}"),
)


def answer_sentences(
    question: str, answers: Sequence[str], sentence: str | None = None
) -> tuple[str, ...]:
    """Turn each answer to a question into a sentence.

    Args:
        question: For instance "What colour is the car?".
        answers: At least two candidates, for instance "red" and "blue".
        sentence: The sentence with {} for the answer, as in "the car is {}"; by default the form
            that fits the question, or else the question followed by the answer.

    Raises:
        UsageError: There is no question, there are fewer than two answers, an answer is empty or
            repeated, or the sentence does not have exactly one {}.
    """
    if not question.strip():
        raise UsageError("expected a question such as 'What colour is the car?', got none")
    if len(answers) < 2 or not all(answers) or len(set(answers)) < len(answers):
        raise UsageError(
            f"expected two or more different answers to {question!r}, got "
            f"{', '.join(map(repr, answers)) or 'none'}"
        )
    form = sentence_form(question) if sentence is None else sentence
    if form.count("{}") != 1:
        raise UsageError(
            f"expected a sentence with exactly one {{}} for the answer, as in 'the car is {{}}', "
            f"got {form!r}"
        )
    return tuple(form.replace("{}", answer) for answer in answers)


def sentence_form(question: str) -> str:
    """The sentence that answers a question, with {} for the answer."""
    plain = " ".join(question.replace("{", "").replace("}", "").split())
    bare = plain.rstrip(" ?")
    for pattern, form in FORMS:
        if match := re.fullmatch(pattern, bare, re.IGNORECASE):
            return match.expand(form)
    return f"{plain} {{}}"


def answer_probabilities(
    scores: Float32[np.ndarray, "n answers"], logit_scale: float
) -> Float[np.ndarray, "n answers"]:
    """The probability of each answer, given that one of them is correct."""
    from scipy.special import softmax

    return np.asarray(softmax(logit_scale * scores.astype(np.float64), axis=1))
