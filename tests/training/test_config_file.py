from __future__ import annotations

import pytest

from metaadapter.errors import DataError, UsageError
from metaadapter.training.config import InnerConfig
from metaadapter.training.config_file import load_config
from metaadapter.training.run_folder import config_differences, open_run


def test_load_config__file__has_its_values_and_the_defaults_of_all_others(load):
    config = load()

    assert config.optim.steps == 8
    assert config.network.width == 16
    assert config.inner == InnerConfig()
    assert [source.name for source in config.data.sources] == ["gaussians", "wider gaussians"]
    assert config.data.sources[1].n_shot == (1, 3)


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("optim.lr=0.25", lambda config: config.optim.lr, 0.25),
        ("validate.shots=[1, 2]", lambda config: config.validation.shots, (1, 2)),
        ("inner.order=second", lambda config: config.inner.order, "second"),
        ('inner.order = "second"', lambda config: config.inner.order, "second"),
        ("episodes.alike=true", lambda config: config.episodes.alike, True),
        ("data.sources.1.weight=3", lambda config: config.data.sources[1].weight, 3.0),
        (r'data.root="C:\\x"', lambda config: config.data.root.endswith(r"C:\x"), True),
        (r"data.root=C:\x", lambda config: config.data.root.endswith(r"C:\x"), True),
        ("loss.query=2.0", lambda config: config.loss.query, 2.0),
    ],
)
def test_load_config__override__is_read_as_toml_or_as_a_bare_word(load, override, read, value):
    assert read(load(override)) == value


def test_load_config__perturbations_of_a_source__change_those_of_the_run(load):
    config = load("perturb.cone=0.9", "data.sources.1.perturb={text_made = 0.25}")

    first, second = (config.perturbations_of(source.name) for source in config.data.sources)

    assert (first.cone, first.text_made) == (0.9, config.perturb.text_made)
    assert (second.cone, second.text_made) == (0.9, 0.25)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.learning_rate=1", r"optim\.learning_rate: no such key; .*Known here: .*lr"),
        ("optim.stpes=1", r"optim\.stpes: no such key; did you mean 'steps'\?"),
        ("optmi.lr=1", r"optmi: no such key; did you mean 'optim'\?"),
        ("network.widht=1", r"network\.widht: no such key; did you mean 'width'\?"),
        ("data.sources.0.wieght=1", r"data\.sources\.0\.wieght: .* did you mean 'weight'\?"),
        ("validate.evry=1", r"validate\.evry: no such key; did you mean 'every'\?"),
        ("optim.lr=-1", r"optim\.lr: expected greater than 0, got -1"),
        ("optim.lr=inf", r"optim\.lr: expected a finite number, got inf"),
        ("optim.lr=nan", r"optim\.lr: expected a finite number, got nan"),
        ("optim.lr=1e300", r"optim\.lr: expected less than or equal to 1, got 1e\+300"),
        ("inner.lr=inf", r"inner\.lr: expected a finite number, got inf"),
        ("data.sources.0.weight=inf", r"data\.sources\.0\.weight: expected a finite number"),
        ("data.sources.0.synthetic.gap=nan", r"synthetic\.gap: expected a finite number"),
        ("data.sources.0.name=''", r"data\.sources\.0\.name: .*at least 1 character"),
        ("seed=99999999999999999999", r"seed: expected less than 9223372036854775808"),
        ("network.n_heads=3", r"network: expected a width that n_heads .* width 16 and n_heads 3"),
        ("network.n_heads=0", r"network: expected sizes of at least 1.* got \{'n_heads': 0\}"),
        ("network.width=0", r"network: expected sizes of at least 1.* got \{'width': 0\}"),
        ("network.n_layers=-1", r"network: .*n_layers of at least 0, got \{'n_layers': -1\}"),
        ("optim.steps=many", r"optim\.steps: expected a valid integer.*, got 'many'"),
        ("inner.order=third", r"inner\.order: expected 'first' or 'second', got 'third'"),
        ("generator=closed-form", r"expected generator as FILE\.py:CLASS, got 'closed-form'"),
        ("generator='own.py:Own@run/best'", r"expected generator as FILE\.py:CLASS, got 'own\.py"),
        ("generator='own.py:Own'", r"`network` is the shape of the generator that ships; leave"),
        (
            "loss.own={zeros=1.0}",
            r"loss: expected FILE\.py:FUNCTION as a key of loss\.own, got 'zeros'",
        ),
        (
            "loss.own={'a.py:query'=1}",
            r"loss: two loss terms are named query; rename .* a\.py:query",
        ),
        ("loss.own={'a.py:x'=-1}", r"loss: the weight of the loss term x must be a number of at"),
        (
            "loss.query=0",
            r"loss: the weight of the loss term query must be above 0",
        ),
        ("perturb.noise=2", r"perturb: noise must be a fraction of the tasks, 0 to 1, got 2\.0$"),
        ("data.sources.0.stores=['a']", r"data\.sources\.0: expected either `stores`"),
        ("data.sources.1.perturb={text = 0.2}", r"unknown perturbations: text"),
        ("data.sources.1.perturb={noise = 2.0}", r"noise"),
    ],
)
def test_load_config__wrong_key_or_value__says_what_was_expected(load, override, message):
    with pytest.raises(DataError, match=rf"(?s)tiny\.toml is wrong.*{message}"):
        load(override)


