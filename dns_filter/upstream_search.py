"""The search for one answer among resolvers of which each may know it.

The best is asked first; another when that one is slower than it nearly always is, fails, or says something that
nobody can use. All callbacks, no task: a cold name costs one future.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from dns_filter import answer, bailiwick, reply
from dns_filter.answer import Answer
from dns_filter.upstream_alarms import Alarms, Rings
from dns_filter.upstream_attempt import Attempt
from dns_filter.upstream_one import Upstream
from dns_filter.upstream_query import Asking

ROUNDS = 3
"""How often one resolver is asked a question at most, as packets may be lost."""
REPEAT = 0.4
"""Seconds until the same resolver is asked again, doubled each time: long for a packet, short for a person."""
EXPLORE = 64
"""One question in so many also goes to a resolver that is not the best, to learn what it has become."""

_GOOD = (reply.NOERROR, reply.NXDOMAIN)
_REFUSALS = (reply.FORMERR, reply.NOTIMP, reply.REFUSED)


class Group:
    """Resolvers of which any may be asked for the same names."""

    def __init__(self, upstreams: Sequence[Upstream], alarms: Alarms, failed: Callable[[str], Answer]) -> None:
        """*failed* makes the failure that says why there is no answer."""
        self.upstreams, self.alarms, self.failed = upstreams, alarms, failed
        self._asked = 0

    def find(self, asking: Asking, deadline: float) -> "asyncio.Future[Answer]":
        """The answer to *asking*, by *deadline* at the latest; a failure says why there is none."""
        search = Search(self, asking, deadline)
        search.begin(self.alarms.now())
        return search.found

    def in_order(self) -> Sequence[Upstream]:
        """The best first."""
        if len(self.upstreams) == 1:
            return self.upstreams
        return sorted(self.upstreams, key=lambda upstream: upstream.health.cost)

    def besides(self, first: Upstream) -> Iterator[Upstream]:
        """Who gets a copy of a question that *first* was asked: the dead whose time has come, and one now and then."""
        self._asked += 1
        now = self.alarms.now()
        for place, upstream in enumerate(self.upstreams):
            explored = self._asked % EXPLORE == 0 and self._asked // EXPLORE % len(self.upstreams) == place
            if upstream is not first and (upstream.health.to_probe(now) or (explored and upstream.health.alive)):
                yield upstream


class Search:
    """One question, the resolvers that have it, and those that are still to be asked."""

    __slots__ = (
        "_asked",
        "_asking",
        "_bucket",
        "_deadline",
        "_group",
        "_last",
        "_order",
        "_place",
        "_waiting",
        "found",
    )

    def __init__(self, group: Group, asking: Asking, deadline: float) -> None:
        """Ask nobody yet."""
        self._group, self._asking, self._deadline = group, asking, deadline
        self.found: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._order = group.in_order()
        self._place = 0
        self._asked: Upstream | None = None
        self._waiting: list[Attempt] = []
        self._last: Answer | None = None
        self._bucket: set[Rings] = set()

    def begin(self, now: float) -> None:
        """Ask the first resolver, and those that are to be looked after."""
        self._go_on(now)
        if len(self._order) > 1 and not self.found.done():
            for upstream in self._group.besides(self._order[0]):
                self._put(upstream, now)

    def ring(self) -> None:
        """What was asked last is overdue, or there is no time left."""
        now = self._group.alarms.now()
        if now >= self._deadline:
            self._expire()
        elif self._asked is not None:
            self._asked.health.overdue()
            first_round = self._place < len(self._order)
            if self._ask_next(now) and first_round:
                self._asked.hedged += 1

    def answered(self, attempt: Attempt, message: bytes) -> None:
        """Take what a resolver says, if it is of use; else ask another."""
        self._drop(attempt)
        self._give_up_others(attempt)
        if self.found.done():
            self._rest()
            return
        said = self._read(attempt, message)
        if said.body.code in _GOOD:
            self._finish(said)
        else:
            self._last = said
            self._go_on(self._group.alarms.now())

    def refused(self, attempt: Attempt) -> None:
        """Ask another resolver, as one said nothing."""
        self._drop(attempt)
        if self.found.done():
            self._rest()
        else:
            self._go_on(self._group.alarms.now())

    def _read(self, attempt: Attempt, message: bytes) -> Answer:
        if not bailiwick.speaks_of(message, self._asking.question):
            assert isinstance(attempt.told, Upstream)
            attempt.told.not_of_our_name()
            return answer.failure(reply.NETWORK_ERROR, "the upstream's answer is of another name")
        found = answer.parse(message, self._asking.end)
        if found is not None and found.body.code in _REFUSALS:  # to our client it would read as if we refused it
            return answer.failure(reply.NO_AUTHORITY, "the upstream refuses the question")
        return found or answer.failure(reply.NETWORK_ERROR, "the upstream's answer cannot be used")

    def _go_on(self, now: float) -> None:
        """Ask the next one; with nobody left to ask or to wait for, say the last that was said."""
        if not self._ask_next(now) and not self._waiting:
            self._finish(self._last or self._group.failed("no resolver can be reached"))

    def _ask_next(self, now: float) -> bool:
        """Ask the next resolver that can be reached; False if there is none to ask.

        None is asked a second time once one has said something: what it said is the answer when all have.
        """
        each = len(self._order)
        while self._place < (each if self._last else each * ROUNDS):
            self._asked = self._order[self._place % each]
            self._place += 1
            if self._put(self._asked, now):
                self._set_alarm(now + self._patience(self._asked))
                return True
        self._asked = None
        self._set_alarm(self._deadline)
        return False

    def _put(self, upstream: Upstream, now: float) -> bool:
        attempt = Attempt(self._asking, upstream, self, now)
        self._waiting.append(attempt)
        try:
            upstream.put(attempt)
        except OSError as error:
            self._drop(attempt)
            upstream.unreachable(error)
            return False
        return True

    def _give_up_others(self, answered: Attempt) -> None:
        """Wait no longer for a resolver that was asked more than once and has answered, nor count it as silent."""
        for other in [waiting for waiting in self._waiting if waiting.told is answered.told]:
            other.give_up()
            self._drop(other)

    def _drop(self, attempt: Attempt) -> None:
        if attempt in self._waiting:
            self._waiting.remove(attempt)

    def _patience(self, upstream: Upstream) -> float:
        """Seconds that *upstream*, asked just now, has until the next one is asked too."""
        each = len(self._order)
        rounds = self._place // each
        if not rounds:
            return upstream.health.usual
        if rounds == ROUNDS:
            return self._deadline
        return max(REPEAT, upstream.health.usual) * 2.0 ** (rounds - 1) / each

    def _finish(self, said: Answer) -> None:
        if not self.found.done():
            self.found.set_result(said)
        self._rest()

    def _rest(self) -> None:
        """With an answer, wait no longer than for those who may still show how slow they are."""
        self._asked = None
        if self._waiting:
            self._set_alarm(self._deadline)
        else:
            self._bucket.discard(self)

    def _expire(self) -> None:
        """Give up on everybody."""
        waiting, self._waiting = self._waiting, []
        for attempt in waiting:
            assert isinstance(attempt.told, Upstream)
            attempt.told.silent(attempt)
        self._finish(self._last or self._group.failed("no resolver answered in time"))

    def _set_alarm(self, when: float) -> None:
        self._bucket.discard(self)
        self._bucket = self._group.alarms.at(min(when, self._deadline), self)
