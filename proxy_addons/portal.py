"""The two buttons of a page: "this should be open" and "I saw something", as links to the portal.

A page has them only where the settings name a portal. The key is shared with the portal and with nobody else.
"""

from pathlib import Path

import msgspec

from blocklists.profile import Pages
from proxy_addons.block_page import Notice
from proxy_addons.settings import ProxySettings
from reporting import page_link
from reporting.page_link import Link, Purpose

_KEY = 32
"""Bytes of the key at least (`schoolgate init` makes as many)."""
_STEP = 600
"""Seconds: links say the time in steps of this, so that the same page, asked for again, is the same bytes."""


class Portal:
    """Makes links; without an address there are none."""

    def __init__(self, url: str, key: bytes) -> None:
        """*url* is the portal's, *key* what it checks links with."""
        self._url, self._key = url.rstrip("/"), key

    @classmethod
    def of(cls, settings: ProxySettings) -> "Portal":
        """The portal that *settings* name, its key read from the file; OSError or ValueError if there is none."""
        if not settings.portal_url:
            return cls("", b"")
        key = Path(settings.portal_key).read_bytes()
        if len(key) < _KEY:
            raise ValueError(f"proxy.portal_key: {settings.portal_key} holds no key of {_KEY} bytes")
        return cls(settings.portal_url, key)

    def on(self, notice: Notice, host: str, profile: str, now: int) -> Notice:
        """*notice* with its buttons for somebody of *profile* who wanted *host*, at *now* (UTC seconds).

        Of a sealed entry not even the host is told, and nobody is asked to have it opened; nor is a pupil who needs
        help and not a form.
        """
        if not self._url:
            return notice
        link = Link("" if notice.sealed else host, profile, now // _STEP * _STEP)
        asks = not notice.sealed and (notice.pages is Pages.STAFF or not notice.helping)
        return msgspec.structs.replace(
            notice,
            open_link=self._address(Purpose.OPEN, link) if asks else "",
            saw_link=self._address(Purpose.SAW, link),
        )

    def _address(self, purpose: Purpose, link: Link) -> str:
        return f"{self._url}/{purpose}/{page_link.make(self._key, purpose, link)}"
