"""The door of our own proxies, on loopback: they have decided already."""

import ipaddress

from blocklists.policy import Action, Reason, Request, Verdict
from blocklists.rulebook import Severity
from dns_filter.doors import Door
from dns_filter.seats import View
from dns_filter.turns import PART, Share

MINE = "inner"
CONNECTIONS = 200
"""TCP connections of our own proxies: all of the listener's, as they are its only client."""


class InnerDoor(Door):
    """Answers our own proxies on this machine: they have decided already, only sealed hosts stay closed."""

    weight = PART
    connections = CONNECTIONS

    def request(self, address: str, host: str, at: int) -> Request | None:  # noqa: ARG002
        """Nobody: the proxy knows who asks, and keeps the record."""
        return None

    def share(self, address: str) -> Share:  # noqa: ARG002
        """All that our proxies ask is one share, which may have as much as is free, so half of all."""
        return Share(MINE, PART)

    def _find(self, address: str, at: int) -> View | None:  # noqa: ARG002
        if self.policy is None or not _is_loopback(address):
            return None
        return self._all.setdefault((MINE, ()), View(MINE, certificate=False))

    def _decide(self, address: str, host: str, at: int) -> Verdict:  # noqa: ARG002
        if self.policy is None or self.policy.sealed.match_host(host):
            return Verdict(Action.BLOCK, Reason.SEALED, category="illegal", severity=Severity.ILLEGAL, quiet=True)
        return Verdict(Action.ALLOW, Reason.OPEN)


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    return (mapped or parsed).is_loopback
