"""Subscriptions as schoolgate.toml says them."""

import re

import pytest

from deploy import config, machine_file, toml_file

URL = "https://lists.test/a.txt"


def load(tmp_path, text):
    path = tmp_path / config.NAME
    path.write_text(text)
    return config.load(path)


def subscription(label="a", **fields):
    fields = {"url": URL, "list": "games"} | fields
    return f"[subscriptions.{label}]\n" + "".join(
        f"{key} = {machine_file.toml_value(value)}\n" for key, value in fields.items()
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"url": "lists.test/a.txt"},
            "subscriptions.a.url: 'lists.test/a.txt' is no web address; write for example https://",
        ),
        ({"url": "ftp://lists.test/a"}, "subscriptions.a.url: 'ftp://lists.test/a' is no web address"),
        ({"url": "https:///a"}, "subscriptions.a.url: 'https:///a' is no web address"),
        ({"url": "https://[a"}, "subscriptions.a.url: 'https://[a' is no web address"),
        ({"url": "https://a.test:99999/"}, "subscriptions.a.url: 'https://a.test:99999/' is no web address"),
        ({"url": "https://a.test/x y"}, "subscriptions.a.url: 'https://a.test/x y' is no web address"),
        ({"url": "https://a.test/\n"}, "subscriptions.a.url: 'https://a.test/\\n' is no web address"),
        ({"url": "https://u:secret@a.test/"}, "subscriptions.a.url: a password in an address would be shown with it"),
        ({"checksum_url": "sums"}, "subscriptions.a.checksum_url: 'sums' is no web address"),
        (
            {"list": ""},
            "subscriptions.a.list: name either the list that it feeds or, for an archive of categories, its",
        ),
        ({"taxonomy": "ut1"}, "subscriptions.a.list: name either the list that it feeds or"),
        ({"shrinks_to": 1.5}, "subscriptions.a.shrinks_to: 1.5 must be between 0 and 1"),
        ({"shrinks_to": float("nan")}, "subscriptions.a.shrinks_to: nan must be between 0 and 1"),
        ({"grows_to": 0.5}, "subscriptions.a.grows_to: 0.5 must be 1 or more"),
        ({"grows_to": float("inf")}, "subscriptions.a.grows_to: inf must be 1 or more"),
        ({"format": "csv"}, "subscriptions.a.format: 'csv' must be one of auto, plain, hosts"),
        ({"adress": URL}, "subscriptions.a.adress: there is no such setting"),
        ({"ca_file": "a\0b"}, "subscriptions.a.ca_file: 'a\\x00b' is no path"),
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(tmp_path, fields, sentence):
    with pytest.raises(toml_file.RefusedError, match=re.escape(sentence)) as refused:
        load(tmp_path, subscription(**fields))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("label", ['"a/b"', '".."', '"-x"', '""', f'"{"x" * 65}"'])
def test_a_label_that_is_no_folders_name_is_refused(tmp_path, label):
    with pytest.raises(toml_file.RefusedError, match="a label is letters, digits, - and _, 64 at most"):
        load(tmp_path, subscription(label))


def test_a_subscription_without_an_address_is_refused(tmp_path):
    with pytest.raises(toml_file.RefusedError, match=r"subscriptions\.a\.url: this setting is missing"):
        load(tmp_path, '[subscriptions.a]\nlist = "games"\n')


def test_several_subscriptions_may_feed_one_list(tmp_path):
    settings = load(tmp_path, subscription("a") + subscription("b", list="", taxonomy="ut1", shrinks_to=0.1))
    first, second = settings.config.subscriptions.values()
    assert (first.list, second.taxonomy, second.shrinks_to, first.grows_to) == ("games", "ut1", 0.1, 3.0)


def test_the_examples_in_a_new_schools_file_are_sound(tmp_path):
    text = machine_file.text()
    examples = text[text.index("# [lists.gambling]") :]
    assert load(
        tmp_path, "\n".join(re.findall(r"^# (\[.*|\w+ = .*)$", examples, re.MULTILINE))
    ).config.subscriptions.keys() == {
        "ut1",
        "betting",
    }
