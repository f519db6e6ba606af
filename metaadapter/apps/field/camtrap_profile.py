"""The rules of Camtrap DP's profile for what a user writes into datapackage.json.

Source: camtrap-dp-profile.json 1.0.2 (https://github.com/tdwg/camtrap-dp) and the profile of
Frictionless data packages (https://specs.frictionlessdata.io/schemas/data-package.json).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

DESIGNS = (
    *("simpleRandom", "systematicRandom", "clusteredRandom"),
    *("experimental", "targeted", "opportunistic"),
)
METHODS = ("activityDetection", "timeLapse")
ROLES = ("contact", "principalInvestigator", "rightsHolder", "publisher", "contributor")


def profile_faults(package: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each value that the profile does not allow."""
    return [
        f"{place} is {value!r}, but the standard wants {wanted}"
        for place, value, wanted in _faults(package)
    ]


def _faults(package: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    name = package.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[-a-z0-9._/]+", name):
        yield "name", name, "lower-case letters, digits and . _ - /"
    project = package.get("project", {})
    design = project.get("samplingDesign")
    if design not in DESIGNS:
        yield "project.samplingDesign", design, f"one of {', '.join(DESIGNS)}"
    methods = project.get("captureMethod")
    if not isinstance(methods, list) or not methods or not {*map(str, methods)} <= {*METHODS}:
        yield "project.captureMethod", methods, f"a list of {' or '.join(METHODS)}"
    for key, kind, wanted in (
        ("title", str, "a text"),
        ("individualAnimals", bool, "true or false"),
    ):
        if not isinstance(project.get(key), kind):
            yield f"project.{key}", project.get(key), wanted
    contributors = package.get("contributors")
    if not isinstance(contributors, list) or not contributors:
        yield "contributors", contributors, "a list of at least one person"
        return
    for person in contributors:
        if not isinstance(person, dict) or not isinstance(person.get("title"), str):
            yield "contributors", person, 'persons such as {"title": "Ada", "role": "contact"}'
        elif person.get("role", "contributor") not in ROLES:
            yield "a contributor's role", person["role"], f"one of {', '.join(ROLES)}"
