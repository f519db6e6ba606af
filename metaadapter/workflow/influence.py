"""The labelled pictures that an answer rests on: it is predicted again without each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import UsageError
from metaadapter.files.user_code import is_user_code
from metaadapter.workflow.fit_adapter import CUSTOM, generator_that_predicted
from metaadapter.workflow.left_out_accuracy import (
    adapters_of_parts,
    tasks_at_once,
    why_none_is_left_out,
)

MOST_REASONS = 3
"""The most labelled pictures that are named for an answer, and the most against it."""


class Reason(NamedTuple):
    """A labelled picture, and the prediction by an adapter that is predicted without it."""

    picture: str
    """Its content hash; "" if it is unknown, and for the names of the classes."""
    label: str
    """Its class; "" for the names."""
    answer: str
    """The most probable class without it."""
    probability: float
    """The probability, without it, of the class that is the answer with it."""


class Why(NamedTuple):
    """The reasons of one answer, the strongest first."""

    answer: str
    """The most probable class."""
    speak_for: tuple[Reason, ...]
    """Labelled pictures without which the answer is less probable. First come those without which
    the answer changes, the most doubtful label first: a wrong label that causes an error is mostly
    among the first three."""
    speak_against: tuple[Reason, ...]
    """Labelled pictures without which it is more probable."""
    names: Reason | None
    """The prediction without the names of the classes; `None` if the adapter has none."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, with the reasons `for`, `against` and `names`."""
        return {
            "answer": self.answer,
            "for": [reason._asdict() for reason in self.speak_for],
            "against": [reason._asdict() for reason in self.speak_against],
            "names": self.names and self.names._asdict(),
        }


class LeftOutPicture(NamedTuple):
    """A labelled picture, and the prediction for it by the adapter without it."""

    sha256: str
    label: str
    own_probability: float
    """The probability of its own class."""


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """The adapter of a task, and the adapters predicted without each of R labelled pictures."""

    classes: tuple[str, ...]
    weights: AdapterWeights
    without: tuple[AdapterWeights, ...]
    """Batches of the R adapters."""
    pictures: tuple[LeftOutPicture, ...]
    nameless: AdapterWeights | None
    """The adapter without names; `None` if there are none, or a class has no picture."""

    @classmethod
    def of(cls, stored: StoredAdapter) -> Influence:
        """Predict the adapters without each labelled picture, and without names.

        A picture that is alone in a class without a name is no reason: without it there would be no
        class.

        Raises:
            UsageError: There are no reasons (`why_no_reasons`).
            IncompatibleArtifact: The generator is not the one that predicted the adapter.
        """
        config, support = stored.config, stored.support
        if (obstacle := why_no_reasons(stored)) or support is None:
            raise UsageError(f"the adapter cannot say why: {obstacle}")
        generator = generator_that_predicted(config.generator, config.generator_id)
        support = support.to(device=generator.device)
        rows_nD, numbers_n = support.labelled_rows()
        is_alone_N = support.present_TNK[0].sum(-1) == 1
        stays_n = ~is_alone_N[numbers_n] | support.text_TND[0].any(-1)[numbers_n]
        (places_R,) = stays_n.nonzero().T
        everything_n = torch.arange(len(numbers_n), device=places_R.device)
        predict = partial(adapters_of_parts, generator=generator, n_steps=config.n_steps)
        without, own, nameless = list[AdapterWeights](), list[float](), None
        with torch.no_grad():
            for some in places_R.split(tasks_at_once(support)) if len(places_R) else ():
                part = predict(support, kept_Tn=everything_n != some[:, None])
                p_TN = classify(rows_nD[some, None], part)[:, 0].softmax(-1)
                own += p_TN.gather(1, numbers_n[some, None])[:, 0].tolist()
                without.append(part.to(device="cpu"))
            if support.text_TND.any() and support.present_TNK.any(-1).all():
                no_texts = replace(support, text_TND=torch.zeros_like(support.text_TND))
                nameless = predict(no_texts, kept_Tn=everything_n[None] >= 0).to(device="cpu")
        classes = tuple(map(str, config.classes))
        hashes = stored.picture_hashes or ("",) * len(numbers_n)
        pictures = tuple(
            LeftOutPicture(hashes[place], classes[int(numbers_n[place])], p)
            for place, p in zip(places_R.tolist(), own, strict=True)
        )
        return cls(classes, _exact(stored.weights), tuple(without), pictures, nameless)

    def reasons(self, features: Float[np.ndarray, "n D"]) -> list[Why]:
        """Return the reasons of the answers for n pictures, given by their rows of features."""
        rows_nD = normalize(torch.from_numpy(features).double(), dim=-1)
        whole_nN = classify(rows_nD, self.weights).softmax(-1)
        adapters = (*self.without, *([] if self.nameless is None else [self.nameless]))
        p_RnN = torch.cat([whole_nN[None][:0], *(_probabilities(rows_nD, one) for one in adapters)])
        return [self._why(*of_one) for of_one in zip(whole_nN, p_RnN.unbind(1), strict=True)]

    def _why(self, p_N: Float[Tensor, " N"], p_RN: Float[Tensor, "R N"]) -> Why:
        number = int(p_N.argmax())
        answer, whole = self.classes[number], float(p_N[number])
        without = [(self.classes[int(row.argmax())], float(row[number])) for row in p_RN]
        of_names = None if self.nameless is None else Reason("", "", *without.pop())

        def order(place: int) -> tuple[bool, float]:
            other, p = without[place]
            return other == answer, p if other == answer else self.pictures[place].own_probability

        reasons = [
            Reason(self.pictures[place].sha256, self.pictures[place].label, *without[place])
            for place in sorted(range(len(without)), key=order)
        ]
        speak_for = [one for one in reasons if one.probability < whole]
        against = [one for one in reasons if one.probability > whole]
        against.sort(key=lambda reason: -reason.probability)
        return Why(answer, tuple(speak_for[:MOST_REASONS]), tuple(against[:MOST_REASONS]), of_names)


def why_no_reasons(stored: StoredAdapter) -> str:
    """Why an adapter has no reasons for its answers; "" if it has."""
    if stored.config.generator == CUSTOM or is_user_code(stored.config.generator):
        return "its generator is code of your own, and an adapter never runs code"
    return why_none_is_left_out(stored)


def _exact(weights: AdapterWeights) -> AdapterWeights:
    return weights.to(device="cpu", dtype=torch.float64)


def _probabilities(
    rows_nD: Float[Tensor, "n D"], weights: AdapterWeights
) -> Float[Tensor, "T n N"]:
    n_tasks = len(weights.logit_scale)
    return classify(rows_nD.expand(n_tasks, *rows_nD.shape), _exact(weights)).softmax(-1)
