"""What a person is called where their name is nobody's to read: eight letters and digits that change each term (G5).

A person's number is shuffled by a key of the term, there and back, so that a search by pseudonym needs no table. Who
has the key and the database can undo it: it keeps a reader of pages and exports from following somebody over terms, and
keeps nothing from root. This file reads no clock and no file.
"""

import datetime
import hashlib

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 of them, without those that are mistaken for one another: 0 and O, 1 and I."""

HALF = 20
"""Bits of each half of a number that is shuffled: two halves are eight letters."""

ROUNDS = 8
"""Of a Feistel network; four are enough against whoever sees only results, and these cost 10 us."""

_MASK = (1 << HALF) - 1


def term_of(day: datetime.date) -> str:
    """The term of *day* as a pseudonym knows it: thirds of a year that begin in holidays."""
    if day.month >= 9:
        return f"{day.year}-3"
    return f"{day.year}-1" if (day.month, day.day) < (4, 11) else f"{day.year}-2"


def begins(term: str) -> datetime.date:
    """The first day of *term*."""
    year, _, third = term.partition("-")
    return datetime.date(int(year), *{"1": (1, 1), "2": (4, 11), "3": (9, 1)}[third])


def of(person: int, term: str, key: bytes) -> str:
    """The pseudonym of the number *person* in *term*, as "K7QM-4DTX"; nothing for nobody."""
    if not 0 < person < 1 << 2 * HALF:
        return ""
    left, right = person >> HALF, person & _MASK
    for step in range(ROUNDS):
        left, right = right, left ^ _mixed(right, step, term, key)
    shuffled = left << HALF | right
    letters = "".join(LETTERS[shuffled >> place & 31] for place in range(35, -1, -5))
    return f"{letters[:4]}-{letters[4:]}"


def is_one(text: str) -> bool:
    """Whether *text* could be a pseudonym."""
    letters = _letters(text)
    return len(letters) == 8 and set(letters) <= set(LETTERS)


def _letters(text: str) -> str:
    return text.upper().replace("-", "").strip()


def person(pseudonym: str, term: str, key: bytes) -> int | None:
    """The number that *pseudonym* stands for in *term*, whether there is such a person or not; None if it is none."""
    if not is_one(pseudonym):
        return None
    letters, shuffled = _letters(pseudonym), 0
    for letter in letters:
        shuffled = shuffled << 5 | LETTERS.index(letter)
    left, right = shuffled >> HALF, shuffled & _MASK
    for step in reversed(range(ROUNDS)):
        left, right = right ^ _mixed(left, step, term, key), left
    return left << HALF | right


def _mixed(half: int, step: int, term: str, key: bytes) -> int:
    said = f"{step} {term} {half}".encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=4, key=key).digest()) & _MASK
