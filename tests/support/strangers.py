"""Every parser that reads octets from outside, in one list: what it reads, how, and what it may answer instead.

A reader gives a value or one of its own exceptions (`refuses`), whatever it is given. `tests/fuzz/test_parsers.py` holds
each to that in every run of the tests, `make fuzz` for as long as one likes; docs/security.md names them.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import dns.message
import dns.nameserver
import dns.query
from clock import FakeClock

from deliverability import address, authors, mtasts, rawmail, reply, settings
from deliverability.bounces import conclude, dsn, feedback, opened, own, verp
from deliverability.checks import dkim, dkim_verify, spf
from deliverability.checks.spf import DnsTrouble
from deliverability.encoded_words import decode_text
from deliverability.mime import leaves
from deliverability.reports import reading
from deliverability.reports.unpacking import UnreadableReport
from deliverability.signing import keys
from engine import config, spool
from engine.audience import ledger, proof
from engine.audience.tokens import BadToken, Purpose, Tokens
from engine.backup import folder as backups
from engine.campaigns import reading as campaign_files
from engine.campaigns.spoken import read_time
from engine.catalogue import pools, product_files
from engine.catalogue.products import ProductError
from engine.commands import sendmail_words
from engine.control.protocol import wire as control_wire
from engine.control.protocol.house import Overview
from engine.control.refusal import Refusal
from engine.control.shapes import BODIES, check_body
from engine.exchange import opening
from engine.exchange.encodings import NoText, Unclear
from engine.exchange.rows import NoTable
from engine.faults import ConfigFaults
from engine.flow import definition, events
from engine.hooks import target
from engine.intake import headers, mail, returns, wants
from engine.intake.extractors import reading as extractor_files
from engine.segments import checking as segments
from engine.segments.vocabulary import Vocabulary
from engine.sending import answering, brand, pictures, texts
from engine.sending.resources import Resources
from engine.simulation import scripts
from engine.tracking import marks
from engine.web import bodies, desk
from mta.inbound import commands, sasl
from mta.inbound.replies import Refused
from mta.routing import https
from mta.routing.resolver import DnsResolver
from mta.smtp import wire
from tui import keymap

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZONE: Final = ZoneInfo("Europe/Berlin")
TOKENS: Final = Tokens(b"0" * 32)
KEY: Final = verp.TokenKey(b"k" * 32, 1)


@dataclass(frozen=True)
class Reader:
    """One parser. seeds: what it is meant to read, from which a stranger's octets are made by changing them."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refuses: tuple[type[BaseException], ...] = ()
    again: Callable[[Any], object] | None = None  # must give what was read once more
    is_slow: bool = False  # an operator's file, of which every try costs milliseconds


def text(reader: Callable[[str], object]) -> Callable[[bytes], object]:
    """A reader of text, whatever octets come."""
    return lambda octets: reader(octets.decode("utf-8", "replace"))


@cache
def place() -> Path:
    """A folder for readers of files."""
    return Path(tempfile.mkdtemp(prefix="posthouse-fuzz-"))


