"""Forms of nouns: plurals, counts, articles."""


def plural(noun: str) -> str:
    """Return the regular plural: ``digits``, ``classes``, ``galaxies``."""
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 run``, ``2,000 runs``."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def with_article(noun: str) -> str:
    """Put the indefinite article before a noun, by its first letter."""
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"
