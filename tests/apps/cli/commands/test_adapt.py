from __future__ import annotations

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.workflow.estimator import MetaAdapterClassifier


def test_adapt__result__tells_classes_an_estimate_with_its_n_and_the_next_command(
    adapt, labelled, tmp_path
):
    out = tmp_path / "my adapter"

    result = adapt(labelled, out=out)

    assert f"{out}: an adapter for 3 classes, from 9 pictures" in result.out
    assert "heron 3, lynx 3, red_fox 3" in result.err
    assert "of 9" in result.err
    assert "95 % interval" in result.err
    assert f"metaadapter predict '{out}'" in result.err


def test_adapt__forecast__is_of_twice_and_more_labels_and_of_plain_adapters_only(adapt, labelled):
    plain = adapt(labelled, "--json").document["forecast"]
    lines = adapt(labelled).err
    refined = adapt(labelled, "--mode", "finetune", "--json").document

    assert [one["times"] for one in plain] == [1, 2, 4, 8]
    assert plain[0]["low"] < plain[0]["accuracy"] < plain[3]["accuracy"]
    now = f"{plain[0]['accuracy']:.0%} ({plain[0]['low']:.0%} to {plain[0]['high']:.0%})"
    assert f"expected of new pictures like these: {now} right" in lines
    assert bool(refined["forecast"]) == (refined["n_steps"] == 0)


@pytest.mark.parametrize("more", [(), ("--names", "fox,owl")])
def test_adapt__encoder_of_an_empty_name__is_refused(run, labelled, tmp_path, more):
    pictures = () if more else (labelled,)

    result = run("adapt", *pictures, *more, "--out", tmp_path / "adapter", "--encoder", "")

    assert result.code == 2
    assert "--encoder is empty" in result.err
    assert not (tmp_path / "adapter").exists()


def test_adapt__finetune__says_how_many_steps_and_loads_again(adapt, labelled, tmp_path):
    document = adapt(labelled, "--mode", "finetune", "--json").document

    config = load_adapter(tmp_path / "adapter").config
    assert document["mode"] == config.mode == "finetune"
    loaded = MetaAdapterClassifier.load(tmp_path / "adapter")
    assert document["n_steps"] == config.n_steps == loaded.n_steps_


def test_adapt__options__reach_the_adapter(adapt, labelled, tmp_path):
    done = adapt(
        labelled,
        *("--text", "lynx=a wild cat", "--names", "wolf=grey wolf"),
        *("--generator", "closed-form"),
        looks=",views=3,seed=7",
    )

    config = load_adapter(tmp_path / "adapter").config
    assert done.code == 0
    assert config.class_names == ["heron", "a wild cat", "red fox", "grey wolf"]
    assert config.n_shots == [3, 3, 3, 0]
    assert (config.origin.n_views, config.origin.seed) == (3, 7)
    assert config.generator == "closed-form"
