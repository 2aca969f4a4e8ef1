"""What people answer by mail: yes to a confirmation mail, and leave me alone. Both work with no web server at all.

The address that an answer goes to holds a token (engine.audience.tokens): it was in one mail to one mailbox only, so
whoever writes there has read that mail. A yes must also come from a person and not from a machine that answers whatever
it gets; leaving is let happen in any case, since many do that with a machine's help.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from deliverability.authors import first_author
from deliverability.encoded_words import decode_text
from deliverability.rawmail import first_value, split_message
from engine.audience import subscriptions
from engine.audience.consent import ALL_LISTS, Answer
from engine.audience.tokens import LEAVE, YES, BadToken, Purpose, Tokens
from engine.intake.replies import written_by_machine
from mta.ports import Tx

_PURPOSES: Final = {YES: Purpose.CONFIRM, LEAVE: Purpose.UNSUBSCRIBE}


@dataclass(frozen=True, slots=True)
class Wish:
    """What an address of ours asks for, when somebody writes to it."""

    purpose: Purpose
    ids: tuple[int, ...]


def wish_of(tokens: Tokens, local_part: str, now: datetime) -> Wish | None:
    """The wish that a local part stands for; None when it is none of ours, or its time is over."""
    for prefix, purpose in _PURPOSES.items():
        if local_part[: len(prefix)].lower() == prefix:
            try:
                return Wish(purpose, tokens.read_mailbox(purpose, local_part[len(prefix) :], now))
            except BadToken:
                return None
    return None


def grant(tx: Tx, wish: Wish, content: bytes, reverse_path: str, *, salt: bytes, now: datetime) -> str:
    """Do it; what was done, in words."""
    header, _ = split_message(content)
    answer = _answer(header, "reply" if wish.purpose is Purpose.CONFIRM else "mail", salt)
    if wish.purpose is Purpose.UNSUBSCRIBE:
        contact_id, list_id = wish.ids
        changed = subscriptions.unsubscribe(tx, contact_id, list_id, answer=answer, now=now)
        which = "all marketing mail" if list_id == ALL_LISTS else f"list {list_id}"
        return f"left {which}" if changed else f"had left {which} already"
    if why := written_by_machine(header, reverse_path):
        return f"no confirmation: a machine answered ({why})"
    contact_id, list_id, asked_ms = wish.ids
    found = subscriptions.confirm(tx, contact_id, list_id, asked_ms, answer=answer, now=now)
    return f"confirmed {found.name} by reply" if found else "no confirmation: nobody is asked this any more"


def _answer(header: bytes, source: str, salt: bytes) -> Answer:
    """The circumstances: which mail it was, and who it says wrote it. What was shown is the mail that was answered."""

    def said(name: str) -> str:
        return decode_text(first_value(header, name) or b"")[:300]

    author = first_author(first_value(header, "From") or b"")
    evidence = f"mail {said('Message-ID') or 'without Message-ID'} from {author or 'nobody'}, {said('Date')}: {said('Subject')}"
    return Answer(
        said("In-Reply-To") and f"in reply to {said('In-Reply-To')}", source=source, evidence=evidence, salt=salt
    )
