"""Search for bytes that break a parser: `python -m tests.fuzz.parsers -max_total_time=600`.

Needs atheris (`pip install atheris`), which is no dependency of the project. The first byte of an input says what the
rest is read as; what is found is written to a file, and given as an argument it is run again.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["blocklists"]):
    from blocklists.formats import Format
    from tests.fuzz import laws

FORMATS = list(Format)
SEEDS = {
    Format.AUTO: "gambling.test\n0.0.0.0 bets.test\n*.casino.test\nhttp://dice.test/a\n",
    Format.PLAIN: "gambling.test # a\nb\u00fccher.test.\nhttps://bets.test:443/\n192.0.2.7\n[2001:db8::7]\n",
    Format.HOSTS: "127.0.0.1 localhost\n::1 x.test y.test\n0.0.0.0\tx.test # a\n",
    Format.WILDCARD: "*.x.test\n.y.test\nz.test\n*.zip\n",
    Format.ADBLOCK: "! a\n||x.test^\n@@||y.test^$important\n|z.test^\n/ads[0-9]+/$badfilter\n||a.test/b/*\n*ads*\n"
    "||t^$denyallow=a.t|b.t\n||x^$dnsrewrite=NOERROR;A;0.0.0.0\nx.test##.ad\n0.0.0.0 x.test\n/ads[0-9]+/\n",
    Format.DNSMASQ: "address=/x.test/y.test/#\nlocal=/x.test/\nserver=/y.test/#\naddress=/z.test/0.0.0.0 # a\n",
    Format.RPZ: "$TTL 1h\n$ORIGIN rpz.test.\n@ IN SOA a. b. (\n1 ; a\n2 3 4 5 )\n NS a.\nx.test CNAME .\n"
    '*.x.test 60 IN CNAME rpz-passthru.\n A 192.0.2.7\ny.test TXT "a;b"\n32.1.2.3.4.rpz-ip CNAME *.\n',
    Format.UNBOUND: 'server:\n local-zone: "x.test" redirect\n local-data: "x.test 60 IN A 0.0.0.0"\n',
    Format.UT1: ".x.test\ny.test\n",
    Format.URLS: "https://x.test/a/b?c=%20#d\nx.test/a/\n//y.test:8080\n192.0.2.0/24\n",
}
URL_SEEDS = ("http://u:p@X.test:80/a/../%2562/;c?d=%65#e", "x.test.\\a//b", "[2001:db8::7]/", "http://0x7f.1/%00")


def one_input(data: bytes) -> None:
    """Read *data* as its first byte says, and check what always holds."""
    kind, rest = data[:1], data[1:]
    number = kind[0] % (len(FORMATS) + 1) if kind else 0
    if number < len(FORMATS):
        laws.check_list(rest, FORMATS[number])
    else:
        laws.check_url(rest.decode("utf-8", "surrogateescape"))


def main() -> None:
    """Run until libFuzzer's arguments say to stop, from the seeds on."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = [bytes([FORMATS.index(fmt)]) + text.encode() for fmt, text in SEEDS.items()]
        seeds += [bytes([len(FORMATS)]) + text.encode() for text in URL_SEEDS]
        for number, seed in enumerate(seeds):
            (Path(folder) / str(number)).write_bytes(seed)
        given = any(not argument.startswith("-") for argument in sys.argv[1:])
        atheris.Setup(sys.argv if given else [*sys.argv, "-max_len=400", "-timeout=10", folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
