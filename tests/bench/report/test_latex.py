from __future__ import annotations

import re
from dataclasses import replace

from metaadapter.bench.report.latex import latex


def test_latex__name_with_marks_of_latex__is_escaped(result):
    strange = r"50% of_x & {y}\~"
    accuracy = {
        place: {strange if name == "GDA" else name: shots for name, shots in table.items()}
        for place, table in result.accuracy.items()
    }
    methods = tuple(strange if name == "GDA" else name for name in result.methods)

    text = latex(replace(result, methods=methods, accuracy=accuracy))

    (row,) = (line for line in text.splitlines() if line.startswith("50"))
    assert row.startswith(r"50\% of\_x \& \{y\}\textbackslash \textasciitilde  & ")
    assert len(re.findall(r" & ", row)) == len(result.shots)
