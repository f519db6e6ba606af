"""What goes into and comes out of the HTTP interface, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from metaadapter.data.plain_text import one_line

LONGEST_NAME, LONGEST_DESCRIPTION = 120, 10_000
MOST_PICTURES = 200_000


def _plain(text: str) -> str:
    plain = one_line(" ".join(text.split()))
    if not plain:
        raise ValueError("a name must not be empty")
    return plain


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_plain)]
Description = Annotated[str, Field(max_length=LONGEST_DESCRIPTION)]
Picture = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
ClassId = Annotated[str, Field(pattern=r"^[0-9a-f]{1,32}$")]


class Form(BaseModel):
    """What comes from a client: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewClass(Form):
    """A class to be made."""

    name: Name
    description: Description = ""


class ClassChange(Form):
    """What is to be changed of a class; what is left out stays."""

    name: Name | None = None
    description: Description | None = None


class Pictures(Form):
    """Some pictures, by their ids."""

    pictures: Annotated[list[Picture], Field(max_length=MOST_PICTURES)]


class Labels(Form):
    """Pictures and the class of each, or pictures of one class; `null` is the tray."""

    pictures: Annotated[list[Picture], Field(max_length=MOST_PICTURES)] = []
    class_id: Annotated[ClassId | None, Field(alias="class")] = None
    labels: Annotated[dict[Picture, ClassId | None], Field(max_length=MOST_PICTURES)] = {}


class ProjectName(Form):
    """The name of a project."""

    name: Name


class Error(BaseModel):
    """Why a request was not done."""

    error: str
    kind: str


class Revised(BaseModel):
    """The number of the project's state after an edit."""

    revision: int


class ClassMade(Revised):
    """A class that was made."""

    id: str


class Undone(Revised):
    """What was undone or made again."""

    undone: str


class ClassForm(BaseModel):
    """A class and its pictures."""

    id: str
    name: str
    description: str
    pictures: list[str]


class ProjectForm(BaseModel):
    """The open project."""

    name: str
    encoder: str
    revision: int
    classes: list[ClassForm]
    tray: list[str]
    names: dict[str, str]
    unreadable: dict[str, str]
    ready: bool
    can_undo: bool
    can_redo: bool
    saved: bool
    folder: str


class ProjectListed(BaseModel):
    """A project that can be opened."""

    name: str
    n_pictures: int
    n_classes: int


class ProjectList(BaseModel):
    """The projects that can be opened, and the name of the one that is open."""

    projects: list[ProjectListed]
    current: str


class RefusedFile(BaseModel):
    """A file that was not taken, and why."""

    name: str
    reason: str


class Added(Revised):
    """What became of the files that were sent."""

    added: list[str]
    known_already: list[str]
    refused: list[RefusedFile]


class AnswerForm(BaseModel):
    """What the classifier says of a picture; classes are told by their ids."""

    class_id: Annotated[str, Field(serialization_alias="class")]
    probability: float
    runner_up: str | None
    runner_up_probability: float
    known: float | None
    unfamiliar: bool


class Answers(Revised):
    """The answers of a revision; without them where they are the ones that the client has."""

    ready: bool
    unchanged: bool | None = None
    answers: dict[str, AnswerForm] | None = None
    left_out: dict[str, AnswerForm] | None = None


class CostForm(BaseModel):
    """What answering from a probability on keeps, and how much of that is expected to be wrong."""

    threshold: float
    kept: float
    errors: float | None


class Costs(BaseModel):
    """The cost at each threshold, and how many left-out pictures it was counted on."""

    points: list[CostForm]
    n_pictures: int


class AdviceItem(BaseModel):
    """One piece of advice, and the classes and pictures that it is about."""

    kind: str
    sentence: str
    classes: list[str]
    pictures: list[str]


class AdviceList(BaseModel):
    """Advice, what helps most first."""

    advice: list[AdviceItem]


class WorkForm(Revised):
    """What is being done behind the page."""

    busy: bool
    what: str
    done: int
    total: int
    seconds_left: float | None
    error: str | None


class PredictionForm(BaseModel):
    """One prediction, with the keys of `metaadapter predict --json`."""

    path: str
    label: str
    probability: float
    runner_up: str
    runner_up_probability: float
    in_support: bool
    probabilities: dict[str, float]
    known: float | None
    unfamiliar: bool
    set: list[str] | None


class Predictions(BaseModel):
    """The predictions of a request, and the files that could not be read."""

    predictions: list[PredictionForm]
    refused: list[RefusedFile]
