"""What users are told of the web filter: whose connections it opens, what it looks at in them, and what it never opens.

It says what the policy in force says, and which names the lists have that nobody's connections are opened for (G13).
"""

from collections.abc import Iterator

import msgspec

from blocklists import parse
from blocklists.profile import STAFF_THEMES, Profile, Unknown, Watch
from blocklists.rulebook import NEVER_OPENED, Role, Rulebook
from deploy import store
from deploy.config import Settings

_HELP = "Helplines and the sites that go with them"


class Users(msgspec.Struct, frozen=True):
    """What holds for the users of one profile, a sentence each."""

    profile: str
    title: str
    opened: bool
    says: tuple[str, ...]


class Sites(msgspec.Struct, frozen=True):
    """Sites of one kind that are never opened; each name stands for all names under it."""

    title: str
    names: tuple[str, ...]


class Notice(msgspec.Struct, frozen=True):
    """The notice of a school."""

    school: str
    users: tuple[Users, ...]
    never_opened: tuple[Sites, ...]


def of(settings: Settings, book: Rulebook) -> Notice:
    """The notice for the policy *book*, with the lists as they lie on this machine; OSError if one cannot be read."""
    users = (Users(name, p.title, p.certificate, tuple(says(p))) for name, p in book.profiles.items())
    return Notice(book.school, tuple(users), tuple(_never_opened(settings, book)))


def _never_opened(settings: Settings, book: Rulebook) -> Iterator[Sites]:
    by_title: dict[str, set[str]] = {}
    copies = store.sources(settings.files)
    for name, own in settings.sources(iter(book.lists)).items():
        if title := _title(book, name):
            names = by_title.setdefault(title, set())
            for source in (*(one for one in own if one.path.exists()), *copies.get(name, ())):
                names |= parse.parse_file(source.path, source.format).names
    for title, names in by_title.items():
        yield Sites(title, tuple(sorted(names)))


def _title(book: Rulebook, name: str) -> str:
    """What the sites on the list *name* are called, if nobody's connections to them are opened."""
    use = book.lists[name]
    if use.role is Role.ALWAYS_OPEN:
        return _HELP
    return book.categories[use.category].title if use.category in NEVER_OPENED else ""


def says(profile: Profile) -> Iterator[str]:
    """What the users of *profile* are told, a sentence each."""
    if profile.certificate:
        yield from _opened(profile)
    else:
        yield "No connection is opened: only the names of sites are looked at."
    if profile.visits:
        yield f"Which sites are asked for is kept for {profile.visits} days at most."


def _opened(profile: Profile) -> Iterator[str]:
    yield (
        "A connection is opened where its name alone does not say what may be seen: search engines, video and AI chat"
        " sites, sites of which a page has a rule of its own, and sites that are closed, to show why."
    )
    if profile.unknown is Unknown.SCAN:
        yield "So are sites that nothing is known of; their pages are read by a program before they are shown."
    if profile.scan_sockets:
        yield "The messages of chats on connections that are opened are read by it too; those let through are not kept."
    yield from _themes(profile)


def _themes(profile: Profile) -> Iterator[str]:
    if profile.watch in (Watch.ALL, Watch.DEVICE):
        yield (
            "Searches, what is typed to AI chat sites, and pages that are read are looked at for signs that somebody is"
            " in danger. What is found goes to the Designated Safeguarding Lead."
        )
    elif profile.watch is Watch.STAFF:
        themes = ", ".join(sorted(STAFF_THEMES))
        yield f"What is opened is looked at for {themes}, and nothing else; what is found goes to the headteacher."


def in_words(notice: Notice) -> Iterator[str]:
    """The notice as lines, for a page, a wall or a letter."""
    yield f"# What the web filter of {notice.school} looks into"
    for users in notice.users:
        yield from ("", f"## {users.title}", "", *users.says)
    yield from ("", "## Never opened, for anybody")
    for sites in notice.never_opened:
        yield from ("", f"### {sites.title} ({len(sites.names)})", "")
        yield from (f"- {name}" for name in sites.names)
