"""`python -m tests.corpus [--misses]`: how many sentences of our corpus are found, and how many are found wrongly.

By theme and language: recall is the share of sentences about a risk in which their theme was found, and false alerts
are harmless sentences in which any was. Sentences of the split "held" were written before the phrases were tuned and
not looked at while they were. --misses prints the sentences of the split "tune" that went wrong.
"""

import sys
from collections import Counter

from blocklists.themes import shipped
from tests.support.sentences import Sentence, sentences, went_wrong


def main(*, misses: bool) -> None:
    """Print the table."""
    themes = shipped()
    every = sentences()
    wrong = [one for one in every if went_wrong(themes, one)]
    print(f"{'theme':<16} {'language':<8} {'tune':>9} {'held':>9}")
    keys = dict.fromkeys((one.theme or one.kind, one.language) for one in every)
    total, missed = Counter(map(_row, every)), Counter(map(_row, wrong))
    for risky, title in ((True, "found"), (False, "false alerts")):
        print(f"-- {title}")
        for name, language in keys:
            if any((name, language, split, risky) in total for split in ("tune", "held")):
                shown = [_share(total, missed, (name, language, split, risky)) for split in ("tune", "held")]
                print(f"{name:<16} {language:<8} {shown[0]:>9} {shown[1]:>9}")
        for split in ("tune", "held"):
            count = sum(n for key, n in total.items() if key[2:] == (split, risky))
            bad = sum(n for key, n in missed.items() if key[2:] == (split, risky))
            print(f"all, {split}: {count - bad if risky else bad} of {count}")
    if misses:
        for one in wrong:
            if one.split == "tune":
                print(f"{one.theme or '(none)'}: {one.text}: {themes.hits(one.text)}")


def _row(one: Sentence) -> tuple[str, str, str, bool]:
    return one.theme or one.kind, one.language, one.split, bool(one.theme)


def _share(total: Counter[object], missed: Counter[object], key: tuple[str, str, str, bool]) -> str:
    count, bad = total[key], missed[key]
    return f"{count - bad if key[3] else bad}/{count}" if count else "-"


if __name__ == "__main__":
    main(misses="--misses" in sys.argv)
