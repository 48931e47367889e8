"""One look for every picture: no frame, a quiet grid, labels at the lines themselves."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#22272e"
QUIET = "#6b7480"
GRID = "#e4e7eb"
MODEL = "#1f5a94"
DEFAULTED = "#c2502d"
REPAID = "#4a7fb0"

WIDTH_INCHES = 8.0
HEIGHT_INCHES = 5.2
_DOTS_PER_INCH = 120
_TITLE_SIZE = 15
_TEXT_SIZE = 10.5
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.095, 0.965, 0.80, 0.125


def new_figure(
    title: str, subtitle: str, *, panels: int = 1, left: float = _LEFT
) -> tuple[Figure, list[Axes]]:
    """A titled figure with its panels side by side, drawn without any global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.03, 0.935, title, size=_TITLE_SIZE, weight="bold", color=INK)
    figure.text(0.03, 0.88, subtitle, size=_TEXT_SIZE, color=QUIET)
    grid = figure.add_gridspec(
        1, panels, left=left, right=_RIGHT, top=_TOP, bottom=_BOTTOM, wspace=0.25
    )
    panel_axes = [figure.add_subplot(grid[0, panel]) for panel in range(panels)]
    for axes in panel_axes:
        _quieten(axes)
    return figure, panel_axes


def _quieten(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.tick_params(colors=QUIET, labelsize=_TEXT_SIZE - 0.5, length=0, pad=5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)


def name_axes(axes: Axes, x: str, y: str = "") -> None:
    """Name both axes; the upright one above its end, where it is read without turning the head."""
    axes.set_xlabel(x, color=INK, size=_TEXT_SIZE, labelpad=7)
    axes.set_title(y, loc="left", color=INK, size=_TEXT_SIZE, pad=8)


def write(axes: Axes, x: float, y: float, text: str, color: str, **options: Any) -> None:
    """Write a label into the plot, legible over lines."""
    from matplotlib.patheffects import withStroke

    axes.text(
        x,
        y,
        text,
        color=color,
        size=options.pop("size", _TEXT_SIZE),
        va="center",
        **options,
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )


def percent(value: float) -> str:
    """A share in per cent with as many digits as a reader needs."""
    hundredfold = 100 * value
    digits = 0 if hundredfold >= 10 or hundredfold == round(hundredfold) else 1  # noqa: PLR2004
    return f"{hundredfold:.{digits}f} %"


def percent_axis(axes: Axes, which: Iterable[str] = "xy") -> None:
    """Show the named axes in per cent."""
    from matplotlib.ticker import FuncFormatter

    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))


def png_bytes(figure: Figure) -> bytes:
    """The picture as PNG; the same figure gives the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
