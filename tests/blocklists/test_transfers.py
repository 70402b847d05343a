import msgspec
import pytest

from blocklists.profile import Code, Pages, Profile, Watch
from blocklists.rulebook import Category, Severity
from blocklists.score import Score
from blocklists.transfers import Rules, refused, unsaid
from blocklists.verdict import Action, Reason, Verdict

PUPIL = Profile("KS2", "ks2", Pages.KS2, upload_mb=1, closed_uploads=("program",), upload_hosts=("class.test",))
OPEN = Verdict(Action.ALLOW, Reason.UNKNOWN)


def rules(**changes: object) -> Rules:
    return Rules(msgspec.structs.replace(PUPIL, **changes))


@pytest.mark.parametrize(("size", "too_long"), [(1_000_000, False), (1_000_001, True)])
def test_an_upload_is_as_long_as_the_profile_says(size: int, too_long: bool):
    assert rules().is_too_long(size) is too_long
    assert not rules(upload_mb=None).is_too_long(size)


@pytest.mark.parametrize("reason", Reason)
def test_uploads_to_sites_on_the_schools_lists_are_not_weighed(reason: Reason):
    trusted = reason in {Reason.ALWAYS_OPEN, Reason.APPROVED, Reason.EDUCATION}
    assert rules().weighs_uploads_to("site.test", Verdict(Action.ALLOW, reason)) is not trusted


@pytest.mark.parametrize(("host", "weighed"), [("class.test", False), ("a.class.test", False), ("myclass.test", True)])
def test_nor_are_those_to_the_hosts_that_the_profile_names(host: str, weighed: bool):
    assert rules().weighs_uploads_to(host, OPEN) is weighed


def test_a_profile_without_a_bound_weighs_nothing():
    assert not rules(upload_mb=None, closed_uploads=()).weighs_uploads_to("site.test", OPEN)
    assert rules(upload_mb=None).weighs_uploads_to("site.test", OPEN)
    assert rules(closed_uploads=()).weighs_uploads_to("site.test", OPEN)


def test_a_refusal_says_what_was_carried_and_of_what_category_its_site_is():
    permitted = Verdict(Action.ALLOW, Reason.CATEGORY, category="forums", code="S", list="forums", rule="x", until=5)
    found = refused(permitted, Reason.DOWNLOAD, "program")
    assert (found.action, found.reason, found.rule, found.list) == (Action.BLOCK, Reason.DOWNLOAD, "program", "")
    assert (found.category, found.code, found.until, found.inspect) == ("forums", "S", None, True)


def test_but_not_of_what_category_it_is_where_that_is_nobodys_to_read():
    permitted = Verdict(Action.ALLOW, Reason.CATEGORY, category="information", code="O", personal=True)
    found = refused(permitted, Reason.UPLOAD, "size")
    assert (found.category, found.code) == ("", "")


def topic(code: Code = Code.CLOSED, **more: object) -> Category:
    return Category("Betting", "about betting", {"ks2": code}, **more)


@pytest.mark.parametrize("reason", Reason)
def test_words_to_a_helpline_and_to_sites_on_the_schools_lists_are_not_weighed(reason: Reason):
    trusted = reason in {Reason.ALWAYS_OPEN, Reason.APPROVED, Reason.EDUCATION}
    assert rules(scan_sockets=True).weighs_words_at(Verdict(Action.ALLOW, reason)) is not trusted


def test_nor_are_words_to_what_is_nobodys_business_or_of_a_profile_that_is_not_scanned():
    assert not rules(scan_sockets=True).weighs_words_at(msgspec.structs.replace(OPEN, personal=True))
    assert not rules().weighs_words_at(OPEN)


@pytest.mark.parametrize(
    ("score", "about", "closed"),
    [
        (59, topic(), False),
        (60, topic(), True),
        (60, None, True),
        (200, topic(Code.OPEN), False),
        (200, topic(Code.BREAKS), True),
    ],
)
def test_words_end_a_talk_from_the_limit_on_unless_they_are_about_what_is_open(score, about, closed):
    assert rules(scan_limit=60).closes_words(Score(score, "betting"), about) is closed


SAID = Score(120, "betting", (("free spins", 60),))


def test_the_refusal_of_words_says_what_they_are_about_and_none_of_them():
    about = topic(theme="drugs", alert="URGENT")
    found = unsaid(msgspec.structs.replace(OPEN, category="forums"), PUPIL, SAID, about)
    assert (found.action, found.reason, found.rule) == (Action.BLOCK, Reason.MESSAGE, "score 120 of 100")
    assert (found.category, found.theme, found.severity) == ("betting", "drugs", Severity.CONCERN)


@pytest.mark.parametrize(("watch", "about"), [(Watch.ALL, None), (Watch.NONE, topic(theme="drugs"))])
def test_it_says_nothing_of_them_where_nobody_is_watched_or_nothing_is_known(watch: Watch, about: Category | None):
    permitted = msgspec.structs.replace(OPEN, category="forums")
    found = unsaid(permitted, msgspec.structs.replace(PUPIL, watch=watch), SAID, about)
    assert (found.category, found.theme, found.severity) == ("forums", "", Severity.NONE)
