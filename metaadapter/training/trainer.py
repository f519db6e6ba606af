"""The trainer, which draws tasks, predicts their adapters and follows the gradient of the loss."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast, final

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from episodes import Mixture
from episodes.perturb import perturb
from metaadapter.errors import DataError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.training.config import TrainConfig
from metaadapter.training.figures import Moment, Validation, mean_terms
from metaadapter.training.loss_terms import weighted_sum
from metaadapter.training.new_generator import new_generator
from metaadapter.training.objective import objective, own_code_errors
from metaadapter.training.optimizer import make_optimizer, rate_of_step
from metaadapter.training.random_streams import streams_of_step
from metaadapter.training.run_folder import Checkpoint
from metaadapter.training.validator import Validator

MOST_GRADIENT = 1.0
"""Longer gradients are scaled to this norm."""
MOST_SKIPPED_IN_A_ROW = 10


@final
class Trainer:
    """The state of a run, and the loop of its steps; the validator measures the moving average."""

    def __init__(
        self,
        config: TrainConfig,
        mixture: Mixture,
        validator: Validator,
        device: torch.device,
    ) -> None:
        self.config = config
        self.step = 0
        self.n_skipped = 0
        self.first: Validation | None = None
        self.best: Validation | None = None
        self._mixture, self._validator = mixture, validator
        self._skipped_in_a_row = 0
        self._network = new_generator(config).to(device)
        self._optimizer = make_optimizer(self._network, config.optim.lr)
        averaging = get_ema_multi_avg_fn(config.optim.ema)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(self._network, multi_avg_fn=averaging).eval()
        self._averaged = cast(AdapterGenerator, self._average.module)
        self._best_weights = _copy(self._averaged)

    def steps(self) -> Iterator[Moment]:
        """Train to the last step; yield a `Moment` before the first step and after each step."""
        if self.step == 0:
            self.first = self._validate()
            yield Moment(0, self.first, {})
        while not self.is_done:
            yield self._advance()

    @property
    def is_done(self) -> bool:
        """Whether the last step is done."""
        return self.step >= self.config.optim.steps

    @property
    def is_due(self) -> bool:
        """Whether it is time to validate and to save the state."""
        return self.step % self.config.validation.every == 0 or self.is_done

    def best_generator(self) -> AdapterGenerator:
        """Return the averaged generator at its best validation; without validation, the latest."""
        generator = new_generator(self.config)
        generator.load_state_dict(self._best_weights if self.best else _copy(self._averaged))
        return generator.eval()

    @property
    def is_at_its_best(self) -> bool:
        """Whether `best_generator` is the average after the last step."""
        return self.best is None or self.best.step == self.step

    def state(self, about: Mapping[str, Any]) -> Checkpoint:
        """Return everything that the next step depends on, and the values `about` the run."""
        tensors = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": {
                f"{number}.{name}": tensor
                for number, moments in self._optimizer.state_dict()["state"].items()
                for name, tensor in moments.items()
            },
            "best": self._best_weights,
        }
        values = {
            "step": self.step,
            "n_skipped": self.n_skipped,
            "skipped_in_a_row": self._skipped_in_a_row,
            "first": self.first and self.first.to_dict(),
            "best": self.best and self.best.to_dict(),
        }
        return Checkpoint(tensors, {**values, **about})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a saved `state`."""
        tensors, values = checkpoint.tensors, checkpoint.values
        self._network.load_state_dict(tensors["network"])
        self._average.load_state_dict(tensors["average"])
        optimizer = self._optimizer.state_dict()
        for key, tensor in tensors["optimizer"].items():
            number, _, name = key.partition(".")
            optimizer["state"].setdefault(int(number), {})[name] = tensor
        self._optimizer.load_state_dict(optimizer)
        self._best_weights = dict(tensors["best"])
        self.step, self.n_skipped = values["step"], values["n_skipped"]
        self._skipped_in_a_row = values["skipped_in_a_row"]
        self.first, self.best = (
            values[name] and Validation.from_dict(values[name]) for name in ("first", "best")
        )

    def _advance(self) -> Moment:
        started = time.monotonic()
        optim = self.config.optim
        lr = optim.lr * rate_of_step(self.step - self.n_skipped, optim.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad()
        with streams_of_step(self.config.seed, self.step) as random:
            draws = [self._backward(random) for _ in range(optim.draws_per_step)]
        norm = float(clip_grad_norm_(self._network.parameters(), MOST_GRADIENT))
        terms = mean_terms(draws)
        self.step += 1
        # A step needs a loss, and a finite gradient.
        self._update(terms, is_finite=math.isfinite(terms.get("total", math.nan) + norm))
        seconds = time.monotonic() - started
        return Moment(
            step=self.step,
            terms=terms,
            lr=lr,
            grad_norm=norm,
            tasks_per_second=optim.tasks_per_step / seconds,
            n_skipped=self.n_skipped,
            validation=self._validate() if self.is_due else None,
        )

    def _backward(self, random: Mapping[str, torch.Generator]) -> dict[str, Tensor]:
        """Draw tasks from one source, and add the gradient of their loss.

        Return the unweighted loss terms and the weighted "total"; nothing if no task had a pool.
        """
        config = self.config
        episodes = self._mixture.draw(
            config.optim.tasks_per_draw,
            random["episodes"],
            twins=config.loss.draws > 0,
            off_class=config.loss.off_class > 0 or config.loss.known > 0,
            foreign=config.loss.known > 0,
            pools=config.loss.pool > 0,
        )
        episodes = perturb(episodes, config.perturb, random["perturb"])
        try:
            with own_code_errors(config.generator):
                terms = objective(self._network, episodes, config.loss)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            return {"total": torch.tensor(math.nan)}
        if not terms:  # no task had a picture left for a pool
            return {}
        total = weighted_sum(terms, config.loss)
        (total / config.optim.draws_per_step).backward()  # type: ignore[no-untyped-call]
        return {**terms, "total": total.detach()}

    def _update(self, terms: Mapping[str, float], *, is_finite: bool) -> None:
        if is_finite:
            self._optimizer.step()
            self._average.update_parameters(self._network)
            self._skipped_in_a_row = 0
            return
        self.n_skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW:
            if not terms:
                raise DataError(
                    f"in {MOST_SKIPPED_IN_A_ROW} steps in a row up to step {self.step} no task had "
                    "a picture left for a pool; lower n_shot or n_query, or add pictures"
                )
            faulty = [name for name, term in terms.items() if not math.isfinite(term)]
            raise DataError(
                f"{MOST_SKIPPED_IN_A_ROW} steps in a row up to step {self.step} had no finite loss "
                f"or gradient ({', '.join(faulty) or 'the losses are finite'}); lower optim.lr, or "
                "look for rows of zeros or NaN in the feature stores"
            )

    def _validate(self) -> Validation | None:
        """Validate the averaged generator, and keep its weights if they are the best so far."""
        if self._validator.is_empty:
            return None
        try:
            with own_code_errors(self.config.generator):
                validation = self._validator(self._averaged, self.step)
        except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
            raise DataError(
                f"the generator of step {self.step} predicts no adapter that can be computed: its "
                "weights have grown too large. Lower optim.lr and start a new run"
            ) from error
        if self.best is None or validation.score > self.best.score:
            self.best, self._best_weights = validation, _copy(self._averaged)
        return validation


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
