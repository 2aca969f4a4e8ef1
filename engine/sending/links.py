"""The links of one person in one mail: their preferences, an answer to a survey, their own recommendation."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from engine.audience.surveys import code_of
from engine.audience.tokens import Purpose, Tokens

SURVEY_GOOD_FOR: Final = timedelta(days=365)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PersonalLinks:
    """Makes them. `base_url` begins each."""

    tokens: Tokens
    base_url: str
    contact_id: int
    now: datetime

    def preferences(self) -> str:
        """Where the person chooses what they get."""
        return f"{self.base_url}/preferences/{self.tokens.make(Purpose.PREFERENCES, (self.contact_id,))}"

    def survey(self, name: str, value: str = "") -> str:
        """Where the person answers a survey; `value` is preselected. ValueError for what can't be a survey's name."""
        if not _NAME.fullmatch(name):
            raise ValueError(f'"{name[:50]}" is no name of a survey')
        ids = (self.contact_id, code_of(name), int(self.now.timestamp()))
        token = self.tokens.make(Purpose.SURVEY, ids, self.now + SURVEY_GOOD_FOR)
        return f"{self.base_url}/survey/{token}" + (f"?v={quote(value, safe='')}" if value else "")

    def referral(self, list_name: str = "") -> str:
        """The person's own link to pass on, to their list or to the one that is named. ValueError for what is no name."""
        if list_name and not _NAME.fullmatch(list_name):
            raise ValueError(f'"{list_name[:50]}" is no name of a list')
        code = self.tokens.make_short(Purpose.REFERRAL, self.contact_id)
        return f"{self.base_url}/r/{code}" + (f"?list={list_name}" if list_name else "")
