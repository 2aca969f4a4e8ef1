"""8 Domains: what the canned daemon says of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.doctor import DemandRow, DoctorReport, FindingRow, MendRow
from engine.control.protocol.domains import (
    DomainAnswer,
    DomainRow,
    Domains,
    KeyRow,
    RecordRow,
    Reported,
    ReportRow,
    SenderRow,
    ServerRow,
    StepRow,
)
from engine.control.protocol.reputation import AlarmRow, PartRow, ReputationAnswer, ReputationRow, SaidRow

DAY = 24 * HOUR
SHOP = "shop.example"

ROWS = (
    DomainRow(SHOP, SHOP, "publish the 2 records of ph20261122r and ph20261122e", "now", 2, 3, 1, 68),
    DomainRow("xn--4dbcyzi5a.example", "חנות.example (xn--4dbcyzi5a.example)", "2 keys sign", "", 0, 1, 0, 73),
    DomainRow("xn--fsq092h.example", "商店.example (xn--fsq092h.example)",
              "resolvers may remember what was there before until 01:02:11", "waits", 0, 0, 4, 70),
    DomainRow("news.shop.example", "news.shop.example", "no keys here", "", 5, 0, 12, 57),
)  # fmt: skip

_RSA = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx4u" + "Zk9" * 60 + "QAB"


def _record(name: str, value: str, why: str, when: str = "") -> RecordRow:
    below = name.removesuffix(f".{SHOP}")
    return RecordRow(
        name,
        "TXT",
        value,
        f'{name}. IN TXT "{value}"',
        ("type TXT", f"name  {below}   (below {SHOP})", f"value {value}"),
        why,
        when,
    )


RECORDS = (
    _record(f"ph20260520r._domainkey.{SHOP}", _RSA, "DKIM: lets receivers verify what ph20260520r signs"),
    _record(f"ph20261122r._domainkey.{SHOP}", _RSA, "DKIM: lets receivers verify what ph20261122r signs"),
    _record(f"ph20261122e._domainkey.{SHOP}", "v=DKIM1; k=ed25519; p=gEB3xqWQ", "DKIM: lets receivers verify what"
            " ph20261122e signs"),
    _record(f"_dmarc.{SHOP}", "v=DMARC1; p=none; rua=mailto:dmarc-reports@bounce.shop.example", "DMARC: a policy to begin"
            " with, and reports"),
    _record(SHOP, "v=spf1 ip4:192.0.2.7 ~all", "SPF: who sends for the domain",
            "it has no SPF record yet; else put ip4:192.0.2.7 into the one that it has"),
)  # fmt: skip

ANSWER = DomainAnswer(
    NOW, SHOP, SHOP, NOW - 4 * MIN, True,
    (
        KeyRow("ph20260520e", "ed25519-sha256", "active", NOW - 186 * DAY, 3600, None, "",
               (ServerRow("ns1.dns.example"), ServerRow("ns2.dns.example")), ("it has signed for 186 days",)),
        KeyRow("ph20260520r", "rsa-sha256", "active", NOW - 186 * DAY, 3600, None, "",
               (ServerRow("ns1.dns.example"), ServerRow("ns2.dns.example"))),
        KeyRow("ph20261122e", "ed25519-sha256", "new", NOW - HOUR, 0, None, "",
               (ServerRow("ns1.dns.example"), ServerRow("ns2.dns.example", "there is no TXT record"))),
        KeyRow("ph20261122r", "rsa-sha256", "new", NOW - HOUR, 0, None, "",
               (ServerRow("ns1.dns.example", "the key is another: \x1b[31m[/x]"),
                ServerRow("ns2.dns.example", "DNS look-up timed out", True))),
    ),
    (
        StepRow("make", "done", "ph20261122r and ph20261122e, made on 2026-11-22"),
        StepRow("publish", "now", "publish the 2 records of ph20261122r and ph20261122e"),
        StepRow("seen", "waits", "0 of 2 name servers show them"),
        StepRow("remembered", "next", "what resolvers remember must be over"),
        StepRow("sign", "next", "mail is signed with the new keys"),
        StepRow("rest", "next", "the old records stay while mail signed with them may be under way"),
        StepRow("withdraw", "next", "take the old records out"),
    ),
    RECORDS,
)  # fmt: skip

_PTR = MendRow(
    "publish",
    "7.2.0.192.in-addr.arpa. IN PTR mail.shop.example.",
    "7.2.0.192.in-addr.arpa",
    "PTR",
    "mail.shop.example.",
)
_SPF = MendRow("publish", f'{SHOP}. IN TXT "v=spf1 ip4:192.0.2.7 include:_spf.office.example ~all"', SHOP, "TXT",
               "v=spf1 ip4:192.0.2.7 include:_spf.office.example ~all")  # fmt: skip
REPORT = DoctorReport(
    NOW, NOW - 12 * MIN, "fail", (SHOP,),
    (
        FindingRow("host.ehlo", "", "pass", "The name we say in EHLO is one", "mail.shop.example", "RFC 5321 section 4.1.1.1"),
        FindingRow("host.ptr", "", "fail", "Each address has a name", "192.0.2.7 has no PTR record", "Gmail, Yahoo, Microsoft",
                   ("192.0.2.7: NXDOMAIN",), (_PTR,)),
        FindingRow("host.forward", "", "unknown", "That name leads back to the address", "waits for host.ptr",
                   "RFC 1912 section 2.1", waits_for="host.ptr"),
        FindingRow("tls.outbound", "", "pass", "We speak TLS where others do", "TLSv1.3 and 1.2", "RFC 8996"),
        FindingRow("block.address", "", "warn", "No blocklist has our address", "192.0.2.7 is on a list of home addresses",
                   "https://www.spamhaus.example/pbl", ("7.2.0.192.pbl.example: 127.0.0.11",)),
        FindingRow("spf.record", SHOP, "pass", "There is an SPF record", "v=spf1 include:_spf.office.example ~all", "RFC 7208"),
        FindingRow("spf.from", SHOP, "fail", "The From domain's SPF names us too", "192.0.2.7 is not among those who may send",
                   "RFC 7208 section 4", ("v=spf1 include:_spf.office.example ~all",), (_SPF,), ("include:_spf.office.example",
                   "  ip4:198.51.100.0/24")),
        FindingRow("dkim.published", SHOP, "pass", "Each key that signs is published", "2 keys", "RFC 6376"),
        FindingRow("dmarc.policy", SHOP, "warn", "The policy asks for something", "p=none asks for nothing", "RFC 9989",
                   ("v=DMARC1; p=none; rua=mailto:dmarc@shop.example",)),
        FindingRow("sts.record", SHOP, "warn", "MTA-STS is announced", "דואר.example אינו מכריז על מדיניות", "RFC 8461"),
    ),
    (
        DemandRow("gmail.ptr", "gmail", SHOP, "fail", "Valid forward and reverse DNS records", "support.google.example",
                  ("host.ptr", "host.forward")),
        DemandRow("gmail.spf-dkim", "gmail", SHOP, "pass", "SPF and DKIM for the domain", "support.google.example"),
        DemandRow("yahoo.complaints", "yahoo", SHOP, "unknown", "Spam complaint rate under 0.3 %", "senders.yahooinc.example",
                  ("rate.complaints",)),
        DemandRow("microsoft.dmarc", "microsoft", SHOP, "pass", "DMARC, at least p=none", "techcommunity.microsoft.example"),
    ),
)  # fmt: skip

REPORTED = Reported(
    NOW, 30,
    (
        SenderRow("192.0.2.7", SHOP, 18_204, 18_200, 4, "ours", False),
        SenderRow("198.51.100.20", SHOP, 440, 440, 0, "passes", False),
        SenderRow("203.0.113.99", SHOP, 31, 0, 31, "unknown", False),
        SenderRow("2001:db8::7", "news.shop.example", 9, 9, 0, "ours", False),
    ),
    (
        ReportRow(NOW - 5 * HOUR, "dmarc-aggregate", "google.com", SHOP, 12_000, 3, False),
        ReportRow(NOW - 7 * HOUR, "tls-rpt", "Microsoft Corporation", SHOP, 800, 0, False),
        ReportRow(NOW - 30 * HOUR, "dmarc-aggregate", "網易 \x1b[31m[/x]", SHOP, 91, 31, False),
    ), 2, 1,
)  # fmt: skip
FOREIGN = Reported(
    NOW, 30, (SenderRow("203.0.113.5", "elsewhere.example", 7, 7, 0, "passes", True),),
    (ReportRow(NOW - HOUR, "dmarc-aggregate", "mx.elsewhere.example", "elsewhere.example", 7, 0, True),), 2, 1,
)  # fmt: skip


def _group(kind: str, name: str, sent: int, index: int | None, spam: int = 0) -> ReputationRow:
    return ReputationRow(kind, name, sent + 40, sent, sent - 30, 40, 30, 12, 0, 0, spam, 8, 0.998, 4, 0.999, index)


REPUTATION = ReputationAnswer(
    NOW, f"domain {SHOP}", 30, 1000, 87,
    (
        PartRow("blocked", 12, 18_204, 0.0007, 0.005, 25, 3.3), PartRow("nobody there", 220, 18_204, 0.012, 0.02, 20, 12.1),
        PartRow("complaints", 9, 17_900, 0.0005, 0.001, 30, 15.0),
        PartRow("dmarc", 0, None, None, 0.0, 15, None, "too few reports"),
    ),
    _group("domain", SHOP, 18_204, 87, 9),
    (
        _group("provider", "gmail", 9_100, 91, 4), _group("provider", "qq", 400, None),
        _group("provider", "microsoft", 4_000, 64, 5),
        _group("source", "default", 18_204, 87, 9), _group("stream", "marketing", 12_000, 81, 9),
    ),
    tuple(replace(_group("day", f"2026-11-{day:02}", 500 + day * day * 3 % 700, 85, day % 3)) for day in range(1, 23)),
    (
        SaidRow("bounced", "invalid recipient", 180, "550 5.1.1 The email account that you tried to reach does not exist",
                "no-such-user", 4711),
        SaidRow("deferred", "rate", 90, "421 4.7.28 \x1b[31munusual rate [/foo]", "too-fast", 4712),
    ),
    (AlarmRow("complaints", "provider microsoft", "warning", "5 of 4,000 mails that microsoft took were called spam", 5, 4_000,
              0.00125, 0.001, "", "", 0, NOW - 3 * HOUR),),
)  # fmt: skip


def _domain(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    if words["name"] == SHOP:
        return ANSWER
    row = next((each for each in ROWS if each.domain == words["name"]), None)
    if row is None:
        return Refused(f"there are no keys for {words['name']}", "`posthouse domain add` makes them")
    return DomainAnswer(NOW, row.domain, row.readable, None, True)


def _done(text: str) -> Any:
    return lambda body: Done(text, {"act": 50, "undo": {"path": "domains/drop", "body": dict(body)}})


ANSWERS = {
    "/v1/domains": lambda query, words: Domains(NOW, NOW - 12 * MIN, ROWS),
    "/v1/domains/{name}": _domain,
    "/v1/doctor": lambda query, words: REPORT,
    "/v1/reported": lambda query, words: FOREIGN if query.get("foreign") == "1" else REPORTED,
    "/v1/reputation": lambda query, words: REPUTATION,
}
ACTS = {
    "domains/check": lambda body: Done("10 rules were judged: 2 fail, 3 warn, 1 unknown, 4 pass", {}),
    "domains/rotate": _done(f"{SHOP} has new keys, ph20261122r and ph20261122e: publish their records"),
    "domains/switch": _done(f"{SHOP} is signed with ph20261122r and ph20261122e from now on"),
    "domains/drop": lambda body: Done("forgotten", {"act": 51, "final": "the private half was deleted"}),
}
SCENES = (
    Scene("domains", ("8",), "news.shop.example"),
    Scene("domain-rules", ("8", "enter"), "host.ptr"),
    Scene("domain-keys", ("8", "enter", "l", "l"), "ns2.dns.example"),
    Scene("domain-records", ("8", "enter", "l", "l", "l"), "_dmarc.shop.example"),
    Scene("domain-reports", ("8", "enter", "h", "h"), "203.0.113.99"),
    Scene("domain-reputation", ("8", "enter", "h"), "87 of 100"),
)
