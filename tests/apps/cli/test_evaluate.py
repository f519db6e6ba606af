from __future__ import annotations

import csv
import json

import pytest

from metaadapter.data.checksums import sealed, unsealed

COUNTS = {"ant": 7, "bee": 7, "cow": 7, "dog": 7}
FEW = ("--methods", "prototypes,zero-shot", "--shots", "1,2", "--seeds", "2", "--jobs", "1")
ONE_SHOT = ("--methods", "nearest mean,zero-shot", "--shots", "1", "--seeds", "2", "--jobs", "1")


@pytest.fixture
def pets(make_store):
    return make_store("pets", COUNTS, spread=0.8).folder


def rows(folder):
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def evaluate(run, tmp_path):
    """`metaadapter evaluate … --out tmp_path/run` of two methods."""

    def command(*arguments):
        return run("evaluate", *arguments, "--out", tmp_path / "run", *FEW)

    return command


def test_evaluate__stores__writes_rows_and_tells_accuracy_differences_and_integrity(
    evaluate, pets, tmp_path
):
    done = evaluate(pets)

    assert done.code == 0, done.err
    assert len(rows(tmp_path / "run")) == 2 * 2 * 2
    lines = done.out.splitlines()
    assert "8 cells, 8 of them measured now" in lines[0]
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")] == [
        *("shots", "zero-shot", "prototypes"),  # by rank
        *("shots", "zero-shot"),
        *("shots", "zero-shot", "prototypes") * 2,  # log loss and calibration error
    ]
    title = "Gain of prototypes over each method, in points, pets, ± over draws / over classes"
    assert any(line.startswith(title) for line in lines)
    assert sum(line.startswith("pass: ") for line in lines) == 5
    assert "8 cells, 0 of them measured now" in evaluate(pets).out


def test_evaluate__base_to_new__tells_of_both_halves(evaluate, pets, tmp_path):
    done = evaluate(pets, "--base-to-new")

    assert {row["part"] for row in rows(tmp_path / "run")} == {"base", "new", "harmonic"}
    assert "Accuracy in %, pets, harmonic mean of base and new classes" in done.out


def test_evaluate__two_stores_beside_one__are_two_sets(evaluate, make_store, tmp_path):
    photos, drawings = (
        make_store("photos", COUNTS),
        make_store(
            "drawings",
            {"Ant": 3, "bee": 3},
            path=[f"drawn {number}.png" for number in range(6)],
            seed=1,
        ),
    )

    done = evaluate(f"{photos.folder}@{drawings.folder}", drawings.folder)

    assert done.code == 0, done.err
    tasks = {(row["store"], row["n_way"], row["n_query"]) for row in rows(tmp_path / "run")}
    assert tasks == {("photos@drawings", "2", "6"), ("drawings", "2", "2")}
    config = json.loads((tmp_path / "run" / "evaluation.json").read_bytes())["config"]
    pair = [str(photos.folder), str(drawings.folder)]
    assert config["stores"] == [pair, str(drawings.folder)]


def test_evaluate__by_group__names_the_set_and_asks_about_other_groups(
    evaluate, make_store, tmp_path
):
    store = make_store("traps", COUNTS, group=[str(number % 7) for number in range(28)])

    done = evaluate(store.folder, "--by-group")

    assert done.code == 0, done.err
    assert {row["store"] for row in rows(tmp_path / "run")} == {"traps by group"}
    assert "pass: support and queries apart" in done.out
    assert json.loads((tmp_path / "run" / "summary.json").read_bytes())["config"]["by_group"]


def test_evaluate__names__measures_each_level_and_says_what_made_names_are(
    evaluate, pets, tmp_path
):
    done = evaluate(pets, "--names", "own,0.6", "--names", "cone:noise")

    assert done.code == 0, done.err
    stores = {row["store"] for row in rows(tmp_path / "run")}
    assert stores == {"pets", "pets, made names 0.6", "pets, made names cone:noise"}
    assert "made from the pictures of the set, queries included" in done.out


def test_evaluate__names_of_no_level__says_which_there_are(evaluate, pets):
    done = evaluate(pets, "--names", "good")

    assert done.code == 3
    assert "expected levels of names such as own, 0.6, noise or cone:2, got 'good'" in done.err


