"""How a rule asks for what the world says, without anything being looked up here.

A rule asks a `Look`. What is known is answered; what is not raises `Unasked`, the collector finds it and the rule is
judged again from its beginning. Rules are cheap and have no effect, so a rule that needs ten answers one after the other
is judged eleven times, while all that can be asked at once is asked at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deliverability.checks.spf import DnsTrouble
from deliverability.doctor.model import NotKnown

MOST_RECORDS: Final = 100  # of one name and type, that are looked at
MOST_OCTETS: Final = 65_535  # of one record: more no answer can hold (RFC 1035 section 4.2.2)


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """kind: a DNS type, or SMTP (a host's mail door), HTTPS (a document). what: the name, "host address", or the URL."""

    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody answered; the words say why. Nothing is known."""

    why: str


@dataclass(frozen=True, slots=True)
class Door:
    """What a host said at port 25. trouble: why there was no session; is_closed: it is sure that nobody listens.
    certificate: DER, "" of octets where there was no TLS. distrust: why it is not believed; "" where it is. reply: to
    RCPT for the address that was asked about."""

    trouble: str = ""
    is_closed: bool = False
    banner: str = ""
    offers: tuple[str, ...] = ()
    certificate: bytes = b""
    distrust: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What is at a URL. trouble: why there is nothing."""

    text: str = ""
    trouble: str = ""


Answer = Sequence[str] | Door | Document | NoAnswer


class Unasked(Exception):
    """These have to be asked first."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__("not asked yet")
        self.questions = tuple(questions)


class Look:
    """What is known so far."""

    def __init__(self, answers: Mapping[Question, Answer]) -> None:
        self._answers = answers

    def dns(self, name: str, kind: str) -> list[str]:
        """As `deliverability.checks.spf.Dns`: DnsTrouble where nobody answered, Unasked where nobody was asked."""
        found = self._get(Question(kind, _name(name)))
        assert not isinstance(found, Door | Document)
        if isinstance(found, NoAnswer):
            raise DnsTrouble(found.why)
        return [each[:MOST_OCTETS] for each in found[:MOST_RECORDS]]

    def texts(self, name: str) -> list[str]:
        """TXT records."""
        return self.dns(name, "TXT")

    def addresses(self, host: str) -> list[str]:
        """Of both families."""
        self.want(Question("A", _name(host)), Question("AAAA", _name(host)))
        return [*self.dns(host, "A"), *self.dns(host, "AAAA")]

    def exchangers(self, domain: str) -> list[str]:
        """The MX hosts by preference; none where there is no MX record, and "" for a null MX (RFC 7505)."""
        return [host.rstrip(".").lower() for host in self.dns(domain, "MX")]

    def door(self, host: str, rcpt: str = "") -> Door:
        """A host's mail door. NotKnown where it could not be tried."""
        found = self._get(Question("SMTP", f"{host} {rcpt}".strip()))
        if isinstance(found, NoAnswer):
            raise NotKnown(found.why)
        assert isinstance(found, Door)
        return found

    def document(self, url: str) -> Document:
        """What is at an https URL. NotKnown where it could not be tried."""
        found = self._get(Question("HTTPS", url))
        if isinstance(found, NoAnswer):
            raise NotKnown(found.why)
        assert isinstance(found, Document)
        return found

    def want(self, *questions: Question) -> None:
        """Have all of these asked at once."""
        missing = [each for each in questions if each not in self._answers]
        if missing:
            raise Unasked(missing)

    def _get(self, question: Question) -> Answer:
        self.want(question)
        return self._answers[question]


def _name(name: str) -> str:
    return name.rstrip(".").lower()
