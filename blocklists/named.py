"""What a policy names out of our own tables (kinds of file, services), held against them.

Apart from `blocklists.rulebook`, which the tables' own reader rests on.
"""

import difflib
from collections.abc import Iterator

from blocklists import embedded, kinds, tenants
from blocklists.rulebook import Rulebook


def problems(book: Rulebook) -> Iterator[str]:
    """Everything in *book* that our tables do not know, one sentence each."""
    known = list(kinds.shipped().by_name)
    for name, profile in book.profiles.items():
        for key in ("closed_downloads", "closed_uploads"):
            for kind in getattr(profile, key):
                if kind not in known:
                    close = difflib.get_close_matches(kind, known, n=1)
                    meant = f"did you mean {close[0]}?" if close else f"the kinds are {', '.join(known)}"
                    yield f"profiles.{name}.{key}: there is no kind of file {kind!r}; {meant}"
    yield from tenants.problems(book.tenants, tenants.services(tenants.shipped()))
    yield from embedded.problems(book.embedded)
