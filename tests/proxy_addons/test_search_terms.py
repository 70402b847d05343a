"""Where each engine has the words of a search, one line an engine and page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import search, url
from blocklists.search import Looking
from proxy_addons import search_terms
from proxy_addons.search_terms import LONGEST, Search

ENGINES = search.shipped()


def found(host: str, path: str) -> Search | None:
    canonical = url.canonical(f"https://{host}{path}")
    engine = ENGINES.of(canonical.host)
    return search_terms.of_url(engine, canonical.path, path.encode())


SEARCHES = [
    ("google", "www.google.com", "/search?q=oak+trees&hl=en", Looking.SEARCH),
    ("google", "google.co.uk", "/search?hl=en&q=oak%20trees", Looking.SEARCH),
    ("google", "www.google.com.na", "//search/?q=oak+trees", Looking.SEARCH),
    ("google", "www.google.com", "/SEARCH?Q=oak+trees", Looking.SEARCH),
    ("google", "www.google.com", "/%73earch?q=oak+trees", Looking.SEARCH),
    ("google", "www.google.com", "/search?as_q=oak&as_epq=trees", Looking.SEARCH),
    ("google", "www.google.com", "/search?tbm=isch&q=oak+trees", Looking.IMAGE),
    ("google", "www.google.com", "/search?q=oak+trees&udm=2", Looking.IMAGE),
    ("google", "www.google.com", "/search?q=oak+trees&tbm=vid", Looking.VIDEO),
    ("google", "images.google.com", "/images?q=oak+trees", Looking.IMAGE),
    ("google", "www.google.com", "/?q=oak+trees", Looking.SEARCH),
    ("google", "www.google.com", "/maps/search/oak+trees/@51,0", Looking.MAP),
    ("google", "www.google.com", "/complete/search?client=chrome&q=oak+trees", Looking.SUGGESTION),
    ("bing", "www.bing.com", "/search?q=oak+trees", Looking.SEARCH),
    ("bing", "www.bing.com", "/images/search?q=oak+trees", Looking.IMAGE),
    ("bing", "www.bing.com", "/videos/search?q=oak+trees", Looking.VIDEO),
    ("bing", "www.bing.com", "/AS/Suggestions?qry=oak+trees", Looking.SUGGESTION),
    ("bing", "api.bing.com", "/osjson.aspx?query=oak+trees", Looking.SUGGESTION),
    ("duckduckgo", "duckduckgo.com", "/?q=oak+trees", Looking.SEARCH),
    ("duckduckgo", "duckduckgo.com", "/?q=oak+trees&iax=images&ia=images", Looking.IMAGE),
    ("duckduckgo", "duckduckgo.com", "/oak%20trees", Looking.SEARCH),
    ("duckduckgo", "html.duckduckgo.com", "/html/?q=oak+trees", Looking.SEARCH),
    ("duckduckgo", "duckduckgo.com", "/i.js?q=oak+trees", Looking.IMAGE),
    ("duckduckgo", "duckduckgo.com", "/ac/?q=oak+trees", Looking.SUGGESTION),
    ("yahoo", "uk.search.yahoo.com", "/search?p=oak+trees", Looking.SEARCH),
    ("yahoo", "uk.images.search.yahoo.com", "/search/images?p=oak+trees", Looking.IMAGE),
    ("yahoo", "search.yahoo.com", "/search;_ylt=A0ge;_ylc=x?p=oak+trees", Looking.SEARCH),
    ("ecosia", "www.ecosia.org", "/search?q=oak+trees", Looking.SEARCH),
    ("ecosia", "www.ecosia.org", "/images?q=oak+trees", Looking.IMAGE),
    ("ecosia", "ac.ecosia.org", "/autocomplete?q=oak+trees", Looking.SUGGESTION),
    ("brave", "search.brave.com", "/search?q=oak+trees", Looking.SEARCH),
    ("brave", "search.brave.com", "/images?q=oak+trees", Looking.IMAGE),
    ("brave", "search.brave.com", "/api/suggest?q=oak+trees", Looking.SUGGESTION),
    ("qwant", "www.qwant.com", "/?q=oak+trees&t=web", Looking.SEARCH),
    ("qwant", "api.qwant.com", "/v3/search/web?q=oak+trees", Looking.SEARCH),
    ("qwant", "api.qwant.com", "/v3/search/images?q=oak+trees", Looking.IMAGE),
    ("qwant", "api.qwant.com", "/v3/suggest?q=oak+trees", Looking.SUGGESTION),
    ("qwant-junior", "www.qwantjunior.com", "/?q=oak+trees", Looking.SEARCH),
    ("startpage", "www.startpage.com", "/sp/search?query=oak+trees", Looking.SEARCH),
    ("yandex", "yandex.com", "/search/?text=oak+trees", Looking.SEARCH),
    ("yandex", "yandex.ru", "/images/search?text=oak+trees", Looking.IMAGE),
    ("baidu", "www.baidu.com", "/s?wd=oak+trees", Looking.SEARCH),
    ("baidu", "image.baidu.com", "/search/index?word=oak+trees", Looking.IMAGE),
    ("baidu", "www.baidu.com", "/sugrec?wd=oak+trees", Looking.SUGGESTION),
    ("mojeek", "www.mojeek.com", "/search?q=oak+trees", Looking.SEARCH),
    ("swisscows", "swisscows.com", "/en/web?query=oak+trees", Looking.SEARCH),
    ("ask", "www.ask.com", "/web?q=oak+trees", Looking.SEARCH),
    ("swiggle", "swiggle.org.uk", "/?search=oak+trees", Looking.SEARCH),
    ("kiddle", "www.kiddle.co", "/s.php?q=oak+trees", Looking.SEARCH),
    ("kidrex", "www.kidrex.org", "/results/?q=oak+trees", Looking.SEARCH),
    ("kidzsearch", "search.kidzsearch.com", "/kzsearch.php?q=oak+trees", Looking.SEARCH),
    ("pixabay", "pixabay.com", "/images/search/oak%20trees/", Looking.IMAGE),
    ("unsplash", "unsplash.com", "/s/photos/oak%20trees", Looking.IMAGE),
    ("pexels", "www.pexels.com", "/search/oak%20trees/", Looking.IMAGE),
    ("wikipedia", "en.wikipedia.org", "/w/index.php?search=oak+trees", Looking.SEARCH),
    ("wikipedia", "simple.wikipedia.org", "/wiki/Special:Search?search=oak+trees", Looking.SEARCH),
    ("wikipedia", "en.wikipedia.org", "/w/api.php?action=opensearch&search=oak+trees", Looking.SUGGESTION),
    ("youtube", "www.youtube.com", "/results?search_query=oak+trees", Looking.VIDEO),
    ("youtube", "suggestqueries-clients6.youtube.com", "/complete/search?q=oak+trees", Looking.SUGGESTION),
    ("vimeo", "vimeo.com", "/search?q=oak+trees", Looking.VIDEO),
    ("dailymotion", "www.dailymotion.com", "/search/oak%20trees/videos", Looking.VIDEO),
    ("tiktok", "www.tiktok.com", "/search?q=oak+trees&t=1", Looking.VIDEO),
    ("tiktok", "www.tiktok.com", "/api/search/general/full/?keyword=oak+trees", Looking.VIDEO),
    ("tiktok", "www.tiktok.com", "/api/search/sug/?keyword=oak+trees", Looking.SUGGESTION),
    ("pinterest", "www.pinterest.co.uk", "/search/pins/?q=oak+trees", Looking.IMAGE),
    (
        "pinterest",
        "uk.pinterest.com",
        "/resource/BaseSearchResource/get/?data=%7B%22options%22%3A%7B%22query%22%3A%22oak%20trees%22%7D%7D",
        Looking.IMAGE,
    ),
    ("amazon", "www.amazon.co.uk", "/s?k=oak+trees&ref=nb", Looking.SHOP),
    ("amazon", "completion.amazon.co.uk", "/api/2017/suggestions?prefix=oak+trees", Looking.SUGGESTION),
    ("ebay", "www.ebay.co.uk", "/sch/i.html?_nkw=oak+trees", Looking.SHOP),
    ("etsy", "www.etsy.com", "/search?q=oak+trees", Looking.SHOP),
    ("flickr", "www.flickr.com", "/search/?text=oak+trees", Looking.IMAGE),
    ("giphy", "giphy.com", "/search/oak%20trees", Looking.IMAGE),
    ("reddit", "www.reddit.com", "/search/?q=oak+trees", Looking.SEARCH),
]


@pytest.mark.parametrize(("engine", "host", "path", "looking"), SEARCHES)
def test_the_words_are_found_where_the_engine_has_them(engine: str, host: str, path: str, looking: Looking) -> None:
    one = found(host, path)
    assert one is not None
    assert (one.engine.name, one.terms.replace("+", " "), one.looking) == (engine, "oak trees", looking)
    assert one.suggestion is (looking is Looking.SUGGESTION)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("www.google.com", "/imgres?q=oak"),
        ("www.google.com", "/url?q=https://good.test"),
        ("www.bing.com", "/maps?q=oak"),
        ("www.youtube.com", "/watch?v=oak"),
        ("www.amazon.co.uk", "/dp/B000"),
    ],
)
def test_a_page_that_searches_nothing_is_no_search(host: str, path: str) -> None:
    assert found(host, path) is None


@pytest.mark.parametrize("path", ["/dist/app.js", "/", "/assets.css"])
def test_a_file_is_no_word(path: str) -> None:
    one = found("duckduckgo.com", path)
    assert one is None or one.terms in ("", "dist")


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("q=oak&q=trees&q=oak", "oak trees"),
        ("q=%E6%A8%B9", "樹"),
        ("q=caf%E9", "café"),
        ("q=a%00b%0Ac%C2%A0d++e", "a b c d e"),
        ("q=%zz%4", "%zz%4"),
        ("q", ""),
        ("q=" + "a" * 5000, "a" * LONGEST),
        ("&".join(f"x{n}=1" for n in range(1000)) + "&q=late", ""),
    ],
    ids=["all of them", "utf-8", "latin-1", "one line", "no escape", "no value", "cut", "too many pairs"],
)
def test_words_are_read_as_they_were_meant(query: str, terms: str) -> None:
    assert found("www.google.com", f"/search?{query}").terms == terms


YOUTUBE, DUCK = ENGINES.by_name["youtube"], ENGINES.by_name["duckduckgo"]


@pytest.mark.parametrize(
    ("engine", "path", "body", "terms"),
    [
        (YOUTUBE, "/youtubei/v1/search", b'{"context": {}, "query": "oak trees"}', "oak trees"),
        (YOUTUBE, "/youtubei/v1/search", b'{"continuation": "x"}', ""),
        (YOUTUBE, "/youtubei/v1/search", b'{"query": ["oak"]}', ""),
        (YOUTUBE, "/youtubei/v1/search", b'["query"]', ""),
        (YOUTUBE, "/youtubei/v1/search", b'{"query', ""),
        (YOUTUBE, "/youtubei/v1/search", b"[" * 100_000, ""),
        (YOUTUBE, "/youtubei/v1/search", b'{"query": "\xff"}', ""),
        (DUCK, "/html", b"b=&q=oak+trees&kl=uk-en", "oak trees"),
        (DUCK, "/html", b"\xff\xfe=%", ""),
    ],
    ids=["json", "no query", "a list", "no object", "broken", "deep", "no utf-8", "form", "no form"],
)
def test_words_in_a_body_are_found(engine: search.Engine, path: str, body: bytes, terms: str) -> None:
    place = search_terms.place_of_body(engine, path)
    assert search_terms.of_body(engine, place, body).terms == terms


def test_only_pages_whose_words_are_in_the_body_wait_for_it() -> None:
    assert search_terms.place_of_body(YOUTUBE, "/youtubei/v1/player") is None
    assert search_terms.place_of_body(YOUTUBE, "/results") is None


@given(st.sampled_from(sorted(ENGINES.by_name)), st.text(max_size=80), st.binary(max_size=200))
def test_no_text_makes_it_raise(name: str, path: str, raw: bytes) -> None:
    engine = ENGINES.by_name[name]
    one = search_terms.of_url(engine, f"/{path}", raw)
    assert one is None or len(one.terms) <= LONGEST
    for place in engine.places:
        assert len(search_terms.of_body(engine, place, raw).terms) <= LONGEST
