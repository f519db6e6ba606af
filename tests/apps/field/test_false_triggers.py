from __future__ import annotations

from pathlib import Path

import numpy as np

from metaadapter.apps.field.worth_labelling import FEWEST_FRAMES, false_triggers


def branch_and_deer(frame, camera, n):
    """Frames with a branch that a detector finds a little differently each time, and a deer."""
    rng = np.random.default_rng(0)
    return [
        frame(
            f"{camera}/{number}.jpg",
            (*(np.array([0.1, 0.1, 0.3, 0.1]) + rng.uniform(-0.004, 0.004, 4)), 0.3),
            (*rng.uniform(0, 0.5, 2), *rng.uniform(0.2, 0.4, 2), 0.9),
        )
        for number in range(n)
    ]


def test_false_triggers__box_that_comes_back__is_one_thing_and_a_moving_animal_none(frame):
    n_frames = FEWEST_FRAMES + 5

    triggers = false_triggers(branch_and_deer(frame, "brook", n_frames), 0.2)

    things = [(trigger.camera, trigger.thing, trigger.n_frames) for trigger in triggers]
    assert things == [(Path("brook"), 1, n_frames)] * n_frames
    assert all(abs(trigger.box.left - 0.1) < 0.01 for trigger in triggers)
