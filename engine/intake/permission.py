"""Whether a mail keeps to what its credential allows: whose name stands in From:, and which stream it asks for. Pure.

From: is what readers see and what our signature vouches for, so no parser's opinion decides: whatever follows an @ in
the field, decoded or not, must be a domain of the credential. A name like "bob@elsewhere" in front of a right address
is refused too; nobody needs it but who wants to deceive.
"""

import re
from typing import Final

from deliverability.address import AddressError, parse_domain
from deliverability.encoded_words import decode_text
from deliverability.rawmail import MessageError, fields
from deliverability.reply import Reply
from mta.inbound.transaction import Grant
from mta.queue.delivery import Stream

ONE_FROM: Final = Reply.of(550, "5.7.1", "This credential's mail needs exactly one From: field")
NOT_YOUR_DOMAIN: Final = Reply.of(550, "5.7.1", "This credential may not write From: that domain")
NOT_YOUR_STREAM: Final = Reply.of(550, "5.7.1", "This credential may not use that stream")

_AFTER_AT: Final = re.compile(r"@([^\s<>\"(),;:@]*)")


def refusal(grant: Grant, header: bytes, asked: Stream | None) -> Reply | None:
    """None, or the reply to the dot. header: of the message; asked: the stream that it asks for."""
    if grant.stream is not None and asked not in (None, grant.stream):
        return NOT_YOUR_STREAM
    return _about_from(grant.domains, header) if grant.domains else None


def _about_from(domains: frozenset[str], header: bytes) -> Reply | None:
    try:
        found = [value for name, value in fields(header) if name.lower() == "from"]
    except MessageError:
        return ONE_FROM
    if len(found) != 1:
        return ONE_FROM
    (value,) = found
    written = {*_domains(value.decode("utf-8", "replace")), *_domains(decode_text(value))}
    return None if written and written <= domains else NOT_YOUR_DOMAIN


def _domains(text: str) -> set[str]:
    return {_domain(each) for each in _AFTER_AT.findall(text)}


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressError:
        return ""
