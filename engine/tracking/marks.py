"""Marks: which mail a link, a picture or a page is of, as a token in its address says it.

A mail that a flow writes is named by what is known before it is written: the enrolment, which time it passes the flow,
and the step; the table `sending` has the message. A click's token also holds its target, so that following a link asks
no table, works while the database does not, and a million mails write no rows for their links. It is signed: nobody can
make a link of ours that leads anywhere else (engine.audience.tokens).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.audience.tokens import BadToken, Purpose, Tokens, varint

TARGET_MAX: Final = 1200  # octets of an address that a link of ours stands for; mail programs cut beyond 2,000
NAME_MAX: Final = 40
OF_CAMPAIGN: Final = "@"  # no step of a flow begins so


@dataclass(frozen=True, slots=True)
class Mark:
    """One mail to one person. Of a campaign's mail the numbers are the run's and the contact's, and `step` begins with
    OF_CAMPAIGN."""

    enrolment_id: int
    occurrence: int
    step: str

    @property
    def where(self) -> tuple[str, tuple[int, int, str]]:
        """What of the table `sending`, as `s`, it names: SQL and its parameters."""
        owner = "run_id" if self.step.startswith(OF_CAMPAIGN) else "enrolment_id"
        return f"s.{owner} = ? AND s.occurrence = ? AND s.step = ?", (self.enrolment_id, self.occurrence, self.step)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a mail. `number` counts them from 1; `links` is how many the mail has."""

    mark: Mark
    number: int
    links: int
    target: str
    name: str = ""  # what its author calls it


def click_token(tokens: Tokens, link: Link) -> str:
    """What stands in the address of a link of ours."""
    payload = _marked(link.mark) + varint(link.number) + varint(link.links)
    return tokens.seal(Purpose.CLICK, payload + _text(link.name[:NAME_MAX]) + link.target.encode())


def read_click(tokens: Tokens, token: str, now: datetime) -> Link:
    """The link that a token stands for. BadToken for whatever we did not make."""
    cursor = _Cursor(tokens.unseal(Purpose.CLICK, token, now))
    mark = cursor.mark()
    number, links, name = cursor.number(), cursor.number(), cursor.text()
    return Link(mark, number, links, cursor.rest(), name)


def mark_token(tokens: Tokens, purpose: Purpose, mark: Mark) -> str:
    """What stands in the address of a mail's picture (OPEN), or of its page (VIEW)."""
    return tokens.seal(purpose, _marked(mark))


def read_mark(tokens: Tokens, purpose: Purpose, token: str, now: datetime) -> Mark:
    """The mail that a token stands for. BadToken for whatever we did not make."""
    return _Cursor(tokens.unseal(purpose, token, now)).mark()


def _marked(mark: Mark) -> bytes:
    return varint(mark.enrolment_id) + varint(mark.occurrence) + _text(mark.step)


def _text(text: str) -> bytes:
    octets = text.encode()
    return varint(len(octets)) + octets


class _Cursor:
    """Reads a payload whose MAC was right: it is ours. One that is not whole was made by another version."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def mark(self) -> Mark:
        return Mark(self.number(), self.number(), self.text())

    def number(self) -> int:
        value = shift = 0
        while True:
            if self._at >= len(self._octets):
                raise BadToken
            octet = self._octets[self._at]
            self._at += 1
            value |= (octet & 0x7F) << shift
            shift += 7
            if not octet & 0x80:
                return value

    def text(self) -> str:
        end = self.number() + self._at
        found, self._at = self._octets[self._at : end], end
        return found.decode("utf-8", "replace")

    def rest(self) -> str:
        return self._octets[self._at :].decode("utf-8", "replace")
