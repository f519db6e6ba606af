"""Draws small matplotlib figures for a page, in the page's colours."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.errors import MissingPackage
from metaadapter.files.plain_text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# As wide as a phone's screen, so that text is readable there; a page shows several side by side.
WIDTH, HEIGHT = 380, 300
# With this, one point in matplotlib (1/72 inch) is one pixel of the page.
DOTS_PER_INCH = 72
FONT_SIZE = 12
# Colours as CSS variables, which the page sets. Matplotlib gets stand-ins, which are replaced.
VARIABLES = (
    *("ink", "muted", "line", "faint"),
    *(f"method-{number}" for number in range(6)),
)


def colour(variable: str) -> str:
    """Return the stand-in colour for one of the page's variables."""
    return f"#fedc{VARIABLES.index(variable):02x}"


class Panel:
    """A figure: its axes to draw on, and its SVG."""

    def __init__(self, figure: Figure, name: str, title: str) -> None:
        self.axes: Axes = figure.subplots()
        self._figure = figure
        self._name, self._title = name, title

    def draw(
        self,
        places: Sequence[float],
        estimates: Sequence[Estimate],
        line: Mapping[str, Any],
        alpha: float,
    ) -> None:
        """Draw estimates, in %, as a line with a 95 % band; no band if `alpha` is 0."""
        mean = np.array([100 * estimate.mean for estimate in estimates])
        self.axes.plot(places, mean, **line)
        if alpha:
            half = np.array([100 * estimate.half for estimate in estimates])
            low, high = (mean - half).clip(0, 100), (mean + half).clip(0, 100)
            self.axes.fill_between(places, low, high, color=line["color"], alpha=alpha, lw=0)
            if len(mean) == 1:
                self.axes.vlines(places, low, high, color=line["color"], linewidth=1)

    def use_doublings(self, places: Sequence[int]) -> None:
        """Make a doubling a step of the horizontal axis, with ticks at some places."""
        self.axes.set_xscale("log", base=2)
        self.axes.set_xticks(places, labels=list(map(str, places)))
        self.axes.minorticks_off()

    def show_percentages(self) -> None:
        """Set the title of the vertical axis, in %; show at least 2 points within 0 to 100."""
        low, high = self.axes.get_ylim()
        more = max(0.0, 2 - (high - low)) / 2
        self.axes.set_ylim(max(low - more, -1), min(high + more, 101))
        self.axes.set_title("% correct", loc="left")

    def to_svg(self) -> Markup:
        """Return an `<svg>` element without scripts, fonts or other files, always the same."""
        file = StringIO()
        with warnings.catch_warnings():
            # Letters that matplotlib's font lacks are no problem, because the browser draws them.
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            self._figure.savefig(
                file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
        return Markup(_inline(file.getvalue(), self._name, self._title))


@contextmanager
def panel(name: str, title: str) -> Iterator[Panel]:
    """Yield a panel 380 pixels wide; `name` is unique in a page, `title` says what it shows."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage(
            "the page's figures need the package matplotlib: pip install 'metaadapter[report]' "
            "(Markdown and JSON do not need it)"
        ) from error

    lines = ("axes.edgecolor", "grid.color", "xtick.color", "ytick.color")
    labels = ("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor")
    settings: Any = {
        # The name of a class, such as $5, is not a formula.
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": FONT_SIZE,
        "axes.titlesize": FONT_SIZE,
        "text.color": colour("ink"),
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.linewidth": 0.7,
        **dict.fromkeys(lines, colour("line")),
        **dict.fromkeys(labels, colour("muted")),
    }
    with mpl.rc_context(settings):
        size = (WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH)
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        yield Panel(figure, name, title)


def _inline(document: str, name: str, title: str) -> str:
    """Return matplotlib's document as a part of a page, with its variables and with unique ids."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # Matplotlib's style has a rule for *, which would change the page around the figure.
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    # Only within tags, because the name of a class may be #fedc00.
    svg = re.sub(r"<[^>]*>", lambda tag: _inline_tag(tag[0], name), svg)
    _, box, rest = re.split(r'(viewBox="[^"]*")', svg, maxsplit=1)
    body = rest[rest.index(">") + 1 :]
    label = f'<title id="{name}-title">{escape(one_line(title))}</title>'
    return f'<svg {box} role="img" aria-labelledby="{name}-title">\n{label}{body}'


def _inline_tag(tag: str, name: str) -> str:
    tag = re.sub(r"#fedc(..)", lambda match: f"var(--{VARIABLES[int(match[1], 16)]})", tag)
    # The figure has the page's font.
    tag = re.sub(r'font-family: [^;"]*;? ?', "", tag)
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
