from __future__ import annotations

import re
from dataclasses import replace

import pytest

from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_markdown import markdown
from metaadapter.bench.report.evaluation_page import page
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find
from metaadapter.bench.report.words import metric


@pytest.fixture(scope="module")
def html(result):
    return page(result, {})


def test_page__any_result__needs_no_other_file_and_no_script(html, read_page):
    reader = read_page(html)

    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in reader.elements)
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_page__names_of_elements__are_used_once_and_referred_to_rightly(html, read_page):
    reader = read_page(html)
    names = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]

    assert len(set(names)) == len(names)
    referred = set(re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', html))
    assert referred <= set(names)


def test_page__figures__take_their_colours_from_the_page_and_say_what_they_show(html, result):
    drawn = re.findall(r"<svg viewBox.*?</svg>", html, flags=re.DOTALL)

    n_places, n_ranks, n_times = 3, 1, 3
    n_reliability = 2 * (len(result.featured) + 1)
    assert len(drawn) == n_places + n_ranks + n_times + n_reliability
    used = set(re.findall(r"(?:fill|stroke): (?!none|var)([^;\"]+)", "".join(drawn)))
    assert used == set()
    defined = set(re.findall(r"(--[\w-]+):", html))
    assert set(re.findall(r"var\((--[\w-]+)\)", html)) <= defined
    assert all("<title" in drawing for drawing in drawn)


def test_page__names_of_checks__may_be_broken_into_lines(result, read_page):
    """In one line the names of all checks are wider than a page of 1,100 pixels."""
    failed = replace(result, boxes=(Box("classes unseen", "fail", "GDA saw all", {"GDA": "fail"}),))

    html = page(failed, {})

    (rule,) = re.findall(r"\.checks thead th \{([^}]*)\}", html)
    assert "compact checks" in [table.get("class") for table in read_page(html).all("table")]
    assert "white-space: normal" in rule


def test_page__numbers__are_those_of_the_result(html, result, read_page):
    words = read_page(html).words
    own = result.parts[0].accuracy["mean over sets"]["closed-form"]

    cells = " ".join(f"{100 * own[n].mean:.1f} ± {100 * own[n].half:.1f}" for n in (1, 2, 4))
    assert f"closed-form {cells}" in words
    assert result.headline in words
    for box in result.boxes:
        assert box.detail in words
    assert result.command in words


@pytest.mark.usefixtures("without_drawings")
def test_page__class_left_out_and_method_far_below__are_named(result, read_page):
    (one, *others) = result.sets
    lacking = replace(one, facts={**one.facts, "left_out": {"owl": 2}})
    (part,) = result.parts
    place = next(iter(part.accuracy))
    low = {n_shot: Estimate(0.01, 0.0) for n_shot in result.shots}
    sunk = replace(part, accuracy={**part.accuracy, place: {**part.accuracy[place], "APE": low}})

    words = read_page(page(replace(result, sets=(lacking, *others), parts=(sunk,)), {})).words

    assert "classes left out, with too few pictures: owl (2)." in words
    assert "4, 1 left out" in words
    assert "APE" in words.split("Below: ")[1].split(".")[0]


@pytest.mark.usefixtures("without_drawings")
def test_page__reference_without_a_figure__is_said_to_have_none(finished, read_page):
    run = EvaluationRun.read(finished)
    tables = {name: table[table["method"] != "closed-form"] for name, table in run.tables.items()}
    means = run.means[run.means["method"] != "closed-form"]
    nothing = run.differences.head(0)

    result = find(replace(run, tables=tables, means=means, differences=nothing))

    words = read_page(page(result, {})).words
    assert "No figure of closed-form could be scored." in words
    assert "No figure of closed-form" in markdown(result)


@pytest.mark.usefixtures("without_drawings")
def test_page__one_method__has_no_section_without_a_table(report_of, read_page):
    words = read_page(page(report_of("abc", methods=("prototypes",)), {})).words

    assert "prototypes on 1 set" in words
    assert "Gain of prototypes" not in words
    assert "names alone" not in words


def test_page__ranks__are_told_by_set_and_over_all(html, result, read_page):
    ranks = result.parts[0].ranks
    cells = [*(of_set["GDA"] for of_set in ranks.by_set.values()), ranks.mean["GDA"]]

    assert "GDA " + " ".join(f"{rank:.1f}" for rank in cells) in read_page(html).words


def test_page__names_with_markup__are_text(html, read_page):
    assert "<cow>" not in html
    assert "<cow> & calf" in read_page(html).words


def test_page__part_that_a_summary_makes_up__is_text(html, result, read_page):
    (part,) = result.parts
    made_up = (replace(part, part='"><script>'),)

    reader = read_page(page(replace(result, parts=made_up), {}))

    assert [tag for tag, _ in reader.elements] == [tag for tag, _ in read_page(html).elements]
    assert '"><script> classes' in reader.words


@pytest.mark.usefixtures("without_drawings")
def test_page__failed_box__is_told_in_words(result, read_page):
    verdicts = dict.fromkeys(result.methods, "pass") | {"GDA": "fail", "APE": "unknown"}
    failed = replace(result, boxes=(Box("classes unseen", "fail", "GDA saw all", verdicts),))

    words = read_page(page(failed, {})).words

    assert "Classes unseen: fails GDA saw all" in words
    assert "By method; every check holds for the 5 methods that are not listed" in words
    assert "GDA ✗ fails" in words
    assert "APE ? not known" in words
    assert "prototypes ✓ holds" not in words


def test_page__probabilities__are_judged_beside_accuracy(html, result, read_page):
    words = read_page(html).words
    accuracy = words.split("Accuracy against labelled pictures")[0]

    for name, title in (("nll", "Log loss, nats"), ("ece", "Calibration error, %")):
        cells = " ".join(
            metric(result.quality[name]["closed-form"][n].mean, name) for n in (1, 2, 4)
        )
        assert title in accuracy
        assert f"closed-form {cells}" in accuracy


@pytest.mark.usefixtures("without_drawings")
def test_page__confusion_matrix__has_the_percentages_of_each_row(result, read_page):
    (one, *others) = result.sets
    of_two = replace(
        one, classes=("bee", "dog"), counts=((6, 3), (0, 12)), n_true=(12, 12), n_classes=4
    )

    words = read_page(page(replace(result, sets=(of_two, *others)), {})).words

    assert "The 2 most confused of 4 classes. bee dog others bee 50 25 25 dog 100" in words


def test_page__captions__may_wrap_so_that_no_table_is_wider_than_its_numbers(html):
    assert not re.search(r"caption[^{]*\{[^}]*nowrap", html)


@pytest.mark.usefixtures("without_drawings")
def test_page__pictures_that_are_known__are_shown_and_others_named(result, read_page):
    shown, *others = result.sets[0].mistakes

    reader = read_page(page(result, {shown["sha256"]: b"jpeg"}))

    sources = [image["src"] for image in reader.all("img")]
    assert sources
    assert set(sources) == {"data:image/jpeg;base64,anBlZw=="}
    assert all(image["alt"] for image in reader.all("img"))
    assert all(other["path"] in reader.words for other in others)


@pytest.mark.usefixtures("without_drawings")
def test_page__base_to_new__says_of_which_classes_the_rest_is(report_of, read_page):
    words = read_page(page(report_of("abcd", base_to_new=True), {})).words
    assert "Further metrics, base classes" in words
    assert "a class, base classes, over all draws." in words


def test_page__names_that_no_page_can_hold__are_written_otherwise(report_of, read_page):
    plain = ("#fedc00", "$5 or $6", "日本", 'id="x" url(#y)')
    names = ("caf\udce9", "a\x01b", *plain)

    html = page(report_of(names, spread=3.0), {})

    words = read_page(html.encode().decode()).words
    assert all(name in words for name in ("caf\\udce9", "a\\x01b", *plain))


@pytest.mark.usefixtures("without_drawings")
def test_page__classes_of_one_readable_name__keep_their_labels(report_of, read_page):
    labels = ("n02012849 crane", "n03126707 crane", "n01440764 tench")

    words = read_page(page(report_of(labels, spread=3.0), {})).words

    assert "n02012849 crane" in words
    assert "n03126707 crane" in words
    assert "n01440764" not in words


def test_page__times_that_are_close__have_ticks_in_plain_numbers(result, html):
    near = {
        method: dict.fromkeys(result.shots, 0.00015 + 0.0001 * place)
        for place, method in enumerate(result.methods)
    }

    close = page(replace(result, seconds=near), {})

    assert "mathdefault" not in close
    assert "mathdefault" not in html
    (drawing, *_) = re.findall(
        r'<svg[^>]*aria-labelledby="time-1-title".*?</svg>', close, re.DOTALL
    )
    assert {"0.2", "0.5"} <= {text.strip() for text in re.findall(r">([^<>]+)</text>", drawing)}


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ("prototypes",), "shots": (1,), "seeds": 1},
        {"methods": ("default", "finetune@0", "finetune@2"), "shots": (2,)},
        {"base_to_new": True},
        {"unknown": 0.25},
    ],
)
def test_page__small_and_unlike_evaluations__can_be_drawn(changes, report_of, read_page):
    words = read_page(page(report_of("abcd", 5, **changes), {})).words

    assert "Are these figures sound?" in words
    assert ("AUROC of near strangers" in words) == ("unknown" in changes)
    steps = changes.get("methods", ())
    assert ("The thin line joins" in words) == ("finetune@2" in steps)


@pytest.mark.usefixtures("without_drawings")
def test_page__of_tasks_with_pools__says_who_read_them(report_of, read_page):
    methods = ("closed-form", "closed-form@labelled")
    result = report_of(("ant", "bee"), methods=methods, pool="balanced", pool_size=2)
    html = page(result, {})

    assert "a pool of 2 unlabelled pictures a class (balanced)" in read_page(html).words
    assert "the method sees only the labelled pictures" in html
    assert "a pool of 2 unlabelled pictures a class" in markdown(result)


def test_page__of_tasks_without_pools__says_nothing_of_them(html, result):
    assert result.pool == ""
    assert "unlabelled" not in html
