"""SPF (RFC 7208) of the reverse-path's domain, of the name in EHLO, and of the From domain."""

from deliverability.checks.spf import MAX_LOOKUPS, MAX_VOID, Spf, SpfResult, check_host
from deliverability.checks.spf_record import Record, SyntaxFault, parse_record
from deliverability.doctor.facts import Case, Source
from deliverability.doctor.model import Mend, NotKnown, Said, bad, good, gravest, publish, remove, shown, warn
from deliverability.doctor.rule import Rule

_NOBODY = "0.0.0.0"  # an address that no record names: the whole record is gone through
_NO_HOST = "nobody.invalid"


def records_of(case: Case, domain: str) -> list[str]:
    """The texts that are SPF records (section 4.5)."""
    return [each for each in case.look.texts(domain) if each[:6].lower() == "v=spf1" and each[6:7] in ("", " ")]


def _record(case: Case) -> Said:
    domain = case.envelope
    found = records_of(case, domain)
    if found:
        return good(f"{domain} says who may send for it", f"{domain}: {found[0]}")
    near = [each for each in case.look.texts(domain) if "spf" in each[:12].lower()]
    return bad(f"{domain} has no SPF record", near, [_fresh(case, domain)])


def _single(case: Case) -> Said:
    domain = case.envelope
    found = records_of(case, domain)
    if len(found) < 2:
        return good("there are not two")
    merged = _merged(found)
    old = [remove(domain, "TXT", each) for each in found if each != merged]
    new = [] if merged in found else [publish(domain, "TXT", merged)]
    return bad(f"{domain} has {len(found)} SPF records, which counts as none that can be read", found, [*old, *new])


def _syntax(case: Case) -> Said:
    result = _whole(case)
    if result.result is Spf.PERMERROR and result.lookups <= MAX_LOOKUPS and result.voids <= MAX_VOID:
        return bad(result.trouble, records_of(case, case.envelope), [_with_sources(case)], _tree(result))
    return good("every term of it can be read", detail=_tree(result))


def _lookups(case: Case) -> Said:
    result = _whole(case)
    if result.lookups > MAX_LOOKUPS:
        says = f"it takes more than {MAX_LOOKUPS} look-ups, after which receivers stop and pass nobody"
        return bad(says, records_of(case, case.envelope), [_with_sources(case)], _tree(result))
    return good(f"{result.lookups} of {MAX_LOOKUPS} look-ups", detail=_tree(result))


def _voids(case: Case) -> Said:
    result = _whole(case)
    if result.voids > MAX_VOID:
        says = f"more than {MAX_VOID} of its look-ups have no answer"
        return bad(says, records_of(case, case.envelope), [_with_sources(case)], _tree(result))
    if result.voids:
        return warn(f"{result.voids} of its look-ups have no answer: take these terms out", detail=_tree(result))
    return good("every name in it answers")


def _sources(case: Case) -> Said:
    return gravest([_of_source(case, each) for each in case.sources])


def _of_source(case: Case, source: Source) -> Said:
    result = _answered(check_host(source.address, source.ehlo, f"bounce@{case.envelope}", case.look.dns))
    if result.result is Spf.PASS:
        return good(f"{source.address} passes, by {result.mechanism}")
    if result.result is Spf.PERMERROR:
        return bad(f"{source.address}: {result.trouble}", records_of(case, case.envelope), [_with_sources(case)])
    says = f"{source.address} gets {result.result}" + (f" by {shown(result.mechanism)}" if result.mechanism else "")
    return bad(says, records_of(case, case.envelope), [_with_sources(case)], _tree(result))


def _all(case: Case) -> Said:
    domain, record = case.envelope, _parsed(case, case.envelope)
    texts = records_of(case, domain)
    last = next((each for each in record.directives if each.name == "all"), None) if record else None
    if record is None or record.redirect:
        return good("its end is that of the record it leads to")
    if last is None:
        return warn("it has no all at its end: whoever is not named is neutral", texts, [_ended(case, texts[0])])
    if last.qualifier == "+":
        return bad("+all lets the whole world send in your name", texts, [_ended(case, texts[0])])
    if last.qualifier == "?":
        return warn("?all says nothing of those who are not named", texts, [_ended(case, texts[0])])
    return good(f"it ends in {last.text}")


def _ptr(case: Case) -> Said:
    record = _parsed(case, case.envelope)
    if record and any(each.name == "ptr" for each in record.directives):
        says = "ptr is slow and unreliable, and should not be used"
        return warn(says, records_of(case, case.envelope), [_with_sources(case)])
    return good("it uses no ptr")


def _helo(case: Case) -> Said:
    return gravest([_of_helo(case, each) for each in case.sources])


