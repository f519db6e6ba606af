"""Class and file names of people who mean harm, through everything that is written for people."""

from __future__ import annotations

import functools
import json
import re

import pytest
from PIL import Image

from benchmarks.robustness.artifacts import run
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.files.plain_text import INVISIBLE

pytestmark = pytest.mark.slow

NAMES = (
    '"><img src=x onerror=alert(1)>',
    "--><svg onload=alert(1)>",
    "<!-- metaadapter: end of facts -->",
    "![x](http://example.org/a.png)",
    "[click](javascript:alert(1))",
    "[/red] :skull: [link=http://example.org]",
    "=HYPERLINK(example)",
    "'=1+1",
    "a;=1+1",
    "＝1+1",
    "@SUM(1+1)",
    "+1",
    "-1",
    "- 1. # head",
    "\tcmd",
    "\x1b[31mred\x1b[0m\x07",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "two\nwarning: lines",
    "carriage\rreturn",
    "a|b|c",
    "`code` *bold* _it_ # head",
    "{{ 7 * 7 }} ${7*7} {% raw %}",
    "\u202etfel ot thgir",
    "back\\slash",
    "</script><script>alert(1)</script>",
    "</style></title></svg>",
    "&lt;b&gt;",
    "'quoted",
    "caf\udce9",
)


SET, METHOD = "'\"><svg onload=alert(1)>|=1 `", "<b>|\x1b[31m\n@you `x` ![x](y)"
FORMULA = re.compile(r"[=+@\t\r\n＝＋－＠-]")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
EVALUATION = ("--shots=1,2", "--seeds=1", "--jobs=1")


def test_folders__named_by_people_who_mean_harm__are_classes_as_any(tmp_path, monkeypatch):
    monkeypatch.setattr(FrozenEncoder, "load", functools.cache(FrozenEncoder.load))
    of_folders = [name for name in NAMES if "/" not in name]
    of_list = [name for name in NAMES if "/" in name]
    for number, name in enumerate(of_folders):
        (tmp_path / "photos" / name).mkdir(parents=True)
        picture = Image.new("RGB", (8, 8), (8 * number, 255 - 8 * number, 99))
        picture.save(tmp_path / "photos" / name / f"{name}.png")
    pictures = sorted((tmp_path / "photos").rglob("*.png"))
    rows = [
        {"path": str(path), "label": name} for path, name in zip(pictures, of_list, strict=False)
    ]
    (tmp_path / "photos" / of_folders[0] / "\x1b[2J\n  a\nerror: b.png").write_bytes(b"no picture")
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    for source, names in (("photos", of_folders), ("list.jsonl", of_list)):
        adapter = tmp_path / f"adapter of {source}"
        answers = [
            run("adapt", tmp_path / source, "--out", adapter),
            run("predict", adapter, tmp_path / source),
        ]

        text = "".join(answer.out + answer.err for answer in answers)
        assert [answer.code for answer in answers] == [0, 0], text
        assert not INVISIBLE.search(re.sub(r"[\n\t]", "", text))
        assert not re.search("^(error: b|  a)", text, re.MULTILINE)
        assert not INVISIBLE.search((adapter / "README.md").read_text().replace("\n", ""))
        classes = json.loads((adapter / "adapter_config.json").read_text())["classes"]
        assert set(classes) == set(names)
