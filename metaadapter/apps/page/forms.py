"""The requests and responses of the HTTP interface, as its OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_serializer,
)

from metaadapter.apps.advice import kinds as advice_kinds
from metaadapter.apps.page.advice_entry import Action
from metaadapter.apps.page.contents import EditKind
from metaadapter.apps.page.refusal import Kind
from metaadapter.data.plain_text import one_line

MAX_NAME_LENGTH, MAX_DESCRIPTION_LENGTH = 120, 10_000
MAX_PICTURES = 200_000


def _plain(text: str) -> str:
    plain = one_line(" ".join(text.split()))
    if not plain:
        raise ValueError("a name must not be empty")
    return plain


Name = Annotated[str, Field(max_length=MAX_NAME_LENGTH), AfterValidator(_plain)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH)]
PictureId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{32}$"),
    Field(description="The id of a picture: the first 32 digits of its SHA-256."),
]
ClassId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{1,32}$"),
    Field(description="The id of a class."),
]
Label = ClassId | Literal["none"] | None
"""The id of a class, "none" for none of the classes, or `None` for the tray."""


class RequestForm(BaseModel):
    """The body of a request; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewClass(RequestForm):
    """A new class; a client that has to know its `id` at once may choose it."""

    id: ClassId | None = None
    name: Name
    description: Description = ""


class ClassChange(RequestForm):
    """A change of a class; a part that is left out stays as it is."""

    name: Name | None = None
    description: Description | None = None


class Pictures(RequestForm):
    """The ids of pictures."""

    pictures: Annotated[list[PictureId], Field(max_length=MAX_PICTURES)]


class Labels(RequestForm):
    """Either `labels`, picture → label, or `pictures` with one label, `class`.

    A label is the id of a class, "none" for none of the classes, or `null` for the tray.
    """

    pictures: Annotated[list[PictureId], Field(max_length=MAX_PICTURES)] = []
    class_id: Annotated[Label, Field(alias="class")] = None
    labels: Annotated[dict[PictureId, Label], Field(max_length=MAX_PICTURES)] = {}


class ProjectName(RequestForm):
    """The name of a project."""

    name: Name


class NewProjectName(ProjectName):
    """The name of a project, and its new name."""

    new_name: Name


class Error(BaseModel):
    """The reason why a request was refused, with the names and numbers in its sentence."""

    error: str
    kind: Kind
    values: dict[str, str | int]


class Revised(BaseModel):
    """The revision of the project after an edit."""

    revision: int


class ClassMade(Revised):
    """The id of a new class."""

    id: str


class Undone(Revised):
    """The edit that was undone or redone, who made it, and the ids of its pictures."""

    undone: str
    by: str
    edit: str
    kind: EditKind | None
    values: dict[str, str | int]
    pictures: list[str]


class Step(BaseModel):
    """An edit that was made, undone or redone: by whom, when (in UTC), and the request's key."""

    what: Literal["edit", "undo", "redo"]
    edit: str
    kind: EditKind
    values: dict[str, str | int]
    by: str
    at: str
    key: str


class Steps(BaseModel):
    """The latest steps of all people, the last one first."""

    steps: list[Step]


class ClassState(BaseModel):
    """A class and its pictures."""

    id: str
    name: str
    description: str
    pictures: list[str]


class CameraTraps(BaseModel):
    """The settings for camera traps, and the number of frames with boxes."""

    n_frames: int
    burst: float | None
    """Most seconds between two frames of a series."""
    allowed: list[str] | None
    """The ids of the classes that occur."""


class ProjectState(BaseModel):
    """The open project."""

    name: str
    encoder: str
    revision: int
    classes: list[ClassState]
    tray: list[str]
    none: list[str]
    names: dict[str, str]
    unreadable: dict[str, str]
    frames: dict[str, str]
    """Picture in a box → the frame that it is cut out of."""
    series: dict[str, str]
    """Picture → the first frame of its series; empty if no series are formed."""
    camera_traps: CameraTraps
    ready: bool
    can_undo: bool
    can_redo: bool
    saved: bool
    folder: str


class ListedProject(BaseModel):
    """A project that can be opened."""

    name: str
    n_pictures: int
    n_classes: int


class ProjectList(BaseModel):
    """The projects that can be opened, and the name of the open one."""

    projects: list[ListedProject]
    current: str


class Deleted(ProjectList):
    """The projects that are left, and the folder that the deleted one has been moved to."""

    place: str


class RefusedFile(BaseModel):
    """A file that was not added, and the reason."""

    name: str
    reason: str


class Added(Revised):
    """The result of an upload."""

    added: list[str]
    known_already: list[str]
    refused: list[RefusedFile]


class PicturePrediction(BaseModel, from_attributes=True):
    """The prediction for a picture of the project; classes are given by their ids."""

    class_id: Annotated[str, Field(validation_alias="label", serialization_alias="class")]
    probability: float
    runner_up: str | None
    runner_up_probability: float
    known: float | None
    unfamiliar: bool


class Shift(BaseModel, from_attributes=True):
    """The shift of pictures, with the keys of `metaadapter predict --json`."""

    n: int
    ratio: float
    probability: float
    of_pool: bool
    is_shifted: bool


class PicturePredictions(Revised):
    """The predictions of a revision; they are left out if the client has them already."""

    ready: bool
    unchanged: bool | None = None
    answers: dict[str, PicturePrediction] | None = None
    left_out: dict[str, PicturePrediction] | None = None
    shift: Shift | None = None


class Cost(BaseModel):
    """The cost of a threshold, below whose probability a prediction does not count."""

    threshold: float
    kept: float
    """The fraction of predictions that count."""
    errors: float | None
    """The fraction of wrong predictions among those that count; `None` if none counts."""


class Costs(BaseModel):
    """The cost of each threshold, and the number of left-out pictures it was computed from."""

    points: list[Cost]
    n_pictures: int


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


class LookAlikes(BaseModel):
    """Groups of pictures of the tray that look alike, the most alike first."""

    groups: list[list[str]]


class Sizes(BaseModel):
    """The sizes of the downloads in bytes, null if unknown.

    Unless `is_made`, the ONNX file and the page are larger than the number given.
    """

    answers: int
    pictures: int | None
    moves: int
    adapter: int
    onnx: int | None
    page: int | None
    is_made: bool


class ClassNames(BaseModel):
    """The names of the classes by their ids, and whether there is a classifier."""

    names: dict[str, str]
    ready: bool


class Address(BaseModel):
    """The address that a phone opens."""

    address: str


class Work(Revised):
    """The work in the background."""

    busy: bool
    stopped: bool
    """Whether pictures are left because a person stopped the work."""
    what: str
    done: int
    total: int
    per_second: float | None
    seconds_left: float | None
    error: str | None
    kind: Kind | None
    values: dict[str, str | int]


class SureAnswer(BaseModel, from_attributes=True):
    """The deepest sure name in the label tree of an adapter."""

    label: str | None
    probability: float
    level: int
    path: list[str]
    probabilities: list[float]


class Prediction(BaseModel, from_attributes=True):
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
    sure: SureAnswer | None = None

    @model_serializer(mode="wrap")
    def _without_a_tree(self, serialized: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        values = serialized(self)
        return values if self.sure else {k: v for k, v in values.items() if k != "sure"}


class Predictions(BaseModel):
    """The predictions of a request, their shift, and the files that could not be read."""

    predictions: list[Prediction]
    shift: Shift | None
    refused: list[RefusedFile]
