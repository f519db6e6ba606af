from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from metaadapter.bench.report.paper_tables import latex, report_csv


def test_report_csv__figures__are_those_of_the_result(result):
    rows = list(csv.DictReader(io.StringIO(report_csv(result).decode())))

    (part,) = result.parts
    assert len(rows) == sum(
        len(shots) for table in part.accuracy.values() for shots in table.values()
    )
    for row in rows:
        place, method, n = row["set"], row["method"], int(row["n_shot"])
        assert float(row["accuracy"]) == pytest.approx(part.accuracy[place][method][n].mean, 1e-5)
        if method == result.reference:
            assert row["gain"] == row["p_over_classes"] == ""
            continue
        gain, by_class = part.gain[place][method][n], part.gain_by_class[place][method][n]
        assert float(row["gain"]) == pytest.approx(gain.mean, 1e-5, 1e-9)
        assert float(row["half_over_draws"]) == pytest.approx(gain.half, 1e-5)
        assert float(row["half_over_classes"]) == pytest.approx(by_class.half, 1e-5)
        p = part.p_by_class[place][method][n]
        assert float(row["p_over_classes"]) == pytest.approx(p, 1e-5)


def test_latex__name_with_marks_of_latex__is_escaped(result):
    strange = r"50% of_x & {y}\~"
    (part,) = result.parts
    accuracy = {
        place: {strange if name == "GDA" else name: shots for name, shots in table.items()}
        for place, table in part.accuracy.items()
    }
    methods = tuple(strange if name == "GDA" else name for name in result.methods)

    text = latex(replace(result, methods=methods, parts=(replace(part, accuracy=accuracy),)))

    (row,) = (line for line in text.splitlines() if line.startswith("50"))
    assert row.startswith(r"50\% of\_x \& \{y\}\textbackslash \textasciitilde  & ")
    assert len(re.findall(r" & ", row)) == len(result.shots)
