import datetime

import msgspec
import pytest

from blocklists import defaults
from blocklists.calendar import Calendar, Window
from blocklists.profile import Code, Pages, Profile
from blocklists.rulebook import RISKS, Category, ListUse, Role, Rulebook, Severity, SeverityName

HOURS = Calendar((Window(datetime.time(8, 30), datetime.time(15, 30)),))
GAMBLING = Category("Gambling", "about betting", {"ks2": Code.CLOSED}, alert="NOTE", alerts={"ks3": "CONCERN"})
BOOK = Rulebook(
    school="Testbury School",
    time_zone="Europe/London",
    calendar=HOURS,
    profiles={"ks2": Profile("KS2", "ks2", Pages.KS2, approved=("plain",))},
    categories={"gambling": GAMBLING},
    lists={"gambling": ListUse(Role.CATEGORY, "gambling"), "plain": ListUse(Role.APPROVED)},
)


def problems(**changes: object) -> list[str]:
    return [problem.partition(":")[0] for problem in msgspec.structs.replace(BOOK, **changes).problems()]


def category(**changes: object) -> dict[str, Category]:
    return {"gambling": msgspec.structs.replace(GAMBLING, **changes)}


def test_a_sound_rulebook_has_no_problems_and_a_time_zone():
    assert problems() == []
    assert BOOK.zone.key == "Europe/London"


def test_a_severity_has_exceptions_by_column():
    assert GAMBLING.severity("ks2") is Severity.NOTE
    assert GAMBLING.severity("ks3") is Severity.CONCERN


@pytest.mark.parametrize("name", ["none", "never"])
def test_a_category_that_does_not_alert_has_no_severity(name: str):
    assert msgspec.structs.replace(GAMBLING, alert=name, alerts={}).severity("ks2") is Severity.NONE


@pytest.mark.parametrize("zone", ["Nowhere/Town", "", "Europe", "../etc/passwd", "a" * 300, "\0"])
def test_a_time_zone_that_is_none_is_named(zone: str):
    assert problems(time_zone=zone) == ["time_zone"]


def test_the_problems_of_calendar_and_profiles_are_passed_on():
    ks2 = msgspec.structs.replace(BOOK.profiles["ks2"], allow=("*",), approved=("gone",))
    assert problems(calendar=Calendar(HOURS.school_day, weekdays=("Monday",)), profiles={"ks2": ks2}) == [
        "calendar.weekdays",
        "profiles.ks2.allow[0]",
        "profiles.ks2.approved",
    ]


def test_a_column_that_no_category_knows_is_named():
    ks2 = msgspec.structs.replace(BOOK.profiles["ks2"], column="ks9")
    assert problems(profiles={"ks2": ks2}) == ["profiles.ks2.column"]


def test_a_category_without_a_code_for_a_profile_is_named():
    other = msgspec.structs.replace(GAMBLING, codes={})
    assert problems(categories={"gambling": GAMBLING, "other": other}) == ["categories.other.codes"]


@pytest.mark.parametrize(
    "use",
    [ListUse(Role.CATEGORY), ListUse(Role.CATEGORY, "gone"), ListUse(Role.POSITIVE, "gambling")],
)
def test_a_list_names_a_category_exactly_when_that_is_its_role(use: ListUse):
    assert problems(lists={"plain": use}) == ["lists.plain.category"]


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\0b", "a b"])
def test_a_list_whose_name_could_lead_to_another_file_is_named(name: str):
    assert problems(lists=BOOK.lists | {name: ListUse(Role.POSITIVE)}) == [f"lists.{name}"]


def test_a_category_that_never_alerts_takes_no_exceptions():
    assert problems(categories=category(alert="never")) == ["categories.gambling.alerts"]


def test_a_risk_is_one_of_four_or_none():
    assert [risk for risk in (*RISKS, "", "Content", "money") if problems(categories=category(risk=risk))] == [
        "Content",
        "money",
    ]
    assert problems(categories=category(risk="money")) == ["categories.gambling.risk"]


def test_a_category_of_an_older_policy_has_no_heading_and_no_risk():
    older = {"title": "Games", "words": "for playing games", "codes": {"ks2": "P"}}
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(older), type=Category)
    assert (read.heading, read.risk) == ("", "")


@pytest.mark.parametrize(
    "changes",
    [
        *({"codes": {"ks2": code}} for code in Code if code.value in "LXPBTQ"),
        {"theme": "faith"},
        {"alert": "NOTE"},
        {"alerts": {"ks3": "NOTE"}},
        {"risk": "content"},
        {"heading": "Discrimination"},
    ],
)
def test_information_cannot_be_closed_as_a_class_cannot_alert_and_is_no_risk(changes: dict[str, object]):
    sound = Category("Information", "about health", {"ks2": Code.OPEN})
    book = {"gambling": GAMBLING, "information": sound}
    assert problems(categories=book) == []
    book["information"] = msgspec.structs.replace(sound, **changes)
    assert problems(categories=book) == ["categories.information"]


SHIPPED = defaults.rulebook("Testbury School")
LOCKED = [(n, c) for n, category in SHIPPED.categories.items() for c, code in category.codes.items() if code == "L"]
LISTS_OF_LOCKED = [name for name, use in SHIPPED.lists.items() if use.category in {name for name, _ in LOCKED}]


def unlocked(**changes: object) -> list[str]:
    return [p.partition(":")[0] for p in msgspec.structs.replace(SHIPPED, **changes).unlocked(SHIPPED)]


