"""Charts as SVG pictures, made here: no script and nobody else is asked.

A picture cannot see the styles of its page, so that there is one for light and one for dark; the
page names both. What a picture shows stands in a table beside it, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import pygal
from pygal.style import Style

# It looks for plugins in every import of the process, in a way that newer Pythons do not know.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

_LIGHT, _DARK = "#26293a", "#e6e8f0"
_SOFT_LIGHT, _SOFT_DARK = "#5f6579", "#9fa6bd"
_COLORS = ("#2f6fed", "#2fa36b", "#e0a100", "#d43d51", "#8a63d2")


def bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, dark: bool) -> bytes:
    """One bar for each label, the series on top of one another."""
    ink, soft = (_DARK, _SOFT_DARK) if dark else (_LIGHT, _SOFT_LIGHT)
    style = Style(
        background="transparent", plot_background="transparent", foreground=soft,
        foreground_strong=ink, foreground_subtle=soft, colors=_COLORS, opacity="1",
        font_family="system-ui, sans-serif", label_font_size=11, legend_font_size=12,
        major_label_font_size=11, value_font_size=11, tooltip_font_size=11,
        guide_stroke_color=soft + "44", major_guide_stroke_color=soft + "44",
        guide_stroke_dasharray="none", major_guide_stroke_dasharray="none",
    )  # fmt: skip
    chart = pygal.StackedBar(
        style=style, js=[], disable_xml_declaration=True, no_data_text="", pretty_print=False,
        width=960, height=240, margin=6, spacing=6, show_legend=len(series) > 1,
        legend_at_bottom=True, legend_at_bottom_columns=len(series), legend_box_size=10,
        x_labels_major_count=min(len(labels), 7), show_minor_x_labels=False,
        y_labels_major_count=4, show_minor_y_labels=False, print_values=False,
        include_x_axis=True, rounded_bars=1, truncate_label=-1,
    )  # fmt: skip
    chart.x_labels = list(labels)
    for name, values in series.items():
        chart.add(name, list(values))
    picture = chart.render_tree()
    for parent in picture.findall(".//*[script]"):
        for script in parent.findall("script"):
            parent.remove(script)
    return ElementTree.tostring(picture)
