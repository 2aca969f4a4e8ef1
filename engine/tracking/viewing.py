"""A mail as it was sent, for its reader's browser: its HTML part out of the octets that are kept."""

from engine.intake.mime import html_parts
from engine.tracking.marks import Mark
from mta.ports import Tx


def html_of(tx: Tx, mark: Mark) -> str | None:
    """The HTML of the mail that a mark names; None when it is not kept any more (`queue.keep_bodies`), or its reader was
    forgotten."""
    where, which = mark.where
    row = tx.one(f"SELECT b.content FROM sending s JOIN body b ON b.message_id = s.message_id WHERE {where}", which)
    if row is None:
        return None
    found = html_parts(bytes(row[0])).parts
    return found[0] if found else None


def locale_of(tx: Tx, mark: Mark) -> str:
    """The language of the mail's reader; "" where nobody knows."""
    where, which = mark.where
    row = tx.one(f"SELECT c.locale FROM sending s JOIN contact c ON c.id = s.contact_id WHERE {where}", which)
    return str(row[0]) if row else ""
