"""Alignment (RFC 9989 section 4.4): whether what SPF and DKIM prove is about the domain that the reader sees."""

from deliverability.doctor.dmarc import tags_of
from deliverability.doctor.facts import Case
from deliverability.doctor.model import Said, bad, configure, good, run
from deliverability.doctor.rule import Rule
from deliverability.doctor.tree import organization, walk


def _is_aligned(case: Case, other: str, mode: str) -> bool:
    if other == case.domain:
        return True
    if mode == "s":
        return False
    return organization(walk(case.look, other)) == organization(walk(case.look, case.domain))


def _spf(case: Case) -> Said:
    mode = tags_of(case).get("aspf", "r").lower()
    if _is_aligned(case, case.envelope, mode):
        return good(
            f"{case.envelope} and {case.domain} are of one organization" if mode != "s" else "they are the same"
        )
    says = f"the reverse-path is of {case.envelope} and From of {case.domain}"
    says += ": aspf=s wants them to be the same" if mode == "s" else ": they are not of one organization"
    return bad(
        f"{says}; SPF proves nothing of From, and DMARC hangs on DKIM alone",
        (),
        [configure("bounces", f'domain = "bounce.{case.domain}"')],
    )


def _dkim(case: Case) -> Said:
    mode = tags_of(case).get("adkim", "r").lower()
    wrong = sorted({each.domain for each in case.active_keys if not _is_aligned(case, each.domain, mode)})
    if not wrong:
        return good("d= of every signature is aligned with From")
    says = f"signatures say d={', '.join(wrong)} and From {case.domain}"
    says += ": adkim=s wants them to be the same" if mode == "s" else ": they are not of one organization"
    return bad(says, (), [run(f"posthouse domain add {case.domain}")])


RULES = (
    Rule(
        "align.spf",
        "The reverse-path is aligned with From",
        "SPF proves the domain of the reverse-path; DMARC counts it only where that is the organization that From names.",
        "Have bounces come to a subdomain of the From domain, and use relaxed alignment (no aspf=s).",
        "RFC 9989 section 4.4",
        _spf,
        ("dmarc.record", "dmarc.psd"),
    ),
    Rule(
        "align.dkim",
        "Signatures are aligned with From",
        "DMARC counts a signature only where its d= is of the organization that From names.",
        "Sign with a key of the From domain itself.",
        "RFC 9989 section 4.4",
        _dkim,
        ("dmarc.record", "dkim.keys", "dmarc.psd"),
    ),
)
