"""The interface of a generator, which predicts an adapter from a support, and its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.files.checksums import joined_hash, read_document, write_document
from metaadapter.files.code_identity import code_identity
from metaadapter.files.hub import (
    HubName,
    fetch,
    files_in,
    some_files,
)
from metaadapter.files.regular_files import given_path
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.independent_classes import independent_classes

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
SCHEMA = "metaadapter.generator/1"
REMEDY = "restore it from a copy, or train the generator again"


class AdapterGenerator(nn.Module, ABC):
    """A network that predicts adapters from supports.

    metaadapter ships the subclass `Generator`. `MetaAdapterClassifier(generator=…)`, `evaluate`,
    the trainer and `load_generator` accept any other subclass, too. A subclass that users name as
    FILE.py:CLASS must have a constructor without arguments.
    """

    takes_float64: ClassVar[bool] = False
    """Whether `forward` takes float64; if not, supports are cast to the type of the weights."""

    @abstractmethod
    def forward(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks, stacked on a leading axis, with gradients.

        A masked-out class must get the bias −∞, as in `Support.head`. Masked-out classes and
        pictures must not change any other output.
        """

    @property
    def closed_form(self) -> ClosedForm:
        """The constants for several labels a picture, whose classes no network predicts."""
        return ClosedForm()

    def in_domain_of_pool(self, support: Support) -> Support:
        """Return the support with its pictures moved to the domain of its pool; here unchanged.

        Gradient steps learn from these pictures, and left-out ones are classified as they are here.
        """
        return support

    @final
    def predict(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks, without gradients, in the precision of the support.

        With several labels a picture, that of one task by the closed form of independent classes.

        Raises:
            DataError: There are too many pictures of several labels, or a class is in none.
            UsageError: `forward` returns something other than the adapters of these tasks.
        """
        first, dtype = next(self.parameters(), None), support.text_TND.dtype
        if support.has_label_sets:
            return independent_classes(support, self.closed_form).weights.to(dtype=dtype)
        if not (self.takes_float64 or first is None):
            support = support.to(dtype=first.dtype)
        with torch.no_grad():
            adapters = self(support)
        owner = f"generator {type(self).__name__}"
        return require_adapters(adapters, support.text_TND.shape, owner=owner).to(dtype=dtype)

    def stored_config(self) -> dict[str, Any]:
        """Return the values of `config.json`, from which `from_config` makes the generator."""
        return {"class": type(self).__qualname__}

    @classmethod
    def from_config(cls, stored: Mapping[str, Any], place: object) -> Self:  # noqa: ARG003
        """Return a generator whose weights are still to be loaded.

        Args:
            stored: The values of `config.json`.
            place: Where these are from, for messages.

        Raises:
            IncompatibleArtifact: The values describe no generator of this class.
        """
        return cls.seeded()

    def identity_text(self) -> str:
        """Return a text that changes with all that is not in the weights."""
        return f"{type(self).__qualname__} {code_identity(type(self))}"

    @final
    @classmethod
    def seeded(cls) -> Self:
        """Return a new generator, always the same; torch's random state does not change."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return cls()

    @final
    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Read a generator of this class from a folder, in evaluation mode.

        Raises:
            DataError: A file of the folder is damaged.
            IncompatibleArtifact: The folder's files do not fit this class.
        """
        stored, proof = read_document(folder / CONFIG_FILE, SCHEMA, REMEDY)
        try:
            tensors = load(proof.read(WEIGHTS_FILE))
        except SafetensorError as error:
            raise DataError(f"cannot read {folder / WEIGHTS_FILE}: {error}; {REMEDY}") from error
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise DataError(
                f"{folder / WEIGHTS_FILE} holds weights that are NaN or infinite; {REMEDY}"
            )
        generator = cls.from_config(stored, folder)
        weights = {name: tensor.float() for name, tensor in tensors.items()}
        try:
            # A generator on the meta device takes the tensors as they are.
            generator.load_state_dict(
                weights, assign=any(weight.is_meta for weight in generator.parameters())
            )
        except (KeyError, RuntimeError) as error:
            raise IncompatibleArtifact(
                f"{folder}: the generator's weights do not fit its configuration or this version "
                f"of metaadapter: {error}; {REMEDY}"
            ) from error
        return generator.eval()

    @final
    @property
    def device(self) -> torch.device:
        """The device of the weights; the CPU if the generator has no weights."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device


def save_generator(generator: AdapterGenerator, folder: str | Path) -> None:
    """Write `config.json` and `model.safetensors` in one step, without a pickle or code.

    Raises:
        UsageError: `generator` is no generator.
    """
    if not isinstance(generator, AdapterGenerator):
        raise UsageError(
            "save_generator expects a generator, as from load_generator('default'), and a folder, "
            f"got {generator!r}"
        )
    folder = given_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {"schema": SCHEMA, **generator.stored_config()}
    write_document(folder / CONFIG_FILE, config, {WEIGHTS_FILE: _weights_of(generator)})


def generator_id(generator: AdapterGenerator) -> str:
    """Return twelve hexadecimal digits that change with the weights, the shape and the constants.

    The identity of a generator of your own changes with its code, too.
    """
    parts = [generator.identity_text()]
    for name, tensor in sorted(generator.state_dict().items()):
        parts += [name, tensor.detach().cpu().contiguous().numpy().tobytes()]
    return joined_hash(parts)[:12]


def fetched_generator(name: str | Path) -> Path:
    """Return the folder of a generator on the hub, in the hub's cache.

    Raises:
        UsageError: The hub has no such repository or revision.
        DataError: It is not on this machine and cannot be downloaded.
        IncompatibleArtifact: The repository holds something else.
    """
    parsed = HubName.parse(name, like="ORGANISATION/generator")
    owner, needed = f"the generator {parsed}", (CONFIG_FILE, WEIGHTS_FILE)
    files = files_in(parsed, owner)
    if not {*needed} <= {*files}:
        raise IncompatibleArtifact(
            f"{parsed} is not a generator: expected {CONFIG_FILE} and {WEIGHTS_FILE} in the "
            f"repository; it has {some_files(files)}"
        )
    return fetch(parsed, owner, *needed)


def _weights_of(generator: AdapterGenerator) -> bytes:
    tensors: dict[str, Tensor] = {
        name: tensor.contiguous() for name, tensor in generator.state_dict().items()
    }
    return save(tensors, metadata={"format": "pt"})
