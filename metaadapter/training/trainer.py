"""Meta-training: draw tasks, predict adapters, judge them, correct the generator."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast, final

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from episodes import Mixture
from episodes.perturb import perturb
from metaadapter.errors import DataError
from metaadapter.generator import Generator
from metaadapter.training.acceleration import compile_network, mix_precision
from metaadapter.training.checkpoint import Checkpoint, named_optimizer_state, optimizer_state
from metaadapter.training.config import TrainConfig
from metaadapter.training.inner_loop import adapt_steps
from metaadapter.training.loss_terms import mean_terms, weighted_sum
from metaadapter.training.moment import Moment
from metaadapter.training.objective import Adapt, objective
from metaadapter.training.random_streams import stream
from metaadapter.training.schedule import learning_rate, make_optimizer
from metaadapter.training.validation import Validation, Validator

__all__ = ["Trainer"]

MOST_SKIPPED_IN_A_ROW = 10


@final
class Trainer:
    """The state of a run, and the loop that moves it on.

    Args:
        config: What to do.
        mixture: Tasks to train on, on `device`.
        validator: Judges the averaged generator.
        device: Of the network.
    """

    def __init__(
        self,
        config: TrainConfig,
        mixture: Mixture,
        validator: Validator,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config = config
        self.step = 0
        self.n_skipped = 0
        self.first: Validation | None = None
        self.best: Validation | None = None
        self._mixture = mixture
        self._validator = validator
        self._skipped_in_a_row = 0
        self._rounds_without_gain = 0
        self._random = {use: stream(config.seed, use) for use in ("episodes", "perturb", "inner")}
        self._network = _new_generator(config).to(device)
        self._optimizer = make_optimizer(self._network, config.optim)
        averaging = get_ema_multi_avg_fn(config.optim.ema)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(self._network, multi_avg_fn=averaging).eval()
        self._best_weights = _copy(self._averaged)
        if config.optim.amp == "bf16":
            mix_precision(self._network)
        if config.optim.compile:
            compile_network(self._network)

    def run(
        self,
        *,
        tell: Callable[[Moment], None],
        save: Callable[[Checkpoint], None],
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train until the last step, until nothing has improved for long, or until told to stop.

        Args:
            tell: Called after each step, and before the first of all.
            save: Called with a state that `restore` takes, at step boundaries only.
            should_stop: Asked after each step; the state has been saved when `run` returns.

        Raises:
            DataError: Losses were not finite ten times in a row.
        """
        if self.step == 0:
            self.first = self._validate()
            tell(Moment(0, {}, 0.0, 0.0, 0.0, 0, self.first))
        while not self.is_done:
            moment = self._advance()
            tell(moment)
            stopped = should_stop()
            if stopped or moment.validation or self._is_due(self.config.checkpoint.every):
                save(self.state())
            if stopped:
                break

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to do."""
        patience = self.config.validation.patience
        has_stalled = 0 < patience <= self._rounds_without_gain
        return has_stalled or self.step >= self.config.optim.steps

    def best_generator(self) -> Generator:
        """The averaged generator at its best validation; without validation sets the latest."""
        generator = Generator(self.config.network)
        chosen = _copy(self._averaged) if self._validator.is_empty else self._best_weights
        generator.load_state_dict(chosen)
        return generator.eval()

    @property
    def is_at_its_best(self) -> bool:
        """Whether `best_generator` is the average of the last step."""
        return self._validator.is_empty or (self.best is not None and self.best.step == self.step)

    def state(self) -> Checkpoint:
        """Everything that the next step depends on."""
        tensors = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": named_optimizer_state(self._optimizer),
            "random": {use: generator.get_state() for use, generator in self._random.items()},
            "best": self._best_weights,
        }
        values = {
            "step": self.step,
            "n_skipped": self.n_skipped,
            "skipped_in_a_row": self._skipped_in_a_row,
            "rounds_without_gain": self._rounds_without_gain,
            "first": self.first and self.first.to_dict(),
            "best": self.best and self.best.to_dict(),
        }
        return Checkpoint(tensors, values)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what `state` described."""
        tensors, values = checkpoint.tensors, checkpoint.values
        self._network.load_state_dict(tensors["network"])
        self._average.load_state_dict(tensors["average"])
        self._optimizer.load_state_dict(optimizer_state(tensors["optimizer"], self._optimizer))
        for use, generator in self._random.items():
            generator.set_state(tensors["random"][use])
        self._best_weights = dict(tensors["best"])
        self.step, self.n_skipped = values["step"], values["n_skipped"]
        self._skipped_in_a_row = values["skipped_in_a_row"]
        self._rounds_without_gain = values["rounds_without_gain"]
        self.first, self.best = (
            values[name] and Validation.from_dict(values[name]) for name in ("first", "best")
        )

    def _advance(self) -> Moment:
        """One step, and the validation that is due after it."""
        optim, started = self.config.optim, time.monotonic()
        lr = learning_rate(self.step, optim)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad()
        terms = mean_terms([self._backward() for _ in range(optim.draws_per_step)])
        grad_norm = float(clip_grad_norm_(self._network.parameters(), optim.clip))
        self.step += 1
        self._correct(terms, grad_norm)
        return Moment(
            step=self.step,
            terms=terms,
            lr=lr,
            grad_norm=grad_norm,
            tasks_per_second=optim.tasks_per_step / (time.monotonic() - started),
            n_skipped=self.n_skipped,
            validation=self._validate() if self._is_due(self.config.validation.every) else None,
        )

    def _backward(self) -> dict[str, float]:
        """Add the gradient of one draw, which is of one source."""
        config, optim = self.config, self.config.optim
        episodes = self._mixture.draw(
            optim.tasks_per_draw,
            self._random["episodes"],
            twins=config.loss.draws > 0,
            off_class=config.loss.off_class > 0,
        )
        episodes = perturb(episodes, config.perturb, self._random["perturb"])
        try:
            terms = objective(self._network, episodes, config.loss, adapt=self._inner_loop())
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            return {"total": math.nan}
        total = weighted_sum(terms, config.loss)
        (total / optim.draws_per_step).backward()  # type: ignore[no-untyped-call]
        return {name: float(term.detach()) for name, term in {**terms, "total": total}.items()}

    def _inner_loop(self) -> Adapt | None:
        """Gradient steps for this draw, in the share of draws that has them."""
        inner = self.config.inner
        if not inner.steps or float(torch.rand((), generator=self._random["inner"])) > inner.share:
            return None
        return partial(
            adapt_steps, n_steps=inner.steps, lr=inner.lr, anchor=inner.anchor, order=inner.order
        )

    def _correct(self, terms: Mapping[str, float], grad_norm: float) -> None:
        """Follow the gradient, unless it or the loss is not finite."""
        if math.isfinite(terms["total"] + grad_norm):
            self._optimizer.step()
            self._average.update_parameters(self._network)
            self._skipped_in_a_row = 0
            return
        self.n_skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW:
            faulty = [name for name, term in terms.items() if not math.isfinite(term)]
            raise DataError(
                f"{MOST_SKIPPED_IN_A_ROW} steps in a row up to step {self.step} had no finite loss "
                f"or gradient ({', '.join(faulty) or 'the losses are finite'}); lower optim.lr, or "
                "look for rows of zeros or NaN in the feature stores"
            )

    @property
    def _averaged(self) -> Generator:
        return cast(Generator, self._average.module)

    def _validate(self) -> Validation | None:
        """Judge the average, and remember it if there was none better."""
        if self._validator.is_empty:
            return None
        try:
            validation = self._validator(self._averaged, self.step)
        except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
            raise DataError(
                f"the generator of step {self.step} predicts no adapter that can be computed: its "
                "weights have left all bounds. Lower optim.lr and start a new run"
            ) from error
        if self.best is None or validation.score > self.best.score:
            self.best, self._best_weights = validation, _copy(self._averaged)
            self._rounds_without_gain = 0
        else:
            self._rounds_without_gain += 1
        return validation

    def _is_due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.config.optim.steps


def _new_generator(config: TrainConfig) -> Generator:
    """Weights from the seed, without touching the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(config.seed, "network").initial_seed())
        return Generator(config.network)


def _copy(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
