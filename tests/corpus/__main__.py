"""`python -m tests.corpus [--misses]`: how many sentences of our corpus are found, and how many are found wrongly.

By theme and language: recall is the share of sentences about a risk in which their theme was found, and false alerts
are harmless sentences in which any was. The splits say when sentences were written: "tune" and "held" before the first
phrases, "later" and "last" each to ask phrases that stood, and only once seen to mend them. --misses prints what of
"tune" went wrong.
"""

import sys
from collections import Counter

from blocklists.themes import shipped
from tests.support.sentences import Sentence, sentences, went_wrong

SPLITS = ("tune", "held", "later", "last")


def main(*, misses: bool) -> None:
    """Print the table."""
    themes = shipped()
    every = sentences()
    wrong = [one for one in every if went_wrong(themes, one)]
    print(f"{'theme':<16} {'language':<8} {'tune':>9} {'held':>9} {'later':>9} {'last':>9}")
    keys = dict.fromkeys((one.theme or one.kind, one.language) for one in every)
    total, missed = Counter(map(_row, every)), Counter(map(_row, wrong))
    for risky, title in ((True, "found"), (False, "false alerts")):
        print(f"-- {title}")
        for name, language in keys:
            if any((name, language, split, risky) in total for split in SPLITS):
                shown = [_share(total, missed, (name, language, split, risky)) for split in SPLITS]
                print(f"{name:<16} {language:<8} {shown[0]:>9} {shown[1]:>9} {shown[2]:>9} {shown[3]:>9}")
        for split in SPLITS:
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
