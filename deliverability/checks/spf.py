"""SPF: may this host send for that domain? All of RFC 7208, over whatever answers DNS questions.

Nothing is looked up here: a `Dns` is an argument, so the same evaluation runs over real DNS, a file, or what an
administrator is about to publish. It gives its whole trace, since "permerror" alone helps nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from deliverability.checks.spf_macros import Known, domain_of, expand
from deliverability.checks.spf_record import Directive, Record, SyntaxFault, parse_record

MAX_LOOKUPS: Final = 10  # section 4.6.4
MAX_VOID: Final = 2
MAX_NAMES: Final = 10  # of MX and PTR answers
MAX_DEPTH: Final = 20

Dns = Callable[[str, str], list[str]]
"""The answers for (name, type): TXT texts, addresses, or names by preference. Empty where there are none; raises `DnsTrouble`."""


class DnsTrouble(Exception):
    """The question could not be answered (time out, SERVFAIL): nothing is known."""


class Spf(StrEnum):
    """Section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_QUALIFIERS: Final = {"+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}


@dataclass(frozen=True, slots=True)
class Step:
    """One term as it was looked at. depth: how many includes and redirects lie above it. outcome: what became of it."""

    depth: int
    domain: str
    term: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SpfResult:
    """What SPF says. mechanism: the term that decided, or "". lookups: of the ten that are allowed. explanation: the
    domain's own words for a fail, or "". trouble: what is wrong, for an error."""

    result: Spf
    mechanism: str = ""
    lookups: int = 0
    voids: int = 0
    explanation: str = ""
    trouble: str = ""
    steps: tuple[Step, ...] = ()


def check_host(
    ip: str, helo: str, mail_from: str, dns: Dns, *, receiver: str = "unknown", seconds: int = 0
) -> SpfResult:
    """Whether `ip` may use this identity: `mail_from`, or postmaster at `helo` where it is empty (section 2.4).

    seconds: since 1970, for the macro %{t} of explanations. ValueError when `ip` is no address.
    """
    address = ip_address(ip)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    local, at, domain = mail_from.rpartition("@")
    if not at:
        local, domain = "postmaster", mail_from or helo
    check = _Check(address, helo, f"{local or 'postmaster'}@{domain}", dns, receiver, seconds)
    return check.run(domain)


class _Permanent(Exception):
    """A permerror; the words say why."""


@dataclass(slots=True)
class _Check:
    """One evaluation, with what it has used up."""

    ip: IPv4Address | IPv6Address
    helo: str
    sender: str
    dns: Dns
    receiver: str
    seconds: int
    lookups: int = 0
    voids: int = 0
    mechanism: str = ""
    explained_by: tuple[str, str] | None = None  # (the exp= of the record that decided, its domain)
    steps: list[Step] = field(default_factory=list)

    def run(self, domain: str) -> SpfResult:
        trouble = ""
        try:
            result = self.evaluate(domain.rstrip("."), 0)
        except (_Permanent, SyntaxFault) as err:
            result, trouble = Spf.PERMERROR, str(err)
        except DnsTrouble as err:
            result, trouble = Spf.TEMPERROR, str(err) or "DNS gave no answer"
        decided = self.mechanism if result not in (Spf.NONE, Spf.TEMPERROR, Spf.PERMERROR) else ""
        return SpfResult(
            result,
            decided,
            self.lookups,
            self.voids,
            self.explain() if result is Spf.FAIL else "",
            trouble,
            tuple(self.steps),
        )

    def evaluate(self, domain: str, depth: int) -> Spf:
        """check_host() of section 4."""
        if not _is_domain(domain):
            return Spf.NONE
        record = self.record_of(domain)
        if record is None:
            return Spf.NONE
        for directive in record.directives:
            matched = self.matches(directive, domain, depth)
            self.steps.append(Step(depth, domain, directive.text, "match" if matched else "no match"))
            if matched:
                if depth == 0 or directive.name != "include":
                    self.mechanism = directive.text
                self.explained_by = (record.exp, domain) if record.exp else None
                return _QUALIFIERS[directive.qualifier]
        return self.redirected(record, domain, depth) if record.redirect else Spf.NEUTRAL

    def record_of(self, domain: str) -> Record | None:
        """Section 4.5: exactly one that begins with the version."""
        texts = [text for text in self.dns(domain, "TXT") if text[:6].lower() == "v=spf1" and text[6:7] in ("", " ")]
        if len(texts) > 1:
            raise _Permanent(f"{domain} has {len(texts)} SPF records")
        if not texts:
            return None
        try:
            return parse_record(texts[0])
        except SyntaxFault as err:
            raise _Permanent(f"the SPF record of {domain}: {err}") from None

    def redirected(self, record: Record, domain: str, depth: int) -> Spf:
        self.count_lookup()
        target = self.target(record.redirect, domain)
        self.steps.append(Step(depth, domain, f"redirect={record.redirect}", "followed"))
        result = self.evaluate(target, self.deeper(depth))
        if result is Spf.NONE:
            raise _Permanent(f"redirect of {domain} leads to {target}, which has no SPF record")
        return result

    def matches(self, directive: Directive, domain: str, depth: int) -> bool:
        match directive.name:
            case "all":
                return True
            case "ip4" | "ip6":
                return self.is_within(directive.argument, directive.prefix_of(directive.name))
        self.count_lookup()
        target = self.target(directive.argument, domain) if directive.argument else domain
        match directive.name:
            case "include":
                return self.includes(target, domain, depth)
            case "a":
                return self.is_one_of(self.addresses(target), directive)
            case "mx":
                return self.is_mx(target, directive)
            case "exists":
                return bool(self.ask(target, "A"))
            case _:
                return any(_is_under(name, target) for name in self.names())

    def includes(self, target: str, domain: str, depth: int) -> bool:
        """Section 5.2: only its pass counts, and a target without a record is an error."""
        explained_by, mechanism = self.explained_by, self.mechanism
        result = self.evaluate(target, self.deeper(depth))
        self.explained_by, self.mechanism = explained_by, mechanism
        if result is Spf.NONE:
            raise _Permanent(f"{domain} includes {target}, which has no SPF record")
        return result is Spf.PASS

    def is_mx(self, target: str, directive: Directive) -> bool:
        hosts = [host for host in self.ask(target, "MX") if host]
        if len(hosts) > MAX_NAMES:
            raise _Permanent(f"{target} has more than {MAX_NAMES} MX hosts")
        return any(self.is_one_of(self.addresses(host), directive) for host in hosts)

    def is_one_of(self, addresses: list[str], directive: Directive) -> bool:
        prefix = directive.prefix_of("ip4" if isinstance(self.ip, IPv4Address) else "ip6")
        return any(self.is_within(address, prefix) for address in addresses)

    def is_within(self, address: str, prefix: int | None) -> bool:
        try:
            network = ip_network(f"{address}/{prefix}" if prefix is not None else address, strict=False)
        except ValueError:
            return False
        return self.ip.version == network.version and self.ip in network

    def addresses(self, name: str) -> list[str]:
        return self.ask(name, "A" if isinstance(self.ip, IPv4Address) else "AAAA")

    def names(self) -> list[str]:
        """The names of our address that lead back to it (section 5.5). DNS trouble there only means none."""
        try:
            candidates = self.dns(self.ip.reverse_pointer, "PTR")[:MAX_NAMES]
        except DnsTrouble:
            return []
        if not candidates:
            self.count_void("PTR of the address")
        found = []
        for name in candidates:
            try:
                if any(self.is_within(each, None) for each in self.dns(name, "A" if self.ip.version == 4 else "AAAA")):
                    found.append(name.rstrip(".").lower())
            except DnsTrouble:
                continue
        return found

    def ask(self, name: str, kind: str) -> list[str]:
        """The answers; one that holds nothing is counted (section 4.6.4)."""
        answers = self.dns(name, kind) if _can_be_asked(name) else []
        if not answers:
            self.count_void(f"{kind} of {name}")
        return answers

    def count_lookup(self) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _Permanent(f"more than {MAX_LOOKUPS} DNS look-ups")

    def count_void(self, what: str) -> None:
        self.voids += 1
        if self.voids > MAX_VOID:
            raise _Permanent(f"more than {MAX_VOID} look-ups without an answer; the last: {what}")

    def deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise _Permanent("includes that lead in a circle")
        return depth + 1

    def target(self, spec: str, domain: str) -> str:
        return domain_of(expand(spec, self.known(domain)))

    def explain(self) -> str:
        """The domain's own words (section 6.2); "" where there are none, or none that may be shown."""
        if self.explained_by is None:
            return ""
        spec, domain = self.explained_by
        try:
            texts = self.dns(self.target(spec, domain), "TXT")
            if len(texts) != 1 or not texts[0].isascii() or not texts[0].isprintable():
                return ""
            return expand(texts[0], self.known(domain), is_explanation=True)
        except (DnsTrouble, SyntaxFault):
            return ""

    def known(self, domain: str) -> Known:
        return Known(self.ip, self.helo, self.sender, domain, self.receiver, self.seconds, self.validated)

    def validated(self, domain: str) -> str:
        """The macro %{p}: the domain itself, else a name below it, else any, else "unknown" (section 7.3)."""
        voids = self.voids
        names = self.names()
        self.voids = voids
        ranked = sorted(names, key=lambda name: (name != domain.lower(), not _is_under(name, domain)))
        return ranked[0] if ranked else "unknown"


def _is_domain(domain: str) -> bool:
    """Section 4.3: whether it can be a domain that sends mail at all."""
    return "." in domain and _can_be_asked(domain)


def _can_be_asked(name: str) -> bool:
    return len(name) <= 253 and all(0 < len(label) <= 63 for label in name.rstrip(".").split("."))


def _is_under(name: str, domain: str) -> bool:
    name, domain = name.lower(), domain.rstrip(".").lower()
    return name == domain or name.endswith(f".{domain}")
