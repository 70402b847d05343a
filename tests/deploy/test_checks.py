import shutil

import pytest

from deploy import checks, config, setup
from deploy.toml_file import RefusedError

OF_PROXY = """servers, besides the system's; "" for none.\nupstream_ca = ""\n"""
"""The lines of the proxy's key, as the DNS filter has one of the same name."""


def naming(file):
    return OF_PROXY.replace('= ""', f'= "{file}"')


@pytest.fixture
def school(tmp_path):
    return setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder


def checked(folder):
    checks.check_whole(config.load(folder / config.NAME))


def changed(folder, find, replace):
    path = folder / config.NAME
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, replace, 1))


def test_a_new_school_is_good(school):
    checked(school)


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [("year3", "there is no profile 'year3'"), ("ks2", "run schoolgate policy apply")],
)
def test_networks_are_in_force_and_of_profiles_that_exist(school, profile, sentence):
    changed(school, "[paths]", f'networks = [{{ cidr = "10.1.0.0/16", profile = "{profile}" }}]\n[paths]')
    with pytest.raises(RefusedError, match=sentence):
        checked(school)


def test_a_policy_with_a_problem_is_told(school):
    policy = school / "policy.toml"
    policy.write_text(policy.read_text().replace("Europe/London", "Mars/Base"))
    with pytest.raises(RefusedError, match="time_zone: 'Mars/Base' is not a time zone"):
        checked(school)


@pytest.mark.parametrize(
    ("key", "find", "replace"),
    [
        ("proxy.ca_certificate", '"keys/ca.crt"', '"nowhere.pem"'),
        ("proxy.ca_key", '"keys/ca.key"', '"nowhere.pem"'),
        ("dns.upstream_ca", 'upstream_ca = ""', 'upstream_ca = "nowhere.pem"'),
        ("proxy.upstream_ca", OF_PROXY, naming("nowhere.pem")),
        (
            "reporting.tls_certificate",
            'tls_certificate = ""',
            'tls_key = "keys/ca.key"\ntls_certificate = "nowhere.pem"',
        ),
        ("reporting.tls_key", 'tls_key = ""', 'tls_certificate = "keys/ca.crt"\ntls_key = "nowhere.pem"'),
        ("reporting.mail.password_file", 'password_file = ""', 'password_file = "nowhere.pem"'),
        ("reporting.mail.ca_file", 'ca_file = ""', 'ca_file = "nowhere.pem"'),
        ("lists.games.file", "# [lists.gambling]", '[lists.games]\nfile = "nowhere.pem"\n#'),
    ],
)
def test_a_file_that_is_named_and_not_there_is_told(school, key, find, replace):
    if key.startswith("reporting.tls"):  # the file has the other of the two as well, and a key stands once
        other = "tls_key" if key.endswith("certificate") else "tls_certificate"
        changed(school, f'{other} = ""\n', "")
    changed(school, find, replace)
    with pytest.raises(RefusedError, match=rf"{key}: there is no file {school}/nowhere\.pem"):
        checked(school)


def test_a_file_that_cannot_be_read_is_told(school):
    changed(school, OF_PROXY, naming("lists"))
    with pytest.raises(RefusedError, match=r"proxy\.upstream_ca: .*/lists cannot be read: Is a directory"):
        checked(school)


def test_a_key_of_another_certificate_is_told(school, tmp_path):
    other = setup.init(tmp_path / "other", "Other School", shown_by="A. Okafor").folder
    shutil.copy(other / "keys" / "ca.key", school / "keys" / "ca.key")
    with pytest.raises(RefusedError, match=r"proxy\.ca_key: .*/ca\.key is not the key of .*/ca\.crt"):
        checked(school)


@pytest.mark.parametrize(
    ("key", "find"),
    [
        ("dns.upstream_ca", 'upstream_ca = ""'),
        ("proxy.upstream_ca", OF_PROXY),
        ("reporting.mail.ca_file", 'ca_file = ""'),
    ],
)
def test_certificates_that_are_none_are_told(school, key, find):
    changed(school, find, find.replace('= ""', '= "policy.toml"'))
    with pytest.raises(RefusedError, match=f"{key}: .*/policy.toml holds no certificate"):
        checked(school)


def test_certificates_that_are_some_are_good(school):
    changed(school, 'upstream_ca = ""', 'upstream_ca = "keys/ca.crt"')
    changed(school, OF_PROXY, naming("keys/ca.crt"))
    changed(school, 'ca_file = ""', 'ca_file = "keys/ca.crt"')
    checked(school)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            'list = "gmes"',
            r"subscriptions\.a\.list: there is no list 'gmes' in .*/policy\.toml; the lists are adverts, ",
        ),
        ('taxonomy = "ut2"', r"subscriptions\.a\.taxonomy: there is no taxonomy 'ut2'; the taxonomies are "),
        ('list = "games"\nca_file = "nowhere.pem"', r"subscriptions\.a\.ca_file: there is no file .*/nowhere\.pem"),
        ('list = "games"\nca_file = "policy.toml"', r"subscriptions\.a\.ca_file: .*/policy\.toml holds no certificate"),
    ],
)
def test_a_subscription_that_could_not_be_fetched_is_told(school, said, sentence):
    changed(school, "# [lists.gambling]", f'[subscriptions.a]\nurl = "https://a.test/"\n{said}\n#')
    with pytest.raises(RefusedError, match=sentence):
        checked(school)


def test_a_subscription_that_can_be_fetched_is_good(school):
    said = 'list = "games"\nca_file = "keys/ca.crt"'
    changed(school, "# [lists.gambling]", f'[subscriptions.a]\nurl = "https://a.test/"\n{said}\n#')
    checked(school)


def test_a_table_of_what_alerts_that_cannot_be_used_is_told(school):
    (school / "alert_rules.csv").write_text("theme,kind\n")
    with pytest.raises(RefusedError, match=r"alert_rules\.csv: "):
        checked(school)


def test_the_key_of_links_is_needed_where_there_is_a_portal(school):
    changed(school, 'portal_key = "keys/portal.key"', 'portal_key = "nowhere.key"')
    checked(school)
    changed(school, 'portal_url = ""', 'portal_url = "https://schoolgate.internal"')
    with pytest.raises(RefusedError, match=r"proxy\.portal_key: there is no file .*nowhere\.key"):
        checked(school)
