"""The temperature by leave-one-out; test_untrained checks the predictions."""

from __future__ import annotations

import torch

from metaadapter.generator.ridge.leave_one_out import leave_one_out


def test_scale__labels_that_say_nothing__is_lower(make_task):
    task = make_task(1, 5, 8, 24)
    draw = torch.Generator().manual_seed(2)
    meaningless = make_task(1, 5, 8, 24)
    order = torch.randperm(40, generator=draw)
    meaningless.pictures = task.pictures.flatten(1, 2)[:, order].unflatten(1, (5, 8))

    sure, unsure = (leave_one_out(part.regression).scale_T for part in (task, meaningless))

    assert unsure < 0.6 * sure


def test_scale__padding_and_masked_tasks__change_nothing(make_task):
    task, padded = make_task(1, 4, 3, 24), make_task(2, 6, 5, 24, seed=3)
    padded.classes[0, 4:] = padded.mask[0, 4:] = False
    padded.mask[0, :, 3:] = False
    padded.pictures[0, :4, :3], padded.text[0, :4] = task.pictures[0], task.text[0]
    padded.classes[1] = padded.mask[1] = False

    alone, among = leave_one_out(task.regression), leave_one_out(padded.regression)

    torch.testing.assert_close(among.scale_T[0], alone.scale_T[0])
    assert among.scale_T.isfinite().all()