def in_file(reader: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """A reader of a file's path."""

    def read(octets: bytes) -> object:
        path = place() / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(octets)
        return reader(path)

    return read


class _Canned(dns.nameserver.Nameserver):
    """A name server that answers any question with these octets."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __str__(self) -> str:
        return "canned"

    def kind(self) -> str:
        return "canned"

    def is_always_max_size(self) -> bool:
        return True

    def answer_nameserver(self) -> str:
        return "192.0.2.53"

    def answer_port(self) -> int:
        return 53

    async def async_query(self, request: dns.message.QueryMessage, *_: object, **__: object) -> dns.message.Message:
        asked = request.to_wire()
        question = asked[12 : asked.index(b"\0", 12) + 5]  # what does not repeat the question is no answer to us
        answer = dns.message.from_wire(asked[:2] + self._octets[:10] + question + self._octets[10:])
        if not request.is_response(answer):
            raise dns.query.BadResponse
        return answer


def resolved(octets: bytes) -> object:
    """What our resolver makes of a name server's octets, asked for the exchangers, addresses and texts of a name."""

    async def ask() -> tuple[object, ...]:
        resolver = DnsResolver(FakeClock(), ["192.0.2.53:53"], deadline=60.0)
        resolver._dns.nameservers = [_Canned(octets)]  # type: ignore[list-item]
        return await resolver.mx("a.example"), await resolver.txt("a.example")

    return asyncio.run(ask())


def trusted(octets: bytes) -> object:
    """What SPF makes of a record, whatever other names say."""
    record = octets.decode("utf-8", "replace")
    answers = {
        "TXT": [record],
        "A": ["192.0.2.1"],
        "AAAA": ["2001:db8::1"],
        "MX": [record, "a.example"],
        "PTR": [record],
    }
    return spf.check_host("192.0.2.1", "a.example", "ann@a.example", lambda name, kind: answers.get(kind, []))


def verified(octets: bytes) -> object:
    """A signed mail, and what DNS says of its key: the mail's own first line."""
    line = octets.partition(b"\n")[0].decode("utf-8", "replace")
    return dkim_verify.verify(octets, lambda *_: [line])


def all_replies(octets: bytes) -> object:
    """What another server answers, in packets of seven octets."""
    reader = wire.ReplyReader()
    return [reader.feed(octets[start : start + 7]) for start in range(0, len(octets), 7)]


def acts(octets: bytes) -> object:
    """A request to the control socket: its act in the first line, its body in the rest."""
    name, _, body = octets.decode("utf-8", "replace").partition("\n")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return check_body(name, told) if name in BODIES and isinstance(told, dict) else None


def rows_of(path: Path) -> object:
    """Every row of every table of a file of people."""
    return [list(table.rows) for table in opening.open_file(path).tables()]


def dressed(path: Path) -> object:
    """A brand of the shop's own, and its words."""
    return brand.read_brand(Resources([path.parent]))


def worded(path: Path) -> object:
    """Texts of the shop's own."""
    return texts.Texts(Resources([path.parent.parent])).choose("en", "en", "confirm")


def flow_tests(octets: bytes) -> object:
    flow = definition.check(FLOW.decode(), "flow.yaml")
    assert not isinstance(flow, list)
    return scripts.read_tests(octets.decode("utf-8", "replace"), "test.yaml", flow)


def command_line(octets: bytes) -> object:
    """`sendmail` with these words. Some of them end the program, with 0."""
    try:
        return sendmail_words.parse(octets.decode("utf-8", "replace").split("\n"))
    except SystemExit as done:
        assert done.code == 0
        return None


def pem() -> bytes:
    """A key that may sign."""
    return keys.generate_key("a.example", "k", keys.Algorithm.ED25519).to_pem()


def proved() -> bytes:
    """A consent, sealed."""
    salt, facts = b"s" * 16, b'{"address": "ann@a.example", "list": "news"}'
    first = ledger.commit_to(salt, facts)
    own = ledger.link(1, 0, "confirmed", first, ledger.GENESIS).hash
    entry = {"seq": 1, "salt": salt.hex(), "facts": facts.decode()}
    return proof.seal({
        "format": proof.FORMAT, "address": "ann@a.example", "entries": [entry], "rows": [], "previous": ledger.GENESIS,
        "chain": [[1, 0, "confirmed", first, own]],
    })  # fmt: skip


FLOW: Final = b"""name: thanks
title: Thanks
stream: marketing
trigger: {event: order.placed, where: event.total >= 20}
steps:
  - wait: 1h
  - if: contact.orders.count == 0
    then: [{send: order-thanks}]
"""
MAIL: Final = (
    b"From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@a.example>\r\n"
    b'X-Posthouse-Event: order.placed\r\nX-Posthouse-Data: {"total": 3}\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<script type=3D"application/ld+json">{"@context": "https://schema.org", "@type": "Order", "orderNumber": "1"}</script>\r\n'
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--b--\r\n"
)
DSN: Final = (
    b'From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nIt could not be delivered.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.example\r\n\r\n"
    b"Final-Recipient: rfc822; ann@a.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: ours\r\n\r\nx\r\n--b--\r\n"
)
ARF: Final = (
    b'From: fbl@mx.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nspam\r\n"
    b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n"
    b"Original-Rcpt-To: ann@a.example\r\nSource-IP: 192.0.2.1\r\n--b--\r\n"
)
DMARC: Final = (
    b"<?xml version='1.0'?><feedback><report_metadata><org_name>mx</org_name><report_id>1</report_id><date_range><begin>1</begin>"
    b"<end>2</end></date_range></report_metadata><policy_published><domain>a.example</domain><p>none</p></policy_published><record>"
    b"<row><source_ip>192.0.2.1</source_ip><count>2</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim>"
    b"<spf>fail</spf></policy_evaluated></row><identifiers><header_from>a.example</header_from></identifiers></record></feedback>"
)
TLS_REPORT: Final = json.dumps({
    "organization-name": "mx", "date-range": {"start-datetime": "2026-11-21T00:00:00Z", "end-datetime": "2026-11-21T23:59:59Z"},
    "report-id": "1", "policies": [{
        "policy": {"policy-type": "sts", "policy-string": ["version: STSv1"], "policy-domain": "a.example"},
        "summary": {"total-successful-session-count": 1, "total-failure-session-count": 1},
        "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 1}],
    }],
}).encode()  # fmt: skip
MARK: Final = marks.Mark(7, 1, "thanks")
IN_FILES: Final = (
    b'address,name,tags\nann@a.example,Ann,gold\nbob@b.example,"B, ob",\n',
    b'{"address": "ann@a.example"}\n',
)
MANIFEST: Final = json.dumps({
    "format": backups.FORMAT, "made": "2026-11-22T03:15:02+00:00", "version": "0.1.0", "hostname": "a.example",
    "schema": ["0001"],
    "files": {"posthouse.db": {"size": 1, "sha256": "00"}},
}).encode()  # fmt: skip
DNS_ANSWERS: Final = (  # behind its number and without its question
    b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\x0f\0\1\0\0\1\x2c\0\7\0\x0a\2mx\xc0\x0c",
    b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\4\3one",
    b"\x81\x80\0\1\0\2\0\0\0\0\xc0\x0c\0\5\0\1\0\0\1\x2c\0\4\1b\xc0\x0c\1b\xc0\x0c\0\5\0\1\0\0\1\x2c\0\2\xc0\x0c",
)

READERS: Final[dict[str, Reader]] = {
    # -- mail, and the words of servers
    "SMTP: MAIL": Reader(
        text(commands.parse_mail), (b"FROM:<a@b.example> SIZE=9 BODY=8BITMIME RET=HDRS ENVID=x+2B",), (Refused,)
    ),
    "SMTP: RCPT": Reader(
        text(lambda words: commands.parse_rcpt(words, "mx.example", smtputf8=True)),
        (b"TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+40b", b"TO:<Postmaster>"),
        (Refused,),
    ),
    "SMTP: AUTH": Reader(sasl.decode, (b"AGFubgBwYXNz", b"="), (sasl.BadResponse,)),
    "SMTP: replies": Reader(all_replies, (b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 100\r\n550 5.1.1 no\r\n",)),
    "SMTP: a reply": Reader(text(reply.Reply.parse), (b"550-5.1.1 no\n550 5.1.1 such user",), (reply.ReplyError,)),
    "addresses": Reader(
        text(address.Address.parse), (b'"a b"@b.example', "жук@пример.рф".encode()), (address.AddressError,), str
    ),
    "paths": Reader(address.parse_path, (b"<@x.example:a@b.example>", b'<"a\\@b"@b.example>'), (address.AddressError,)),
    "authors": Reader(authors.first_author, (b'"Ann, B" <ann@a.example>, x (y (z)) <z@z.example>',)),
    "encoded words": Reader(decode_text, (b"=?utf-8?b?0LY=?= =?iso-8859-1?q?=E9?= plain",)),
    "header fields": Reader(
        lambda octets: rawmail.fields(rawmail.split_message(octets)[0]), (MAIL,), (rawmail.MessageError,)
    ),
    "MIME": Reader(lambda octets: [part.payload() for part in leaves(octets)], (MAIL, DSN)),
    "bounces": Reader(conclude.conclude, (DSN, ARF, MAIL)),
    "DSN": Reader(dsn.read_report, (DSN,)),
    "ARF": Reader(lambda octets: feedback.read_feedback(opened.Opened.of(octets)), (ARF,)),
    "what came back": Reader(returns.read_return, (DSN, ARF)),
    "DMARC and TLS reports": Reader(reading.read_any, (DMARC, TLS_REPORT), (UnreadableReport,)),
    "what mail says to us": Reader(headers.read_headers, (MAIL.partition(b"\r\n\r\n")[0],)),
    "mail for events": Reader(lambda octets: mail.examine(octets, (), NOW), (MAIL,)),
    "JSON-LD and microdata": Reader(
        lambda octets: wants.read_mail(wants.Wants(markup=True, body=True).request(octets)), (MAIL,)
    ),
    "DKIM signatures": Reader(
        verified,
        (b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=k; h=from; bh=AA==; b=AA==\r\n" + MAIL,),
        (rawmail.MessageError,),
    ),
    # -- DNS, and what other servers serve
    "DNS answers": Reader(resolved, DNS_ANSWERS, is_slow=True),
    "SPF": Reader(
        trusted,
        (b"v=spf1 a mx/24 ip4:192.0.2.0/24 include:%{d} exists:%{ir}.x redirect=b.example -all",),
        (DnsTrouble,),
    ),
    "DKIM records": Reader(text(dkim.read_tags), (b"v=DKIM1; k=rsa; p=AAAA",)),
    "MTA-STS policies": Reader(
        text(mtasts.Policy.parse),
        (b"version: STSv1\nmode: enforce\nmx: *.b.example\nmax_age: 86400\n",),
        (mtasts.PolicyTrouble,),
    ),
    "HTTP answers": Reader(
        lambda octets: https.read_response(octets, is_whole=True),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nx",),
        (https.FetchTrouble,),
    ),
    # -- readers' browsers, applications and operators
    "bounce addresses": Reader(
        text(lambda words: verp.read_token(words, (KEY,), NOW)),
        (KEY.make(7, NOW, "b.example").partition("@")[0].encode(),),
    ),
    "answer addresses": Reader(
        text(lambda words: answering.read_answer(TOKENS, words, NOW)),
        (answering.answer_address(TOKENS, 7, MARK, "b.example", NOW).partition("@")[0].encode(),),
    ),
    "tokens": Reader(
        text(lambda words: TOKENS.read(Purpose.CONFIRM, words, NOW)),
        (TOKENS.make(Purpose.CONFIRM, (1, 2)).encode(),),
        (BadToken,),
    ),
    "short tokens": Reader(
        text(lambda words: TOKENS.read_short(Purpose.REFERRAL, words)),
        (TOKENS.make_short(Purpose.REFERRAL, 9).encode(),),
        (BadToken,),
    ),
    "click tokens": Reader(
        text(lambda words: marks.read_click(TOKENS, words, NOW)),
        (marks.click_token(TOKENS, marks.Link(MARK, 1, 2, "https://shop.example/")).encode(),),
        (BadToken,),
    ),
    "forms": Reader(desk.form, (b"address=ann%40a.example&list=news&x=",)),
    "HTTP bodies": Reader(
        lambda octets: bodies.parse(bodies.EventBody, octets),
        (b'{"name": "order.placed", "address": "ann@a.example", "data": {"total": 3}}',),
        (bodies.Faulty,),
    ),
    "event data": Reader(events.read_data, (b'{"total": 3, "lines": [{"sku": "a"}]}',), (events.EventError,)),
    "control: a request": Reader(
        acts,
        (
            b'lists\n{"name": "news", "title": "News", "by": "ann"}',
            b'people/tag\n{"address": "ann@a.example", "tag": "gold"}',
        ),
        (Refusal,),
    ),
    "control: an answer": Reader(
        lambda octets: control_wire.decode(Overview, octets),
        (control_wire.encode(Overview("mail", "1", 0)),),
        (ValueError, RecursionError),
        control_wire.encode,
    ),
    "web addresses": Reader(
        text(target.parse), (b"https://shop.example:8443/hook?x=1", b"http://[::1]/"), (target.NoTarget,)
    ),
    "times": Reader(
        text(lambda words: read_time(words, NOW, ZONE)), (b"tomorrow 10:00 Europe/Berlin", b"in 3d"), (ValueError,)
    ),
    "durations": Reader(text(settings.parse_duration), (b"1h30m", b"5 days"), (ValueError,)),
    "the sendmail command": Reader(command_line, (b"-t\n-f\na@b.example\n--\nc@d.example",), (sendmail_words.Trouble,)),
    # -- files
    "configuration": Reader(
        text(config.parse), (b'hostname = "a.example"\n[routing]\nsmart_host = "b.example:25"\n',), (ConfigFaults,)
    ),
    "flow files": Reader(text(lambda words: definition.check(words, "flow.yaml")), (FLOW,), is_slow=True),
    "flow tests": Reader(
        flow_tests,
        (b"flow: thanks\ntests:\n  - name: x\n    events: [{event: order.placed}]\n    expect: []\n",),
        is_slow=True,
    ),
    "campaign files": Reader(
        text(lambda words: campaign_files.check(words, "campaign.yaml")),
        (
            b"name: spring\ntitle: Spring\naudience: {lists: [news]}\nmail: {template: campaign}\nsend: {at: 2026-12-01 10:00}\n",
        ),
        is_slow=True,
    ),
    "extractors": Reader(
        text(lambda words: extractor_files.read_extractor(words, "x.yaml")),
        (b"name: x\nmatch: {from: a@b.example}\nevent: order.placed\ndata: {number: {text: 'Order (\\d+)'}}\n",),
        is_slow=True,
    ),
    "segments": Reader(
        text(lambda words: segments.check(words, Vocabulary())),
        (b"contact.orders.count >= 3 and 'gold' in contact.tags",),
        (segments.SegmentError,),
    ),
    "files of people": Reader(in_file(rows_of, "people.csv"), IN_FILES, (NoTable, NoText, Unclear), is_slow=True),
    "coupon codes": Reader(
        text(lambda words: list(pools.read_codes(words.splitlines(keepends=True), ZONE))),
        (b"code,until\nABC-1,2026-12-24\n",),
        (pools.PoolError,),
    ),
    "products": Reader(
        text(lambda words: list(product_files.read_products(words.splitlines(keepends=True)))),
        (b"sku,name,price\n1,Mug,9.90\n", b'[{"sku": "1", "name": "Mug"}]'),
        (ProductError,),
    ),
    "brand.toml": Reader(
        in_file(dressed, "brand.toml"),
        (b'name = "Shop"\nurl = "https://shop.example"\n[colours]\naccent = "#123456"\n',),
        (brand.BrandError,),
        is_slow=True,
    ),
    "words": Reader(
        in_file(worded, "i18n/en.toml"),
        (b'[confirm]\nsubject = "Please confirm {name}"\n',),
        (texts.TextError,),
        is_slow=True,
    ),
    "pictures": Reader(
        pictures.read_picture, (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0",), (pictures.PictureError,)
    ),
    "keys.toml": Reader(in_file(lambda path: keymap.read(path, list), "keys.toml"), (b'[keys]\nquit = "ctrl+q"\n',)),
    "rules.toml": Reader(
        text(lambda words: own.read_rules(words, is_proven=True)),
        (b'[[rule]]\nid = "own.x"\nclass = "mailbox full"\ntext = "full"\nsamples = ["552 full"]\n',),
        (own.RuleFault,),
    ),
    "key files": Reader(lambda octets: keys.load_key(octets, "a.example", "k"), (pem(),), (keys.KeyTrouble,)),
    "the spool": Reader(
        in_file(lambda path: spool.read(path, 1 << 20), "0" * 32 + ".mail"),
        (b'{"sender": "a@b.example", "recipients": ["c@d.example"]}\n' + MAIL,),
        (spool.BadSpoolFile,),
    ),
    "backups": Reader(
        in_file(lambda path: backups.read(path.parent), "backup/manifest.json"), (MANIFEST,), (backups.BackupError,)
    ),
    "consent proofs": Reader(proof.verify, (proved(),), (proof.Broken,)),
}
