"""What somebody would plant in a name or a search to do harm where it is shown (G28)."""

PLANTED = (
    "\x1b[31mred\x1b[0m",
    "[bold]loud[/bold]",
    "moc.elpmaxe\u202egpj",
    "\u2066hidden\u2069\ufeff\u200f",
    "a\x00b",
    "a\r\nBcc: x@y.test",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    ") /OpenAction << /S /JavaScript /JS (alert(1)) >>",
    'harm"} 1\nforged{list="x',
    "x" * 65_536,
)
IDS = tuple(ascii(text[:20]) for text in PLANTED)
UNSEEN = frozenset("\x1b\x00\r\u202e\u2066\u2069\ufeff\u200f")
"""What no output may hold of it."""
