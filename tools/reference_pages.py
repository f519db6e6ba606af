"""The pages of the reference that the program knows: a hook of mkdocs makes them for the site.

Pages of docs/ link to the source of such a page, which a reader of the repository finds too; on the
site the link leads to the page.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE_LINK = re.compile(r"\]\(((?:\.\./)+)(metaadapter/[\w/.]+)\)")
CONFIGURATIONS = (
    *("metaadapter.training.config.TrainConfig", "metaadapter.training.config.DataConfig"),
    *("metaadapter.training.config.SourceConfig", "metaadapter.training.config.SyntheticConfig"),
    *("episodes.spec.EpisodeSpec", "episodes.perturb.Perturbations"),
    *("metaadapter.generator.generator.GeneratorConfig",),
    "metaadapter.training.loss_terms.LossWeights",
    *("metaadapter.training.config.OptimConfig", "metaadapter.training.config.ValidateConfig"),
    "metaadapter.bench.evaluation.config.EvaluationConfig",
)


LAYERS = {
    "files": "Files",
    "data": "Pictures",
    "features": "Features",
    "adapter": "Adapters",
    "generator": "Generators",
    "workflow": "Workflow",
    "training": "Meta-training",
    "apps": "Applications",
    "bench": "Measuring",
    "labs": "Laboratories",
}
TENSORS = "tensors, map, to"
INHERITED = {
    **dict.fromkeys(("TaskSignature", "Support", "AdapterWeights"), TENSORS),
    "MetaAdapterClassifier": "predict, predict_proba, logit_scale_",
}
"""Classes of which inherited members are shown as well."""


def command_line() -> str:
    """Every command with its options, and the exit codes."""
    from typer import Context
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from metaadapter.apps import cli
    from metaadapter.apps.cli.app import app

    command = get_command(app)
    context = Context(command, info_name="metaadapter")
    commands = get_docs_for_click(obj=command, ctx=context, name="metaadapter")
    commands = commands.removeprefix("# `metaadapter`\n")
    return f"# Command line\n\n{inspect.getdoc(cli)}\n\n## Commands\n{commands}"


def json_documents() -> str:
    """The keys of each document that `--json` prints."""
    source = (ROOT / "metaadapter/apps/cli/documents.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(source)
    common = sections.pop("common")
    lines = [
        "# JSON documents",
        sections.pop("about"),
    ]
    for schema, keys in sections.items():
        lines += [f"## `metaadapter.{schema}`", keys.pop("about", ""), ""]
        shared = {name: common[name] for name in keys.pop("common", "").split()}
        for key, value in (shared | keys).items():
            types, _, meaning = value.partition(": ")
            lines[-1] += f"\n- `{key}` ({types}): {meaning}"
    return "\n\n".join(lines)


def http() -> str:
    """The requests that the page's server answers."""
    from fastapi import FastAPI

    from metaadapter.apps.page.app import ROUTERS

    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return "# HTTP interface\n\n" + _operations_and_objects(app.openapi())


def _operations_and_objects(document: dict[str, Any]) -> str:
    """The operations and objects of an OpenAPI document."""
    parts: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += _operation(f"{method.upper()} {path}", operation)
    parts.append("<h2>Objects</h2>\n")
    for name, schema in document["components"]["schemas"].items():
        parts.append(f'<section id="{escape(name)}">\n<h3>{escape(name)}</h3>\n')
        parts.append(f"<p>{escape(schema.get('description', ''))}</p>\n")
        parts += _table(
            (key, _kind(value), value.get("description", ""))
            for key, value in schema.get("properties", {}).items()
        )
        parts.append("</section>\n")
    return "".join(parts)


