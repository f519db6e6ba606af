from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from episodes import TaskSource
from metaadapter.generator.closed_form import ClosedForm
from tools.closed_form_study import accuracies, closed_form, print_balance, print_grid
from tools.store_tasks import StoreTasks


@pytest.fixture
def stores():
    draw = torch.Generator().manual_seed(0)
    means = torch.randn(4, 24, generator=draw)
    pictures = means[:, None] + 2 * torch.randn(4, 32, 24, generator=draw)
    source = TaskSource(
        name="gaussians",
        features_nVD=normalize(pictures, dim=-1).flatten(0, 1)[:, None],
        labels_n=torch.arange(4).repeat_interleave(32),
        text_CD=normalize(means, dim=-1),
        logit_scale=20.0,
    )
    return [StoreTasks.draw(source, n_tasks=3)]


def test_print_grid__rows__are_accuracies_of_heads_with_those_constants(stores, capsys):
    print_grid(stores)
    print_balance(stores)

    rows = {line.split(" | ")[0]: line for line in capsys.readouterr().out.splitlines()}
    constants = ClosedForm(ridge=1.0, sharpness=1.2)
    (accuracy,) = accuracies(stores, 4, closed_form(constants))
    assert f" {float(accuracy.mean()):.1f} |" in rows["| ridge 1.0, sharpness 1.2"]
    assert {"| linear ridge", "| text trust 0.75", "| 2.5"} <= set(rows)
    assert len({line.split(" | ", 1)[1] for line in rows.values() if "sharpness" in line}) > 4
