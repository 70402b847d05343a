"""policy.toml: the policy as the school writes it, with the tables of the default policy to start from.

Nothing on the request path reads this file: `schoolgate policy apply` checks it and writes the policy snapshot.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from blocklists import defaults, named, search, snapshot, tenants
from blocklists.live import Files
from blocklists.profile import Profile
from blocklists.rulebook import Category, ListUse, Role, Rulebook
from deploy import shown, toml_file
from deploy.config import Settings

HEAD = """\
# The policy of {school}: who may see what, and when.
#
# Check a change with   schoolgate policy apply --check
# and put it in force with   schoolgate policy apply
# A file with a mistake is refused, and the policy in force stays.

school = {quoted}
time_zone = {time_zone}

# The school's hours, in the school's own time zone. Without terms, and after the last one, every one of the weekdays
# is a school day: write the next year's terms before this year's are over.
[calendar]
weekdays = {weekdays}
school_day = [{school_day}]
breaks = [{breaks}]
terms = []      # for example [{{ first = 2027-01-04, last = 2027-02-12 }}, {{ first = 2027-02-22, last = 2027-03-26 }}]
closed = []     # training days and holidays, for example [{{ first = 2027-05-03, last = 2027-05-03 }}]
"""

PROFILES_HEAD = """
# Profiles: one for each kind of person or device.
#   column            whose codes of each category hold for it
#   pages             in whose words a closed page speaks: ks1, ks2, secondary, staff
#   certificate       its devices carry the school's certificate: pages can be opened, a closed page can be shown, once
#                     its users were shown the notice (schoolgate proxy notice)
#   approved_only     what is on none of its approved lists is closed, unless its code is
#                     O in a column that has codes - and that only such profiles are in
#   unknown           a site that nothing is known about: open, scan or closed
#   unknown_unopened  the same where the connection cannot be opened: open or closed
#   unseen            what nobody can look into (an address without a name, no TLS on port 443): open or closed
#   scan_limit        the page score from which a scanned page is closed (one clear hit is 100)
#   watch             whose themes are watched: all, device (a shared one), staff (the staff list only), none
#   safe_search       search engines that publish a strict form of themselves answer with that one: true or false
#   youtube           YouTube's restricted mode: strict, moderate or off
#   search            which search engines may be used: adult (none: an adult searches), approved (the engines below),
#                     strict (any that can be held to strict results) or any
#   engines           the approved ones, by their names in search_engines.csv, for example ["swiggle", "kiddle"]
#   search_engine     the school's own: whoever searches with one that is not approved is sent there; "" closes those
#   blocked           what DNS answers for a closed name: address (the closed address, if there is one), nxdomain (no
#                     such name) or nodata; unwritten, address with the certificate and nxdomain without
#   allow, block      sites of its own, for example ["bbc.co.uk/bitesize", "example.org"]; the more exact entry wins,
#                     and an allow wins a tie
#   scan              sites that are open and scanned, whatever else is known of them; entries as in allow and block
#   closed_downloads  kinds of file that cannot be fetched where pages are opened: program, disk_image,
#                     torrent, macro_document, archive, document, sound, video, picture
#   closed_uploads    kinds of file that cannot be sent
#   upload_mb         the longest upload in megabytes; unwritten, any
#   upload_hosts      hosts that neither of the two holds for, besides what is on the education and approved lists
#   tenants           services let in the school's own accounts only, if [tenants] names them: true or false
#   thumbnails        search engines show small pictures of what they found: true or false
#   scan_sockets      what is said over WebSockets is scanned: true or false
#   beside_sealed     hosts that devices without the certificate reach though a sealed list names pages of theirs, which
#                     are then closed by nobody here: have a filter with that list on the line before you do this
#   visits            for how many days it is kept which sites each client opened, once a DSL is confirmed; 0: never
"""

CATEGORIES_HEAD = """
# Categories and their codes, by profile column.
#   L locked, no pass reaches it          X closed, only a leadership pass     P closed, a teacher's pass opens it
#   B open at break and outside school    T closed in school hours             S open and scanned
#   O open      Q closed quietly (no page, no breach)      - only if it is on the approved list
# words end the sentence "This page is closed because it is ..."; harm: the education list does not outrank it;
# heading is the UK Safer Internet Centre's that it falls under, risk one of content, contact, conduct, commerce;
# alert is the severity for pupils (ILLEGAL, URGENT, CONCERN, NOTE, none, never), alerts the exceptions by column.
"""

LISTS_HEAD = """
# Lists and what being on one means: category, approved, education, positive (known and harmless) or always_open.
# The list NAME is read from lists/NAME.txt, unless schoolgate.toml names another file.
"""


TENANTS_HEAD = """
# What the school's own accounts are called. A service that is named here is told to let in these and no others,
# wherever its connections are opened: {services}.
# For example   google = "oaklane.sch.uk"
[tenants]
"""

EMBEDDED_HEAD = """
# Parts of permitted pages that live on other hosts: the page's host, and those that it may load pictures, scripts,
# sounds and fonts from though they are on no list. Never a page, and never what is locked or harm.
[embedded]
"""


def default_text(school: str, time_zone: str = "Europe/London") -> str:
    """A whole policy.toml: the default policy, commented."""
    book = defaults.rulebook(school, time_zone)
    calendar = book.calendar
    head = HEAD.format(
        school="".join(c if c.isprintable() else " " for c in school),  # a comment takes no control character
        quoted=_text(school),
        time_zone=_text(time_zone),
        weekdays=_texts(calendar.weekdays),
        school_day=", ".join(f"{{ from = {w.start}, to = {w.end} }}" for w in calendar.school_day),
        breaks=", ".join(f"{{ from = {w.start}, to = {w.end} }}" for w in calendar.breaks),
    )
    blocks = (
        [head, PROFILES_HEAD.lstrip("\n")]
        + [_profile(name, profile) for name, profile in book.profiles.items()]
        + [CATEGORIES_HEAD.lstrip("\n")]
        + [_category(name, category) for name, category in book.categories.items()]
        + [LISTS_HEAD.lstrip("\n") + "[lists]\n" + "".join(_list(name, use) for name, use in book.lists.items())]
        + [TENANTS_HEAD.lstrip("\n").format(services=", ".join(tenants.services(tenants.shipped())))]
        + [EMBEDDED_HEAD.lstrip("\n") + "".join(f"{_text(k)} = {_texts(v)}\n" for k, v in book.embedded.items())]
    )
    return "\n".join(blocks)


def read(path: Path) -> Rulebook:
    """The rulebook that the file at *path* says; toml_file.RefusedError if it cannot be used."""
    book = toml_file.read(path, Rulebook)
    shipped = defaults.rulebook(book.school, book.time_zone)
    engines = (problem for name, profile in book.profiles.items() for problem in search.problems(name, profile))
    if problems := [
        f"{path}: {problem}" for problem in (*book.problems(), *named.problems(book), *book.unlocked(shipped), *engines)
    ]:
        raise toml_file.RefusedError(problems)
    return book


def apply(book: Rulebook, settings: Settings) -> int:
    """Put *book* in force as the next version of the policy snapshot; returns the version.

    Profiles whose users were not shown the notice have no certificate in it (G13).
    """
    files = settings.files
    try:
        version = snapshot.read(files.policy, Rulebook).version + 1
    except (OSError, snapshot.SnapshotError):
        version = 1
    snapshot.write(files.policy, shown.without_them(settings, book), version=version, written_ns=time.time_ns())
    return version


def note_refusal(problems: list[str], files: Files) -> None:
    """Leave word for the running processes, which say it in their logs and metrics."""
    files.policy_refused.write_text("\n".join(problems) + "\n", encoding="utf-8")


def _profile(name: str, profile: Profile) -> str:
    rows: Iterator[tuple[str, str]] = iter(
        [
            ("title", _text(profile.title)),
            ("column", _text(profile.column)),
            ("pages", _text(profile.pages)),
            ("certificate", _truth(profile.certificate)),
            ("approved_only", _truth(profile.approved_only)),
            ("approved", _texts(profile.approved)),
            ("unknown", _text(profile.unknown)),
            ("unknown_unopened", _text(profile.unknown_unopened)),
            ("unseen", _text(profile.unseen)),
            ("scan_limit", str(profile.scan_limit)),
            ("watch", _text(profile.watch)),
            ("safe_search", _truth(profile.safe_search)),
            ("youtube", _text(profile.youtube)),
            ("search", _text(profile.search)),
            ("engines", _texts(profile.engines)),
            ("search_engine", _text(profile.search_engine)),
            *([("blocked", _text(profile.blocked))] if profile.blocked else []),
            ("allow", _texts(profile.allow)),
            ("block", _texts(profile.block)),
            ("scan", _texts(profile.scan)),
            ("closed_downloads", _texts(profile.closed_downloads)),
            ("closed_uploads", _texts(profile.closed_uploads)),
            *([] if profile.upload_mb is None else [("upload_mb", str(profile.upload_mb))]),
            ("upload_hosts", _texts(profile.upload_hosts)),
            ("tenants", _truth(profile.tenants)),
            ("thumbnails", _truth(profile.thumbnails)),
            ("scan_sockets", _truth(profile.scan_sockets)),
            *([("beside_sealed", _texts(profile.beside_sealed))] if profile.beside_sealed else []),
            ("visits", str(profile.visits)),
        ]
    )
    return f"[profiles.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in rows)


def _category(name: str, category: Category) -> str:
    codes = ", ".join(f"{column} = {_text(code)}" for column, code in category.codes.items())
    alerts = ", ".join(f"{column} = {_text(severity)}" for column, severity in category.alerts.items())
    return (
        f"[categories.{name}]\n"
        f"title = {_text(category.title)}\n"
        f"words = {_text(category.words)}\n"
        f"heading = {_text(category.heading)}\n"
        f"risk = {_text(category.risk)}\n"
        f"codes = {{ {codes} }}\n"
        f"harm = {_truth(category.harm)}\n"
        f"theme = {_text(category.theme)}\n"
        f"alert = {_text(category.alert)}\n" + (f"alerts = {{ {alerts} }}\n" if alerts else "")
    )


def _list(name: str, use: ListUse) -> str:
    category = f", category = {_text(use.category)}" if use.role is Role.CATEGORY else ""
    return f"{name} = {{ role = {_text(use.role)}{category} }}\n"


def _text(value: str) -> str:
    """*value* as a TOML basic string (TOML 1.0, "String")."""
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else {"\\": "\\\\", '"': '\\"'}.get(c, c)
        for c in str(value)
    )
    return f'"{escaped}"'


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _truth(value: bool) -> str:
    return "true" if value else "false"