def _operation(address: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section>\n<h3><code>{escape(address)}</code></h3>\n"
    yield f"<p>{escape(operation['description'])}</p>\n"
    rows = [
        (f"{item['name']} ({item['in']})", _kind(item["schema"]), item.get("description", ""))
        for item in operation.get("parameters", ())
    ]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        rows.append((f"body ({media_type})", _kind(content["schema"]), ""))
    yield from _table(rows)
    answers = [
        _kind(content["schema"])
        for status, response in operation["responses"].items()
        for content in response.get("content", {}).values()
        if status.startswith("2") and content.get("schema")
    ]
    yield f"<p>Answer: {answers[0] if answers else 'a file'}</p>\n</section>\n"


def _table(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """A table of (name, type as HTML, meaning)."""
    lines = [
        f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{escape(meaning)}</tr>\n"
        for name, kind, meaning in rows
    ]
    if lines:
        yield "<table>\n<tr><th>Name<th>Type<th>Meaning</tr>\n"
        yield from lines
        yield "</table>\n"


def _kind(schema: dict[str, Any]) -> str:
    """The type of a value in a few words, as HTML with links to the objects."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf"):
        return " or ".join(map(_kind, options))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties") or next(
            iter(schema.get("patternProperties", {}).values()), None
        )
        return f"object of {_kind(values)}" if isinstance(values, dict) else "object"
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    return escape(str(schema.get("type", "any value")))


def configuration() -> str:
    """The keys of the files that `train` and `evaluate` read, with their defaults."""
    import griffe

    packages = {name: griffe.load(name) for name in ("metaadapter", "episodes")}
    lines = [
        "# Configuration files",
        "`metaadapter train FILE.toml` reads a `TrainConfig`; `--set SECTION.KEY=VALUE` overrides "
        "a value. `metaadapter evaluate --config FILE.toml` reads an `EvaluationConfig`; options "
        "override its values. An unknown key is refused with the nearest known name. Paths are "
        "relative to the configuration's folder.",
    ]
    for path in CONFIGURATIONS:
        package, _, rest = path.partition(".")
        model = packages[package][rest]
        lines += [f"## {model.name}", model.docstring.value.partition("\n\n")[0]]
        lines.append("\n".join(_keys(model)))
    return "\n\n".join(lines)


def scalars() -> str:
    """The numbers that the generator's networks read."""
    from metaadapter.generator import block_weights, relations, task_scalars
    from metaadapter.generator.pool import pool_scalars

    functions = {
        "Of each class": relations._class_scalars,
        "Of each task, given to all its classes": task_scalars.task_scalars,
        "Of each picture": relations.shot_scalars,
        "Of each pair of classes": relations._pair_scalars,
        "Of each block of features": block_weights.block_scalars,
        "Of each picture of a pool": pool_scalars._picture_scalars,
        "Of each class of a task with a pool": pool_scalars._class_scalars,
        "Of each task with a pool": pool_scalars.pool_scalars,
    }
    lines = ["# What the generator reads", inspect.getdoc(relations)]
    for title, function in functions.items():
        lines += [f"## {title}", (inspect.getdoc(function) or "").partition("\n")[2]]
    return "\n\n".join(map(str, lines))


def public_names() -> str:
    """The names that each layer lists in its `__init__.pyi`, which mkdocstrings describes."""
    lines = [
        "# Public names",
        "The most used names can also be imported from `metaadapter`. Features are unit rows: "
        "float32 in memory, float16 on disk. Letters in shapes: T tasks, N ways (classes), "
        "K shots, Q queries, D feature width, R bottleneck, U unlabelled pictures, V views.",
    ]
    for layer, title in LAYERS.items():
        stub = (ROOT / "metaadapter" / layer / "__init__.pyi").read_text(encoding="utf-8")
        lines.append(f"## {title}")
        for name in re.findall(r" as (\w+)$", stub, re.MULTILINE):
            lines.append(f"::: metaadapter.{layer}.{name}")
            if name in INHERITED:
                lines[-1] += f"\n    options:\n      inherited_members: [{INHERITED[name]}]"
    return "\n\n".join([*lines, "## Errors", "::: metaadapter.errors"])


def peer_formulas() -> str:
    """The formulas of the peers, from their docstrings."""
    from metaadapter.bench import peers
    from metaadapter.bench.peers import by_name, maml, meta_adapter, meta_qda

    learned = {
        "Meta-Adapter": meta_adapter.meta_adapter,
        "MAML": maml.maml,
        "ANIL": maml.anil,
        "MetaQDA": meta_qda.log_densities,
    }
    lines = ["# Formulas of the peers", inspect.getdoc(peers)]
    for name, function in {**by_name.PEERS, **by_name.POOL_PEERS, **learned}.items():
        lines += [f"## {name}", inspect.getdoc(function)]
    return "\n\n".join(map(str, lines))


PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "metaadapter/__init__.pyi": ("reference/index.md", public_names),
    "metaadapter/bench/peers/by_name.py": ("reference/peer-formulas.md", peer_formulas),
    "metaadapter/apps/cli/__init__.py": ("reference/command-line.md", command_line),
    "metaadapter/apps/cli/documents.toml": ("reference/json.md", json_documents),
    "metaadapter/apps/page/app.py": ("reference/http.md", http),
    "metaadapter/training/config.py": ("reference/configuration.md", configuration),
    "metaadapter/generator/relations.py": ("reference/scalars.md", scalars),
}
"""Source of a page → the page and what makes it."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to the site."""
    from mkdocs.structure.files import File

    for page, make in PAGES.values():
        files.append(File.generated(config, page, content=make()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with links to sources of generated pages as links to these pages."""

    def linked(found: re.Match[str]) -> str:
        up, source = found.groups()
        page, _ = PAGES[source]
        return f"]({up.removeprefix('../')}{page})"

    return SOURCE_LINK.sub(linked, markdown)


def _keys(model: Any) -> Iterator[str]:
    for name, value in model.attributes.items():
        if name in ("model_config", "schema_version") or "instance-attribute" not in value.labels:
            continue
        default = "" if value.value is None else f", default `{value.value}`"
        meaning = " ".join(value.docstring.value.split()) if value.docstring else ""
        yield f"- `{name}`: `{value.annotation}`{default}. {meaning}"