@pytest.mark.parametrize("root", [r'"a\u0000b"', 5000 * "a"], ids=["null byte", "too long"])
def test_load_config__root_that_no_path_can_be__is_reported(load, root):
    with pytest.raises(DataError, match=r"cannot be a path: .*; correct the configuration"):
        load(f"data.root={root}")


def test_load_config__several_faults__are_reported_together(load):
    with pytest.raises(DataError, match=r"(?s)optim\.lr: .*optim\.ema: "):
        load("optim.lr=0", "optim.ema=1")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lr", r"--set expects KEY=VALUE, such as optim\.lr=0\.002, got 'optim\.lr'"),
        ("=3", r"--set expects KEY=VALUE"),
        ("data.sources.7.weight=1", r"'7' cannot be looked up in a list of 2, counted from 0"),
        (r'data.root="C:\stores"', r'got "C:\\stores", whose quotes are not .*write \\ twice'),
        ("data.root='stores", r"got 'stores, whose quotes are not TOML's: .*Leave the quotes out"),
        ("seed.lr=1", r"seed is a value and has no 'lr'"),
    ],
)
def test_load_config__override_that_leads_nowhere__is_reported(load, override, message):
    with pytest.raises(UsageError, match=message):
        load(override)


def test_load_config__missing_or_broken_file__names_it(tmp_path):
    (tmp_path / "broken.toml").write_text("seed = [")

    with pytest.raises(DataError, match=r"cannot read the configuration .*none\.toml: No such"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(DataError, match=r"broken\.toml is not TOML: "):
        load_config(tmp_path / "broken.toml")
    (tmp_path / "broken.toml").write_text("seed = 1")
    with pytest.raises(DataError, match=r"data: missing, and there is no default"):
        load_config(tmp_path / "broken.toml")


def test_load_config__root__is_seen_from_the_config_or_else_from_here(
    config_file, tmp_path, monkeypatch
):
    (tmp_path / "beside").mkdir()
    here = tmp_path / "elsewhere"
    (here / "stores").mkdir(parents=True)
    monkeypatch.chdir(here)

    beside = load_config(config_file, ["data.root=beside"])
    from_here = load_config(config_file, ["data.root=stores"])

    assert beside.data.root == str(tmp_path / "beside")
    assert from_here.data.root == str(here / "stores")


def test_resolved__written_and_read__is_the_same_configuration(start, load):
    folder, config, _ = start("run", "optim.lr=0.1", "optim.steps=2")

    read = open_run(folder)

    assert read == config
    assert config_differences(read, config) == []
    assert config_differences(read, load("optim.steps=2")) == ["optim.lr: 0.1 → 0.01"]


def test_open_run__folder_of_no_run__says_what_to_give(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*resolved\.json: .* give --resume a folder"):
        open_run(tmp_path)