def test_evaluate__unknown_fraction_ways_and_sampled_queries__shape_the_tasks(
    evaluate, pets, tmp_path
):
    evaluate(pets, *("--unknown", "0.3", "--ways", "3", "--queries", "4", "--tasks", "3"))

    measured = rows(tmp_path / "run")
    assert len(measured) == 8 * 3
    assert {(row["n_way"], row["n_query"]) for row in measured} == {("2", "8")}
    assert all(0 <= float(row["unknown_auroc"]) <= 1 for row in measured)


def test_evaluate__configuration__is_read_and_options_replace_its_values(run, pets, tmp_path):
    config = tmp_path / "eval.toml"
    config.write_text('stores = ["pets"]\nmethods = ["zero-shot"]\nshots = [1]\nseeds = 4\n')

    run("evaluate", "--config", config, "--seeds", 3, "--jobs", 1, "--out", tmp_path / "run")

    assert [row["seed"] for row in rows(tmp_path / "run")] == ["0", "1", "2"]


def test_evaluate__failed_check__is_told_and_ends_with_3_if_strict(evaluate, make_store, tmp_path):
    copies = make_store("pets", COUNTS, sha256=[f"{n % 7}" for n in range(28)]).folder

    done, strict = evaluate(copies), evaluate(copies, "--strict", "--json")

    assert done.code == 0
    assert "fail: support and queries apart" in done.out
    assert strict.code == 3
    assert [box["status"] for box in strict.document["integrity"]].count("fail") == 1
    assert "warning: support and queries apart: pictures with the same bytes" in strict.err
    assert json.loads((tmp_path / "run" / "integrity.json").read_bytes())["boxes"]


def test_evaluate__audit__measures_cells_again_and_tells_of_a_changed_figure(evaluate, pets):
    evaluate(pets)
    equal = evaluate(pets, "--audit", "2")
    journal = pets.parent / "run" / "journal.jsonl"
    lines = [unsealed(json.loads(line))[0] for line in journal.read_text().splitlines()]
    for line in lines:
        line["tables"]["rows"]["macro_f1"] = [0.75]
    journal.write_text("\n".join([*(json.dumps(sealed(line)) for line in lines), ""]))
    changed = evaluate(pets, "--audit", str(len(lines)), "--strict")

    assert (
        f"pass: cells measured again: 2 of {len(lines)} cells, chosen at random: all" in equal.out
    )
    assert f"fail: cells measured again: {len(lines)} of {len(lines)} cells" in changed.out
    assert (equal.code, changed.code) == (0, 3)


def test_evaluate__class_with_too_few_pictures__is_told_to_be_left_out(evaluate, make_store):
    done = evaluate(make_store("pets", {"ant": 7, "bee": 7, "cow": 2}).folder)

    assert done.code == 0
    assert "pets: classes left out, because they have too few pictures for 2 shot(s)" in done.err
    assert "cow (2)" in done.err
    assert "the intervals from 2 draw(s) are wide" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("pets", 2, "--out RUN"),
        ("pets --out run --shots 1;2", 2, "--shots expects whole numbers"),
        ("pets --out run --queries some", 2, "--queries expects a whole number or all"),
        ("pets --out run --methods GDAA", 2, "no method 'GDAA' (did you mean GDA?)"),
        ("pets --out run --splits 2", 3, "splits and shuffle need continual (--continual SETTING)"),
        ("--out run", 3, "expected stores to evaluate on (STORE or SUPPORT@QUERY)"),
        ("pets@gone --out run", 3, "nor are there both folders 'pets' and 'gone'"),
        ("nowhere --out run", 3, "nowhere"),
        ("pets --out run --shots 7 --jobs 1", 3, "Ask for fewer --shots"),
    ],
)
def test_evaluate__mistake__is_named(run, pets, tmp_path, monkeypatch, arguments, code, reason):
    monkeypatch.chdir(tmp_path)

    done = run("evaluate", *arguments.split())

    assert done.code == code
    assert reason in " ".join(done.err.split())


