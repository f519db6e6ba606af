"""The forms of advice: pieces that are given, and those that a person has settled."""

from __future__ import annotations

from pydantic import BaseModel

from metaadapter.apps.advice import kinds as advice_kinds
from metaadapter.apps.page.advice_entry import Action
from metaadapter.apps.page.forms import RequestForm


class AdvicePiece(BaseModel, from_attributes=True):
    """A piece of advice with the ids of classes and pictures, and the ways to settle it."""

    id: str
    kind: advice_kinds.Kind
    sentence: str
    classes: list[str]
    pictures: list[str]
    form: advice_kinds.Form
    values: dict[str, str | int | list[str]]
    actions: list[Action]


class SettledPiece(BaseModel, from_attributes=True):
    """A piece of advice that a person has settled, and how."""

    id: str
    action: Action
    sentence: str
    classes: list[str]
    pictures: list[str]
    form: advice_kinds.Form
    values: dict[str, str | int | list[str]]


class AdviceList(BaseModel):
    """Advice, the most helpful first, and what was settled, the latest first."""

    advice: list[AdvicePiece]
    settled: list[SettledPiece]


class Settlement(RequestForm):
    """The way to settle a piece of advice.

    "move" gives its picture the better label, "none" the label of none of the classes; "keep" says
    that its label is right, and "dismiss" that nothing will be done.
    """

    action: Action
