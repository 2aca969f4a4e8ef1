"""The doctor over the control socket, and what keeps a campaign back that breaks the demands of bulk senders."""

from collections.abc import Sequence
from typing import Final

from deliverability.address import AddressError, parse_domain
from deliverability.doctor import mail
from deliverability.doctor.facts import Case
from deliverability.doctor.facts import House as Patient
from deliverability.doctor.look import Look
from deliverability.doctor.model import Finding, NotKnown, Verdict
from deliverability.doctor.providers import Met, met
from engine import houselog
from engine.control.asked import Asked
from engine.control.examined import answer
from engine.control.protocol.doctor import DoctorReport
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.doctor.rounds import Doctor
from engine.house import House
from engine.sending.compose import Composed

MOST_DOMAINS: Final = 20
_PROVIDERS: Final = {"gmail": "Gmail", "yahoo": "Yahoo", "microsoft": "Microsoft"}


async def look(house: House, office: Office, asked: Asked) -> DoctorReport:
    """An examination of these domains, or of everything; or what was kept of the last."""
    now = house.clock.now()
    names = [each for each in asked.text("domains").split(",") if each]
    if asked.number("kept", 0):
        if office.doctor.last is None:
            raise Refusal("nothing was examined yet", "`posthouse doctor` does", 404)
        return answer(office.doctor.last, now)
    if len(names) > MOST_DOMAINS:
        raise Refusal(f"these are over {MOST_DOMAINS} domains", "ask for fewer at once")
    try:
        report = await office.doctor.examine([parse_domain(each) for each in names])
    except AddressError as err:
        raise Refusal(f"domains: {err}") from None
    except NotKnown as err:
        raise Refusal(str(err), "`posthouse doctor shop.example`", 409) from None
    return answer(report, house.clock.now())


async def broken_demands(house: House, doctor: Doctor, mails: Sequence[Composed]) -> list[Met]:
    """The demands of bulk senders that a campaign with these mails would break, as the world is now."""
    domain = house.composer.address.domain
    report = await doctor.glance(domain)
    findings = {each.rule: each for each in report.findings if each.about in ("", domain)}
    for each in mails:
        for found in _of_mail(house, each):
            if found.verdict is Verdict.FAIL:
                findings[found.rule] = found
    return _failed(list(findings.values()), domain)


def _failed(findings: Sequence[Finding], domain: str) -> list[Met]:
    return [each for each in met(findings, [domain]) if each.verdict is Verdict.FAIL]


def _of_mail(house: House, composed: Composed) -> list[Finding]:
    """The rules that are about a mail, judged on one of the campaign's own."""
    config = house.config
    patient = Patient(
        now=house.clock.now(), sample=composed.content, sample_text=composed.text, is_lab=config.lab.enabled,
        base_url=config.web.base_url, postal_address="\n".join(house.composer.shop["postal_lines"]),
    )  # fmt: skip
    case = Case(patient, Look({}), "")
    found = []
    for rule in mail.RULES:
        if rule.of_house:
            try:
                said = rule.judge(case)
            except NotKnown:
                continue
            found.append(Finding(rule.id, "", said.verdict, rule.title, said.says, rule.source, said.seen, said.mend))
    return found


def words_of(broken: Sequence[Met]) -> list[str]:
    """One line for each rule: whose demands it breaks."""
    by_rule: dict[str, dict[str, None]] = {}
    for each in broken:
        for rule in each.because:
            by_rule.setdefault(rule, {})[_PROVIDERS[each.demand.provider]] = None
    return [f"{rule} (demanded by {', '.join(providers)})" for rule, providers in by_rule.items()]


async def speaks_against(house: House, doctor: Doctor) -> str:
    """Why a campaign whose time has come should not begin by itself; "" where nothing is broken."""
    broken = words_of(await broken_demands(house, doctor, []))
    if not broken:
        return ""
    remedy = "`posthouse campaign resume` begins it when it is mended"
    return f"it breaks what bulk senders are asked for: {', '.join(broken)}; {remedy}"


async def refuse_broken(
    house: House, office: Office, name: str, mails: Sequence[Composed], by: str, why: str
) -> str:  # fmt: skip
    """Refusal where a campaign breaks a demand of bulk senders, unless somebody says `why` it is sent all the same: that
    is logged, and comes back as words to keep with the run ("" where nothing is broken)."""
    broken = words_of(await broken_demands(house, office.doctor, mails))
    if not broken:
        return ""
    if not why:
        listed = "\n".join(f"  {each}" for each in broken)
        remedy = (
            f"`posthouse doctor {house.composer.address.domain}` says what to mend; --override WHY sends all the same"
        )
        raise Refusal(f"{name} breaks what bulk senders are asked for:\n{listed}", remedy, 409)
    if not by:
        raise Refusal("an override needs a name", "say who decides: by")
    rules = [each.partition(" ")[0] for each in broken]
    houselog.demands_overridden(name, rules=rules, by=by, why=why)
    return f"{', '.join(rules)}: {why}"
