import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from blocklists.live import Live
from blocklists.policy import Policy, Reason
from blocklists.profile import CODE_WORDS
from blocklists.rulebook import Permit, Permits
from deploy import config, sealing, setup
from deploy import explain as explaining
from dns_filter.settings import DnsSettings
from proxy_addons.settings import ProxySettings


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    made = setup.init(tmp_path_factory.mktemp("explain") / "school", "Test School", shown_by="A. Okafor")
    settings = config.load(made.folder / config.NAME)
    sealing.seal_list(settings, "practice", iter([b"hidden.test"]))
    return made.folder / config.NAME


def schoolgate(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def printed(school, *arguments):
    ran = schoolgate("explain", *arguments, "--config", str(school))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def explained(school, *arguments):
    ran = schoolgate("explain", *arguments, "--json", "--config", str(school))
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("question", "profile", "at", "action", "reason"),
    [
        ("gambling.test", "ks2", "2027-01-11T10:00", "block", "category"),
        ("social.test", "staff", "2027-01-11T10:00", "block", "category"),
        ("social.test", "staff", "2027-01-11T16:00", "allow", "category"),
        ("https://positive.test/page", "ks1", "2027-01-11T10:00", "block", "not_approved"),
        ("always-open.test", "ks1", "2027-01-11T10:00", "allow", "always_open"),
        ("education.minecraft.net", "ks2", "2027-01-11T10:00", "allow", "education"),
    ],
)
def test_the_answer_is_what_somebody_would_meet(school, question, profile, at, action, reason):
    found = explained(school, question, "--profile", profile, "--at", at)
    assert (found["verdict"]["action"], found["verdict"]["reason"]) == (action, reason)
    assert found["steps"][-1][2] is True


def test_a_sealed_name_is_explained_as_an_unlisted_one(school):
    sealed = explained(school, "hidden.test", "--profile", "ks3", "--at", "2027-01-11T10:00")
    unlisted = explained(school, "unheard.test", "--profile", "ks3", "--at", "2027-01-11T10:00")
    assert sealed["verdict"] == unlisted["verdict"]
    assert sealed["steps"] == unlisted["steps"]


def test_the_words_walk_the_order_down_to_the_answer(school):
    ran = schoolgate("explain", "gambling.test", "--profile", "ks2", "--config", str(school))
    assert ran.stdout.startswith("gambling.test for ks2 at ")
    assert "=> category" in ran.stdout
    assert "list gambling, rule gambling.test" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("x.test", "--profile", "ks99"), 1, "there is no profile 'ks99'"),
        (("x.test", "--client", "10.0.0.1"), 1, "in none of the networks in force"),
        (("not a name", "--profile", "ks2"), 1, "is not a name"),
        (("http://", "--profile", "ks2"), 1, "is not a web address"),
        (("x.test", "--profile", "ks2", "--at", "noon"), 1, "is not a time"),
        (("x.test",), 2, "either --profile or --client"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(school, arguments, code, sentence):
    ran = schoolgate("explain", *arguments, "--config", str(school))
    assert ran.returncode == code
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("question", "profile", "at", "words", "until"),
    [
        ("facebook.com", "staff", "2027-01-11T10:00", "15:30 on Monday 11 January 2027", "2027-01-11T15:30:00+00:00"),
        ("facebook.com", "ks5", "2027-01-16T10:00", "08:30 on Monday 18 January 2027", "2027-01-18T08:30:00+00:00"),
        ("facebook.com", "ks5", "2027-01-11T10:00", "10:30 on Monday 11 January 2027", "2027-01-11T10:30:00+00:00"),
        ("facebook.com", "staff", "2027-06-14T10:00", "15:30 on Monday 14 June 2027", "2027-06-14T15:30:00+01:00"),
        ("facebook.com", "staff", "2027-03-27T10:00", "08:30 on Monday 29 March 2027", "2027-03-29T08:30:00+01:00"),
    ],
    ids=["through the breaks", "over the weekend", "to the break", "in summer", "while the clocks change"],
)
def test_until_is_when_the_answer_changes_in_the_schools_time(school, question, profile, at, words, until):
    asked = (school, question, "--profile", profile, "--at", at)
    assert f"\n  until {words}\n" in printed(*asked)
    found = explained(*asked)
    assert found["until"] == until
    assert "until" not in found["verdict"]


def test_an_answer_without_an_end_names_none(school):
    asked = (school, "gambling.test", "--profile", "ks2", "--at", "2027-01-11T10:00")
    assert "until" not in printed(*asked)
    assert explained(*asked)["until"] is None


def closed_over(tmp_path, last):
    """A school that is closed from 2027-02-01 (a Monday) to *last*."""
    made = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor")
    rules = made.folder / "policy.toml"
    text, count = re.subn(
        r"(?m)^closed = \[\]", f"closed = [{{ first = 2027-02-01, last = {last} }}]", rules.read_text()
    )
    assert count == 1
    rules.write_text(text)
    assert schoolgate("policy", "apply", "--config", str(made.folder / config.NAME)).returncode == 0
    return made.folder / config.NAME


