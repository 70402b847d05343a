"""Bars over some days as SVG within the page: drawn by pygal, coloured by our stylesheet, light and dark.

pygal puts a style, a script and a layer for its script into each picture; ours takes them out again, as the pages' own
policy would refuse them. A chart is beside its figures, never in their place.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup

from reporting.web.plain import plain

WIDTH, HEIGHT = 420, 170
"""Units of the picture's own: it grows and shrinks with the page."""

NEEDLESS = frozenset({"defs", "title", "desc"})
SCRIPTED = frozenset({"plot overlay", "plot text-overlay", "plot tooltip-overlay", "titles"})
"""Layers that only pygal's script fills."""


def bars(labels: Sequence[str], values: Sequence[int], *, kind: str, says: str) -> Markup:
    """A bar for each of *values* under its label; *kind* is the class that colours it, *says* what a listener hears."""
    chart = pygal.Bar(
        width=WIDTH,
        height=HEIGHT,
        show_legend=False,
        explicit_size=False,
        margin=2,
        spacing=4,
        x_labels_major_count=2,
        show_minor_x_labels=False,
        y_labels_major_count=2,
        truncate_label=-1,
        max_scale=4,
        min_scale=1,
        range=(0, max([*values, 4])),
        value_formatter=lambda value: f"{value:,.0f}",
    )
    chart.x_labels = [plain(label, 20) for label in labels]
    chart.add("", list(values))
    root = _bare(chart.render_tree())
    root.set("class", f"chart {kind}")
    root.set("role", "img")
    root.set("aria-label", plain(says))
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - made of elements, so each text is escaped


def _bare(element: ET.Element) -> ET.Element:
    """*element* without what is pygal's script's or style's, to its last part."""
    for part in list(element):
        name = part.tag.rpartition("}")[2] if isinstance(part.tag, str) else "defs"
        if name in NEEDLESS or part.get("class") in SCRIPTED:
            element.remove(part)
        else:
            _bare(part)
    for attribute in ("style", "id"):
        element.attrib.pop(attribute, None)
    return element
