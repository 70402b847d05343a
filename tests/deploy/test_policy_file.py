import re

import pytest

from blocklists import defaults, snapshot
from blocklists.rulebook import Rulebook
from deploy import config, policy_file, setup, shown, toml_file
from tests.support.commands import schoolgate


def written(tmp_path, text):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "school", ["St Mary's", 'A "quoted" School', "back\\slash", "two\nlines", "\r\0\x1f\x7f\x85", "Ysgol Gŵyr"]
)
def test_the_default_file_says_the_default_rulebook(tmp_path, school):
    path = written(tmp_path, policy_file.default_text(school))
    assert policy_file.read(path) == defaults.rulebook(school)


def test_a_file_from_before_headings_and_risks_is_read(tmp_path):
    text = policy_file.default_text("School")
    older = re.sub(r'^(heading|risk) = ".*"\n', "", text, flags=re.MULTILINE)
    assert len(text.splitlines()) == len(older.splitlines()) + 2 * len(defaults.rulebook("School").categories)
    read = policy_file.read(written(tmp_path, older))
    assert not [name for name, category in read.categories.items() if category.heading or category.risk]


def test_a_policy_is_applied_as_the_next_version(tmp_path):
    settings, book = config.Settings(tmp_path / config.NAME, config.Config()), defaults.rulebook("School")
    settings.files.state.mkdir()
    shown.note(settings, book, book.profiles, "A. Okafor")
    assert [policy_file.apply(book, settings) for _ in range(3)] == [1, 2, 3]
    assert snapshot.read(settings.files.policy, Rulebook).body == book


@pytest.mark.parametrize(
    ("find", "replace", "sentence"),
    [
        ('time_zone = "Europe/London"', 'time_zone = "Mars/Base"', "time_zone: 'Mars/Base' is not a time zone"),
        ('column = "ks2"', 'column = "ks9"', "profiles.ks2.column: no category has codes for 'ks9'"),
        (
            'approved = ["approved-eyfs"]',
            'approved = ["nothing"]',
            "profiles.eyfs.approved: there is no list 'nothing'",
        ),
        ('codes = { eyfs = "L"', 'codes = { eyfs = "Z"', "categories.illegal.codes.eyfs: 'Z' must be one of L, X, P"),
        ('alert = "URGENT"', 'alert = "URGENT\\n"', r"alert: 'URGENT\\n' must be one of never, none, NOTE, CONCERN"),
        ("scan_limit = 100", "scan_limit = 0", "profiles.eyfs.scan_limit: 0 would close every page; choose at least 1"),
        ("[lists]", '[lists]\n"a/b" = { role = "positive" }', r"lists\.a/b: a list's name is letters, digits, - and _"),
        ("[lists]", '[lists]\n"a\\u0000b" = { role = "positive" }', r"lists\.a.b: a list's name is letters"),
        ("harm = true", "harm = 1", "categories.illegal.harm: must be true or false, not a whole number"),
        ("harm = true", "hram = true", "categories.illegal.hram: there is no such setting; did you mean 'harm'"),
        (
            'risk = "content"',
            'risk = "contents"',
            "categories.illegal.risk: 'contents' is no risk; write content, contact",
        ),
        ("allow = []", 'allow = ["com"]', "names every site that ends in .com"),
        ("from = 08:30:00, to = 15:30:00", "from = 15:30:00, to = 08:30:00", "wrong way round"),
        ("from = 08:30:00", 'from = "08:30:00Z"', r"school_day\[0\].from: 08:30:00\+00:00 has an offset"),
        ("school_day = [{ from = 08:30:00, to = 15:30:00 }]", "school_day = []", "school_day: name the hours"),
        ("from = 08:30:00", 'from = "08:30"', r"calendar.school_day\[0\].from: must be a time such as 08:30:00"),
        (
            "[lists]",
            '[lists]\nm = { role = "category", category = "malwar" }',
            "no category malwar; did you mean malware",
        ),
        (
            "[lists]",
            '[lists]\nm = { role = "category", category = "zzz" }',
            "no category zzz; the categories are illegal,",
        ),
        ("[lists]", '[lists]\nm = { role = "category" }', "lists.m.category: a list with the role category must name"),
        ("[lists]", '[lists]\nm = { role = "positive", category = "malware" }', "only a list with the role category"),
        ("from = 08:30:00", "from = 08:30", "write times with seconds"),
        ('codes = { eyfs = "L"', 'codes = { eyfs = "X"', "categories.illegal.codes.eyfs: 'X' opens what is locked"),
        (
            'always-open = { role = "always_open" }',
            'always-open = { role = "positive" }',
            "lists.always-open: helplines are open for everybody",
        ),
        ('always-open = { role = "always_open" }\n', "", "lists.always-open: helplines are open for everybody"),
        ("scan_limit = 100", "scan_limit = 99999999999999999999999", "9 closes no page; choose at most 10000"),
        ("scan_limit = 100", "scan_limit = 10001", "profiles.eyfs.scan_limit: 10001 closes no page"),
        ("allow = []", 'allow = ["two words"]', r"profiles.ks2.allow\[0\]: 'two words' names no host"),
    ],
)
def test_a_mistake_is_refused_by_name(tmp_path, find, replace, sentence):
    text = policy_file.default_text("School").replace(find, replace, 1)
    assert replace in text
    with pytest.raises(toml_file.RefusedError, match=sentence):
        policy_file.read(written(tmp_path, text))


@pytest.mark.parametrize("options", [(), ("--check",), ("--json",)])
def test_applying_a_policy_says_that_its_calendar_has_run_out(tmp_path, options):
    folder = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder
    policy = folder / "policy.toml"
    policy.write_text(policy.read_text().replace("terms = []", "terms = [{ first = 2020-01-06, last = 2020-02-14 }]"))
    applied = schoolgate("policy", "apply", *options, "--config", str(folder / "schoolgate.toml"))
    assert applied.returncode == 0
    assert applied.stderr.startswith(f"{policy}: calendar.terms: the calendar has run out: the last term ended on 2020")
    assert "calendar" not in applied.stdout


def test_a_page_entry_for_a_profile_without_certificate_is_refused(tmp_path):
    head, visitor = policy_file.default_text("School").split("[profiles.visitor]")
    text = head + "[profiles.visitor]" + visitor.replace("block = []", 'block = ["example.test/page"]', 1)
    with pytest.raises(toml_file.RefusedError, match="carry no certificate"):
        policy_file.read(written(tmp_path, text))


def test_information_cannot_be_closed_as_a_class(tmp_path):
    head, rest = policy_file.default_text("School").split("[categories.information]")
    text = head + "[categories.information]" + rest.replace('ks3 = "O"', 'ks3 = "X"', 1)
    with pytest.raises(toml_file.RefusedError, match="cannot be closed as a class"):
        policy_file.read(written(tmp_path, text))


def test_a_file_from_before_safe_search_is_read_as_the_strictest(tmp_path):
    older = re.sub(r"^(safe_search|youtube) = .*\n", "", policy_file.default_text("School"), flags=re.MULTILINE)
    read = policy_file.read(written(tmp_path, older))
    assert {(p.safe_search, p.youtube, p.blocked) for p in read.profiles.values()} == {(True, "strict", None)}


def test_what_dns_answers_for_closed_names_is_written_where_a_profile_says_it(tmp_path):
    text = policy_file.default_text("School").replace('youtube = "off"', 'youtube = "off"\nblocked = "nodata"')
    read = policy_file.read(written(tmp_path, text))
    assert {name for name, profile in read.profiles.items() if profile.blocked == "nodata"} == {"staff", "office"}
