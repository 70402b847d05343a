"""The stylesheet: enough contrast in light and dark, and nothing from elsewhere."""

import re
from pathlib import Path

import pytest

import reporting.web

STYLE = (Path(reporting.web.__file__).parent / "static" / "style.css").read_text()
TEMPLATES = sorted((Path(reporting.web.__file__).parent / "templates").glob("*.html"))
LIGHT, DARK = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in STYLE.split(":root {")[1:3])

OUR_SCRIPTS = re.compile(r'<script src="/(log|writing)\.js" defer></script>')
"""The scripts that there are; the pages' own policy lets nothing inline run."""

TEXT = [
    ("text", "ground"), ("text", "sheet"), ("text", "tint"), ("text", "bad-tint"), ("soft", "ground"),
    ("soft", "sheet"), ("soft", "tint"), ("accent", "ground"), ("accent", "sheet"), ("accent", "tint"),
    ("accent", "bad-tint"), ("on-accent", "accent"), ("on-bar", "bar"), ("on-severity", "illegal"),
    ("on-severity", "urgent"), ("on-severity", "concern"), ("on-severity", "note"), ("urgent", "sheet"),
    ("urgent", "tint"), ("good", "sheet"), ("good", "tint"), ("on-severity", "soft"),
    ("on-severity", "good"), ("urgent", "ground"), ("good", "ground"),
]  # fmt: skip
"""Words and the ground that they stand on."""

LINES = [
    ("edge", "sheet"),
    ("edge", "ground"),
    ("accent", "ground"),
    ("on-bar", "bar"),
    ("accent", "sheet"),
    ("urgent", "sheet"),
    ("concern", "sheet"),
]
"""Lines and shapes that mean something: edges of fields, the ring around what has the focus, the bars of charts."""


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("shades", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_lines_stand_out_enough(shades):
    faint = [(a, b) for a, b in TEXT if contrast(shades[a], shades[b]) < 4.5]
    faint += [(a, b) for a, b in LINES if contrast(shades[a], shades[b]) < 3]
    assert faint == []


def test_the_dark_shades_replace_every_light_one():
    assert LIGHT.keys() == DARK.keys()


def test_nothing_comes_from_elsewhere():
    assert not re.search(r"url\(|@import|https?:", STYLE)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_script_no_inline_style_and_marks_nothing_as_safe(template):
    text = OUR_SCRIPTS.sub("", template.read_text())
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|\|\s*safe|javascript:|<iframe|<img", text)


def test_every_form_that_changes_something_carries_the_token():
    for template in TEMPLATES:
        for form in re.findall(r'<form[^>]*method="post".*?</form>', template.read_text(), re.DOTALL):
            assert 'name="_csrf_token" value="{{ token }}"' in form, template.name
