from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from episodes import perturb_texts as made_texts
from episodes.draws import TaskDraw
from episodes.perturb_texts import perturb_texts


def rows(*shape, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(*shape, generator=drawn, dtype=torch.float64), dim=-1)


@pytest.fixture
def tasks():
    """Texts and class means of 40 tasks; the first has a class without a text."""
    text_TND, means_TND = rows(40, 6, 50), rows(40, 6, 50, seed=1)
    text_TND[0, 2] = 0
    return text_TND, means_TND


@pytest.fixture
def only(monkeypatch):
    """Leaves one kind of noise."""

    def leave(kind):
        monkeypatch.setattr(made_texts, "ISOTROPIC", float(kind == "isotropic"))

    return leave


def make(text_TND, means_TND, *, seed=0, permuted=0.0, made=1.0):
    draw = TaskDraw(torch.Generator().manual_seed(seed), text_TND)
    return perturb_texts(text_TND, means_TND, draw, permuted=permuted, made=made)


def centred(vectors):
    """The vectors less their mean, and the root of their mean square length."""
    mean = [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]
    less = [[a - b for a, b in zip(row, mean, strict=True)] for row in vectors]
    return less, math.sqrt(sum(a * a for row in less for a in row) / len(less)), mean


def test_made__own_errors__are_the_centre_plus_mean_plus_level_times_own_text(tasks, only):
    only("own errors")
    text_TND, means_TND = tasks

    after_TND = make(text_TND, means_TND)

    levels = []
    for task in range(len(text_TND)):
        ways = [way for way, text in enumerate(text_TND[task]) if text.any()]
        own, spread, centre = centred(text_TND[task, ways].tolist())
        means, mean_spread, _ = centred(means_TND[task, ways].tolist())
        of_task = []
        for way, text, mean in zip(ways, own, means, strict=True):
            length = math.sqrt(sum(a * a for a in text))
            basis = torch.tensor(
                [centre, [a / mean_spread for a in mean], [a / length for a in text]],
                dtype=torch.float64,
            ).T
            solved = torch.linalg.lstsq(basis, after_TND[task, way]).solution
            torch.testing.assert_close(basis @ solved, after_TND[task, way])
            factor = (solved[1:] / solved[0]).tolist()
            of_task.append((factor[0], factor[1]))
        # One strength and one level for all classes, and the spread of the texts stays.
        torch.testing.assert_close(
            torch.tensor(of_task), torch.tensor(of_task[:1]).expand(len(ways), 2)
        )
        strength, noise = of_task[0]
        made = [
            [
                strength * a / mean_spread + noise * b / math.sqrt(sum(c * c for c in text))
                for a, b in zip(mean, text, strict=True)
            ]
            for mean, text in zip(means, own, strict=True)
        ]
        assert centred(made)[1] == pytest.approx(spread)
        levels.append(noise / strength if strength > 1e-9 else None)
    known = [level for level in levels if level is not None]
    assert 25 < len(known) < 40  # the others are noise alone
    assert 0.1 <= min(known) < 0.3 < 4 < max(known) <= 8


@pytest.mark.parametrize("kind", ["isotropic", "own errors"])
def test_made__any_kind__keeps_unit_rows_missing_texts_and_blocks_without_texts(tasks, only, kind):
    only(kind)
    text_TND, means_TND = tasks
    text_TND = normalize(torch.cat([text_TND[..., :30], 0 * text_TND[..., 30:]], -1), dim=-1)

    after_TND = make(text_TND, means_TND)

    torch.testing.assert_close(after_TND.norm(dim=-1), text_TND.any(-1).double())
    assert not after_TND[..., 30:].any()
    if kind != "own errors":
        assert (after_TND[..., :30] != text_TND[..., :30]).any(-1)[1:].all()


def test_made__padded_class__changes_nothing_for_the_others(tasks, monkeypatch):
    text_TND, means_TND = tasks
    text_TND[:, 5] = 0
    normals = rows(40, 6, 50, seed=5)
    monkeypatch.setattr(TaskDraw, "normal", lambda _, *shape: normals[:, : shape[1], : shape[2]])
    monkeypatch.setattr(made_texts, "ISOTROPIC", 1.0)

    padded_TND = make(text_TND, means_TND)
    alone_TND = make(text_TND[:, :5], means_TND[:, :5])

    torch.testing.assert_close(padded_TND[:, :5], alone_TND)
