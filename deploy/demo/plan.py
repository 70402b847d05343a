"""Who the demo's clients are, what they ask, and what the shipped policy says must happen.

What is expected comes from the tables in blocklists/data (POLICY.md's tables), read here by themselves: a row of this
plan does not ask the code that it checks.
"""

import datetime
from zoneinfo import ZoneInfo

import msgspec

from blocklists import defaults

CLIENTS = {
    "ks1": "127.0.1.1",
    "ks2": "127.0.0.1",
    "ks3": "127.0.3.1",
    "ks4": "127.0.4.1",
    "staff": "127.0.9.1",
    "visitor": "127.0.10.1",
}
"""Six clients, one a profile."""

NETWORKS = [
    {"cidr": "127.0.0.1/32", "profile": "ks2"},
    *({"cidr": f"127.0.{place}.0/24", "profile": f"ks{place}"} for place in range(1, 6)),
    {"cidr": "127.0.9.0/24", "profile": "staff"},
    {"cidr": "127.0.10.0/24", "profile": "visitor"},
]

SEALED_PAGE = "pictures.test/albums/closed.html"
"""The demo's sealed list has this one entry; the rest of its host is open."""


class Question(msgspec.Struct, frozen=True):
    """One row: who asks, by what way, for what, whether it must be open, and why.

    The ways: dns, web (through the proxy), and closed (at the closed address, where DNS leads a refused name).
    """

    profile: str
    way: str
    target: str
    is_open: bool
    why: str

    @property
    def source(self) -> str:
        """The address that asks."""
        return CLIENTS[self.profile]


def questions(now: datetime.datetime) -> list[Question]:
    """The demo's questions, with what the shipped tables say of them at *now*."""
    return [
        Question("ks2", "web", "https://positive.test/", True, "a known plain site"),
        _by_category("ks2", "dns", "gambling.test", "gambling", now),
        _by_category("ks2", "closed", "https://gambling.test/", "gambling", now),
        _by_category("ks2", "web", "https://gambling.test/", "gambling", now),
        _by_category("ks3", "dns", "social.test", "social", now),
        _by_category("ks3", "web", "https://social.test/", "social", now),
        _by_category("staff", "dns", "social.test", "social", now),
        _by_category("staff", "web", "https://social.test/", "social", now),
        Question("ks1", "web", "https://approved-ks1.test/", True, "on the approved list"),
        Question("ks1", "web", "https://positive.test/", False, "not on the approved list"),
        Question("ks1", "web", "https://always-open.test/", True, "a helpline: open for everybody"),
        Question("visitor", "dns", "always-open.test", True, "a helpline: open for everybody"),
        Question("ks3", "web", "https://pictures.test/albums/open.html", True, "the host is otherwise open"),
        Question("ks3", "web", f"https://{SEALED_PAGE}", False, "a sealed list names this page"),
        _by_category("ks4", "web", "https://self-harm.test/", "self_harm", now),
        _by_category("visitor", "dns", "self-harm.test", "self_harm", now),
    ]


def staff_social_now() -> str:
    """What staff find at a social network at this moment, in a word and why."""
    now = datetime.datetime.now(datetime.UTC)
    row = _by_category("staff", "dns", "social.test", "social", now)
    return "open, as it is outside school hours" if row.is_open else "closed, as it is in school hours"


def _by_category(profile: str, way: str, target: str, category: str, now: datetime.datetime) -> Question:
    row = next(row for row in defaults.table("categories") if row["category"] == category)
    code = row[profile]
    is_open = {"O": True, "S": True, "B": _period(now) != "lesson", "T": _period(now) == "outside"}.get(code, False)
    return Question(profile, way, target, is_open, f"{row['title']}: {code}")


def _period(now: datetime.datetime) -> str:
    """The school's period by the shipped calendar: lesson, break or outside."""
    local = now.astimezone(ZoneInfo("Europe/London"))
    day, time = local.strftime("%a").lower(), local.strftime("%H:%M")
    inside = {
        row["window"] for row in defaults.table("calendar") if day in row["days"] and row["from"] <= time < row["to"]
    }
    if "school_day" not in inside:
        return "outside"
    return "break" if inside - {"school_day"} else "lesson"
