"""Which of the languages that there are somebody would like to read.

This file knows no sentence and reads no file. What a browser asks for comes from outside: it is cut, and what cannot
be read is left out.
"""

from collections.abc import Collection, Iterator

_MOST = 200
"""Characters of the header that are looked at; a browser with ten languages sends about 100."""


def chosen(accept: str, available: Collection[str], default: str) -> str:
    """The first of *available* that the header Accept-Language *accept* asks for, else *default*.

    A tag asks for its language wherever it is spoken: "cy-GB" for "cy" (RFC 4647, 3.4, lookup).
    """
    asked = (tag for full in _by_weight(accept) for tag in _ever_wider(full))
    return next((tag for tag in asked if tag in available), default)


def _ever_wider(tag: str) -> Iterator[str]:
    """*tag*, and what is left of it as its last part is taken away, again and again."""
    parts = tag.split("-")
    return ("-".join(parts[:length]) for length in range(len(parts), 0, -1))


def _by_weight(accept: str) -> list[str]:
    """The tags of *accept*, the most wanted first; those of equal weight stay in their order, and unwanted ones go."""
    weighed = [(weight, tag) for weight, tag in map(_weighed, _items(accept)) if weight > 0]
    return [tag for _, tag in sorted(weighed, key=lambda one: -one[0])]


def _items(accept: str) -> Iterator[str]:
    return (item.strip().lower() for item in accept[:_MOST].split(","))


def _weighed(item: str) -> tuple[float, str]:
    """(weight, tag) of "cy;q=0.8"; a weight that is no number asks for nothing."""
    tag, _, parameter = item.partition(";")
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0, tag.strip()
    value = value.strip()
    return (float(value) if value.isascii() and value.replace(".", "", 1).isdigit() else 0.0), tag.strip()
