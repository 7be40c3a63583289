"""Forms of the nouns that a dataset brings with it."""


def plural(noun: str) -> str:
    """Return the regular plural: ``digits``, ``classes``, ``galaxies``."""
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def with_article(noun: str) -> str:
    """Put the indefinite article before a noun, by its first letter."""
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"
