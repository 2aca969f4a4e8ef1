"""How a site is named as it is seen from a source: what one source learns of a site says nothing of another.

"mx.example.org by NAME" is what back-off, pauses and shares go by; where mail leaves by one source without a name, it is
the site itself.
"""

from typing import Final

BY: Final = " by "  # no site has a space


def place(site: str, source: str) -> str:
    """A site, seen from a source."""
    return f"{site}{BY}{source}" if source else site


def site_and_source(place: str) -> tuple[str, str]:
    """The parts of a place; the source is "" where it has no name."""
    site, _, source = place.partition(BY)
    return site, source