@pytest.mark.parametrize(
    ("last", "until"), [("2027-02-05", "2027-02-08T08:30:00+00:00"), ("2027-02-19", None)], ids=["a week", "three"]
)
def test_an_end_is_looked_for_fourteen_days_ahead(tmp_path, last, until):
    school = closed_over(tmp_path, last)
    found = explained(school, "facebook.com", "--profile", "staff", "--at", "2027-02-01T10:00")
    assert (found["verdict"]["action"], found["until"]) == ("allow", until)


def test_an_emergency_ends_when_it_is_over(school):
    live = Live(config.load(school).files)
    live.refresh()
    over = 1_799_751_600 * 10**9  # 2027-01-12, 11:00 in London
    block = Permit(number=1, opens=False, entries=("gambling.test",), until=over)
    live.policy = Policy(live.policy.rulebook, live.policy.index, Permits((block,)))
    asked = {
        "profile": "ks5",
        "address": None,
        "at": "2027-01-12T10:00",
        "proxy": ProxySettings(),
        "dns": DnsSettings(),
    }
    found = explaining.explain(live, "gambling.test", **asked)
    assert (found.verdict.reason, found.as_json()["until"]) == ("emergency", "2027-01-12T11:00:00+00:00")
    assert "  until 11:00 on Tuesday 12 January 2027" in explaining.in_words(found)


def test_the_end_is_asked_for_a_bounded_number_of_times(school, monkeypatch):
    monkeypatch.setattr(explaining, "MOST_QUESTIONS", 2)
    live = Live(config.load(school).files)
    live.refresh()
    asked = {
        "profile": "staff",
        "address": None,
        "at": "2027-01-11T10:00",
        "proxy": ProxySettings(),
        "dns": DnsSettings(),
    }
    assert explaining.explain(live, "facebook.com", **asked).until is None


@pytest.mark.parametrize(
    ("question", "profile", "line"),
    [
        ("games.test", "ks2", "code P: closed; a teacher's timed pass opens it"),
        ("facebook.com", "staff", "code T: closed in school hours"),
        ("gambling.test", "ks1", "code L (not what decides here): locked; no pass reaches it"),
    ],
)
def test_a_code_is_said_in_words(school, question, profile, line):
    asked = (school, question, "--profile", profile, "--at", "2027-01-11T10:00")
    assert f"\n  {line}\n" in printed(*asked)
    assert explained(*asked)["verdict"]["code_words"] == line.partition(": ")[2]


def test_the_documents_table_of_codes_says_the_same_words():
    text = (Path(__file__).parents[2] / "docs/explanation/how-it-decides.md").read_text()
    assert dict(re.findall(r"^\| ([A-Z-]) \| (.+) \|$", text, re.MULTILINE)) == {
        str(c): w for c, w in CODE_WORDS.items()
    }


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("http://192.168.1.1/", "private addresses and this machine's own are out of its reach"),
        ("http://bbc.co.uk:22/", "it reaches no port 22 (proxy.ports in schoolgate.toml)"),
        ("ftp://bbc.co.uk/", "only http and https pass it, not ftp"),
    ],
)
def test_what_the_proxy_refuses_besides_is_said_first(school, question, why):
    asked = (school, question, "--profile", "staff", "--at", "2027-01-11T10:00")
    headline = printed(*asked).splitlines()[0]
    assert headline.startswith(f"The proxy refuses {question} for staff at 2027-01-11T10:00:00+00:00: {why}")
    assert "; the decision by itself: ALLOW, because " in headline
    assert explained(*asked)["refusals"][0].startswith(why)


def test_a_public_address_and_a_named_private_one_are_not_called_refused(school):
    assert not explained(school, "http://8.8.8.8/", "--profile", "ks4")["refusals"]
    live = Live(config.load(school).files)
    live.refresh()
    proxy = ProxySettings(reachable_private=("10.20.0.0/16",))
    asked = {"profile": "ks4", "address": None, "at": None, "proxy": proxy, "dns": DnsSettings()}
    assert not explaining.explain(live, "http://10.20.0.7/", **asked).refusals


def test_a_port_that_an_address_does_not_write_is_refused_too(school):
    live = Live(config.load(school).files)
    live.refresh()
    asked = {"profile": "ks4", "address": None, "at": None, "proxy": ProxySettings(ports=(443,)), "dns": DnsSettings()}
    assert "no port 80 " in explaining.explain(live, "http://bbc.co.uk/", **asked).refusals[0]


def test_a_severity_is_a_name(school):
    assert explained(school, "gambling.test", "--profile", "ks3")["verdict"]["severity"] == "NOTE"
    assert explained(school, "positive.test", "--profile", "ks3")["verdict"]["severity"] == "NONE"


