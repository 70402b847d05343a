import msgspec
import pytest

from dns_filter.settings import DnsSettings, DohSettings, endpoint, packed
from dns_filter.upstream_place import Place

DOH = "https://dns.test/dns-query"


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:53", ("127.0.0.1", 53)), ("[::1]:0", ("::1", 0)), ("[2001:DB8::1]:5300", ("2001:db8::1", 5300))],
)
def test_an_endpoint_is_an_address_and_a_port(text, found):
    assert endpoint(text) == found


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "localhost:53", "::1:53", "127.0.0.1:x", "127.0.0.1:65536", "[1.2.3.4]:5"]
)
def test_anything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="write"):
        endpoint(text)


def test_the_settings_as_shipped_have_no_problem():
    assert list(DnsSettings().problems()) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"listen": ("school:53",)}, "dns.listen[0]"),
        ({"upstream": ("9.9.9.9:53", "9.9.9.9")}, "dns.upstream[1]"),
        ({"upstream": ()}, "dns.upstream"),
        ({"inner": "x"}, "dns.inner"),
        ({"inner": "192.0.2.1:53"}, "dns.inner"),
        ({"closed_address_v4": "2001:db8::1"}, "dns.closed_address_v4"),
        ({"closed_address_v6": "x"}, "dns.closed_address_v6"),
        ({"upstream": ("tls://9.9.9.9:853#",)}, "dns.upstream[0]"),
        ({"upstream": ("tls://127.0.0.1:5300",)}, "dns.upstream[0]"),
        ({"forward": {"School.Internal": ("10.0.0.1:53",)}}, 'dns.forward."School.Internal"'),
        ({"forward": {"10.20.0.1/16": ("10.0.0.1:53",)}}, 'dns.forward."10.20.0.1/16"'),
        ({"forward": {"school.internal": ()}}, 'dns.forward."school.internal"'),
        ({"forward": {"school.internal": ("x",)}}, 'dns.forward."school.internal"[0]'),
        ({"forward": {"10.0.0.0/8": ("10.0.0.1:53",), "10.in-addr.arpa": ("10.0.0.2:53",)}}, "dns.forward"),
        ({"private_zones": ("School.Internal",)}, "dns.private_zones[0]"),
        ({"organisation": "Hill\nSchool"}, "dns.organisation"),
        ({"organisation": "x" * 81}, "dns.organisation"),
        ({"contact": ("office@school.test",)}, "dns.contact[0]"),
        ({"contact": ("mailto:office@school.test", "https://school.test/a b")}, "dns.contact[1]"),
        ({"contact": ("tel:" + "1" * 80,)}, "dns.contact[0]"),
        ({"contact": ("tel:11", "tel:22", "tel:33")}, "dns.contact"),
        ({"upstream_timeout": 0.0}, "dns.upstream_timeout"),
        ({"own_addresses": ("10.20.0.1", "x")}, "dns.own_addresses[1]"),
        ({"own_addresses": ("192.0.2.9",), "closed_address_v4": "192.0.2.9"}, "dns.own_addresses[0]"),
        ({"hosts": {"Printer.test": ("10.20.0.9",)}}, 'dns.hosts."Printer.test"'),
        ({"hosts": {"10.20.0.9": ("10.20.0.9",)}}, 'dns.hosts."10.20.0.9"'),
        ({"hosts": {"schoolgate.internal": ("10.20.0.9",)}}, 'dns.hosts."schoolgate.internal"'),
        ({"hosts": {"x.localhost": ("10.20.0.9",)}}, 'dns.hosts."x.localhost"'),
        ({"hosts": {"printer.test": ()}}, 'dns.hosts."printer.test"'),
        ({"hosts": {"printer.test": ("10.20.0.9", "fe80::1%eth0")}}, 'dns.hosts."printer.test"'),
        ({"listen": ("0.0.0.0:53",)}, "dns.listen[0]"),
        ({"listen": ("10.20.0.1:53", "[::]:53")}, "dns.listen[1]"),
        ({"upstream": ("https://dns.test/dns-query",)}, "dns.upstream[0]"),
        ({"closed_address_v4": "0.0.0.0"}, "dns.closed_address_v4"),
        ({"closed_address_v6": "ff02::1"}, "dns.closed_address_v6"),
        ({"closed_address_v6": "fe80::1%eth0"}, "dns.closed_address_v6"),
        ({"own_addresses": ("::",)}, "dns.own_addresses[0]"),
        ({"own_addresses": ("224.0.0.1",)}, "dns.own_addresses[0]"),
        ({"own_addresses": ("fe80::1%eth0",)}, "dns.own_addresses[0]"),
        ({"private_zones": ("com",)}, "dns.private_zones[0]"),
        ({"private_zones": ("school.internal", "co.uk")}, "dns.private_zones[1]"),
        ({"private_zones": ("10.20.0.1",)}, "dns.private_zones[0]"),
        ({"private_zones": ("schoolgate.internal",)}, "dns.private_zones[0]"),
        ({"forward": {"schoolgate.internal": ("10.0.0.1:53",)}}, 'dns.forward."schoolgate.internal"'),
        ({"forward": {"x/y": ("10.0.0.1:53",)}}, 'dns.forward."x/y"'),
        ({"finished_mb": 0}, "dns.finished_mb"),
        ({"client_rate": 1}, "dns.client_rate"),
        ({"client_burst": 1}, "dns.client_burst"),
        ({"cache_mb": 0}, "dns.cache_mb"),
        ({"stale_seconds": -1}, "dns.stale_seconds"),
        ({"stale_seconds": 604801}, "dns.stale_seconds"),
    ],
)
def test_a_problem_names_its_key(change, where):
    (problem,) = DnsSettings(**change).problems()
    assert problem.startswith(where + ":")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"private_zones": ("School.Internal.",)},
            "write school.internal: in small letters, and without a dot at its end",
        ),
        ({"forward": {"School.Internal": ("10.0.0.1:53",)}}, "write school.internal: in small letters"),
        ({"hosts": {"Printer.test": ("10.0.0.1",)}}, "write printer.test: in small letters"),
        ({"hosts": {"10.0.0.1": ("10.0.0.1",)}}, "write for example printer.school.internal"),
        ({"forward": {"10.20.0.1/16": ("10.0.0.1:53",)}}, "host bits set; the network of this address is 10.20.0.0/16"),
        ({"listen": ("[::]:53",)}, "name each address"),
        ({"upstream": ("https://dns.test/dns-query",)}, "name it in [dns.doh], and here 127.0.0.1:5302"),
        ({"doh": DohSettings(url="https://dns.test", addresses=("192.0.2.1",))}, "'https://dns.test' names no path"),
        ({"doh": DohSettings(url="dns.test", addresses=("192.0.2.1",))}, "'dns.test' is no address of a resolver"),
        ({"doh": DohSettings(url=DOH, addresses=("192.0.2.1",), listen="10.0.0.1:53")}, "must be on loopback"),
        ({"doh": DohSettings(url=DOH, addresses=("192.0.2.1",))}, "nobody asks this resolver; add '127.0.0.1:5302'"),
    ],
)
def test_a_problem_says_what_to_write(change, words):
    (problem,) = DnsSettings(**change).problems()
    assert words in problem