def _of_helo(case: Case, source: Source) -> Said:
    mend = [publish(source.ehlo, "TXT", "v=spf1 a -all")]
    texts = records_of(case, source.ehlo)
    if not texts:
        return warn(f"{source.ehlo} has no SPF record, by which mail without a reverse-path is judged", (), mend)
    result = _answered(check_host(source.address, source.ehlo, "", case.look.dns))
    if result.result is Spf.PASS:
        return good(f"{source.ehlo} passes for {source.address}", *texts)
    return bad(f"{source.ehlo} gets {result.result} for {source.address}", texts, mend)


def _from(case: Case) -> Said:
    if case.domain == case.envelope:
        return good("it is the domain of the reverse-path")
    texts = records_of(case, case.domain)
    if not texts:
        says = f"{case.domain} has no SPF record: say there too who sends"
        return warn(says, (), [_fresh(case, case.domain)])
    if len(texts) > 1:
        old = [remove(case.domain, "TXT", each) for each in texts]
        return warn(
            f"{case.domain} has {len(texts)} SPF records", texts, [*old, publish(case.domain, "TXT", _merged(texts))]
        )
    try:
        parse_record(texts[0])
    except SyntaxFault as err:
        return warn(f"the SPF record of {case.domain}: {err}", texts, [_fresh(case, case.domain)])
    return good(f"{case.domain} has one of its own", *texts)


_IS_ENVELOPE = "it is the domain of the reverse-path, and judged as that"


def _from_lookups(case: Case) -> Said:
    if case.domain == case.envelope:
        return good(_IS_ENVELOPE)
    texts, result = _readable(case), _answered(_whole(case, case.domain))
    if result.result is Spf.PERMERROR:
        return warn(f"whoever evaluates {case.domain} stops: {result.trouble}", texts, (), _tree(result))
    return good(f"{result.lookups} of {MAX_LOOKUPS} look-ups", detail=_tree(result))


def _from_sources(case: Case) -> Said:
    if case.domain == case.envelope:
        return good(_IS_ENVELOPE)
    _readable(case)
    return gravest([_from_source(case, each) for each in case.sources])


def _from_source(case: Case, source: Source) -> Said:
    domain = case.domain
    result = _answered(check_host(source.address, source.ehlo, f"postmaster@{domain}", case.look.dns))
    if result.result is Spf.PERMERROR:
        raise NotKnown("waits for spf.from-lookups")
    if result.result not in (Spf.FAIL, Spf.SOFTFAIL):
        return good(f"{domain} does not forbid {source.address} ({result.result})")
    says = (
        f"{domain} forbids {source.address}, which its mail leaves from: {result.result} by {shown(result.mechanism)}"
    )
    return warn(says, records_of(case, domain), [_with_sources(case, domain)], _tree(result))


def _readable(case: Case) -> list[str]:
    """The From domain's record. NotKnown where there is not one that can be read, which spf.from tells of."""
    texts = records_of(case, case.domain)
    if len(texts) != 1 or _parsed(case, case.domain) is None:
        raise NotKnown("waits for spf.from")
    return texts


# -- what they share


def _answered(result: SpfResult) -> SpfResult:
    """NotKnown where a name server was silent on the way: that is nobody's fault here."""
    if result.result is Spf.TEMPERROR:
        raise NotKnown(result.trouble)
    return result


def _whole(case: Case, domain: str = "") -> SpfResult:
    """The whole record of a domain (the reverse-path's without one), as for a stranger who matches nothing."""
    domain = domain or case.envelope

    def dns(name: str, kind: str) -> list[str]:
        if kind == "PTR":  # that it has no name is the stranger's fault, and no void look-up of the record's
            return [_NO_HOST]
        return [] if name == _NO_HOST else case.look.dns(name, kind)

    return check_host(_NOBODY, case.house.hostname or domain, f"bounce@{domain}", dns)


def _parsed(case: Case, domain: str) -> Record | None:
    texts = records_of(case, domain)
    try:
        return parse_record(texts[0]) if texts else None
    except SyntaxFault:
        return None


def _tree(result: SpfResult) -> list[str]:
    return [f"{'  ' * each.depth}{each.domain}: {each.term}" for each in result.steps]


def _terms(case: Case) -> list[str]:
    """What names our sources; the host's name where nobody knows them."""
    sources = case.house.sources or ()
    found = [f"ip{6 if ':' in each.address else 4}:{each.address}" for each in sources]
    return list(dict.fromkeys(found)) or ([f"a:{case.house.hostname}"] if case.house.hostname else ["mx"])


def _fresh(case: Case, domain: str) -> Mend:
    return publish(domain, "TXT", " ".join(["v=spf1", *_terms(case), "-all"]))


