"""The page that answers a search for help before its results do (G3): calm, short, and once a session.

It shows no word that was typed and no part of the URL; its link leads to the same address again, which then is
answered by the engine. Who saw it is remembered by client and person for some hours, in this process alone.
"""

from collections import OrderedDict

import msgspec

from blocklists.clients import Client
from blocklists.profile import Pages
from proxy_addons import block_page
from proxy_addons.form import Form
from proxy_addons.refusal import Refusal
from proxy_addons.words import Words

THEMES = frozenset({"self-harm", "suicide", "abuse", "eating-disorder"})
"""What the panel answers (G3); what promotes eating disorders is closed with the same help (POLICY.md)."""

AGAIN = 4 * 3600.0
"""Seconds of a session: half a school day, so that whoever needs it in the morning sees it after lunch again."""
MOST = 20_000
"""Sessions that are remembered, some 4 MB; beyond them the oldest sees the panel again."""


class HelpNotice(msgspec.Struct, frozen=True):
    """What the panel says. *onwards*: the same address again leads to the results, which a form's does not."""

    pages: Pages
    adult: str = ""
    onwards: bool = True


class Sessions:
    """Who saw the panel, and when (seconds, monotonic)."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, int], float] = OrderedDict()

    def due(self, client: Client, now: float) -> bool:
        """Whether *client* did not see the panel in this session."""
        seen = self._seen.get((client.address, client.person))
        return seen is None or now - seen >= AGAIN

    def saw(self, client: Client, now: float) -> None:
        """Remember that *client* sees it now."""
        who = client.address, client.person
        self._seen.pop(who, None)
        self._seen[who] = now
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)


def answer(notice: HelpNotice, form: Form, language: Words) -> Refusal:
    """The panel as an answer in a *language*; what can show no page is refused, with the numbers where it is data."""
    if form is Form.PAGE:
        return Refusal(200, form, block_page.render("help.html", notice, language), language.language)
    if form is Form.JSON:
        lines = block_page.STAFF_HELP_LINES if notice.pages is Pages.STAFF else block_page.HELP_LINES
        return Refusal(
            403, form, msgspec.json.encode({"closed": True, "reason": "help", "help": lines}), language.language
        )
    return Refusal(403, form, b"", language.language)
