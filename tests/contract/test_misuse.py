"""Misuse of the Python face, in a process without the tests' own checks of types."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import numpy as np
from metaadapter import MetaAdapterClassifier, MetaAdapterError, adapt
from metaadapter.bench import EvaluationConfig, evaluate
from metaadapter.generator.adapter_generator import save_generator

X, y = np.random.default_rng(0).standard_normal((8, 32)), ["a", "b"] * 4

def fitted(*arguments, **options):
    return MetaAdapterClassifier(*arguments, generator="closed-form", **options).fit(X, y)

calls = {
    **{f"blocks={b!r}": lambda b=b: fitted(blocks=b) for b in [(-1, 33), (0, 32), (1.5, 30.5), 32]},
    "a list": lambda: fitted(["red fox", "lynx"]),
    "keep": lambda: fitted().predict_known(X, keep="x"),
    "one class": lambda: adapt(classes="dress"),
    "evaluate": lambda: evaluate("x", "y"),
    "EvaluationConfig": lambda: EvaluationConfig(),
    "methods": lambda: EvaluationConfig(stores=["a"], methods="default"),
    "save_generator": lambda: save_generator("default", sys.argv[1]),
}
messages = {}
for name, call in calls.items():
    try:
        call()
    except MetaAdapterError as error:
        messages[name] = f"{type(error).__name__}: {error}"
    except Exception as error:
        messages[name] = f"bare {error!r}"
print(json.dumps(messages))
"""


def test_misuse__of_the_python_face__is_an_error_with_what_was_expected_and_what_came(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "generator")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    messages = json.loads(result.stdout)
    for blocks in ("(-1, 33)", "(0, 32)", "(1.5, 30.5)", "32"):
        expected = (
            f"positive whole numbers that add up to 32, the width of the features, got {blocks}"
        )
        assert expected in messages.pop(f"blocks={blocks}")
    assert "a mapping from label to text" in messages["a list"]
    assert "got ['red fox', 'lynx']" in messages.pop("a list")
    assert "keep must be within 0.5 to 0.99, got 'x'" in messages.pop("keep")
    assert "expects a generator" in messages["save_generator"]
    assert "got 'default'" in messages.pop("save_generator")
    assert "at least two for a classifier, got 'dress'" in messages.pop("one class")
    assert "expected an EvaluationConfig, such as" in messages.pop("evaluate")
    assert "expected stores to evaluate on" in messages["EvaluationConfig"]
    assert messages.pop("EvaluationConfig").startswith("DataError: the EvaluationConfig is wrong:")
    assert "methods: expected a valid tuple, got 'default'" in messages.pop("methods")
    assert not messages
    assert not (tmp_path / "generator").exists()
