"""Text that others chose, as part of one line: the boundary of the log and of a mail's last error (G28).

Names of files, answers of servers and errors may hold newlines, terminal codes or bidi marks, which would forge a line
or hide one. Nothing here logs; what a page prints is made plain by `reporting.web.plain`.
"""

LONGEST = 300
"""Characters: two or three lines of a terminal, and longer than any host name (253) or file name (255)."""


def plain(text: str, longest: int = LONGEST) -> str:
    """*text* with a space for whatever cannot be printed, cut to *longest* characters."""
    return "".join(c if c.isprintable() else " " for c in text[:longest])


def reason(error: BaseException) -> str:
    """What went wrong: the type of *error* and the first line that it says.

    Only the first: a database's error goes on with the statement and its values, which hold what a child asked for.
    """
    return plain(f"{type(error).__name__}: {error}".partition("\n")[0])
