import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import sealed
from blocklists.changes import Changes
from blocklists.clients import Client
from blocklists.policy import Kind, Policy, Request, decide
from blocklists.profile import Code, Unknown
from blocklists.rulebook import Permit, Permits
from tests.support.small_policy import BOOK, CATEGORIES, KEY, LESSON, LISTS, PROFILES, PlainNames

HOSTS = ("site.test", "www.site.test", "other.test", "a.b.other.test", "test", "192.0.2.1")
ENTRIES = ("site.test", "other.test/page", "b.other.test", "192.0.2.1", "elsewhere.test")
CLIENTS = [Client("192.0.2.7", profile, number=number) for profile in PROFILES for number in (0, 7)]

_entry = st.sampled_from(ENTRIES)
_permit = st.builds(
    Permit,
    st.integers(1, 3),
    opens=st.booleans(),
    entries=st.tuples(_entry),
    until=st.sampled_from([LESSON - 1, LESSON + 1]),
    profiles=st.sampled_from([(), ("ks2",), tuple(PROFILES)]),
    clients=st.sampled_from([(), (7,)]),
)
_rules = st.one_of(st.just(()), st.tuples(_entry))
_own = st.fixed_dictionaries(
    {},
    optional={
        "allow": _rules,
        "block": _rules,
        "scan": _rules,
        "beside_sealed": _rules,
        "unknown": st.sampled_from(Unknown),
    },
)
_listed = st.dictionaries(
    st.sampled_from((*HOSTS, "other.test/page")), st.sets(st.sampled_from(sorted(LISTS)), max_size=2), max_size=3
)
_sealed = st.sampled_from(
    [sealed.NOTHING, sealed.Sealed(sealed.SealedLists({"watch": sealed.seal([b"site.test"], KEY)[0]}), KEY)]
)


@st.composite
def _changed(draw, policy: Policy) -> Policy:
    """*policy* after what a technician may have done to one part of it or several."""
    what = draw(
        st.sets(st.sampled_from(["own", "code", "permits", "index", "sealed", "known"]), min_size=1, max_size=2)
    )
    book = policy.rulebook
    if "own" in what:
        name = draw(st.sampled_from(sorted(PROFILES)))
        profile = msgspec.structs.replace(book.profiles[name], **draw(_own))
        book = msgspec.structs.replace(book, profiles=book.profiles | {name: profile})
    if "code" in what:
        key, column = draw(st.sampled_from(sorted(CATEGORIES))), draw(st.sampled_from(["ks1", "ks2", "staff"]))
        category = book.categories[key]
        codes = category.codes | {column: draw(st.sampled_from(Code))}
        made = msgspec.structs.replace(category, codes=codes)
        book = msgspec.structs.replace(book, categories=book.categories | {key: made})
    permits = draw(st.lists(_permit, max_size=2)) if "permits" in what else [permit for permit, _ in policy.permits]
    index = PlainNames(draw(_listed)) if "index" in what else policy.index
    closed = draw(_sealed) if "sealed" in what else policy.sealed
    known = draw(st.frozensets(st.sampled_from(["site.test", "other.test"]))) if "known" in what else policy.known
    return Policy(book, index, Permits(tuple(permits)), closed, known)


_first = _changed(Policy(BOOK, PlainNames({})))
_two = _first.flatmap(lambda first: st.tuples(st.just(first), _changed(first)))


@settings(max_examples=60)
@given(_two)
def test_what_cannot_differ_is_decided_as_before(two):
    changes = Changes(*two)
    for client, host in itertools.product(CLIENTS, HOSTS):
        if not changes.may_differ(client.profile, host):
            before, after = (decide(policy, Request(Kind.DNS, client, host, LESSON)) for policy in two)
            assert before == after, host


def policy(book=BOOK, listed=(), permits=(), **more) -> Policy:
    return Policy(book, PlainNames(dict(listed)), Permits(permits), **more)


def code(key: str, value: Code) -> Policy:
    category = BOOK.categories[key]
    changed = msgspec.structs.replace(category, codes=category.codes | {"ks2": value})
    return msgspec.structs.replace(BOOK, categories=BOOK.categories | {key: changed})


def own(**rules: object):
    profiles = BOOK.profiles | {"ks2": msgspec.structs.replace(BOOK.profiles["ks2"], **rules)}
    return msgspec.structs.replace(BOOK, profiles=profiles)


PASS = Permit(1, opens=True, entries=("site.test",), until=LESSON + 1, profiles=("ks2",))
LISTED = {"site.test": ["closed"], "other.test": ["quiet"]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (policy(), policy(permits=(PASS,))),
        (policy(permits=(PASS,)), policy()),
        (policy(), policy(known=frozenset({"site.test"}))),
        (policy(listed=LISTED), policy(listed={**LISTED, "site.test": ["open"]})),
        (policy(listed=LISTED), policy(code("closed", Code.OPEN), LISTED)),
        (policy(), policy(own(allow=("site.test",)))),
    ],
    ids=["pass", "pass taken back", "found clean", "lists", "category", "rule"],
)
def test_a_change_is_about_the_names_that_it_names(old, new):
    new.index = new.index if new.index.by_host != old.index.by_host else old.index
    changes = Changes(old, new)
    assert changes.may_differ("ks2", "www.site.test")
    assert not changes.may_differ("ks2", "other.test")


@pytest.mark.parametrize(
    ("new", "profile"),
    [
        (policy(own(unknown=Unknown.OPEN)), "ks2"),
        (policy(msgspec.structs.replace(BOOK, profiles={"ks2": BOOK.profiles["ks2"]})), "ks1"),
        (policy(msgspec.structs.replace(BOOK, school="Another School")), "staff"),
        (policy(sealed_lists=sealed.Sealed(sealed.SealedLists({}), KEY)), "staff"),
    ],
    ids=["a profile's way", "a profile gone", "another school", "sealed lists"],
)
def test_what_reaches_further_leaves_nothing_as_it_was(new, profile):
    assert Changes(policy(), new).may_differ(profile, "other.test")


def test_a_rule_of_one_profile_is_nothing_to_another():
    assert not Changes(policy(), policy(own(allow=("site.test",)))).may_differ("staff", "site.test")
