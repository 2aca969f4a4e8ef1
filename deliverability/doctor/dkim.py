"""DKIM (RFC 6376, 8301, 8463): what DNS shows, held against the keys that we sign with."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from deliverability.checks.dkim import judge, read_tags
from deliverability.doctor.facts import Case, SigningKey
from deliverability.doctor.model import (
    Mend,
    Said,
    bad,
    configure,
    good,
    gravest,
    publish,
    remove,
    run,
    unknown,
    warn,
)
from deliverability.doctor.rule import Rule
from deliverability.signing.keys import GOOD_RSA_BITS, Algorithm, Key, dns_record

OLD: Final = timedelta(days=182)  # keys are changed at least every six months (M3AAWG, DKIM key rotation)
MUST_SIGN: Final = ("from", "list-unsubscribe", "list-unsubscribe-post")


def _keys(case: Case) -> Said:
    add = run(f"posthouse domain add {case.domain}")
    if not case.active_keys:
        return bad(f"no key signs for {case.domain}: its mail leaves unsigned", (), [add])
    broken = [each for each in case.active_keys if each.key is None]
    if broken:
        says = "; ".join(f"the key {each.selector} can't be read: {each.trouble}" for each in broken)
        return bad(f"{says}; its mail is kept back", (), [run(f"posthouse domain check {broken[0].domain}")])
    return good(", ".join(f"{each.selector} ({each.key.algorithm})" for each in case.active_keys if each.key))


def _each(judge_one: Callable[[Case, SigningKey, Key], Said]) -> Callable[[Case], Said]:
    """A rule over every key that signs."""

    def judged(case: Case) -> Said:
        return gravest([judge_one(case, each, each.key) for each in case.active_keys if each.key is not None])

    return judged


def _name(key: Key) -> str:
    return dns_record(key).name


def _texts(case: Case, key: Key) -> list[str]:
    return case.look.texts(_name(key))


def _ours(key: Key) -> Mend:
    record = dns_record(key)
    return publish(record.name, "TXT", record.value)


def _published(case: Case, kept: SigningKey, key: Key) -> Said:
    texts = _texts(case, key)
    if texts:
        return good(f"{_name(key)} is there", f"{_name(key)}: {texts[0]}")
    return bad(f"{_name(key)} has no TXT record: no receiver can verify what it signs", (), [_ours(key)])


def _single(case: Case, kept: SigningKey, key: Key) -> Said:
    texts = _texts(case, key)
    if len(texts) < 2:
        return good("there is one record for each key")
    ours = dns_record(key).value
    mend = [remove(_name(key), "TXT", each) for each in texts if each != ours]
    says = f"{_name(key)} has {len(texts)} TXT records; receivers may take any of them"
    return bad(says, texts, mend if ours in texts else [*mend, _ours(key)])


def _revoked(case: Case, kept: SigningKey, key: Key) -> Said:
    texts = _texts(case, key)
    if (read_tags(texts[0]) or {"p": "?"}).get("p") == "":
        return bad(f"{_name(key)} has an empty p=: the key is withdrawn, and it still signs", texts, [_ours(key)])
    return good("none that signs is withdrawn")


def _match(case: Case, kept: SigningKey, key: Key) -> Said:
    texts = _texts(case, key)
    found = judge(key, texts[:1])
    if found.fault:
        return bad(f"{_name(key)}: {found.fault}", texts, [_ours(key)])
    return good("what is published is what we sign with")


def _testing(case: Case, kept: SigningKey, key: Key) -> Said:
    texts = _texts(case, key)
    flags = (read_tags(texts[0]) or {}).get("t", "")
    if "y" in [each.strip().lower() for each in flags.split(":")]:
        return warn(f"{_name(key)} says t=y, only testing: receivers may ignore its signatures", texts, [_ours(key)])
    return good("none says that it is only a test")


def _length(case: Case, kept: SigningKey, key: Key) -> Said:
    if isinstance(key.private, rsa.RSAPrivateKey) and key.private.key_size < GOOD_RSA_BITS:
        says = f"{kept.selector} is RSA with {key.private.key_size} bits, and {GOOD_RSA_BITS} are expected"
        return warn(says, (), _new_keys(case))
    return good("every key is long enough")


def _rsa(case: Case) -> Said:
    if any(each.key and each.key.algorithm is Algorithm.RSA for each in case.active_keys):
        return good("an RSA key signs, which every receiver can verify")
    return bad("only Ed25519 signs, which many receivers can't verify yet", (), _new_keys(case))


def _age(case: Case) -> Said:
    return gravest(
        [
            warn(f"{each.selector} has signed for {each.age.days} days", (), _new_keys(case))
            if each.age >= OLD
            else good(f"{each.selector} has signed for {each.age.days} days")
            for each in case.active_keys
        ]
    )


def _retiring(case: Case) -> Said:
    resting = [each for each in case.keys if each.state == "retiring" and each.key is not None]
    if not resting:
        return good("none rests")
    return gravest([_of_retiring(case, each.key) for each in resting if each.key is not None])


def _of_retiring(case: Case, key: Key) -> Said:
    texts = _texts(case, key)
    if any(not judge(key, [each]).fault for each in texts):
        return good(f"{_name(key)} is still there")
    return warn(f"{_name(key)} is gone, and mail that it signed is still under way", texts, [_ours(key)])


def _fields(case: Case) -> Said:
    fields = case.house.signed_fields
    if fields is None:
        return unknown("what is signed is not known without a configuration")
    missing = [each for each in MUST_SIGN if each not in map(str.lower, fields)]
    if not missing:
        return good("From and both List-Unsubscribe fields are signed")
    says = f"signatures leave out {' and '.join(missing)}: one click does not count where it is not signed"
    return bad(says, (), [configure("dkim", f"headers: add {', '.join(missing)}, or take the setting out")])


def _new_keys(case: Case) -> list[Mend]:
    domain = case.keys[0].domain if case.keys else case.domain
    return [run(f"posthouse domain rotate {domain}")]


_SHOWN = ("dkim.published",)
_ONE = ("dkim.single",)

RULES = (
    Rule(
        "dkim.keys",
        "A key signs for the domain",
        "Gmail, Yahoo and Microsoft ask for a DKIM signature; without one DMARC hangs on SPF alone, and forwarded mail fails.",
        "`posthouse domain add DOMAIN` makes the keys and prints their records.",
        "RFC 6376; Gmail's sender guidelines",
        _keys,
    ),
    Rule(
        "dkim.published",
        "Each key that signs is published",
        "A receiver that finds no key treats the mail as unsigned.",
        "Publish the record that is shown.",
        "RFC 6376 section 3.6.2",
        _each(_published),
        ("dkim.keys",),
    ),
    Rule(
        "dkim.single",
        "There is one record for each key",
        "Of several records receivers may take any, and the result is chance.",
        "Leave only ours.",
        "RFC 6376 section 3.6.2.2",
        _each(_single),
        _SHOWN,
    ),
    Rule(
        "dkim.revoked",
        "No key that signs is withdrawn",
        "An empty p= says that the key must not be believed any more.",
        "Publish the key again, or change to new keys.",
        "RFC 6376 section 3.6.1",
        _each(_revoked),
        _ONE,
    ),
    Rule(
        "dkim.match",
        "What is published is what we sign with",
        "A signature of another key fails, which is worse than none with some receivers.",
        "Publish the record that is shown.",
        "RFC 6376 section 6.1.2",
        _each(_match),
        ("dkim.revoked",),
    ),
    Rule(
        "dkim.testing",
        "No key says that it is only a test",
        "With t=y receivers may treat a failure as if nothing was signed.",
        "Take t=y out.",
        "RFC 6376 section 3.6.1",
        _each(_testing),
        ("dkim.match",),
    ),
    Rule(
        "dkim.length",
        "RSA keys have 2048 bits",
        "Shorter keys can be broken; some receivers refuse them.",
        "Make new keys and switch to them.",
        "RFC 8301 section 3.2",
        _each(_length),
        ("dkim.keys",),
    ),
    Rule(
        "dkim.rsa",
        "An RSA key is among them",
        "Many receivers skip Ed25519 signatures, so that they count as none.",
        "Make new keys: `posthouse domain add` makes one of each kind.",
        "RFC 8463 section 5",
        _rsa,
        ("dkim.keys",),
    ),
    Rule(
        "dkim.age",
        "No key signs for more than half a year",
        "A key that leaks unseen is of use for as long as it signs.",
        "Make new keys and switch to them.",
        "M3AAWG, DKIM Key Rotation Best Common Practices",
        _age,
        ("dkim.keys",),
    ),
    Rule(
        "dkim.retiring",
        "Keys that rest are still published",
        "Mail that others hold in their queues is verified by them.",
        "Leave the record until `posthouse domain list` says gone.",
        "RFC 6376 section 3.6.1",
        _retiring,
        ("dkim.keys",),
    ),
    Rule(
        "dkim.fields",
        "Signatures cover From and the unsubscribe fields",
        "One-click unsubscribing counts only where both of its fields are in h= of a passing signature.",
        "Take dkim.headers out of the configuration, or add the fields.",
        "RFC 8058 section 4",
        _fields,
    ),
)
