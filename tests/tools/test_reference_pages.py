"""The pages of the reference that the hook of mkdocs makes."""

from __future__ import annotations

import pytest

from metaadapter.apps.cli.app import COMMANDS, KINDS
from tools import reference_pages


def test_command_line__has_every_command_its_options_and_the_exit_codes():
    page = reference_pages.command_line()

    for command in COMMANDS:
        assert f"\n## `metaadapter {command.__name__}`\n" in page
    assert "* `--together`: First learn from all these pictures" in page
    for code, kind in KINDS.items():
        assert f"{code}, `{kind}`" in page


def test_json__lists_own_and_common_keys_of_each_document():
    page = reference_pages.json_documents()

    section = page.split("## `metaadapter.merge/1`\n")[1].split("\n## ")[0]
    assert "- `counts` (object): class → number of pictures\n" in section
    assert "- `store` (text): folder of the merged store\n" in section


def test_http_and_scalars__come_from_the_routes_and_the_docstrings():
    assert "<code>POST /predict</code>" in reference_pages.http()
    assert (
        "\n## Of each class\n\n\n- `mean_length`: length of the mean" in reference_pages.scalars()
    )


def test_configuration__has_keys_with_types_and_defaults():
    pytest.importorskip("griffe")

    page = reference_pages.configuration()

    assert "\n- `steps`: `Count`, default `1500`. " in page
    assert "\n- `text_made`: `float`, default `0.5`. Each text is the mean" in page


def test_links_to_the_source_of_a_page__lead_to_the_page_on_the_site():
    text = "the [keys](../../metaadapter/apps/cli/documents.toml) of `--json`"

    made = reference_pages.on_page_markdown(text)

    assert made == "the [keys](../reference/json.md) of `--json`"
