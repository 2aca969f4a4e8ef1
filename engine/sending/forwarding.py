"""A reader's answer, passed on to a person's mailbox.

It is a new mail of ours, from our own address, so that it is signed and passes DMARC at the person's server; the answer goes
to the reader by Reply-To, and what they wrote stands in it as text and, whole, as an attachment. Its reverse-path is null: what
can't be delivered, or is answered by a machine, comes back to nobody.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.headers import format_date, header, mailbox_header, make_message_id, text_header
from engine.audience.contacts import tidy_name
from engine.sending.mime import encode_text
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient

MARK: Final = "X-Posthouse-Answer"  # what has it was passed on by us before
MOST: Final = 10 * 2**20  # octets of an answer that are attached
_LINE: Final = 998  # octets (RFC 5322 section 2.1.1)


def forwarded(
    letter: Mapping[str, Any], content: bytes, *, us: Address, to: Address, about: str, octets: bytes, now: datetime
) -> NewMessage:
    """The mail to `to`. `letter`: as engine.intake.letters_in read it; `about`: what it answers, in ASCII words."""
    message_id = make_message_id(octets, us.domain)
    boundary = "=_" + hashlib.sha256(b"answer" + octets).hexdigest()[:30]
    too_large = len(content) > MOST
    head = [
        mailbox_header("From", [(_name(letter), us)]),
        mailbox_header("To", [("", to)]),
        text_header("Subject", letter["subject"] or "Re:"),
        header("Date", format_date(now)),
        header("Message-ID", message_id),
        header("MIME-Version", "1.0"),
        header("Content-Type", f'multipart/mixed; boundary="{boundary}"'),
        header(MARK, about + (f"; {len(content)} octets, which are too many to attach" if too_large else "")),
    ]
    if reply_to := _address(letter["reply_to"]) or _address(letter["author"]):
        head.append(mailbox_header("Reply-To", [("", reply_to)]))
    parts = [_text(letter["text"]), *([] if too_large else [_whole(content)])]
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts) + b"--%s--\r\n" % boundary.encode()
    return NewMessage(
        reverse_path="", recipients=(Recipient(to),), content=b"".join(head) + b"\r\n" + body,
        stream=Stream.TRANSACTIONAL, origin="answer", subject=letter["subject"][:200], header_from=str(us),
        message_id=message_id, needs_utf8=not b"".join(head).isascii(),
    )  # fmt: skip


def _text(text: str) -> bytes:
    encoding, octets = encode_text(text)
    return f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets


def _whole(content: bytes) -> bytes:
    """The answer as it came: as a message, where that needs no encoding (RFC 2046 section 5.2.1), else as a file."""
    is_plain = content.isascii() and b"\0" not in content and all(len(each) <= _LINE for each in content.split(b"\r\n"))
    kind = "message/rfc822" if is_plain else "application/octet-stream"
    head = f'Content-Type: {kind}; name="answer.eml"\r\nContent-Disposition: attachment; filename="answer.eml"\r\n'
    if is_plain:
        return head.encode() + b"\r\n" + content
    return (
        head.encode()
        + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content).replace(b"\n", b"\r\n")
    )


def _name(letter: Mapping[str, Any]) -> str:
    """The reader's name, or their address's local part: never anything that reads as another address."""
    name = tidy_name(letter["name"])
    return name if name and "@" not in name and "<" not in name else letter["author"].partition("@")[0][:60]


def _address(text: str) -> Address | None:
    try:
        address = Address.parse(text)
    except AddressError:
        return None
    return None if address.needs_smtputf8 else address