@pytest.mark.parametrize("zone", ["internal", "school.internal", "local", "lan", "school.co.uk", "20.10.in-addr.arpa"])
def test_the_schools_own_zones_may_be_private(zone):
    assert list(DnsSettings(private_zones=(zone,)).problems()) == []


def test_good_extras_are_no_problem():
    settings = DnsSettings(
        inner="",
        closed_address_v4="192.0.2.1",
        closed_address_v6="2001:db8::1",
        own_addresses=("10.20.0.1", "fd00::1"),
        hosts={"printer.school.internal": ("10.20.0.9", "fd00::9"), "library": ("10.20.0.10",)},
    )
    assert list(settings.problems()) == []


@pytest.mark.parametrize("contact", ["mailto:office@school.test", "https://school.test/help", "tel:+44-1632-960000"])
def test_a_contact_is_a_mail_address_a_page_or_a_telephone(contact):
    assert list(DnsSettings(organisation="Ysgol Gŵyr", contact=(contact,)).problems()) == []


def test_the_resolvers_are_read_as_places():
    settings = DnsSettings(upstream=("tls://9.9.9.9:853#dns.test",), forward={"10.20.0.0/15": ("10.20.0.2:53",)})
    assert settings.places == [Place("9.9.9.9", 853, "dns.test")]
    own = [Place("10.20.0.2", 53)]
    assert settings.forwarded == {"20.10.in-addr.arpa": own, "21.10.in-addr.arpa": own}
    assert msgspec.structs.replace(settings, private_zones=("school.test",)).own_zones == (
        "school.test",
        "20.10.in-addr.arpa",
        "21.10.in-addr.arpa",
    )
    with pytest.raises(ValueError, match="write"):
        _ = DnsSettings(upstream=("x",)).places


def test_addresses_are_packed_and_nothing_is_nothing():
    assert (packed("192.0.2.1"), packed("")) == (b"\xc0\0\2\1", b"")
