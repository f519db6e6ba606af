import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_pictures import encoder, labelled, unlabelled  # noqa: F401

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
CALLERS = {
    "apps.advice": {"apps.page"},
    "apps.export": {"apps.page"},
    "apps.field": {"apps.page", "apps.cli.predict_field"},
    "apps.library": set(),
    "apps.page": set(),
    "bench": set(),
    "bench.sequences": set(),
    "labs": set(),
}
"""Wing → the modules above it, which do not run without it."""
SCRIPT = Path(__file__).with_name("without_wing.py")


@pytest.fixture(scope="module")
def answers(tmp_path_factory, labelled, unlabelled, encoder):  # noqa: F811
    out = tmp_path_factory.mktemp("wings")
    wings = [f"metaadapter.{wing}" for wing in CALLERS]
    subprocess.run(
        [sys.executable, SCRIPT, labelled, unlabelled, encoder, out, *wings],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return {wing: json.loads((out / f"metaadapter.{wing}.json").read_text()) for wing in CALLERS}


@pytest.mark.parametrize("wing", CALLERS)
def test_wing__taken_away__leaves_the_core_and_the_other_wings(answers, wing):
    lost = {name.removeprefix("metaadapter.") for name in answers[wing]["lost"]}

    assert {name for name in lost if not any(name.startswith(c) for c in CALLERS[wing])} == set()


def test_predictions__are_the_same_without_any_wing(answers):
    assert len({tuple(answer["labels"]) for answer in answers.values()}) == 1
