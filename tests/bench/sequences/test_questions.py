from __future__ import annotations

import torch

from metaadapter.bench.sequences.learner import gated, merged


def test_gated__some_tasks_learned__zero_shot_decides_picture_by_picture(tasks, ask):
    questions = ask(tasks, (0, 1, 2), n=40)
    scores = torch.randn(40, 7, generator=torch.Generator().manual_seed(0)).double()

    result = gated(scores, {0: None, 2: None}, questions)

    zero_shot, went = questions.zero_shot_QC, set()
    for picture, row in enumerate(result):
        best = int(zero_shot[picture].argmax())
        went.add(best in (3, 4))
        if best in (3, 4):  # the two classes of task 1
            torch.testing.assert_close(row, zero_shot[picture])
        else:
            torch.testing.assert_close(row[[0, 1, 2, 5, 6, 7, 8]], scores[picture])
            assert row[3:5].tolist() == [-torch.inf] * 2
    assert went == {True, False}


def test_merged__several_supports__is_one_of_all_classes_in_their_order(make_tasks):
    one, other = make_tasks((3,), n_shot=2, seed=1)[0], make_tasks((2,), n_shot=4, seed=2)[0]

    result = merged([one, other])

    assert result.support_mask_TNK[0].sum(-1).tolist() == [2, 2, 2, 4, 4]
    torch.testing.assert_close(result.text_TND[0], torch.cat([one.text_TND[0], other.text_TND[0]]))
    torch.testing.assert_close(result.support_TNKD[0, 3:], other.support_TNKD[0])
    torch.testing.assert_close(result.support_TNKD[0, :3, :2], one.support_TNKD[0])
    assert result.logit_scale_T.tolist() == [20.0]
