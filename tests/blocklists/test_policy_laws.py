"""Laws that hold for every policy and every question."""

from collections.abc import Iterable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from blocklists import domain, url
from blocklists.clients import Client
from blocklists.policy import NAME_KINDS, Kind, Policy, Request, decide
from blocklists.rulebook import Permit
from tests.support.small_policy import DAY, HOLIDAY, LATER, LESSON, LISTS, PROFILES, SITE, ask, closing, opening, school

HOSTS = st.sampled_from(["site.test", "www.site.test", "a.www.site.test", "other.test", "test", "192.0.2.7"])
PATHS = st.sampled_from(["", "/a", "/a/b", "/b"])
ENTRIES = st.builds("".join, st.tuples(HOSTS, PATHS))
LISTED = st.dictionaries(HOSTS, st.sets(st.sampled_from(sorted(LISTS)), max_size=3), max_size=4)
RULES = st.fixed_dictionaries(
    {"allow": st.lists(ENTRIES, max_size=3).map(tuple), "block": st.lists(ENTRIES, max_size=3).map(tuple)}
)
WHO = st.sampled_from(sorted(PROFILES))
WHEN = st.sampled_from(sorted(DAY.values()))
PERMITS = st.lists(
    st.builds(
        Permit,
        number=st.just(1),
        opens=st.booleans(),
        entries=st.lists(ENTRIES, min_size=1, max_size=2).map(tuple),
        until=st.sampled_from([LESSON, LATER, HOLIDAY + 1]),
        profiles=st.lists(WHO, max_size=2).map(tuple),
    ),
    max_size=2,
)


class World(NamedTuple):
    """Any school, and somebody in it."""

    listed: dict[str, set[str]]
    sealed: list[str]
    permits: list[Permit]
    who: str
    rules: dict[str, tuple[str, ...]]

    def school(self, *permits: Permit, seal: Iterable[str] = (), allow: tuple[str, ...] = ()) -> Policy:
        rules = self.rules | {"allow": (*self.rules["allow"], *allow)}
        return school(self.listed, *self.permits, *permits, seal=[*self.sealed, *seal], profiles={self.who: rules})


WORLDS = st.builds(World, LISTED, st.lists(ENTRIES, max_size=2), PERMITS, WHO, RULES)


def asked(target: str, kind: Kind) -> str:
    return target.partition("/")[0] if kind in NAME_KINDS else f"https://{target}/"


@given(WORLDS, ENTRIES, ENTRIES, WHEN, st.sampled_from(Kind))
def test_adding_an_allow_never_blocks_more(world: World, added: str, target: str, when: int, kind: Kind):
    if not ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        assert not ask(world.school(allow=(added,)), asked(target, kind), world.who, kind, when).blocked


@given(WORLDS, ENTRIES, ENTRIES, WHEN, st.sampled_from(Kind))
def test_adding_a_pass_never_blocks_more(world: World, added: str, target: str, when: int, kind: Kind):
    if not ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        after = world.school(opening(added, profiles=(world.who,)))
        assert not ask(after, asked(target, kind), world.who, kind, when).blocked


@given(WORLDS, ENTRIES, ENTRIES, WHEN, st.sampled_from(Kind))
def test_adding_a_seal_or_an_emergency_never_opens_more(world: World, added: str, target: str, when: int, kind: Kind):
    if ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        for after in (world.school(seal=[added]), world.school(closing(added))):
            assert ask(after, asked(target, kind), world.who, kind, when).blocked


@given(WORLDS, ENTRIES, WHEN, st.sampled_from(Kind))
def test_a_clock_that_cannot_be_believed_never_opens_more(world: World, target: str, when: int, kind: Kind):
    if ask(world.school(), asked(target, kind), world.who, kind, when).blocked:
        assert ask(world.school(), asked(target, kind), world.who, kind, when, clock_ok=False).blocked


@given(
    st.sampled_from(["locked", "closed", "pass", "self_harm"]),
    st.from_regex(r"[a-z0-9-]{1,9}(\.[a-z]{1,9}){0,3}", fullmatch=True),
    WHO,
    WHEN,
)
def test_a_listed_name_blocks_every_name_under_it(name: str, below: str, who: str, when: int):
    rules = school({SITE: [name]})
    for target in (f"{below}.{SITE}", f"https://{below}.{SITE}/a"):
        assert ask(rules, target, who, when=when).blocked


@given(LISTED, WHO, HOSTS, WHEN, st.booleans())
def test_names_and_urls_agree_on_a_bare_host_where_no_page_has_a_rule(listed, who, host, when, clock_ok):
    rules = school(listed, closing("other.test"), opening("site.test"), seal=["www.site.test"])
    kinds = [(host, kind) for kind in NAME_KINDS] + [(f"https://{host}/", Kind.URL)]
    assert len({ask(rules, target, who, kind, when, clock_ok=clock_ok) for target, kind in kinds}) == 1


@given(WORLDS, HOSTS, WHEN)
def test_a_name_is_only_let_through_unopened_where_every_page_of_it_is_open(world: World, host: str, when: int):
    made = world.school()
    name = ask(made, host, world.who, when=when)
    if not (name.blocked or name.inspect):
        pages = [ask(made, f"https://{host}{path}", world.who, when=when) for path in ("/", "/a", "/a/b", "/b")]
        assert not any(page.blocked for page in pages)


@given(WORLDS, st.text(), st.text(), st.sampled_from(Kind), st.integers())
def test_deciding_never_raises_and_a_failure_is_a_block(world: World, host: str, tail: str, kind: Kind, when: int):
    parsed = url.canonical(f"{host}/{tail}")
    verdict = decide(world.school(), Request(kind, Client("", world.who), host, when, url=parsed))
    assert verdict.blocked or domain.canonical(host) == host


@given(WORLDS, HOSTS, WHEN)
def test_a_verdict_holds_until_it_says_to_ask_again(world: World, host: str, when: int):
    made, client = world.school(), Client("", world.who)
    verdict = ask(made, host, world.who, when=when)
    last = when if verdict.until is None else verdict.until - 1
    assert last >= when
    if made.effective(client, when) == made.effective(client, last):
        assert ask(made, host, world.who, when=last) == verdict
