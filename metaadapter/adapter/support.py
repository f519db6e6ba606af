"""The support of few-shot tasks: everything that an adapter is predicted from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeBatch
from metaadapter.adapter.tensor_fields import TensorFields
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import UsageError


@dataclass(frozen=True, slots=True)
class Support(TensorFields):
    """The support of T tasks of up to N ways and K shots; features are unit rows of width D.

    Generators and peers predict from it. A class may have no pictures or no text, and the
    temperature may be unknown. Build it with `of_tasks` or `of_rows`, which fill in the defaults. A
    task has M = N·K places for pictures, class by class.
    """

    support_TNKD: Float[Tensor, "T N K D"]
    support_mask_TNK: Bool[Tensor, "T N K"]
    """True where there is a picture."""
    text_TND: Float[Tensor, "T N D"]
    """Text feature of each class name; a row of zeros where a class has no text."""
    class_mask_TN: Bool[Tensor, "T N"]
    """True where there is a class."""
    logit_scale_T: Float[Tensor, " T"] | None = None
    """The encoder's inverse temperature, 100 for most CLIPs; `None` if it is unknown."""
    blocks: tuple[int, ...] = ()
    """Widths of the blocks of the features, from left to right; () for one block."""
    pool_TUD: Float[Tensor, "T U D"] | None = None
    """Unit rows of each task's pool of unlabelled pictures; `None` without pools."""
    pool_mask_TU: Bool[Tensor, "T U"] | None = None
    """True where there is an unlabelled picture; `None` only if `pool_TUD` is `None`."""
    order: tuple[int, ...] = ()
    """For one task: the index of each labelled row among the rows that `of_rows` was given."""
    pictures_TPD: Float[Tensor, "T P D"] | None = None
    """With several labels a picture: every picture once, also those of no class. In the fields
    above, a picture of several classes is in each of them. `None` if a picture has one label."""
    shows_TPN: Bool[Tensor, "T P N"] | None = None
    """True where one of these pictures shows a class."""

    @classmethod
    def of_tasks(
        cls,
        support_TNKD: Float[Tensor, "T N K D"],
        text_TND: Float[Tensor, "T N D"] | None = None,
        support_mask_TNK: Bool[Tensor, "T N K"] | None = None,
        class_mask_TN: Bool[Tensor, "T N"] | None = None,
        *,
        logit_scale: Float[Tensor, " T"] | float | None = None,
        blocks: tuple[int, ...] = (),
    ) -> Support:
        """Build the support of many tasks; by default without texts, and with nothing masked out.

        The arguments are the fields. K may be 0, and one `logit_scale` may serve all tasks.
        """
        n_tasks, n_way, n_shot, width = support_TNKD.shape
        if text_TND is None:
            text_TND = support_TNKD.new_zeros(n_tasks, n_way, width)
        if support_mask_TNK is None:
            support_mask_TNK = support_TNKD.new_ones(n_tasks, n_way, n_shot, dtype=torch.bool)
        if class_mask_TN is None:
            class_mask_TN = support_TNKD.new_ones(n_tasks, n_way, dtype=torch.bool)
        scale_T = None
        if logit_scale is not None:
            scale_T = torch.as_tensor(logit_scale).to(text_TND).expand(n_tasks)
        return cls(support_TNKD, support_mask_TNK, text_TND, class_mask_TN, scale_T, blocks=blocks)

    @classmethod
    def of_batch(
        cls, batch: EpisodeBatch, logit_scale: float | None, blocks: tuple[int, ...] = ()
    ) -> Support:
        """Build the support of drawn tasks, without their queries."""
        return cls.of_tasks(
            batch.support_TNKD,
            batch.text_TND,
            batch.support_mask_TNK,
            batch.class_mask_TN,
            logit_scale=logit_scale,
            blocks=blocks,
        )

    @classmethod
    def of_rows(
        cls,
        rows: Float[Tensor, "n D"],
        labels: Int[Tensor, " n"] | Bool[Tensor, "n N"],
        text: Float[Tensor, "N D"],
        *,
        logit_scale: float | None = None,
        blocks: tuple[int, ...] = (),
        pool: Float[Tensor, "u D"] | None = None,
    ) -> Support:
        """Build the support of one task.

        Labels are 0 … N − 1, one for each row; or with several labels a picture the rows of
        `shows_TPN`. `rows`, `text` and `pool` (the unlabelled pictures) are unit rows; a
        class without a text has a row of zeros.
        """
        if labels.ndim == 2:
            picture_M, class_M = labels.nonzero(as_tuple=True)
            support = cls.of_rows(
                rows[picture_M], class_M, text, logit_scale=logit_scale, blocks=blocks
            )
            order = tuple(picture_M[list(support.order)].tolist())
            return replace(support, order=order, pictures_TPD=rows[None], shows_TPN=labels[None])
        pictures, mask = _sort_by_class(rows, labels, len(text))
        support = cls.of_tasks(
            pictures[None], text[None], mask[None], logit_scale=logit_scale, blocks=blocks
        )
        order = tuple(labels.argsort(stable=True).tolist())
        return replace(support.with_pool(pool), order=order)

    @property
    def n_tasks(self) -> int:
        """The number of tasks T."""
        return len(self.text_TND)

    @property
    def n_way(self) -> int:
        """The number N of places for classes."""
        return self.text_TND.shape[1]

    @property
    def exact(self) -> Support:
        """This support in float64, or in float32 on Apple's GPU, which has no float64."""
        on_apple = self.text_TND.device.type == "mps"
        return self.to(dtype=torch.float32 if on_apple else torch.float64)

    def repeated(self, n_tasks: int) -> Support:
        """Return a batch of `n_tasks` copies of the one task."""
        return self.map(lambda part: part.expand(n_tasks, *part.shape[1:]))

    def kept(self, mask_TNK: Bool[Tensor, "T N K"]) -> Support:
        """Return this support with only the pictures where `mask_TNK` is true."""
        return replace(self, support_mask_TNK=self.support_mask_TNK & mask_TNK)

    def with_pool(self, pool: Float[Tensor, "u D"] | None) -> Support:
        """Return the support of one task with these unlabelled pictures as its pool."""
        if pool is None or not len(pool):
            return replace(self, pool_TUD=None, pool_mask_TU=None)
        mask_TU = torch.ones(1, len(pool), dtype=torch.bool, device=pool.device)
        return replace(self, pool_TUD=pool[None], pool_mask_TU=mask_TU)

    def labelled_rows(self) -> tuple[Float[Tensor, "n D"], Int[Tensor, " n"]]:
        """Return the pictures of the one task and their class numbers, class by class."""
        (present_NK,) = self.present_TNK
        return self.support_TNKD[0][present_NK], present_NK.nonzero()[:, 0]

    def pictures(self) -> tuple[Float[Tensor, "n D"], Bool[Tensor, "n N"]]:
        """Return the pictures of the one task, each once, and the classes that they show.

        With one label a picture, it shows one class.
        """
        if self.pictures_TPD is None or self.shows_TPN is None:
            rows, numbers = self.labelled_rows()
            return rows, one_hot(numbers, self.n_way).bool()
        return self.pictures_TPD[0], self.shows_TPN[0]

    @property
    def has_label_sets(self) -> bool:
        """Whether a picture may have several labels."""
        return self.shows_TPN is not None

    @property
    def present_TNK(self) -> Bool[Tensor, "T N K"]:
        """True where there is a picture of a class that is not masked out."""
        return self.support_mask_TNK & self.class_mask_TN[..., None]

    @property
    def shots_TNKD(self) -> Float[Tensor, "T N K D"]:
        """The pictures, zeros where there is none."""
        present_TNK = self.present_TNK
        if present_TNK.all():
            return self.support_TNKD  # a copy of wide rows takes long
        return self.support_TNKD.masked_fill(~present_TNK[..., None], 0.0)

    @property
    def rows_TMD(self) -> Float[Tensor, "T M D"]:
        """The pictures class by class, zeros where there is none."""
        return self.shots_TNKD.flatten(1, 2)

    @property
    def targets_TMN(self) -> Float[Tensor, "T M N"]:
        """One-hot classes of `rows_TMD`, zeros where there is no picture."""
        own_TM, present_TM = self.own_and_present(slice(None))
        return (one_hot(own_TM, self.n_way) * present_TM[..., None]).to(self.text_TND.dtype)

    def own_and_present(self, rows: slice) -> tuple[Int[Tensor, "T R"], Bool[Tensor, "T R"]]:
        """Return the classes of these of the M places, and where there is a picture."""
        n_shot, present_TM = self.support_mask_TNK.shape[2], self.present_TNK.flatten(1)
        places_R = torch.arange(present_TM.shape[1], device=present_TM.device)[rows]
        present_TR = present_TM[:, rows]
        return (places_R // max(1, n_shot)).expand(present_TR.shape), present_TR

    @property
    def n_pictures_T(self) -> Float[Tensor, " T"]:
        """The number of pictures of each task, at least 1."""
        return self.present_TNK.sum((1, 2)).clamp(min=1).to(self.text_TND.dtype)

    @property
    def n_pool(self) -> int:
        """The number of places for unlabelled pictures."""
        return 0 if self.pool_TUD is None else self.pool_TUD.shape[1]

    @property
    def n_shot_T(self) -> Float[Tensor, " T"]:
        """The mean number of pictures of the classes that have any, at least 1."""
        return self.n_pictures_T / self.present_TNK.any(-1).sum(-1).clamp(min=1)

    @property
    def means_TND(self) -> Float[Tensor, "T N D"]:
        """The mean picture of each class, zeros where a class has none."""
        return self.shots_TNKD.sum(2) / self.present_TNK.sum(-1, keepdim=True).clamp(min=1)

    @property
    def start_TND(self) -> Float[Tensor, "T N D"]:
        """The class vectors where gradient steps start: the text, else the class's mean picture."""
        return torch.where(self.text_TND.any(-1, keepdim=True), self.text_TND, self.means_TND)

    @property
    def scale_T(self) -> Float[Tensor, " T"]:
        """The encoder's inverse temperature, for a method that needs it.

        Raises:
            UsageError: The temperature is unknown.
        """
        if self.logit_scale_T is None:
            raise UsageError(
                "the encoder's inverse temperature is needed here and is unknown: pass "
                "logit_scale=… (FrozenEncoder.logit_scale; 100 for most CLIPs), or encoder=…"
            )
        return self.logit_scale_T

    @property
    def scale_T11(self) -> Float[Tensor, "T 1 1"]:
        """`scale_T` in the shape of a factor on the logits of each task."""
        return self.scale_T[:, None, None]

    def head(
        self,
        classes_TND: Float[Tensor, "T N D"],
        class_bias_TN: Float[Tensor, "T N"] | None = None,
        *,
        logit_scale: float | None = None,
        **parts: Tensor,
    ) -> AdapterWeights:
        """Return adapters with these class vectors; a masked-out class gets a bias of −∞.

        Args:
            classes_TND: The class vectors, of any length.
            class_bias_TN: Added to the logits; zeros by default.
            logit_scale: The inverse temperature; the encoder's by default.
            parts: Other fields of `AdapterWeights`: a visual bottleneck.

        Raises:
            UsageError: The inverse temperature is neither given nor known.
        """
        if class_bias_TN is None:
            class_bias_TN = torch.zeros_like(classes_TND[..., 0])
        scale_T = self.scale_T if logit_scale is None else torch.tensor(logit_scale)
        return AdapterWeights(
            classes=classes_TND,
            class_bias=class_bias_TN.masked_fill(~self.class_mask_TN, -torch.inf),
            logit_scale=scale_T.to(classes_TND).expand(self.n_tasks),
            **parts,
        )

    def zero_shot(self) -> AdapterWeights:
        """Return zero-shot CLIP (Radford et al., 2021): logits s · x · t_c.

        Raises:
            UsageError: The encoder's temperature is unknown.
        """
        return self.head(self.text_TND)


def _sort_by_class(
    rows: Float[Tensor, "n ..."], labels: Int[Tensor, " n"], n_way: int
) -> tuple[Float[Tensor, "N K ..."], Bool[Tensor, "N K"]]:
    """Return rows by class, padded, and a mask; within a class, rows keep their order."""
    counts = labels.bincount(minlength=n_way)
    by_class = torch.split(rows[labels.argsort(stable=True)], counts.tolist())
    shots = pad_sequence(list(by_class), batch_first=True)
    return shots, torch.arange(shots.shape[1]) < counts[:, None]
