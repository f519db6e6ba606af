from __future__ import annotations

import pytest

from metaadapter.errors import DataError
from metaadapter.training.run_folder import open_run


def test_load_config__file__has_its_values_and_the_defaults_of_all_others(load):
    config = load()

    assert config.optim.steps == 8
    assert config.network.width == 16
    assert config.start is None
    assert [source.name for source in config.data.sources] == ["gaussians", "wider gaussians"]
    assert config.data.sources[1].n_shot == (1, 3)


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("optim.lr=0.25", lambda config: config.optim.lr, 0.25),
        ("validate.shots=[1, 2]", lambda config: config.validation.shots, (1, 2)),
        ("data.sources.0.name=x", lambda config: config.data.sources[0].name, "x"),
        ('data.sources.0.name = "x"', lambda config: config.data.sources[0].name, "x"),
        ("episodes.alike=true", lambda config: config.episodes.alike, True),
        ("data.sources.1.weight=3", lambda config: config.data.sources[1].weight, 3.0),
        (r'data.root="C:\\x"', lambda config: config.data.root.endswith(r"C:\x"), True),
        (r"data.root=C:\x", lambda config: config.data.root.endswith(r"C:\x"), True),
        ("loss.query=2.0", lambda config: config.loss.query, 2.0),
    ],
)
def test_load_config__override__is_read_as_toml_or_as_a_bare_word(load, override, read, value):
    assert read(load(override)) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.learning_rate=1", r"optim\.learning_rate: no such key; .*Known here: .*lr"),
        ("optim.stpes=1", r"optim\.stpes: no such key; did you mean 'steps'\?"),
        ("data.sources.0.wieght=1", r"data\.sources\.0\.wieght: .* did you mean 'weight'\?"),
        ("optim.lr=-1", r"optim\.lr: expected greater than 0, got -1"),
        ("optim.lr=inf", r"optim\.lr: expected a finite number, got inf"),
        ("data.sources.0.name=''", r"data\.sources\.0\.name: .*at least 1 character"),
        ("seed=99999999999999999999", r"seed: expected less than 9223372036854775808"),
        ("network.n_heads=3", r"network: expected a width that n_heads .* width 16 and n_heads 3"),
        ("network.n_layers=-1", r"network: .*n_layers of at least 0, got \{'n_layers': -1\}"),
        ("optim.steps=many", r"optim\.steps: expected a valid integer.*, got 'many'"),
        ("generator=closed-form", r"expected generator as FILE\.py:CLASS, got 'closed-form'"),
        ("generator='own.py:Own@run/best'", r"expected generator as FILE\.py:CLASS, got 'own\.py"),
        ("generator='own.py:Own'", "exclude one another; keep one"),
        (
            "loss.query=0",
            r"loss: the weight of the loss term query must be above 0",
        ),
        ("perturb.noise=2", r"perturb: noise must be a fraction of the tasks, 0 to 1, got 2\.0$"),
        ("data.sources.0.stores=['a']", r"data\.sources\.0: expected either `stores`"),
    ],
)
def test_load_config__wrong_key_or_value__says_what_was_expected(load, override, message):
    with pytest.raises(DataError, match=rf"(?s)tiny\.toml is wrong.*{message}"):
        load(override)


def test_resolved__written_and_read__is_the_same_configuration(start):
    folder, config, _ = start("run", "optim.lr=0.1", "optim.steps=2")

    read = open_run(folder)

    assert read == config
