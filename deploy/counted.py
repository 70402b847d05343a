"""How a number of things is said: one has another word than several."""


def counted(count: int, one: str, several: str = "") -> str:
    """*count* and its word: 1 rule, 2,000 rules; *several* is the word for several where it is not *one* with an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