def recoded(name: str, **codes: Code) -> dict[str, Category]:
    found = SHIPPED.categories[name]
    return SHIPPED.categories | {name: msgspec.structs.replace(found, codes=found.codes | codes)}


def test_the_shipped_rulebook_unlocks_nothing():
    assert unlocked() == []


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.LOCKED])
def test_a_locked_code_cannot_be_another(code: Code):
    for name, column in LOCKED:
        assert unlocked(categories=recoded(name, **{column: code})) == [f"categories.{name}.codes.{column}"]


def test_any_other_code_is_the_schools_choice_and_so_is_a_column_of_its_own():
    others = {
        name: msgspec.structs.replace(category, codes=dict.fromkeys(category.codes, Code.LOCKED) | {"year7": Code.OPEN})
        for name, category in SHIPPED.categories.items()
        if name != "illegal"
    }
    assert unlocked(categories=SHIPPED.categories | others) == []
    assert unlocked(categories=recoded("games", ks2=Code.OPEN)) == []


def test_the_illegal_is_locked_in_a_column_of_the_schools_own():
    assert unlocked(categories=recoded("illegal", year7=Code.CLOSED)) == ["categories.illegal.codes.year7"]
    assert unlocked(categories=recoded("illegal", year7=Code.LOCKED)) == []


def test_a_locked_category_cannot_be_left_out():
    for name in {name for name, _ in LOCKED}:
        left = {other: category for other, category in SHIPPED.categories.items() if other != name}
        assert unlocked(categories=left) == [f"categories.{name}"]


def test_a_list_of_a_locked_category_stands_for_nothing_else():
    for name in LISTS_OF_LOCKED:
        for use in (ListUse(Role.CATEGORY, "news"), ListUse(Role.POSITIVE)):
            assert unlocked(lists=SHIPPED.lists | {name: use}) == [f"lists.{name}"]


def test_a_list_of_a_locked_category_is_left_out_only_for_another_that_stands_for_it():
    for name in LISTS_OF_LOCKED:
        left = {other: use for other, use in SHIPPED.lists.items() if other != name}
        assert unlocked(lists=left) == [f"lists.{name}"]
        assert unlocked(lists=left | {"fuller": SHIPPED.lists[name]}) == []


@pytest.mark.parametrize("use", [None, ListUse(Role.POSITIVE), ListUse(Role.CATEGORY, "news")])
def test_what_is_always_open_is_there_and_is_nothing_else(use: ListUse | None):
    lists = {name: other for name, other in SHIPPED.lists.items() if name != "always-open"}
    assert unlocked(lists=lists | ({"always-open": use} if use else {})) == ["lists.always-open"]


NEVER_ALERTING = [name for name, category in SHIPPED.categories.items() if category.alert == SeverityName.NEVER]


def changed(name: str, **changes: object) -> dict[str, Category]:
    return SHIPPED.categories | {name: msgspec.structs.replace(SHIPPED.categories[name], **changes)}


@pytest.mark.parametrize("name", NEVER_ALERTING)
def test_what_ships_as_never_alerting_takes_no_alert_and_no_theme(name: str):
    for alert in set(SeverityName) - {SeverityName.NEVER}:
        assert unlocked(categories=changed(name, alert=alert)) == [f"categories.{name}.alert"]
    assert unlocked(categories=changed(name, theme="identity")) == [f"categories.{name}.theme"]


def test_what_never_alerts_may_be_left_out_and_another_category_may_come_to_alert():
    left = {name: category for name, category in SHIPPED.categories.items() if name not in NEVER_ALERTING}
    assert unlocked(categories=left) == []
    assert unlocked(categories=changed("games", alert=SeverityName.URGENT, theme="play")) == []


@pytest.mark.parametrize("use", [ListUse(Role.CATEGORY, "pornography"), ListUse(Role.POSITIVE)])
def test_the_list_of_information_stands_for_nothing_else(use: ListUse):
    assert unlocked(lists=SHIPPED.lists | {"information": use}) == ["lists.information"]


def test_the_list_of_information_may_be_left_out():
    assert unlocked(lists={name: use for name, use in SHIPPED.lists.items() if name != "information"}) == []


def test_other_lists_are_the_schools_choice():
    left = {name: SHIPPED.lists[name] for name in (*LISTS_OF_LOCKED, "always-open")}
    assert unlocked(lists=left) == []
    assert unlocked(lists=SHIPPED.lists | {"games": ListUse(Role.POSITIVE)}) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (r"\$\.colour|colour", '{"title": "a", "words": "b", "codes": {}, "colour": 1}'),
        (r"\$\.alert", '{"title": "a", "words": "b", "codes": {}, "alert": "LOUD"}'),
        (r"\$\.alert", '{"title": "a", "words": "b", "codes": {}, "alert": "URGENT\\n"}'),
        (r"\$\.alerts", '{"title": "a", "words": "b", "codes": {}, "alerts": {"ks2": "none\\n"}}'),
        (r"\$\.codes", '{"title": "a", "words": "b", "codes": {"ks2": "Z"}}'),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(path: str, text: str):
    with pytest.raises(msgspec.ValidationError, match=path):
        msgspec.json.decode(text, type=Category)


def test_a_rulebook_is_the_same_after_a_journey_through_msgpack():
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(BOOK), type=Rulebook) == BOOK
