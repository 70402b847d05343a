"""The filter: mitmproxy's hooks, each a few steps that end in an allowed request, a page, or a closed connection.

It is four addons, in the order in which a page meets them: `connections`, `tunnels`, `requests` and `answers`. What
goes wrong in a hook is a refusal (`guard`). Nothing outlives its flow but counts.
"""

from proxy_addons import sockets
from proxy_addons.answers import Answers
from proxy_addons.carried import Carried
from proxy_addons.connections import Connections
from proxy_addons.counters import Counters
from proxy_addons.destination import Destinations
from proxy_addons.guard import Guard
from proxy_addons.judge import Judge
from proxy_addons.phrase_book import PhraseBook
from proxy_addons.prompts import Prompts
from proxy_addons.refusal import Refusals
from proxy_addons.requests import Requests
from proxy_addons.resolve import Resolver
from proxy_addons.searches import Searches
from proxy_addons.settings import ProxySettings
from proxy_addons.tunnels import Tunnels


class Filter:
    """The addons of the filter, one of each for a worker, and what they share."""

    def __init__(
        self,
        judge: Judge,
        resolver: Resolver,
        settings: ProxySettings,
        counters: Counters,
        scan: sockets.Scan = sockets.nothing_found,
        *,
        phrases: PhraseBook | None = None,
        behind_door: bool = False,
    ) -> None:
        """*behind_door*: a front door relays what is relayed, and hands over no such host but one that is away."""
        refusals, destinations = Refusals(judge, settings, counters), Destinations(judge, resolver)
        carried, prompts = Carried(judge, refusals, counters, settings.virus_scanner(), scan), Prompts(judge, counters)
        guard, ports = Guard(judge, refusals, counters), frozenset(settings.ports)
        self.connections = Connections(judge, counters, guard)
        self.tunnels = Tunnels(
            judge,
            resolver,
            counters,
            guard,
            connections=self.connections,
            destinations=destinations,
            refusals=refusals,
            ports=ports,
            behind_door=behind_door,
        )
        self.answers = Answers(
            judge,
            counters,
            guard,
            connections=self.connections,
            refusals=refusals,
            carried=carried,
            prompts=prompts,
            phrases=phrases or PhraseBook(),
        )
        self.requests = Requests(
            judge,
            counters,
            guard,
            connections=self.connections,
            tunnels=self.tunnels,
            destinations=destinations,
            refusals=refusals,
            searches=Searches(judge, settings, counters),
            carried=carried,
            prompts=prompts,
            pages=self.answers.pages,
            ports=ports,
        )
        self.addons = (self.connections, self.tunnels, self.requests, self.answers)
        """As mitmproxy finds them (`addonmanager.traverse`)."""
