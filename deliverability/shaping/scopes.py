"""What a limit can be about, besides one site: a provider, a source, a stream, a campaign.

A scope is written as its kind and its name, "campaign:spring-sale". Limits, suspensions and questions know it by that.
"""

import re
from typing import Final

_CAMPAIGN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def parse_campaign(text: str) -> str:
    """A campaign's name. ValueError when it is none."""
    if not _CAMPAIGN.fullmatch(text):
        raise ValueError("a campaign's name is up to 64 letters, digits and . _ -, a letter or digit first")
    return text