def _with_sources(case: Case, domain: str = "") -> Mend:
    """The record that there is with our sources in front; a fresh one where it can't be kept."""
    domain = domain or case.envelope
    record = _parsed(case, domain)
    if record is None or _whole(case, domain).result is Spf.PERMERROR:
        return _fresh(case, domain)
    ours = _terms(case)
    kept = [
        term for term in records_of(case, domain)[0].split()[1:] if term not in ours and "ptr" not in term.lower()[:5]
    ]
    return publish(domain, "TXT", " ".join(["v=spf1", *ours, *kept]))


def _ended(case: Case, text: str) -> Mend:
    kept = [term for term in text.split()[1:] if term.lower() not in ("all", "+all", "?all")]
    return publish(case.envelope, "TXT", " ".join(["v=spf1", *kept, "-all"]))


def _merged(texts: list[str]) -> str:
    """All terms of several records, once each; the strictest end."""
    terms = [term for text in texts for term in text.split()[1:]]
    ends = [term for term in terms if term.lower().lstrip("+-~?") == "all"]
    end = next((each for each in ("-all", "~all") if each in (term.lower() for term in ends)), "-all")
    return " ".join(["v=spf1", *dict.fromkeys(term for term in terms if term not in ends), end])


RULES = (
    Rule(
        "spf.record",
        "The reverse-path's domain has an SPF record",
        "Receivers ask the domain of the reverse-path which hosts may send for it; without an answer mail proves nothing.",
        "Publish one TXT record that names the addresses that mail leaves from.",
        "RFC 7208 section 4.5",
        _record,
    ),
    Rule(
        "spf.single",
        "It has only one",
        "Two SPF records are an error: receivers then use neither.",
        "Merge them into one and take the others out.",
        "RFC 7208 section 3.2",
        _single,
        ("spf.record",),
    ),
    Rule(
        "spf.syntax",
        "It can be read, with all that it includes",
        "One misspelt term, or an include of a domain without a record, makes the whole record an error.",
        "Mend or take out the term that is named.",
        "RFC 7208 section 4.6",
        _syntax,
        ("spf.single",),
    ),
    Rule(
        "spf.lookups",
        "It takes no more than ten look-ups",
        "Receivers stop after ten, and the record is an error; every include, a, mx, exists and redirect counts.",
        "Name addresses (ip4, ip6) instead of hosts, and take out services that no longer send for you.",
        "RFC 7208 section 4.6.4",
        _lookups,
        ("spf.syntax",),
    ),
    Rule(
        "spf.voids",
        "No more than two of its look-ups are void",
        "A third name without an answer makes the record an error.",
        "Take out the names that no longer answer.",
        "RFC 7208 section 4.6.4",
        _voids,
        ("spf.syntax",),
    ),
    Rule(
        "spf.sources",
        "Every address that mail leaves from passes",
        "Mail from an address that the record does not name fails SPF.",
        "Add the address to the record.",
        "RFC 7208 section 8",
        _sources,
        ("spf.lookups", "spf.voids", "host.ehlo"),
    ),
    Rule(
        "spf.all",
        "It ends in -all or ~all",
        "The end says what of hosts that are not named; +all lets anybody send in your name, and none says nothing.",
        "End the record in -all.",
        "RFC 7208 section 5.1",
        _all,
        ("spf.syntax",),
    ),
    Rule(
        "spf.ptr",
        "It does not use ptr",
        "The mechanism is slow, unreliable and burdens the arpa servers; some receivers skip it.",
        "Name the addresses instead.",
        "RFC 7208 section 5.5",
        _ptr,
        ("spf.syntax",),
    ),
    Rule(
        "spf.helo",
        "The name in EHLO passes for mail without a reverse-path",
        "Bounces and automatic replies have no reverse-path; SPF judges them by the name in EHLO.",
        "Publish a record at that name.",
        "RFC 7208 section 2.4",
        _helo,
        ("host.ehlo",),
    ),
    Rule(
        "spf.from",
        "The From domain has a record of its own",
        "Some receivers look there too, and whoever forges your domain in the reverse-path is found out.",
        "Publish a record at the From domain.",
        "RFC 7208 section 3; Microsoft's rules for high-volume senders",
        _from,
    ),
    Rule(
        "spf.from-lookups",
        "The From domain's record can be evaluated to its end",
        "Whoever looks there stops after ten look-ups, or at an include without a record, and believes none of it.",
        "Name addresses (ip4, ip6) instead of hosts, and take out services that no longer send for you.",
        "RFC 7208 section 4.6.4",
        _from_lookups,
        ("spf.from", "spf.lookups", "spf.voids"),
    ),
    Rule(
        "spf.from-sources",
        "The From domain forbids no address that mail leaves from",
        "Filters that look at From see mail that its own domain forbids.",
        "Add the address to the record of the From domain.",
        "RFC 7208 section 8; Microsoft's rules for high-volume senders",
        _from_sources,
        ("spf.from-lookups", "spf.sources"),
    ),
)
