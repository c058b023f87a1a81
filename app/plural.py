"""Numbers with their nouns."""


def counted(count: int, what: str) -> str:
    """Write `1 face` or `2,000 faces`: `what` is an English noun whose plural ends in s."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
