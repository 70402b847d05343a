"""What reading a page costs: `python -m tests.bench.page_scan`.

A page of 100 KB, mainly Latin and not, with 20,000 invented phrases, of which few or many are on it. Prints the median
of each and writes build/bench/page_scan.json. Themes are looked for by the shipped phrases: in the invented words, and
in the harmless sentences of our corpus, which look like those that are looked for. Figures, never pass or fail.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from blocklists import fold, themes
from blocklists.phrase_scan import Scanner
from blocklists.phrases import Phrase
from proxy_addons.page_text import Kind, words_of
from proxy_addons.reading import Sent, read
from tests.bench.report import Row, say, write
from tests.support.sentences import sentences

SIZE = 100_000
PHRASES = 20_000
ROUNDS = 60

LATIN = "abcdefghijklmnopqrstuvwxyz"
ACCENTED = LATIN + "éüöñçłęą"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةئ"
CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"


def words(letters: str, count: int, chance: random.Random) -> list[str]:
    """Invented words."""
    return ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(count)]


def page(vocabulary: Sequence[str], planted: Sequence[str], chance: random.Random) -> str:
    """A text of about `SIZE` bytes with each of *planted* in it somewhere."""
    parts: list[str] = []
    size = 0
    while size < SIZE:
        parts.append(chance.choice(vocabulary))
        size += len(parts[-1].encode()) + 1
    for phrase in planted:
        parts[chance.randrange(len(parts))] = phrase
    for place in range(0, len(parts), 14):
        parts[place] = parts[place].capitalize() + chance.choice([".", ",", "?", "!", " \N{EN DASH}", ":"])
    return " ".join(parts)


def markup(text: str) -> str:
    """A page of about `SIZE` bytes around the beginning of *text*: as many tags as pages have."""
    parts = text.split(" ")
    made: list[str] = ["<!doctype html><html><head><title>A page</title></head><body>"]
    size = 0
    for place in range(0, len(parts), 12):
        piece = " ".join(parts[place : place + 12])
        made.append(f'<div class="row item-{place}"><p>{piece[:-9]} <a href="/page/{place}">{piece[-9:]}</a></p></div>')
        size += len(made[-1].encode())
        if size > SIZE:
            break
    return "".join(made) + "</body></html>"


def median_ms(work: Callable[[], object]) -> float:
    """The median time of *work* in milliseconds of the processor: others on the machine do not count."""
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - start))
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    chance = random.Random(5)
    rows: list[Row] = []

    def tell(what: str, value: float, unit: str = "ms") -> None:
        rows.append(Row(what, round(value, 3), unit))
        say(f"{what:<60} {value:9.3f} {unit}")

    for name, letters in (("mainly Latin", ACCENTED), ("English", LATIN), ("Arabic", ARABIC), ("Cyrillic", CYRILLIC)):
        listed = [" ".join(words(letters, chance.randint(1, 3), chance)) for _ in range(PHRASES)]
        listed = [text if len(text) > 5 else text + letters[:5] for text in listed]
        phrases = [Phrase((text,), chance.choice([10, 20, 40, 100, -20]), "invented") for text in listed]
        start = time.perf_counter()
        scanner = Scanner(phrases, {"en": ("the", "and", "of", "to", "is")})
        tell(f"{name}: {PHRASES} phrases compiled", time.perf_counter() - start, "s")
        latin = letters is ACCENTED
        vocabulary = words(LATIN if latin else letters, 8_000, chance) + (words(ACCENTED, 600, chance) if latin else [])
        vocabulary = [word for word in vocabulary if len(word) > 3 or word not in set(listed)]
        for much, count in (("few", 5), ("many", 2_000)):
            text = page(vocabulary, listed[:count], chance)
            tell(
                f"{name}: folded ({len(text.encode()) // 1000} KB of text)",
                median_ms(lambda text=text: fold.both(text)),
            )
            found = len(scanner.score(text).evidence)
            tell(f"{name}: folded and scanned, {much} hits ({found})", median_ms(partial(scanner.score, text)))
        html = markup(page(vocabulary, listed[:5], chance))
        size = len(html.encode()) // 1000
        tell(f"{name}: words of a page of {size} KB", median_ms(partial(words_of, Kind.HTML, html)))
        sent = Sent(html.encode(), "", "text/html; charset=utf-8")
        for watched, wanted in (("", None), (", with themes", themes.shipped())):
            whole = partial(read, scanner, wanted, Kind.HTML, sent)
            tell(f"{name}: a page of {size} KB in all{watched}", median_ms(whole))
    english = " ".join(one.text for one in sentences() if not one.theme and one.language == "en")
    english = (english * (1 + SIZE // len(english)))[:SIZE]
    find = partial(themes.shipped().hits_on_page, english)
    tell(f"Sentences that look like risks, {SIZE // 1000} KB: themes", median_ms(find))
    write("page_scan", rows, {}, ROUNDS)


if __name__ == "__main__":
    main()
