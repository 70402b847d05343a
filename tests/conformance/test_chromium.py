"""A real browser as the judge: for odd addresses, pieced together by a fixed seed, our host is the one it goes to."""

import itertools
import json
import random
import re
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from blocklists import domain, url

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

SCHEMES = ["http", "https", "HTTP", "hTTps", "ht\ttps", "http\n", " https", "\x00\thttp"]
SLASHES = ["://", ":", ":/", ":///", ":\\\\", ":/\\", ":\t//", ":/\n/"]
USERS = ["", "", "u@", "u:p@", "a@b@", "%40@", "www.bbc.test%2F@", ":@", "\u00fc@", "a;b@", "a?b@", "a#b@", "a\\b@"]
ASCII_NAMES = r"""
school.test SCHOOL.Test school.test. school.test.. .school.test school..test -a.test a_b.test a--b.test ab--c.test
%73chool.test s%63hool.t%65st school%2Etest school%E3%80%82test %ff.test %C3%BC.test school%2Fx.test a%25b.test
xn--bcher-kva.test XN--BCHER-KVA.test xn--.test xn--a.test localhost test a,b.test a;b.test a!b.test a*b.test
192.0.2.7 192.0.2.7. 192.0.519 3221225991 0xc0.0.2.7 0XC0000207 0300.0.2.7 0300.0x0.02.7 0x.0x.0 1 00 256 65536
4294967295 4294967296 1.2.3.4.5 1.2.3 1..2 256.0.0.1 09 0x1g 1.0x foo.1 foo.0x1 1.foo 1.2.3.08 %31%39%32.0.2.7
[::1] [::ffff:192.0.2.7] [::ffff:c000:207] [2001:DB8::0:1] [2001:db8:0:0:1:0:0:1] [1:2:3:4:5:6:7:8] [1::2::3] [::1
::1 [::1]x [::192.0.2.7] [64:ff9b::192.0.2.7] [::%31] [%3A%3A1] [::1.2.3] [v1.a] %5B::1%5D [192.0.2.7] [school.test]
"""
OTHER_NAMES = """
sch\u00f6ol.test \uff53\uff43hool.test school\u3002test school\uff0etest school\uff61test fa\u00df.test fa\u1e9e.test
\u03c3\u03c2.test a\u200db.test \u0dc1\u0dca\u200d\u0dbb\u0dd3.test a\u00adb.test \u00ad.test a.\u200b.test
\u24c8chool.test \u212aelvin.test \u0130.test e\u0301.test \u00e9.test \ud55c\uad6d.test 1\u0661.test \u2615.test
\uff11\uff19\uff12.0.2.7 \uff10x7f.1 192\u30020\u30022\u30027 \uff05\uff14\uff11.test a\uff05b.test a\uff0fb.test
a\uff20b.test a\uff1ab.test a\uff03b.test \u2100.test \u037ea.test \u0378.test \u10a0.test \u13a0.test \ud800.test
\u2024a.test
"""
WITH_BLANKS = ["a b.test", " a.test", "a\tb.test", "a\nb.test", "a\x00b.test", "a\x7fb.test", "a\u00a0b.test"]
LONG = ["a" * 63 + ".test", "a" * 64 + ".test", "abc." * 80 + "test", "\u00fc" * 20 + ".test", "\u00fc" * 60 + ".test"]
NAMES = [*ASCII_NAMES.split(), *OTHER_NAMES.split(), *WITH_BLANKS, *LONG]
PORTS = [
    "",
    "",
    ":",
    ":80",
    ":443",
    ":0443",
    ":8080",
    ":65535",
    ":65536",
    ":0",
    ":00080",
    ":8a",
    ":8\t0",
    ": 80",
    ":-1",
]
TAILS = ["", "/", "/a", "?q", "#f", "\\a", "/a/../b", "\\@a.test", "/@a.test", "?@a.test", "#@a.test", " ", "\0", ";a"]

HOSTS = """
return JSON.parse(arguments[0]).map(text => {
  try { const u = new URL(text); return [u.protocol, u.hostname, u.port] } catch (e) { return null }
})
"""


def addresses():
    """Each name once by itself, then 700 with all that can stand around one."""
    chance = random.Random(7)
    once = (f"http://{name}/" for name in NAMES)
    mixed = ("".join(map(chance.choice, (SCHEMES, SLASHES, USERS, NAMES, PORTS, TAILS))) for _ in range(700))
    return list(itertools.chain(once, mixed))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    started = webdriver.Chrome(options, Service(DRIVER))
    yield started
    started.quit()


def test_our_host_and_port_are_those_that_chromium_goes_to(browser):
    asked = addresses()
    went = browser.execute_script(HOSTS, json.dumps(asked))
    judged = [(text, *to[1:]) for text, to in zip(asked, went, strict=True) if to and to[0] in ("http:", "https:")]
    assert len(judged) > 400
    differ = [(text, host, port, found) for text, host, port in judged if (found := ours(text)) != theirs(host, port)]
    assert differ == []


def ours(text):
    found = url.canonical(text)
    return (found.host, found.port) if found else None


def theirs(host, port):
    """The host in our form, without empty labels; None for what no DNS message can ask for, which is no host here."""
    name = domain.canonical(re.sub(r"\.+", ".", host).strip("."))
    return (name, port) if name else None
