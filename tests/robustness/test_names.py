"""Class and file names of people who mean harm, through everything that is written for people."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from benchmarks.robustness.artifacts import run
from metaadapter import FeatureStore
from metaadapter.apps.cli.demo import page
from metaadapter.bench.evaluation.tables import read_table
from metaadapter.data.plain_text import INVISIBLE, from_csv, one_line
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.generator.pretrained import load_generator, save_generator
from metaadapter.workflow.demo import DemoResult, LabelledPicture, MethodResult

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


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return written(tmp_path_factory.mktemp("hostile"), NAMES, SET, METHOD)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    names = tuple(f"name {number}" for number in range(len(NAMES)))
    return written(tmp_path_factory.mktemp("harmless"), names, "store", "method")


def written(folder, names, set_name, method):
    """A store of classes and pictures of these names, and what each command makes of it."""
    rng = np.random.default_rng(0)
    texts = {name: rng.standard_normal(8) for name in names}
    labels = [name for name in names for _ in range(3)]
    features = np.stack([texts[label] for label in labels]) + rng.standard_normal((len(labels), 8))
    paths = [f"{label}/{number}" for number, label in enumerate(labels)]
    store, adapter = folder / set_name, folder / "adapter"
    FeatureStore.create(store, features, labels, texts=texts, paths=paths, logit_scale=20.0)
    save_generator(load_generator("closed-form"), folder / method)
    methods = f"--methods={folder / method},zero-shot"
    ended = [
        run("adapt", store, "--out", adapter),
        run("predict", adapter, store),
        run("predict", adapter, store, "--labelled", "--csv", folder / "rows.csv"),
        run("predict", adapter, store, "--csv", folder / "raw.csv", "--csv-raw"),
        run("evaluate", store, "--out", folder / "run", methods, *EVALUATION),
        run("report", folder / "run"),
        run("doctor", "--verify", folder),
    ]
    assert [answer.code for answer in ended] == [0] * len(ended), ended
    (folder / "output").write_text("".join(answer.out + answer.err for answer in ended))
    return folder


def cells(content):
    return [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]


def test_csv__names_of_any_kind__begin_no_formula_and_come_back(hostile):
    tables = [path.read_text(errors="surrogateescape") for path in hostile.glob("run/*.csv")]
    tables.append((hostile / "rows.csv").read_text(errors="surrogateescape"))
    tables.append(gzip.decompress((hostile / "run/draws.csv.gz").read_bytes()).decode("latin-1"))

    assert len(tables) == 8
    for table in tables:
        assert not [
            cell
            for whole in cells(table)
            for cell in re.split("[,;\t\n]", whole)
            if FORMULA.match(cell) and not NUMBER.fullmatch(cell)
        ]
    with (hostile / "rows.csv").open(newline="", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    with (hostile / "raw.csv").open(newline="", errors="surrogateescape") as file:
        raw = list(csv.DictReader(file))
    assert [from_csv(row["label"]) for row in rows] == [row["label"] for row in raw]
    assert [from_csv(row["path"]) for row in rows] == [row["path"] for row in raw]
    assert {row["path"].rpartition("/")[0] for row in raw} == set(NAMES)


@pytest.mark.slow
def test_evaluation__names_of_any_kind__come_back_from_every_table(hostile, tmp_path):
    methods = f"--methods={hostile / METHOD},zero-shot"
    raw = shutil.copytree(hostile / "run", tmp_path / "run")
    again = run("evaluate", hostile / SET, "--out", raw, methods, *EVALUATION, "--csv-raw")
    assert "4 cells, 0 of them measured now" in again.out
    assert run("report", raw).code == 0

    for folder, is_raw in ((hostile / "run", False), (raw, True)):
        assert set(read_table(folder / "classes.csv", raw=is_raw)["class"]) == set(NAMES)
        assert set(read_table(folder / "confusion.csv", raw=is_raw)["true"]) == set(NAMES)
        assert (",-1," in (folder / "classes.csv").read_text(errors="replace")) == is_raw
        of_set = json.loads((folder / "report.json").read_text())["sets"][0]
        assert set(of_set["names"]) == set(NAMES)


@pytest.mark.parametrize("page", ["adapter/README.md", "run/report.md"])
def test_markdown__names_of_any_kind__are_text(hostile, harmless, page):
    shown, plain = ((folder / page).read_text() for folder in (hostile, harmless))

    assert set(markdown_kinds(shown)) == set(markdown_kinds(plain))
    assert not INVISIBLE.search(shown.replace("\n", ""))


def test_card__names_of_any_kind__are_shown_letter_for_letter(hostile, harmless):
    card, plain = ((folder / "adapter/README.md").read_text() for folder in (hostile, harmless))

    assert markdown_kinds(card) == markdown_kinds(plain)
    shown = MarkdownIt("gfm-like", {"linkify": False}).parse(card)
    words = {child.content for token in shown for child in token.children or []}
    assert {one_line(name) for name in NAMES if "`" not in name} - words == set()


def markdown_kinds(text):
    """The kinds of all tokens of a Markdown text, in order."""
    kinds = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        kinds += [token.type, *(child.type for child in token.children or [])]
    return kinds


class Kinds(HTMLParser):
    """Every kind of thing in a page, with its styles and where it points to."""

    def __init__(self, html):
        super().__init__()
        self.kinds, self.styles, self.words, self.targets = set(), [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.kinds.add((tag, *sorted(name for name, _ in attributes)))
        self.targets += [value for name, value in attributes if name in ("src", "xlink:href")]

    def handle_data(self, data):
        (self.styles if self.cdata_elem else self.words).append(data)

    def handle_comment(self, data):
        self.kinds.add(("comment", data))

    def unknown_decl(self, data):
        self.kinds.add(("declaration", data))

    def handle_pi(self, data):
        self.kinds.add(("instruction", data))


def assert_alike(html, plain):
    shown, expected = Kinds(html), Kinds(plain)
    assert shown.kinds <= expected.kinds
    assert shown.styles == expected.styles
    assert all(re.match("#|data:image/jpeg;base64,", target) for target in shown.targets)
    assert not INVISIBLE.search(html.replace("\n", ""))
    return "".join(shown.words)


def test_report__names_of_any_kind__are_text(hostile, harmless):
    pages = ((folder / "run/report.html").read_text() for folder in (hostile, harmless))

    words = assert_alike(*pages)

    for name in (SET, METHOD):
        assert one_line(name) in words


def test_demo_page__names_of_any_kind__are_text():
    words = assert_alike(demo(NAMES), demo([f"name {number}" for number in range(len(NAMES))]))

    assert [name for name in NAMES if one_line(name) not in words] == []


def demo(names):
    pictures = tuple(LabelledPicture(name, name, b"jpeg") for name in names)
    shares, correct = (0.5,) * len(names), (True,) * len(names)
    answers = tuple(
        MethodResult(names[shot], shot, tuple(names), shares, correct, 0.1) for shot in (0, 1)
    )
    of = (names[0], names[1], names[2], 0, 1.0, {names[3]: names[4]})
    return page(DemoResult(tuple(names), pictures, pictures, answers, *of))


def test_terminal__names_of_any_kind__steer_nothing_and_begin_no_line(hostile):
    text = (hostile / "output").read_text()

    assert not INVISIBLE.search(text.replace("\n", "").replace("\t", ""))
    assert r"two\nwarning: lines" in text
    assert not [line for line in text.split("\n") if line.startswith(("warning: lines", "@you"))]


def test_list__for_programs__has_names_as_they_are(hostile):
    answer = run("predict", hostile / "adapter", hostile / SET, "--csv-raw")

    rows = csv.reader(io.StringIO(answer.out, newline=""), delimiter="\t")
    assert {row[0].rpartition("/")[0] for row in rows} == set(NAMES)


def test_predict__terminal__shows_names_as_they_are_spelled(hostile, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "400"}.items():
        monkeypatch.setenv(name, value)

    for rank in ("[/red] :skull: [link=http://example.org]", "\x1b[31mred\x1b[0m\x07"):
        answer = run("predict", hostile / "adapter", hostile / SET, "--rank", rank)

        assert answer.code == 0, answer
        assert f"P({one_line(rank)[:6]}" in answer.out
        assert not INVISIBLE.search(answer.out.replace("\n", ""))


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "no\nwarning: \x1b[2J", "x"),
        ("predict", "--no\nwarning: \x1b[2J"),
        ("no\nwarning: \x1b[2J",),
        ("evaluate", "x", "--out", "y", "--shots", "1\nwarning: \x1b[2J"),
        ("adapt", "x", "--out", "y", "--shots", "1\nwarning: \x1b[2J"),
    ],
)
def test_errors__names_of_any_kind__stay_on_their_line(arguments):
    answer = run(*arguments)

    assert answer.code in (2, 3, 4)
    assert len(answer.err.splitlines()) == 1
    assert not INVISIBLE.search(answer.err.replace("\n", ""))


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
