"""What a careful server would have against the octets of a message that it got. Pure.

The lab takes them all the same and notes the fault with the mail: a sender under test has to show none.
"""

from typing import Final

_LONGEST_LINE: Final = 998


def in_stuffed(data: bytes) -> list[str]:
    """Faults of the octets between DATA's 354 and the final dot, as they were on the wire (still dot-stuffed)."""
    found = []
    line_ends = data.count(b"\r\n")
    if b"\0" in data:
        found.append("NUL")
    if data.count(b"\r") > line_ends:
        found.append("bare CR")  # RFC 5321 section 2.3.8
    if data.count(b"\n") > line_ends:
        found.append("bare LF")
    if max(map(len, data.split(b"\r\n"))) > _LONGEST_LINE:
        found.append("line over 998 octets")  # RFC 5322 section 2.1.1
    led = b"\r\n" + data
    if led.count(b"\r\n.") > led.count(b"\r\n.."):
        found.append("dot not stuffed")  # RFC 5321 section 4.5.2
    return found


def in_promises(data: bytes, mail_parameters: str) -> list[str]:
    """What the message is and MAIL did not announce."""
    if data.isascii():
        return []
    header, _, body = data.partition(b"\r\n\r\n")
    announced = mail_parameters.upper().split()
    found = []
    if not header.isascii() and "SMTPUTF8" not in announced:
        found.append("UTF-8 header without SMTPUTF8")  # RFC 6531 section 3.4
    if not body.isascii() and "BODY=8BITMIME" not in announced:
        found.append("8-bit body without BODY=8BITMIME")  # RFC 6152 section 3
    return found
