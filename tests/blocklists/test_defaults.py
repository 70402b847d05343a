"""The shipped tables are complete, and say what POLICY.md and the guidance for schools say."""

from blocklists import defaults
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


def test_heading_and_risk_are_in_the_rulebook():
    book = defaults.rulebook("School")
    read = {name: (category.heading, category.risk) for name, category in book.categories.items()}
    assert read == {row["category"]: (row["heading"], row["risk"]) for row in CATEGORIES}
    assert read["gambling"] == ("Gambling", "commerce")
