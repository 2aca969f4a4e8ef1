"""Which rows of a report concern a delivery of ours, and how much they prove.

A report at a valid token may tell of others too: whom a list or an alias passes mail on to, where somebody has it forwarded.
That one of them is gone says nothing of the address we wrote to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deliverability.bounces.classify import Suppress
from deliverability.bounces.judging import Finding
from deliverability.bounces.letters import is_a_daemon
from deliverability.encoded_words import decode_text
from deliverability.rawmail import first_value, split_message

Row = Mapping[str, Any]


def concerning(rows: Sequence[Row], forward_path: str) -> Sequence[Row]:
    """The rows that name our recipient; where none does, all of them."""
    return [row for row in rows if is_named(row, forward_path)] or rows


def is_named(row: Row, forward_path: str) -> bool:
    """Whether a row is about our recipient: it says so, within its domain, or it names no address at all."""
    local, _, domain = str(row.get("recipient", "")).lower().rpartition("@")
    ours, _, our_domain = forward_path.lower().rpartition("@")
    if not local:
        return domain in ("", ours)
    return local == ours and (f".{domain}".endswith(f".{our_domain}") or f".{our_domain}".endswith(f".{domain}"))


def weighed(found: Finding, row: Row, forward_path: str, *, is_null: bool) -> Finding:
    """What is found, with the doubt that its source deserves: a stranger's failure, and a report with a sender (RFC 3464
    section 2 gives it none), count when they repeat. is_null: whether it came with the null reverse-path.
    """
    if found.suppress is Suppress.NOW and not (is_null and is_named(row, forward_path)):
        return replace(found, suppress=Suppress.AFTER, hard=False)
    return found


def is_passed_on(content: bytes, reverse_path: str) -> bool:
    """Whether a person handed a report in, as an attachment or in a letter: it came with a sender, and no mail system's."""
    author = decode_text(first_value(split_message(content)[0], "From") or b"")
    return bool(reverse_path) and not is_a_daemon(author) and not is_a_daemon(reverse_path)
