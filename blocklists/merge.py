"""Sorted rules in, the nodes of an index out: what each key says, and only where it says something new.

This file does no I/O. A rule is one line of bytes: its key, NUL, then the source's number and the effect (`encoded`).
Sorted lines bring a parent before everything under it, and all rules of one key together, so that one pass with the
path from the root in hand is enough, however many rules there are.

A *state* is what all sources together say of a key: {source: effect} of those that say something lasting. States are
interned: equal ones have one number, and 0 is the state of a key that nobody names.
"""

from collections.abc import Iterable, Iterator, Sequence

from blocklists.rule import Effect

MAX_STATES = 65536
"""Two bytes number a state."""
MAX_SOURCES = 10**4
"""Four digits number a source."""

type State = tuple[tuple[int, Effect], ...]

_SPLIT = b"\0"
_TAIL = 5
"""Bytes after the NUL: four digits and one."""


def tail(number: int, effect: Effect) -> str:
    """What follows the key of a rule of source *number*."""
    return f"\0{number:04d}{effect:d}"


def encoded(key: str, number: int, effect: Effect) -> bytes:
    """The line of a rule of source *number* at *key* (`index_keys`); lines sort by key, parents first."""
    return (key + tail(number, effect)).encode("ascii")


_PASSING = frozenset({Effect.APART, Effect.EXCEPTED})
"""They undo what stands above, and whatever is listed below them holds again. ALLOWED lasts: it outranks that."""


class States:
    """Interns states of sources, and the states of columns that are written of them.

    A *column* is a list, or one source of it that has patterns, which must be known apart at lookup. What a source
    excepts it takes off itself alone: a column is on the list where any of its sources says so.
    """

    def __init__(self, columns: Sequence[int], with_patterns: frozenset[int] = frozenset()) -> None:
        """*columns* are the columns of the sources; in those *with_patterns* what is allowed by name is kept too."""
        self._columns, self._with_patterns = columns, with_patterns
        self._known: list[State] = [()]
        self._numbers: dict[State, int] = {(): 0}
        self._made: dict[tuple[int, bytes], int] = {}
        self._kept: dict[int, int] = {0: 0}
        self.written: list[State] = [()]
        self._written_numbers: dict[State, int] = {(): 0}

    def number(self, state: State) -> int:
        """The number that *state*, of columns, is written by; ValueError if there are too many different ones."""
        number = self._written_numbers.setdefault(state, len(self.written))
        if number == len(self.written):
            if number >= MAX_STATES:
                raise ValueError(f"the lists overlap in more than {MAX_STATES} different ways")
            self.written.append(state)
        return number

    def below(self, parent: int, tails: bytes) -> int:
        """The number, among sources, of a key with the rules *tails* (sorted), below a node with the state *parent*."""
        made = self._made.get((parent, tails))
        if made is None:
            state = self._state(self._known[parent], tails)
            made = self._made[parent, tails] = self._numbers.setdefault(state, len(self._known))
            if made == len(self._known):
                self._known.append(state)
        return made

    def _state(self, parent: State, tails: bytes) -> State:
        state = dict(parent)
        for at in range(0, len(tails), _TAIL):
            number, effect = int(tails[at : at + 4]), Effect(int(tails[at + 4 : at + _TAIL]))
            held = state.get(number)
            if held is None or effect.precedence >= held.precedence:
                state[number] = effect
        return tuple(sorted((n, e) for n, e in state.items() if e not in _PASSING))

    def kept(self, number: int) -> int:
        """The number that is written for state *number* of sources."""
        if (kept := self._kept.get(number)) is None:
            kept = self._kept[number] = self.number(self._of_columns(self._known[number]))
        return kept

    def _of_columns(self, state: State) -> State:
        found: dict[int, Effect] = {}
        for source, effect in state:
            column = self._columns[source]
            if effect.lists or column in self._with_patterns:
                found[column] = max(found.get(column, effect), effect)
        return tuple(sorted(found.items()))


def nodes(lines: Iterable[bytes], states: States) -> Iterator[tuple[bytes, int]]:
    """(key, state number) of each key of the sorted *lines* that says something else than its nearest parent node.

    Terse, as it runs once for each of five million names: 1.9 us a name with a generator of groups, 0.9 us so.
    """
    path: list[tuple[bytes, int, int]] = [(b"", 0, 0)]
    top, above, written = path[0]
    for key, tails in _grouped(lines):
        while not key.startswith(top):
            path.pop()
            top, above, written = path[-1]
        state = states.below(above, tails)
        if state != above:
            kept = states.kept(state)
            if kept != written:
                yield key, kept
            top, above, written = key, state, kept
            path.append((top, above, written))


def _grouped(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each key with the tails of its rules one after another, each rule once."""
    current, tails = b"", b""
    for line in lines:
        key, _, tail = line.partition(_SPLIT)
        if key != current:
            if tails:
                yield current, tails
            current, tails = key, tail
        elif not tails.endswith(tail):
            tails += tail
    if tails:
        yield current, tails


def named(state: State, names: Sequence[str]) -> tuple[str, ...]:
    """*state*, of columns, as the manifest writes it: their names, marked "!" for important and "@" for allowed."""
    marks = {Effect.LISTED: "", Effect.IMPORTANT: "!", Effect.ALLOWED: "@", Effect.ALLOWED_IMPORTANT: "@!"}
    return tuple(marks[effect] + names[number] for number, effect in state)
