"""The modules that commands load: what start-up takes, without a clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRINT = "import sys; print('LOADED', *(sys.modules.keys() - sys.stdlib_module_names))"
# Needed to read the options, and nothing else.
OF_HELP = {"annotated_doc", "lazy_loader", "metaadapter", "rich", "shellingham", "typer"}
# typer checks the arguments of a command by pydantic.
PYDANTIC = {
    *("annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection")
}
# Beside what `import torch, open_clip` loads.
OF_PREDICT = OF_HELP | PYDANTIC | {"episodes", "jaxtyping"}


def loaded_by(code, *arguments):
    """Packages, without their parts, that the code loads in a fresh interpreter.

    A module that the environment loads at every start, such as sitecustomize, is not among them.
    """
    names = present_after(code, *arguments) - present_after("pass")
    # Modules that start with an underscore belong to installers and to compilers of extensions.
    return {name for name in names if not name.startswith("_")}


def present_after(code, *arguments):
    command = [sys.executable, "-c", f"{code}; {PRINT}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = done.stdout.rpartition("LOADED ")[2].split()
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


def of_command(*arguments):
    code = "import sys; from metaadapter.apps.cli.app import main; assert main(sys.argv[1:]) == 0"
    return loaded_by(code, *arguments)


def test_help__loads_what_options_need():
    assert of_command("--help") <= OF_HELP


def test_help__of_a_command__loads_what_options_need():
    assert of_command("predict", "--help") <= OF_HELP | PYDANTIC


@pytest.mark.slow
def test_predict__loads_little_beside_torch_and_open_clip(adapter, unlabelled):
    loaded = of_command("predict", adapter, unlabelled, "--json")

    assert {"torch", "open_clip"} <= loaded
    assert loaded - loaded_by("import torch, open_clip") <= OF_PREDICT


def test_serve__before_its_page_is_there__loads_no_torch():
    loaded = loaded_by(
        "from metaadapter.apps.cli.encoder_choice import read_encoder; "
        "from metaadapter.apps.page import access, guard, loading, project_folders; "
        "read_encoder(None)"
    )

    assert loaded.isdisjoint({"torch", "numpy", "fastapi"})
