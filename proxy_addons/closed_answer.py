"""What the closed address answers: the page that the web filter would show, for a name that DNS has refused.

The refusal is on record already, by whoever answered the name; nothing is recorded here. A name that is open by now
leads here for as long as a device remembers its address: its page says to try again.
"""

from collections import Counter

from blocklists import domain
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Policy, Request, decide
from proxy_addons import block_page, trouble, words
from proxy_addons.closed_request import Asked
from proxy_addons.form import Form, form_of
from proxy_addons.portal import Portal
from proxy_addons.settings import ProxySettings
from proxy_addons.target import host_of
from proxy_addons.trouble import Trouble
from proxy_addons.words import Words

_PHRASES = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    421: "Misdirected Request",
    503: "Service Unavailable",
}
_AGAIN = 30
"""Seconds after which a name that is open by now is found where it is: a closed answer's TTL is 10 s, and browsers add
some of their own."""


class Answers:
    """Answers by the policy in force. *clock_ok* is kept by whoever keeps the policy fresh."""

    def __init__(self, live: Live, settings: ProxySettings) -> None:
        """*settings* say who is named on pages; OSError or ValueError if the portal's key cannot be read."""
        self._live, self._settings, self._portal = live, settings, Portal.of(settings)
        self.clock_ok = True
        self.pages: Counter[tuple[str, str]] = Counter()
        """By profile and by what was answered: closed, or the name of a trouble."""

    def answer(self, client: Client, asked: Asked | None, named: str | None, at: int) -> bytes:
        """The whole answer to what *client* has *asked* at *at* (UTC nanoseconds).

        *named* is the host that its TLS connection is for, None where there is none.
        """
        policy = self._live.policy
        assert policy is not None
        host = host_of(asked.authority) if asked else None
        why = _hindrance(host, named)
        if why or host is None or asked is None:
            return self._trouble(policy, client, asked, why or Trouble.MALFORMED)
        request = Request(Kind.DNS, client, host, at, clock_ok=self.clock_ok)
        verdict = decide(policy, request)
        if not verdict.blocked:
            return self._trouble(policy, client, asked, Trouble.OPEN_BY_NOW)
        self.pages[client.profile, "closed"] += 1
        notice = block_page.notice_of(policy.rulebook, client.profile, host, verdict, self._settings)
        notice = self._portal.on(notice, host, client.profile, at // 10**9)
        form, language = form_of(asked.destination, asked.accept), self._language(asked)
        if verdict.quiet and form is Form.PAGE:
            form = Form.NOTHING
        return _message(403, form, block_page.body(notice, form, language), language, asked.method)

    def _trouble(self, policy: Policy, client: Client, asked: Asked | None, why: Trouble) -> bytes:
        self.pages[client.profile, why.name.lower()] += 1
        pages = block_page.pages_of(policy.rulebook, client.profile)
        language = self._language(asked)
        form = form_of(asked.destination, asked.accept) if asked else Form.PAGE
        method = asked.method if asked else ""
        return _message(why.status, form, trouble.body(why, pages, form, language), language, method)

    def _language(self, asked: Asked | None) -> Words:
        return words.for_reader(asked.language if asked else "", self._settings.language)


def _hindrance(host: str | None, named: str | None) -> Trouble | None:
    """Why there is no page for *host*, asked for over a connection for *named*, if there is none."""
    if host is None:
        return Trouble.MALFORMED
    if named is not None and named != host:
        return Trouble.MISDIRECTED
    return Trouble.OUR_OWN if domain.as_address(host) else None


def _message(status: int, form: Form, body: bytes, language: Words, method: str) -> bytes:
    """The answer as it goes over the line; it is the connection's only one."""
    fields = [*block_page.headers(form, language.language), ("Content-Length", str(len(body))), ("Connection", "close")]
    if status == Trouble.OPEN_BY_NOW.status:
        fields.append(("Retry-After", str(_AGAIN)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    text = f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{head}\r\n".encode()
    return text if method == "HEAD" else text + body
