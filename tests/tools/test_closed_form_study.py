from __future__ import annotations

from metaadapter.generator.closed_form import ClosedForm
from tools.closed_form_study import accuracies, closed_form, print_grid, print_uneven
from tools.store_tasks import StoreTasks


def test_print_grid__rows__are_accuracies_of_heads_with_those_constants(gaussians, capsys):
    stores = [StoreTasks.draw(gaussians(32), n_tasks=3)]

    print_grid(stores)
    print_uneven(stores)

    rows = {line.split(" | ")[0]: line for line in capsys.readouterr().out.splitlines()}
    constants = ClosedForm(ridge=1.0, sharpness=1.2)
    (accuracy,) = accuracies(stores, 4, closed_form(constants))
    assert f" {float(accuracy.mean()):.1f} |" in rows["| ridge 1.0, sharpness 1.2"]
    assert {"| linear ridge", "| text trust 0.25 in all tasks", "| 0.6"} <= set(rows)
    assert len({line.split(" | ", 1)[1] for line in rows.values() if "sharpness" in line}) > 4