@pytest.mark.parametrize(
    ("question", "profile", "named", "rule"),
    [
        ("www.positive.test", "ks2", "positive", "positive.test"),
        ("education.minecraft.net", "ks2", "education", "education.minecraft.net"),
        ("approved-ks1.test", "ks1", "approved-ks1", "approved-ks1.test"),
    ],
)
def test_what_a_list_opens_says_which_list_and_rule(school, question, profile, named, rule):
    asked = (school, question, "--profile", profile)
    verdict = explained(*asked)["verdict"]
    assert (verdict["action"], verdict["list"], verdict["rule"]) == ("allow", named, rule)
    assert f"list {named}, rule {rule}\n" in printed(*asked)


@pytest.mark.parametrize(
    ("question", "profile", "strict"),
    [
        ("www.google.co.uk", "ks3", "forcesafesearch.google.com"),
        ("www.youtube.com", "demonstration", "restrict.youtube.com"),
        ("www.youtube.com", "visitor", "restrictmoderate.youtube.com"),
        ("www.youtube.com", "staff", None),
        ("gambling.test", "ks3", None),
    ],
)
def test_a_strict_form_that_dns_answers_with_is_named(school, question, profile, strict):
    notes = explained(school, question, "--profile", profile, "--at", "2027-01-11T16:00")["notes"]
    says = f"DNS gives the addresses of {strict}, its strict form, and the proxy connects to them"
    assert [note for note in notes if "strict form" in note] == ([says] if strict else [])


def test_an_engine_of_which_one_is_sent_elsewhere_says_where(school):
    found = explained(school, "https://www.google.com/search?q=oak", "--profile", "ks2")
    assert (found["verdict"]["reason"], found["verdict"]["rule"]) == ("search", "google")
    assert (
        "whoever searches there through the proxy is sent to kiddle with the words; that is no breach" in found["notes"]
    )
    assert "the profile's rule for search engines says so" in printed(school, "www.baidu.com", "--profile", "ks3")


def test_every_reason_has_words():
    assert set(explaining._WHY) == set(Reason)


OWN_NAMES = DnsSettings(
    hosts={"printer.school.internal": ("10.20.0.9",), "gambling.test": ("10.20.0.8",)},
    own_addresses=("10.20.0.1",),
    forward={"school.internal": ("10.20.0.2:53",)},
)


def by_dns(school, question, profile="ks1"):
    live = Live(config.load(school).files)
    live.refresh()
    asked = {"profile": profile, "address": None, "at": "2027-01-11T10:00", "proxy": ProxySettings()}
    return explaining.explain(live, question, **asked, dns=OWN_NAMES)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("schoolgate.internal", "DNS says that it is this gateway (dns.own_addresses)"),
        ("x.schoolgate.internal", "DNS says that it does not exist and asks nobody"),
        ("other.internal", "DNS says that it does not exist and asks nobody"),
        ("library", "DNS says that it does not exist and asks nobody"),
        ("localhost", "DNS answers it itself"),
        ("9.0.20.10.in-addr.arpa", "DNS answers it itself"),
        ("_dns.resolver.arpa", "DNS says that it has no records"),
        ("_dns.positive.test", "DNS says that it has no records, so that devices keep to the school's resolver"),
        ("mask.icloud.com", "DNS says that it does not exist, so that devices keep to the school's resolver"),
        ("use-application-dns.net", "DNS says that it does not exist, so that"),
        ("printer.school.internal", "DNS opens it (dns.hosts: 10.20.0.9), as it is one of the school's own names"),
    ],
)
def test_what_dns_answers_in_place_of_the_decision_heads_a_name(school, question, says):
    headline = explaining.in_words(by_dns(school, question))[0]
    assert headline.startswith(f"{question} for ks1 at 2027-01-11T10:00:00+00:00: {says}")
    assert "; the decision by itself: BLOCK, because " in headline


@pytest.mark.parametrize("question", ["positive.test", "gambling.test", "8.8.8.8", "[::1]"])
def test_a_name_that_is_decided_on_has_nothing_in_its_place(school, question):
    assert not by_dns(school, question, "ks4").dns


@pytest.mark.parametrize(
    ("question", "note"),
    [
        (
            "dc1.school.internal",
            "DNS asks 10.20.0.2 port 53 for it and nobody else (dns.forward, zone school.internal)",
        ),
        ("printer.school.internal", "DNS answers it itself (dns.hosts: 10.20.0.9)"),
    ],
)
def test_the_schools_own_names_say_whom_dns_asks(school, question, note):
    assert note in by_dns(school, question, "ks4").notes


def test_a_page_whose_name_dns_answers_itself_says_so_below_the_decision(school):
    lines = explaining.in_words(by_dns(school, "http://other.internal/page", "ks4"))
    assert ": ALLOW, because " in lines[0]
    assert any(line.startswith("  DNS says that it does not exist and asks nobody") for line in lines[1:])
    assert "the proxy refuses it: private addresses" in "\n".join(
        explaining.in_words(by_dns(school, "localhost", "ks4"))
    )
