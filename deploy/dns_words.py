"""What DNS makes of a name besides the decision, in the words of `schoolgate explain`.

The names are those that `dns_filter.resolver` answers without asking anybody, judges otherwise, or asks of somebody
else. Nothing is asked here, and no file is read.
"""

from collections.abc import Iterator

from blocklists import domain, safe_search
from blocklists.policy import Verdict
from blocklists.profile import Profile
from dns_filter import canaries, reply, wire
from dns_filter.local import OWN, Local
from dns_filter.settings import DnsSettings

_PTR = 12


def instead(host: str, verdict: Verdict, settings: DnsSettings) -> str:
    """What DNS answers in place of *verdict*, a sentence without its end; "" where it goes by the verdict."""
    if domain.as_address(host):
        return ""
    local = Local(settings.hosts, settings.own_addresses, elsewhere=settings.own_zones)
    if says := _itself(host, local):
        return says
    if local.judged(host, verdict) is not verdict:
        return f"DNS opens it{_addresses(host, settings)}, as it is one of the school's own names"
    if canaries.judged(host, verdict) is not verdict:
        what = "has no records" if canaries.is_discovery(host) else "does not exist"
        return f"DNS says that it {what}, so that devices keep to the school's resolver"
    return ""


def beside(host: str, verdict: Verdict, profile: Profile, settings: DnsSettings) -> Iterator[str]:
    """What stands beside *verdict*, sentences without their end; nothing for what is closed."""
    if verdict.blocked:
        return
    if strict := safe_search.target(safe_search.shipped(), host, profile):
        yield f"DNS gives the addresses of {strict}, its strict form, and the proxy connects to them"
    if host in settings.hosts:
        yield f"DNS answers it itself{_addresses(host, settings)}"
    elif zone := next((zone for zone in domain.suffixes(host) if zone in settings.forwarded), ""):
        asked = ", ".join(str(place) for place in settings.forwarded[zone])
        yield f"DNS asks {asked} for it and nobody else (dns.forward, zone {zone})"


def _itself(host: str, local: Local) -> str:
    """What is said of *host* whoever asks; "" for a name that is judged."""
    name = wire.name_of(host)
    said = [body for kind in (wire.A, wire.AAAA, _PTR) if (body := local.answer(host, name, kind)) is not None]
    if not said:
        return ""
    if said[0].code == reply.NXDOMAIN:
        return "DNS says that it does not exist and asks nobody, as such names mean something else in each network"
    if host == OWN:
        return "DNS says that it is this gateway (dns.own_addresses)"
    return "DNS answers it itself" if any(body.counts[0] for body in said) else "DNS says that it has no records"


def _addresses(host: str, settings: DnsSettings) -> str:
    return f" (dns.hosts: {', '.join(settings.hosts[host])})" if host in settings.hosts else ""
