"""The shipped tables are complete, and say what POLICY.md and the guidance for schools say."""

from blocklists import defaults
from blocklists.profile import Watch
from blocklists.rulebook import RISKS

HEADINGS = {
    "Illegal online content",
    "Discrimination",
    "Drugs / Substance abuse",
    "Extremism",
    "Gambling",
    "Malware / Hacking",
    "Pornography",
    "Piracy and copyright theft",
    "Self Harm",
    "Violence",
}
"""The contents that the UK Safer Internet Centre's "Appropriate Filtering for Education settings" asks about."""

CATEGORIES = list(defaults.table("categories"))
BOOK = defaults.rulebook("School")


def test_every_category_that_is_locked_for_ks2_says_which_risk_it_is():
    assert not [row["category"] for row in CATEGORIES if row["ks2"] == "L" and not row["risk"]]


def test_risks_are_the_four_of_the_guidance_and_each_is_met():
    assert {row["risk"] for row in CATEGORIES} == {*RISKS, ""}


def test_headings_are_those_of_the_guidance_and_each_is_covered():
    assert {row["heading"] for row in CATEGORIES} == {*HEADINGS, ""}


def test_a_category_under_a_heading_says_which_risk_it_is_and_is_closed_to_ks2():
    headed = [row for row in CATEGORIES if row["heading"]]
    assert not [row["category"] for row in headed if not row["risk"] or row["ks2"] not in "LX"]


def test_what_never_alerts_stands_for_no_risk_and_under_no_heading():
    assert not [row["category"] for row in CATEGORIES if row["alert"] == "never" and (row["risk"] or row["heading"])]


def profiles(**wanted):
    return {name for name, p in BOOK.profiles.items() if all(getattr(p, key) == value for key, value in wanted.items())}


def test_there_are_more_profiles_than_age_bands():
    others = {"byod", "demonstration", "equipment", "exam", "office", "unregistered"}
    assert set(BOOK.profiles) == {*defaults.columns(), *others}


def test_what_is_somebodys_own_or_nobodys_is_neither_opened_nor_watched():
    """The devices that the school does not own or does not know (G13)."""
    assert profiles(certificate=False) == profiles(watch=Watch.NONE) == {"byod", "equipment", "unregistered", "visitor"}


def test_staff_are_watched_by_the_staff_list_on_the_board_and_in_the_office_too():
    assert profiles(watch=Watch.STAFF) == {"demonstration", "office", "staff"}


def test_the_youngest_candidates_and_what_nobody_uses_reach_approved_sites_alone():
    assert profiles(approved_only=True) == {"equipment", "exam", "eyfs", "ks1", "unregistered"}


def test_a_board_shows_no_adverts():
    assert BOOK.categories["adverts"].codes[BOOK.profiles["demonstration"].column] == "Q"


def test_the_shipped_hours_are_one_week_of_days_and_the_policys_windows():
    rows = list(defaults.table("calendar"))
    assert {row["days"] for row in rows} == {"mon tue wed thu fri"}
    assert {row["window"]: (row["from"], row["to"]) for row in rows} == {
        "school_day": ("08:30", "15:30"),
        "break": ("10:30", "10:45"),
        "lunch": ("12:00", "13:00"),
    }
    assert not list(BOOK.calendar.problems())


def test_heading_and_risk_are_in_the_rulebook():
    read = {name: (category.heading, category.risk) for name, category in BOOK.categories.items()}
    assert read == {row["category"]: (row["heading"], row["risk"]) for row in CATEGORIES}
    assert read["gambling"] == ("Gambling", "commerce")
