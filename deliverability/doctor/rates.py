"""How marketing mail of a domain was received lately: who complained, and whom there is nobody for."""

from typing import Final

from deliverability.doctor.facts import Case
from deliverability.doctor.model import NotKnown, Said, bad, good, warn
from deliverability.doctor.rule import Rule

ENOUGH: Final = 100  # deliveries before a rate says anything
COMPLAINTS: Final = (0.001, 0.003)  # Gmail and Yahoo: stay under 0.1 %, never reach 0.3 %
BOUNCES: Final = (0.02, 0.05)


def _complaints(case: Case) -> Said:
    figures = case.figures
    return _rate("readers complained of", figures.complained, figures.delivered, figures.days, COMPLAINTS)


def _bounces(case: Case) -> Said:
    figures = case.figures
    total = figures.delivered + figures.bounced
    return _rate("there was nobody for", figures.bounced, total, figures.days, BOUNCES)


def _rate(what: str, count: int, total: int, days: int, limits: tuple[float, float]) -> Said:
    if total < ENOUGH and count:
        raise NotKnown(f"{what} {count} of {total} mails in {days} days: too few for a rate")
    share = count / total if total else 0.0
    words = f"{what} {count:,} of {total:,} mails in {days} days ({share:.2%}; the limit is {limits[1]:.1%})"
    if share >= limits[1]:
        return bad(f"{words}: write to nobody who did not ask, and to those who read you first")
    return warn(f"{words}: stay under {limits[0]:.1%}") if share >= limits[0] else good(words)


RULES = (
    Rule(
        "rate.complaints",
        "Few readers complain",
        "Gmail and Yahoo sort out or refuse the mail of who reaches 0.3 %.",
        "Write only to who asked, show the way out, and let the silent go (`posthouse sunset`).",
        "Gmail's sender guidelines; Yahoo's sender best practices",
        _complaints,
    ),
    Rule(
        "rate.bounces",
        "Few addresses are dead",
        "Lists full of dead addresses are those of spammers; Microsoft asks to remove them.",
        "Import only what was confirmed; let Posthouse suppress what bounces for good.",
        "Microsoft's rules for high-volume senders",
        _bounces,
    ),
)
