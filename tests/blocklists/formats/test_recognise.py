import pytest

from blocklists.formats import Format, recognise

EXAMPLES = {
    Format.PLAIN: ["# names\ngambling.test\nbets.test\n", "192.0.2.7\n", "", "# only a comment\n", "no list\nat all\n"],
    Format.HOSTS: [
        "127.0.0.1 localhost\n::1 localhost\n0.0.0.0 gambling.test\nbets.test\n",
        "0.0.0.0\tx.test a.test\n",
    ],
    Format.WILDCARD: ["# names\n*.gambling.test\n*.bets.test\n", ".gambling.test\n"],
    Format.URLS: ["http://gambling.test/a\n", "gambling.test/a\nbets.test/b/\ncasino.test\n", "x.test?id=7\n"],
    Format.ADBLOCK: [
        "! Title\n||gambling.test^\n",
        "[Adblock Plus 2.0]\ngambling.test\nbets.test\n",
        "! Title\ngambling.test\nbets.test\ncasino.test\n@@||fine.test^\n",
        "##.advert\nx.test##.advert\n",
        "/ads[0-9]+/\n",
        "/ads/$important\n",
        "x.test^\n",
        "x.test$badfilter\n",
        "||x.test/a\n||x.test/b\nx.test/c\n",
    ],
    Format.DNSMASQ: [
        "# names\naddress=/gambling.test/#\n",
        "local=/gambling.test/\nserver=/bets.test/\n",
        "address = /bets.test/#\n",
    ],
    Format.RPZ: [
        "$TTL 60\n@ SOA ns. admin. 1 2 3 4 5\ngambling.test CNAME .\n",
        "; zone\n@ IN SOA ns. admin. (\n1\n2\n3\n4\n5 )\n IN NS ns.\ngambling.test A 192.0.2.7\n*.x.test IN CNAME .\n",
        "gambling.test 60 IN CNAME .\n",
        "gambling.test\tcname\trpz-drop.\n",
    ],
    Format.UNBOUND: ['server:\n  local-zone: "gambling.test" refuse\n', 'local-data: "gambling.test A 0.0.0.0"\n'],
}


@pytest.mark.parametrize(("fmt", "text"), [(fmt, text) for fmt, texts in EXAMPLES.items() for text in texts])
def test_a_list_is_recognised_by_what_it_says(fmt: Format, text: str):
    assert recognise.format_of(text.encode()) is fmt


def test_a_few_lines_of_another_format_decide_nothing():
    names = "".join(f"n{number}.test\n" for number in range(9))
    assert recognise.format_of(f"{names}||x.test^\n".encode()) is Format.PLAIN
    assert recognise.format_of(f"{names}||x.test^\n||y.test^\n||z.test^\n".encode()) is Format.ADBLOCK


def test_only_the_first_lines_are_looked_at():
    names = "".join(f"n{number}.test\n" for number in range(recognise.SAMPLE))
    assert recognise.format_of((names + "||x.test^\n" * recognise.SAMPLE).encode()) is Format.PLAIN


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html>\n<html>",
        "\r\n  <!doctype HTML PUBLIC>",
        "<html lang='en'>",
        "<HTML>",
        "<?xml version='1.0'?>\n<!DOCTYPE html>",
        "<!-- an error --><html>",
    ],
)
def test_a_web_page_is_no_list(text: str):
    assert recognise.is_page(text.encode())


@pytest.mark.parametrize("text", ["", "gambling.test", "# <html>", "<b>", "html", "<?xml version='1.0'?><feed>"])
def test_anything_else_is(text: str):
    assert not recognise.is_page(text.encode())
