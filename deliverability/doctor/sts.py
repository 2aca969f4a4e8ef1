"""MTA-STS and TLS-RPT of our own inbound (RFC 8461, RFC 8460): what the bounce domain promises to those who write to it.

Both may be left out. What is published has to be right: a policy that names the wrong host keeps mail out.
"""

import re
from typing import Final

from deliverability.doctor.facts import Case
from deliverability.doctor.model import Mend, NotKnown, Said, bad, good, gravest, publish, remove, shown, warn
from deliverability.doctor.mx import hosts_of
from deliverability.doctor.rule import Rule
from deliverability.mtasts import Mode, Policy, PolicyTrouble, is_named, record_id

_NONE: Final = "none is published, and none need be"
_RUA: Final = re.compile(r"\brua[ \t]*=[ \t]*(mailto:[^@\s,;]+@[^\s,;]+|https://[^\s,;]+)", re.IGNORECASE)


def _announced(case: Case) -> list[str]:
    return [each for each in case.look.texts(f"_mta-sts.{case.envelope}") if "sts" in each[:10].lower()]


def _policy_of(case: Case) -> Policy | None:
    """The policy; None where none is announced. PolicyTrouble."""
    if not _announced(case):
        return None
    found = case.look.document(f"https://mta-sts.{case.envelope}/.well-known/mta-sts.txt")
    if found.trouble:
        raise PolicyTrouble(found.trouble)
    return Policy.parse(found.text)


def _record(case: Case) -> Said:
    texts, name = _announced(case), f"_mta-sts.{case.envelope}"
    if not texts:
        return good(_NONE)
    if (found := record_id(texts)) is not None:
        return good(f"policy {found} is announced", f"{name}: {texts[0]}")
    says = (
        f"{name} has {len(texts)} records"
        if len(texts) > 1
        else f"{name} can't be read: it has v=STSv1 and an id of letters and digits"
    )
    return bad(
        says,
        texts,
        [
            *(remove(name, "TXT", each) for each in texts),
            publish(name, "TXT", f"v=STSv1; id={case.house.now:%Y%m%d%H%M%S}"),
        ],
    )


def _policy(case: Case) -> Said:
    try:
        policy = _policy_of(case)
    except PolicyTrouble as trouble:
        says = f"https://mta-sts.{case.envelope}/.well-known/mta-sts.txt: {trouble}"
        return bad(says, (), [_document(case)])
    return good(_NONE) if policy is None else good(f"mode {policy.mode}, for {policy.max_age.days} days")


def _hosts(case: Case) -> Said:
    policy = _policy_of(case)
    if policy is None or policy.mode is Mode.NONE:
        return good(_NONE)
    missing = [each for each in hosts_of(case, case.envelope) if not is_named(each, policy.exchangers)]
    if not missing:
        return good("it names every exchanger")
    says = f"it does not name {', '.join(missing)}: who obeys it delivers nothing there"
    return bad(says, [f"mx: {each}" for each in policy.exchangers], [_document(case)])


def _certificate(case: Case) -> Said:
    policy = _policy_of(case)
    if policy is None or policy.mode is Mode.NONE:
        return good(_NONE)
    say = bad if policy.mode is Mode.ENFORCE else warn
    found = []
    for host in hosts_of(case, case.envelope):
        door = case.look.door(host, f"postmaster@{case.envelope}")
        if door.trouble:
            raise NotKnown(f"{host} was not reached: {door.trouble}")
        if "STARTTLS" not in door.offers:
            found.append(say(f"{host} offers no STARTTLS, which the policy promises"))
        elif door.distrust:
            found.append(say(f"the certificate of {host} is not believed: {door.distrust}"))
        else:
            found.append(good(f"{host} shows a certificate that is believed"))
    return gravest(found)


def _mode(case: Case) -> Said:
    policy = _policy_of(case)
    if policy is None:
        return good(_NONE)
    if policy.mode is Mode.ENFORCE:
        return good("it is enforced")
    says = f"mode {policy.mode}: nobody has to obey it yet; when TLS reports show no failures, say enforce, and change the id"
    return warn(says, [f"mode: {policy.mode}"], [_document(case)])


def _document(case: Case) -> Mend:
    hosts = "\n".join(f"mx: {shown(each)}" for each in hosts_of(case, case.envelope))
    text = f"version: STSv1\nmode: testing\n{hosts}\nmax_age: 604800"
    return Mend("serve", text, f"https://mta-sts.{case.envelope}/.well-known/mta-sts.txt", "text/plain", text)


def _reports(case: Case) -> Said:
    name = f"_smtp._tls.{case.envelope}"
    texts = [each for each in case.look.texts(name) if "tlsrpt" in each[:14].lower()]
    mend = publish(name, "TXT", f"v=TLSRPTv1; rua=mailto:tls-reports@{case.envelope}")
    if not texts:
        if _announced(case):
            return warn("nobody tells you when TLS to your exchangers fails, and MTA-STS is published", (), [mend])
        return good(_NONE)
    if len(texts) > 1:
        return bad(
            f"{name} has {len(texts)} records, which counts as none",
            texts,
            [*(remove(name, "TXT", each) for each in texts[1:])],
        )
    if not texts[0].startswith("v=TLSRPTv1") or not _RUA.search(texts[0]):
        return bad(f"{name} can't be read: it has v=TLSRPTv1 and a rua= of mailto: or https:", texts, [mend])
    return good("others report how TLS to your exchangers went", f"{name}: {texts[0]}")


RULES = (
    Rule(
        "sts.record",
        "The announcement of an MTA-STS policy can be read",
        "Where it can't, the policy is not found.",
        "Publish one record at _mta-sts of the bounce domain, or none.",
        "RFC 8461 section 3.1",
        _record,
    ),
    Rule(
        "sts.policy",
        "The MTA-STS policy can be had",
        "A policy that is announced and can't be fetched protects nobody.",
        "Serve the document that is shown over https, without a redirect.",
        "RFC 8461 sections 3.2 and 3.3",
        _policy,
        ("sts.record",),
    ),
    Rule(
        "sts.hosts",
        "It names every exchanger",
        "Who obeys the policy delivers to no host that it does not name.",
        "Name the hosts of the MX records, and change the id.",
        "RFC 8461 section 4.1",
        _hosts,
        ("sts.policy", "mx.bounces"),
    ),
    Rule(
        "sts.certificate",
        "Exchangers show what the policy promises",
        "Who obeys the policy wants TLS with a believed certificate of the host's name.",
        "Give the server at port 25 a certificate of its MX name.",
        "RFC 8461 section 4.2",
        _certificate,
        ("sts.hosts",),
    ),
    Rule(
        "sts.mode",
        "It is enforced",
        "In testing nobody has to obey.",
        "Say mode: enforce when TLS reports show no failures.",
        "RFC 8461 section 5",
        _mode,
        ("sts.policy",),
    ),
    Rule(
        "tlsrpt.record",
        "TLS reports are asked for rightly",
        "Reports show who could not reach you by TLS, before an enforced policy keeps mail out.",
        "Publish one record at _smtp._tls of the bounce domain.",
        "RFC 8460 section 3",
        _reports,
    ),
)
