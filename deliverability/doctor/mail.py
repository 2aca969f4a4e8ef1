"""What our own mail looks like: its form, and the ways out of it that receivers ask for."""

import re
from collections import Counter
from email.utils import getaddresses
from typing import Final

from deliverability.doctor.facts import Case
from deliverability.doctor.model import NotKnown, Said, bad, brand, configure, good, warn
from deliverability.doctor.rule import Rule
from deliverability.rawmail import MessageError, fields, split_message

ONCE: Final = ("from", "date", "message-id", "subject", "mime-version")  # RFC 5322 section 3.6; RFC 2045 section 4
ONE_CLICK: Final = "List-Unsubscribe=One-Click"
LONGEST_LINE: Final = 998
_FREE: Final = """
gmail.com googlemail.com yahoo.com ymail.com rocketmail.com yahoo.co.uk yahoo.fr yahoo.de yahoo.co.jp
outlook.com hotmail.com live.com msn.com hotmail.co.uk hotmail.fr icloud.com me.com mac.com aol.com gmx.de
gmx.net gmx.at web.de t-online.de mail.ru bk.ru inbox.ru list.ru yandex.ru yandex.com ya.ru qq.com foxmail.com
163.com 126.com yeah.net sina.com proton.me protonmail.com pm.me zoho.com mail.com fastmail.com tutanota.com
walla.co.il walla.com naver.com daum.net free.fr orange.fr laposte.net libero.it virgilio.it seznam.cz wp.pl
o2.pl interia.pl onet.pl rambler.ru comcast.net att.net verizon.net
"""
FREE: Final = frozenset(_FREE.split())
"""Domains of mail services for everybody."""
_HTTPS: Final = re.compile(r"<\s*(https://[^>\s]+)\s*>", re.IGNORECASE)


def _sample(case: Case) -> bytes:
    if case.house.sample is None:
        raise NotKnown("no mail of ours could be looked at here")
    return case.house.sample


def _fields(case: Case) -> list[tuple[str, str]]:
    try:
        found = fields(split_message(_sample(case))[0])
    except MessageError as err:
        raise NotKnown(f"the mail can't be read: {err}") from None
    return [(name.lower(), value.decode("utf-8", "replace")) for name, value in found]


def _value(case: Case, name: str) -> str | None:
    return next((value for field, value in _fields(case) if field == name), None)


def _free(case: Case) -> Said:
    if case.domain in FREE:
        says = (
            f"{case.domain} belongs to a mail provider, which tells others to refuse mail from it that is not its own"
        )
        return bad(says, (), [configure("mail", 'from = "Your Shop <hello@your-own-domain.example>"')])
    return good(f"{case.domain} is nobody's mail service")


def _format(case: Case) -> Said:
    counted = Counter(name for name, _ in _fields(case))
    wrong = [f"{counted[each]} {each} fields" for each in ONCE if counted[each] != 1]
    if counted["from"] == 1:
        people = getaddresses([_value(case, "from") or ""])
        wrong += [] if len(people) == 1 and "@" in people[0][1] else [f"{len(people)} addresses in From"]
    lines = _sample(case).split(b"\r\n")
    if any(len(each) > LONGEST_LINE for each in lines):
        wrong.append(f"a line over {LONGEST_LINE} octets")
    if any(b"\n" in each or b"\r" in each or b"\0" in each for each in lines):
        wrong.append("a line end that is not CRLF")
    if wrong:
        return bad(f"the mail has {', '.join(wrong)}", [f"{name}: {value}" for name, value in _fields(case)[:12]])
    return good("every field is there that has to be, once")


def _one_click(case: Case) -> Said:
    said, post = _value(case, "list-unsubscribe"), _value(case, "list-unsubscribe-post")
    seen = [f"List-Unsubscribe: {said}", f"List-Unsubscribe-Post: {post}"]
    if said is None or post is None or post.strip() != ONE_CLICK:
        return bad("marketing mail can't be left by one click: a field is missing, or not as RFC 8058 has it", seen)
    if len(_HTTPS.findall(said)) == 1:
        return good("marketing mail is left by one click", *seen)
    mend = [configure("web", 'base_url = "https://mail.example.com"')]
    if case.house.is_lab:
        return warn(f"it leads to {case.house.base_url}, good enough for a lab only: one click needs https", seen, mend)
    return bad("List-Unsubscribe holds no https address: one click needs https", seen, mend)


def _link(case: Case) -> Said:
    _sample(case)
    if "/unsubscribe/" in case.house.sample_text:
        return good("the mail itself says how to leave")
    return bad("nothing in the text of the mail leads out of the list: let its template extend base/mail, which does")


def _postal(case: Case) -> Said:
    if case.house.postal_address is None:
        raise NotKnown("there is no configuration")
    if case.house.postal_address.strip():
        return good("the sender's postal address is in the footer")
    mend = [brand('postal_address = "1 Mill Lane\\nOldtown"')]
    return warn("marketing mail has no postal address, which most laws ask for", (), mend)


RULES = (
    Rule(
        "mail.free",
        "From is of a domain of your own",
        "Providers publish policies by which mail in their name from elsewhere is refused.",
        "Write from a domain that you own.",
        "Gmail's sender guidelines; Yahoo's sender best practices",
        _free,
    ),
    Rule(
        "mail.format",
        "Mail has the form that RFC 5322 asks for",
        "Gmail refuses mail with doubled or missing fields (550 5.7.1).",
        "Mend the template, or the application that hands the mail over.",
        "RFC 5322 section 3.6; Gmail's sender guidelines",
        _format,
        of_house=True,
    ),
    Rule(
        "mail.one-click",
        "Marketing mail is left by one click",
        "Gmail and Yahoo ask for it above some thousand mails a day, and sort mail without it out.",
        "Set web.base_url to an https address; keep List-Unsubscribe and List-Unsubscribe-Post.",
        "RFC 8058 section 3.1",
        _one_click,
        of_house=True,
    ),
    Rule(
        "mail.link",
        "Marketing mail shows how to leave",
        "Receivers ask for a link that readers see; who does not find it complains.",
        "Let the template extend base/mail.",
        "Gmail's sender guidelines; Yahoo's sender best practices",
        _link,
        of_house=True,
    ),
    Rule(
        "mail.postal",
        "Marketing mail names a postal address",
        "Most laws ask for it (CAN-SPAM, CASL, and in Germany the DDG).",
        "Set postal_address in brand.toml.",
        "CAN-SPAM Act, 15 U.S.C. 7704(a)(5)",
        _postal,
        of_house=True,
    ),
)