def test_evaluate__interrupted__tells_how_to_go_on(run, pets, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("metaadapter.bench.evaluation.run.evaluate", interrupt)

    done = run("evaluate", pets, "--out", "run")

    assert done.code == 130
    assert "cells measured so far are kept" in done.err
    assert f"metaadapter evaluate {pets} --out run" in done.err


def test_evaluate__metric_of_ones_own__is_in_rows_and_report(run, evaluate, pets, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "def hits(probabilities, labels):\n    return (probabilities.argmax(1) == labels).sum()\n"
    )

    done = evaluate(pets, "--metrics", f"{file}:hits")

    assert done.code == 0, done.err
    assert "hits" in done.out.splitlines()
    for row in rows(tmp_path / "run"):
        assert float(row["hits"]) == round(float(row["accuracy"]) * int(row["n_query"]))
    assert run("report", tmp_path / "run").code == 0
    markdown = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert markdown.count("## hits") == 1
    assert "hits" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_evaluate__changed_method__says_what_is_measured_again_and_why(evaluate, pets, tmp_path):
    file = tmp_path / "mine.py"
    code = "def mine(support):\n    return support.head(support.{})\n"
    file.write_text(code.format("text_TND"))
    evaluate(pets, "--methods", f"{file}:mine")
    file.write_text(code.format("start_TND"))

    again = evaluate(pets, "--methods", f"{file}:mine")

    assert again.code == 0, again.err
    assert "1 method has changed" in " ".join(again.err.split())
    assert "4 cells are measured again" in " ".join(again.err.split())
    assert "12 cells, 4 of them measured now" in " ".join(again.out.split())


def test_evaluate__strangers_by_commas__are_told_of_beside_near_ones(
    evaluate, pets, make_store, tmp_path
):
    others = [make_store(name, {"elk": 5, "fox": 5}, seed=1).folder for name in ("zoo", "park")]
    strangers = ("--unknown", "0.25", "--strangers", ",".join(map(str, others)))

    done = evaluate(pets, *strangers, "--methods", "closed-form,GDA@msp", "--shots", "1")

    assert done.code == 0, done.err
    assert "AUROC of far strangers, %" in done.out.splitlines()
    for row in rows(tmp_path / "run"):
        assert row["unknown_auroc"]
        assert row["far_auroc"]
        assert bool(row["kept_far"]) == (row["method"] == "closed-form")


@pytest.fixture
def stores(make_store):
    counts = {"pets": {"ant": 6, "bee": 6, "cow": 6, "dog": 6}, "toys": {"car": 6, "kite": 6}}
    return [make_store(*store, spread=0.8).folder for store in counts.items()]


def test_evaluate__continual__tells_figures_and_gains(run, stores, tmp_path):
    done = run("evaluate", *stores, "--continual", "pooled", "--out", tmp_path / "run", *ONE_SHOT)

    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "4 cells, 4 of them measured now" in lines[0]
    assert "pooled, 2 tasks, in %, 1 shot" in lines
    assert "Gain of nearest mean over each learner, points, 1 shot" in lines
    assert sum(line.startswith("pass: ") for line in lines) == 4
    again = run("evaluate", *stores, "--continual", "pooled", "--out", tmp_path / "run", *ONE_SHOT)
    assert "4 cells, 0 of them measured now" in again.out


def test_evaluate__splits_and_shuffle_from_a_configuration__shape_the_sequence(
    run, stores, tmp_path
):
    config = tmp_path / "plan.toml"
    config.write_text(
        f'stores = ["{stores[0]}"]\ncontinual = "class-incremental"\nsplits = 2\nshuffle = true\n'
    )

    done = run("evaluate", "--config", config, "--out", tmp_path / "run", *ONE_SHOT, "--json")

    assert done.code == 0, done.err
    assert done.document["config"]["splits"] == 2
    report = run("report", tmp_path / "run", "--json")
    assert report.document["tasks"] == ["task 1", "task 2"]


def test_report__continual__writes_page_markdown_and_json(run, stores, tmp_path):
    run(
        "evaluate", *stores, "--continual", "task-incremental", "--out", tmp_path / "run", *ONE_SHOT
    )

    done = run("report", tmp_path / "run", "--out", tmp_path / "pages")

    assert done.code == 0, done.err
    names = ("report.html", "report.json", "report.md")
    assert done.out.split() == [str(tmp_path / "pages" / name) for name in names]
    document = json.loads((tmp_path / "pages" / "report.json").read_bytes())
    assert document["schema"] == "metaadapter.continual_report/1"
    assert document["setting"] == "task-incremental"
