"""Pictures and tables of docs/performance.md, from what the benchmarks have written.

    .venv/bin/python bench/plots.py staging.json sources.json

Writes docs/images/performance-*.svg and the tables between `<!-- measured: NAME -->` markers.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from sources import MOST_SECONDS
from staging import ENOUGH, OURS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
MARKED = re.compile(r"(<!-- measured: (?P<name>[a-z]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.S)

INK, FAINT = "#24292f", "#d0d7de"  # on white, so that it can be read on dark pages, too
COLORS = {"SQLite": "#0969da", "PostgreSQL": "#bc4c00"}
OTHERS = "#8c959f"

Rows = list[dict[str, Any]]


def styled() -> None:
    mpl.rcParams.update(
        {
            "font.size": 10, "svg.fonttype": "path", "svg.hashsalt": "order-sync",
            "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
            "axes.edgecolor": OTHERS, "axes.spines.top": False, "axes.spines.right": False,
            "grid.color": FAINT, "figure.facecolor": "white", "axes.facecolor": "white",
        }
    )  # fmt: skip


def save(figure: Figure, name: str) -> None:
    figure.savefig(IMAGES / f"performance-{name}.svg", metadata={"Date": None})


def draw_sources(rows: Rows) -> None:
    """Seconds and memory of a run without a change, against the number of order lines."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    seconds, memory = figure.subplots(1, 2)
    for database, color in COLORS.items():
        points = sorted(
            (row["lines"], row["seconds"], row["peak_mb"])
            for row in rows
            if row["database"] == database and row["work"] == "no change"
        )
        lines, times, peaks = zip(*points, strict=True)
        seconds.plot(lines, times, "o-", color=color, label=database)
        memory.plot(lines, peaks, "o-", color=color, label=database)
        target = MOST_SECONDS[database]
        seconds.plot(100_000, target, "v", color=color, markersize=9, markerfacecolor="white")
        seconds.annotate(
            f"at most {target:g} s", (100_000, target), (-8, 0), textcoords="offset points",
            ha="right", va="center", color=color, fontsize=9,
        )  # fmt: skip
    seconds.set(yscale="log", ylabel="seconds", title="Time of a run without a change")
    seconds.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    memory.set(ylabel="peak memory of the process, MB", title="Memory of the same run")
    memory.set_ylim(0, memory.get_ylim()[1] * 1.1)
    for axes in (seconds, memory):
        over_lines(axes, [row["lines"] for row in rows if row["work"] == "no change"])
    memory.legend(frameon=False, loc="lower right")
    save(figure, "sources")


def over_lines(axes: Axes, lines: Iterable[int]) -> None:
    found = {*lines, 100_000}
    axes.set(xscale="log", xlabel="order lines in the source")
    axes.set_xlim(min(found) / 1.5, max(found) * 1.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True)


def draw_staging(rows: Rows) -> None:
    """Item rows a second, each way, each database."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, (database, color) in zip(figure.subplots(1, 2), COLORS.items(), strict=True):
        found = [r for r in rows if r["database"] == database and r["rows"] == "item rows"]
        found.reverse()
        ways = [row["way"] for row in found]
        bars = axes.barh(
            ways,
            [row["rows_per_s"] for row in found],
            color=[color if way == OURS else OTHERS for way in ways],
        )
        axes.bar_label(bars, [f"{row['rows_per_s']:,.0f}" for row in found], padding=4)
        axes.axvline(ENOUGH, color=INK, linestyle="--", linewidth=1)
        axes.annotate("target", (ENOUGH, 1), (4, 2), ("data", "axes fraction"), "offset points",
                      fontsize=9)  # fmt: skip
        most = max(ENOUGH, *(row["rows_per_s"] for row in found))
        axes.set(xlabel="item rows of 85 columns a second", xlim=(0, most * 1.25))
        axes.set_title(database, loc="left")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.locator_params(axis="x", nbins=5)
        axes.tick_params(axis="y", length=0)
    figure.get_axes()[1].set_yticklabels([])
    save(figure, "staging")


def table(header: str, rows: Iterable[Iterable[object]]) -> str:
    names = header.split(", ")
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def staging_table(rows: Rows) -> str:
    return table(
        "database, rows, columns, way, rows/s, ours is so many times as fast",
        (
            (r["database"], r["rows"], r["columns"], r["way"], f"{r['rows_per_s']:,.0f}",
             "" if r["way"] == OURS else f"{r['ratio']:.1f}")
            for r in rows
        ),
    )  # fmt: skip


def sources_table(rows: Rows) -> str:
    return table(
        "database, work, order lines, seconds, order lines/s, CPU seconds, peak MB, calls, writes",
        (
            (r["database"], r["work"], f"{r['lines']:,}", f"{r['seconds']:.2f}",
             f"{r['lines'] / r['seconds']:,.0f}", f"{r['cpu_seconds']:.2f}",
             f"{r['peak_mb']:.0f}", *((r["calls"], r["writes"]) if r["calls"] else ("", "")))
            for r in rows
            if r["work"] != "stage"
        ),
    )  # fmt: skip


def staged_table(rows: Rows) -> str:
    staged = [r for r in rows if r["work"] == "stage"]
    return table(
        ", ".join(["database", "mapped columns", "order lines/s", "peak MB", *_steps(staged)]),
        (
            (r["database"], r["columns"], f"{r['lines'] / r['seconds']:,.0f}",
             f"{r['peak_mb']:.0f}",
             *(f"{seconds / r['seconds']:.0%}" for seconds in r["shares"].values()))
            for r in staged
        ),
    )  # fmt: skip


def _steps(rows: Rows) -> list[str]:
    """Names of the steps, without the comma that parts columns."""
    return [step.replace(", ", " + ") for step in rows[0]["shares"]] if rows else []


def write_page(found: dict[str, Any]) -> None:
    parts = {"machine": f"{found['machine']}\n"}
    if "staging" in found:
        parts["staging"] = staging_table(found["staging"])
    if "sources" in found:
        parts["sources"] = sources_table(found["sources"])
        parts["staged"] = staged_table(found["sources"])

    def filled(match: re.Match[str]) -> str:
        return match[1] + parts.get(match["name"], match["body"]) + match[4]

    PAGE.write_text(MARKED.sub(filled, PAGE.read_text("utf-8")), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="what --json has written")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for path in arguments.results:
        found |= json.loads(path.read_text("utf-8"))
    styled()
    if "staging" in found:
        draw_staging(found["staging"])
    if "sources" in found:
        draw_sources(found["sources"])
    write_page(found)


if __name__ == "__main__":
    main()
