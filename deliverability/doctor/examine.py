"""Every rule judged on what is known; and what has to be asked before more can be judged."""

from collections.abc import Mapping, Sequence
from typing import Final

from deliverability.checks.spf import DnsTrouble
from deliverability.doctor import align, bimi, dane, dkim, dmarc, host, lists, machine, mail, mx, rates, spf, sts
from deliverability.doctor.facts import Case, House
from deliverability.doctor.look import Answer, Look, Question, Unasked
from deliverability.doctor.model import Finding, NotKnown, Said, Verdict, shown, unknown
from deliverability.doctor.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *host.RULES, *mail.RULES, *machine.RULES, *rates.RULES, *lists.RULES, *spf.RULES, *dkim.RULES, *dmarc.RULES, *align.RULES,
    *mx.RULES, *sts.RULES, *dane.RULES, *bimi.RULES,
)  # fmt: skip
"""All rules; whatever a rule needs comes before it, or is of the house."""

_BY_ID: Final = {each.id: each for each in RULES}
_HOLDS: Final = (Verdict.PASS, Verdict.WARN)


class Examination:
    """One patient: `judge` as often as there are new answers. What was judged stays; only the rest is tried again."""

    def __init__(self, house: House, domains: Sequence[str], rules: Sequence[Rule] = RULES) -> None:
        self._house = house
        rules = sorted(rules, key=lambda each: not each.of_house)
        self._open = [(rule, about) for rule in rules for about in (("",) if rule.of_house else domains)]
        self._told: dict[tuple[str, str], Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was judged so far."""
        return tuple(self._told.values())

    def judge(self, answers: Mapping[Question, Answer]) -> tuple[Question, ...]:
        """Judge what can be judged; what to ask before the rest can be, nothing when all is judged."""
        look = Look(answers)
        wanted: dict[Question, None] = {}
        still_open = []
        for rule, about in self._open:
            try:
                found = self._finding(rule, Case(self._house, look, about))
            except Unasked as unasked:
                wanted.update(dict.fromkeys(unasked.questions))
                found = None
            if found is None:
                still_open.append((rule, about))
            else:
                self._told[rule.id, about] = found
        self._open = still_open
        return tuple(wanted)

    def _finding(self, rule: Rule, case: Case) -> Finding | None:
        """None while a rule that it needs is not judged yet. Unasked."""
        for need in rule.needs:
            first = self._told.get((need, "" if _BY_ID[need].of_house else case.domain))
            if first is None:
                return None
            if first.verdict not in _HOLDS:
                root = first.waits_for or need
                why = first.says if first.verdict is Verdict.UNKNOWN and not first.waits_for else f"waits for {root}"
                return _finding(rule, case, unknown(why), root)
        try:
            return _finding(rule, case, rule.judge(case))
        except (DnsTrouble, NotKnown) as trouble:
            return _finding(rule, case, unknown(shown(str(trouble) or "nobody answers")))


def _finding(rule: Rule, case: Case, said: Said, waits_for: str = "") -> Finding:
    return Finding(
        rule.id, case.domain, said.verdict, rule.title, shown(said.says, 1000), rule.source, said.seen, said.mend, said.detail,
        waits_for,
    )  # fmt: skip
