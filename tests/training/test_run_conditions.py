from __future__ import annotations

import pytest
import torch

from metaadapter.errors import DataError, UsageError
from metaadapter.training.run_conditions import (
    Conditions,
    computing_threads,
    require_same_conditions,
    training_device,
)

BEFORE = Conditions(
    device="cpu",
    n_threads=1,
    n_processes=1,
    data={"birds": "a1", "plants": "b2"},
    versions={"torch": "2.8.0", "numpy": "2.1.0"},
    code={"training code": "d4"},
    run="r1",
)


@pytest.mark.parametrize(("cuda", "expected"), [(True, "cuda"), (False, "cpu")])
def test_training_device__auto__is_never_that_of_apple(monkeypatch, cuda, expected):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)

    assert training_device("auto") == torch.device(expected)


@pytest.mark.parametrize("name", ["mps", "mps:0"])
def test_training_device__mps__is_refused_with_the_reason(monkeypatch, name):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)

    with pytest.raises(UsageError, match=r"in float64, which .* 'mps' does not .*--device cpu"):
        training_device(name)


def test_conditions__the_same_or_another_gpu_of_the_kind__go_on_without_a_word(recwarn):
    again = BEFORE.model_copy(update={"data": {"plants": "b2", "birds": "a1"}})
    gpu, other_gpu = (BEFORE.model_copy(update={"device": name}) for name in ("cuda", "cuda:1"))

    require_same_conditions(BEFORE, again)
    require_same_conditions(gpu, other_gpu)

    assert not recwarn.list


def test_conditions__other_data__are_named():
    now = BEFORE.model_copy(update={"data": {"birds": "a1", "plants": "c3"}})

    with pytest.raises(DataError, match=r"data of 'plants' have changed .*--set data\.root=FOLDER"):
        require_same_conditions(BEFORE, now)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": "cuda"}, "with cuda where it had cpu: "),
        ({"versions": {"torch": "2.9.0", "numpy": "2.1.0"}}, r"with torch 2.9.0 .* had 2.8.0: "),
        ({"code": {"training code": "e5"}}, "with training code e5 where it had d4: "),
    ],
)
def test_conditions__another_device_or_program__is_reported(change, message):
    with pytest.warns(UserWarning, match=message):
        require_same_conditions(BEFORE, BEFORE.model_copy(update=change))


def test_computing_threads__fault_inside__leaves_the_process_as_it_was():
    before = torch.get_num_threads()
    inside = []

    def fail():
        with computing_threads(before + 1) as n_threads:
            inside.extend([n_threads, torch.get_num_threads()])
            raise KeyError

    with pytest.warns(UserWarning, match=rf"{before + 1} thread"), pytest.raises(KeyError):
        fail()

    assert inside == [before + 1, before + 1]
    assert torch.get_num_threads() == before
