"""Groups of pictures that look alike."""

from __future__ import annotations

import numpy as np

from metaadapter.apps.page.hints import look_alikes


def drawn(n_kinds, n_each, noise=0.05):
    """Rows of some kinds in turn: row r is of kind r % n_kinds."""
    rng = np.random.default_rng(5)
    kinds = rng.normal(size=(n_kinds, 32))
    rows = kinds[np.arange(n_kinds * n_each) % n_kinds]
    rows = rows + noise * rng.normal(size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_look_alikes__of_distinct_kinds__holds_one_kind_in_each_group():
    groups = look_alikes(drawn(6, 40))

    numbers = [number for group in groups for number in group]
    assert len(numbers) == len(set(numbers)) > 0.95 * 240
    pure = [len({number % 6 for number in group}) == 1 for group in groups]
    assert np.mean(pure) > 0.8


def test_alike__groups_the_tray_and_follows_it(project, picture):
    colours = ("red", "green", "blue")
    project.fill(n_shots=1, n_tray=0, colours=colours)
    project.upload(
        *((f"{colour}{at}.png", picture(colour)) for at in range(6) for colour in colours)
    )
    project.answers()

    groups = project.client.get("/alike").json()["groups"]
    names = project.state["names"]
    tray = set(project.state["tray"])
    assert {key for group in groups for key in group} <= tray
    assert all(len({names[key][:3] for key in group}) == 1 for group in groups)

    gone = groups[0][0]
    project.client.post("/labels", json={"labels": {gone: project.class_of("red")}})
    project.answers()
    again = project.client.get("/alike").json()["groups"]
    assert gone not in {key for group in again for key in group}
