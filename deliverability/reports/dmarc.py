"""DMARC aggregate reports (RFC 9990; RFC 7489 appendix C; the drafts before them), read piece by piece.

Totals are exact whatever the size: rows are summed as they pass, and only so many senders are kept apart. A report that is
not well-formed, declares an entity, or has no numbers where numbers belong is refused whole: half a total is none.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from deliverability.reports.unpacking import UnreadableReport
from deliverability.text import clean

MAX_SENDERS: Final = 5_000  # rows that are kept apart
MAX_DEPTH: Final = 32
MAX_VALUE: Final = 2_000  # characters
MAX_TOKEN: Final = 1_048_576  # octets of one tag

_METADATA: Final = "feedback/report_metadata/"
_POLICY: Final = "feedback/policy_published/"
_ROW: Final = "feedback/record/row/"
_RECORD: Final = "feedback/record"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent under a domain's name, and how it fared: dkim and spf are those *aligned* with the From domain."""

    source_ip: str
    header_from: str
    dkim: str
    spf: str
    disposition: str

    @property
    def passes(self) -> bool:
        """DMARC passes where either does (RFC 9989 section 4)."""
        return "pass" in (self.dkim, self.spf)


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """One report. begin, end: seconds since 1970, UTC. policy: as published then ("p", "sp", "np", "adkim", "testing" ...).
    messages: whole mails, over all rows. senders: how many mails of each; `left_out` mails belong to further ones.
    """

    org: str
    report_id: str
    domain: str
    begin: int
    end: int
    messages: int
    by_disposition: dict[str, int]
    policy: dict[str, str]
    senders: dict[Sender, int]
    left_out: int

    @property
    def key(self) -> tuple[str, str, str]:
        """By what a report is known again: reporters send some twice."""
        return self.org, self.report_id, self.domain


def read_aggregate(pieces: Iterable[bytes]) -> AggregateReport:
    """The report that the pieces of an XML document are. UnreadableReport when they are none."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _refuse_entity
    parser.ExternalEntityRefHandler = _refuse_external
    fed = 0
    try:
        for piece in pieces:
            fed += len(piece)
            parser.Parse(piece, False)
            if fed - parser.CurrentByteIndex > MAX_TOKEN:  # expat keeps what it can't end in memory
                raise UnreadableReport(f"a tag of it is larger than {MAX_TOKEN} octets")
        parser.Parse(b"", True)
    except expat.ExpatError as err:
        raise UnreadableReport(f"it is not well-formed XML: {clean(str(err))}") from None
    return reader.report()


def _refuse_entity(*_: object) -> None:
    raise UnreadableReport("it declares an entity, which no honest report does")


def _refuse_external(*_: object) -> int:
    raise UnreadableReport("it refers to a file outside")


@dataclass(slots=True)
class _Reader:
    """What was read so far. Names come without their name space: reporters use the old, the new and none."""

    path: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    length: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    policy: dict[str, str] = field(default_factory=dict)
    row: dict[str, str] = field(default_factory=dict)
    messages: int = 0
    left_out: int = 0
    by_disposition: Counter[str] = field(default_factory=Counter)
    senders: Counter[Sender] = field(default_factory=Counter)

    def start(self, name: str, _: object) -> None:
        if len(self.path) >= MAX_DEPTH:
            raise UnreadableReport(f"it is nested deeper than {MAX_DEPTH}")
        self.path.append(name.rpartition(":")[2].lower())
        self.words, self.length = [], 0

    def text(self, words: str) -> None:
        if self.length < MAX_VALUE:
            self.words.append(words)
            self.length += len(words)

    def end(self, _: str) -> None:
        path = "/".join(self.path)
        value = clean("".join(self.words).strip())[:MAX_VALUE]
        self.words, self.length = [], 0
        self.path.pop()
        if path.startswith(_METADATA):
            self.metadata.setdefault(path[len(_METADATA) :], value)
        elif path.startswith(_POLICY):
            self.policy.setdefault(path[len(_POLICY) :], value)
        elif path == _RECORD:
            self._count()
        elif path.startswith(_ROW) or path == "feedback/record/identifiers/header_from":
            self.row.setdefault(path.removeprefix(_ROW), value)

    def _count(self) -> None:
        row, self.row = self.row, {}
        count = _number(row.get("count", ""), "a row's count")
        disposition = row.get("policy_evaluated/disposition", "").lower()
        self.messages += count
        self.by_disposition[disposition] += count
        sender = Sender(
            source_ip=row.get("source_ip", ""),
            header_from=_domain(row.get("feedback/record/identifiers/header_from", "")),
            dkim=row.get("policy_evaluated/dkim", "").lower(),
            spf=row.get("policy_evaluated/spf", "").lower(),
            disposition=disposition,
        )
        if sender in self.senders or len(self.senders) < MAX_SENDERS:
            self.senders[sender] += count
        else:
            self.left_out += count

    def report(self) -> AggregateReport:
        if not self.metadata and not self.policy:
            raise UnreadableReport("it is XML, and no DMARC report")
        return AggregateReport(
            org=self.metadata.get("org_name", ""),
            report_id=self.metadata.get("report_id", ""),
            domain=_domain(self.policy.get("domain", "")),
            begin=_number(self.metadata.get("date_range/begin", ""), "its begin"),
            end=_number(self.metadata.get("date_range/end", ""), "its end"),
            messages=self.messages,
            by_disposition=dict(self.by_disposition),
            policy={name: value for name, value in self.policy.items() if name != "domain"},
            senders=dict(self.senders),
            left_out=self.left_out,
        )


def _domain(text: str) -> str:
    """A domain as it is compared: some reporters write it in capitals, some with the dot of the root."""
    return text.lower().rstrip(".")


def _number(text: str, what: str) -> int:
    """Whole, and not negative; some reporters write seconds with a fraction."""
    whole, _, fraction = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 15 and (not fraction or fraction.isdigit())):
        raise UnreadableReport(f'{what} is "{text[:40]}", which is no number')
    return int(whole)
