from __future__ import annotations

import math

import pytest
import torch

from metaadapter.errors import DataError
from metaadapter.training import trainer as trainer_module
from metaadapter.training.random_streams import streams_of_step
from metaadapter.training.training_data import load_training_data

LONGER = ("optim.steps=40", "validate.tasks=30", "validate.every=40")
# Names that say next to nothing: there the closed form leaves most to be learned.
POOR_TEXTS = tuple(
    f"data.{source}.synthetic.text_noise=5.0"
    for source in ("sources.0", "sources.1", "validation_classes.0", "validation_domains.0")
)


@pytest.fixture
def make_trainer(load):
    def make(*overrides):
        config = load(*overrides)
        data, device = load_training_data(config), torch.device("cpu")
        return trainer_module.Trainer(
            config, data.mixture(config, device), data.validator(config, device), device
        )

    return make


@pytest.fixture
def run(make_trainer):
    """Train to the end; returns the trainer, its moments and its saved states."""

    def whole(*overrides):
        trainer, moments, saved = make_trainer(*overrides), [], []
        for moment in trainer.steps():
            moments.append(moment)
            if trainer.is_due and trainer.step:
                saved.append(trainer.state({}))
        return trainer, moments, saved

    return whole


@pytest.mark.slow
def test_trainer__steps__lower_the_loss_and_raise_the_accuracy_on_unseen_classes(run):
    trainer, moments, _ = run(*LONGER, *POOR_TEXTS)

    losses = [moment.terms["query"] for moment in moments[1:]]

    assert sum(losses[-10:]) < sum(losses[:10])
    assert trainer.best.step == 40
    assert trainer.best.score > trainer.first.score


def test_trainer__same_seed__same_weights_and_another_seed_others(run):
    short = ("optim.steps=2", "validate.every=2")
    first, again, other = run(*short)[0], run(*short)[0], run(*short, "seed=4")[0]

    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


def weights(trainer):
    """The weights of the averaged network; the best one of a tiny run may be the untrained one."""
    return torch.cat([tensor.flatten() for tensor in trainer.state({}).tensors["average"].values()])


def test_trainer__average__is_that_of_a_slow_loop(make_trainer):
    trainer, seen = make_trainer("optim.steps=4"), []
    name = "heads.pair_key.weight"

    for _ in trainer.steps():
        seen.append(trainer.state({}).tensors["network"][name].clone())

    expected = seen[1]  # the first average is the first step itself
    for step in seen[2:]:
        expected = 0.5 * expected + 0.5 * step
    torch.testing.assert_close(trainer.state({}).tensors["average"][f"module.{name}"], expected)


def test_trainer__many_draws_a_step__have_the_gradient_of_their_mean(make_trainer):
    one, two = make_trainer("optim.draws_per_step=1"), make_trainer("optim.draws_per_step=2")
    gradients = []

    for trainer, n_draws in ((one, 1), (two, 2)):
        with streams_of_step(0, 0) as random:
            for _ in range(2 // n_draws):
                trainer._optimizer.zero_grad()
                for _ in range(n_draws):
                    trainer._backward(random)
                gradients.append(trainer._network.heads.task.weight.grad.clone())

    torch.testing.assert_close(gradients[2], (gradients[0] + gradients[1]) / 2)


def spoil(monkeypatch, is_spoilt):
    """Let the objective be NaN at its calls of these numbers."""
    objective, calls = trainer_module.objective, []

    def sometimes(*arguments, **options):
        terms = objective(*arguments, **options)
        calls.append(1)
        factor = math.nan if is_spoilt(len(calls)) else 1.0
        return {name: factor * term for name, term in terms.items()}

    monkeypatch.setattr(trainer_module, "objective", sometimes)


def test_trainer__loss_that_is_nan__costs_the_step_and_is_counted(make_trainer, monkeypatch):
    spoil(monkeypatch, lambda call: call in (3, 4))  # both draws of the second step
    trainer, seen = make_trainer(), []

    for _ in trainer.steps():
        seen.append(trainer.state({}).tensors["network"]["heads.task.weight"].clone())

    assert trainer.n_skipped == 1
    assert torch.equal(seen[1], seen[2])
    assert not torch.equal(seen[2], seen[3])
    assert weights(trainer).isfinite().all()


def test_trainer__ten_bad_steps_in_a_row__stop_with_what_to_look_for(run, monkeypatch):
    spoil(monkeypatch, lambda call: call > 4)

    with pytest.raises(DataError, match=r"10 steps in a row up to step 12 .*query.*optim\.lr"):
        run("optim.steps=30", "validate.every=30")
