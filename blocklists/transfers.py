"""What is carried, weighed after where it goes was permitted: downloads by kind, uploads by kind and size.

Like `blocklists.policy`, on which it rests, this reads no clock and remembers nothing. A refusal here is a verdict like
any other: it has a page, a record and a rule that says what was carried.
"""

import msgspec

from blocklists import entry
from blocklists.profile import Code, Profile
from blocklists.rulebook import Category, Severity
from blocklists.score import Score
from blocklists.verdict import Action, Reason, Verdict

MB = 1_000_000
"""Bytes: what a person means by a megabyte."""

_TRUSTED = frozenset({Reason.ALWAYS_OPEN, Reason.APPROVED, Reason.EDUCATION})
"""What the school has said of the site by a list: work is handed in there, so no size or kind is held against it.

Nor are words: a helpline's chat never ends for what a child tells it (G12).
"""


class Rules:
    """What holds for one profile, read once."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.downloads = frozenset(profile.closed_downloads)
        self.uploads = frozenset(profile.closed_uploads)
        self.limit = None if profile.upload_mb is None else profile.upload_mb * MB
        self._hosts = entry.parse_all(profile.upload_hosts)

    def weighs_uploads_to(self, host: str, permitted: Verdict) -> bool:
        """Whether kind and size of an upload to *host*, which *permitted* has opened, matter at all."""
        if self.limit is None and not self.uploads:
            return False
        return permitted.reason not in _TRUSTED and not any(_within(host, e.host) for e in self._hosts)

    def weighs_words_at(self, permitted: Verdict) -> bool:
        """Whether what is said over a WebSocket to a site that *permitted* has opened is weighed."""
        return self.profile.scan_sockets and permitted.reason not in _TRUSTED and not permitted.personal

    def closes_words(self, score: Score, topic: Category | None) -> bool:
        """Whether words of *score* end the talk: not where their *topic*, if it is known, is open to this profile."""
        is_open = topic is not None and topic.codes.get(self.profile.column) is Code.OPEN
        return score.score >= self.profile.scan_limit and not is_open

    def is_too_long(self, size: int) -> bool:
        """Whether an upload of *size* bytes is longer than this profile may send."""
        return self.limit is not None and size > self.limit


def _within(host: str, parent: str) -> bool:
    return host == parent or host.endswith("." + parent)


def refused(permitted: Verdict, reason: Reason, rule: str) -> Verdict:
    """The refusal of what is carried to or from a site that *permitted* has opened; *rule* says what it is.

    What kind of site it is stays out where that is nobody's to read.
    """
    about = {"category": "", "code": ""} if permitted.personal else {}
    return msgspec.structs.replace(
        permitted, action=Action.BLOCK, reason=reason, list="", rule=rule, until=None, inspect=True, **about
    )


def unsaid(permitted: Verdict, profile: Profile, score: Score, topic: Category | None) -> Verdict:
    """The refusal of words of *score* about *topic*; what was said stays out of it (G5).

    A score proves nothing, so a CONCERN at most; with a theme, the record is the DSL's to read.
    """
    verdict = refused(permitted, Reason.MESSAGE, f"score {score.score} of {profile.scan_limit}")
    if topic is None or not profile.watches(topic.theme):
        return verdict
    severity = min(topic.severity(profile.column), Severity.CONCERN)
    return msgspec.structs.replace(verdict, category=score.category, theme=topic.theme, severity=severity)
