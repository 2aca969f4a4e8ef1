"""Bounces of no standard form: qmail, Exim, Exchange, Notes, Domino, MDaemon, Yahoo, mail.ru, KDDI and all the others.

They differ in their words and agree in their ways: a letter from a mail system names one or more addresses, each at the
beginning of a line or behind a label, tells the reason beside or below it, and then quotes our message. That is what is
read here. What a letter says is a stranger's word, as everything is that comes back.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from deliverability.bounces.judging import Told
from deliverability.bounces.last import ask_the_collection
from deliverability.bounces.opened import Opened
from deliverability.bounces.wording import wording
from deliverability.rawmail import first_value
from deliverability.text import clean

MAX_RECIPIENTS: Final = 200
MAX_LOOK: Final = 8_192  # characters in which its kind is looked for
MAX_LINE: Final = 2_000  # characters of a line that are looked at
MAX_SAID: Final = 1_000  # characters kept of what is said about one recipient

FAILED: Final = "failed"
DELAYED: Final = "delayed"

_ADDRESS: Final = r"(?:[^\s<>@\"'(),;:\[\]\\|=]{1,64}|\"[^\"\s@]{1,64}\")@[^\W_](?:[\w.-]{0,250}[^\W_])?"
_ANY_ADDRESS: Final = re.compile(_ADDRESS)
# An address that a line is about: at its beginning, or behind a label or a reply code.
_LINE: Final = re.compile(
    r"[ \t>*|.#-]{0,20}+(?P<label>[^@\n<>]{0,60}?(?:[:=]|\bto|\bfor|\baddress|[45]\d\d)[ \t]*)?"
    rf"[<\"'\[(]{{0,2}}(?:mailto:|rfc822;[ \t]?|smtp:)?(?P<address>{_ADDRESS})[>\"'\])]{{0,2}}(?P<rest>[^\n]*)",
    re.IGNORECASE,
)
_CONTINUED: Final = re.compile(r"[^\n]*(?:\n[ \t]+[^\s][^\n]*)*")
_ANSWERS: Final = re.compile(r"\s*(?:re|aw|wg|sv|vs|tr|rv|ynt|odp|antw|fwd?|回复|回覆|转发)\s*[:：]", re.IGNORECASE)
_NOT_THEIRS: Final = re.compile(r"(?:mailer-daemon|postmaster|abuse|mdaemon|noreply|no-reply|helpdesk)@", re.IGNORECASE)


def read_letter(opened: Opened) -> tuple[Told, ...]:
    """Who did not get our message, by a letter that is no standard report; empty when it tells of nobody."""
    notified = _read_notification(opened)
    if notified:
        return notified
    named = _addresses(opened.value("X-Failed-Recipients"))
    if not named and not _is_about_a_failure(opened):
        return ()
    ours, action = _senders(opened), _action(opened)
    if not comes_from_a_daemon(opened) and (_is_an_answer(opened) or not _is_a_machines(opened.words, ours)):
        return ()
    blocks = _blocks(opened.words, ours) or {address.lower(): (address, "") for address in named}
    if not blocks:
        failed, late = ask_the_collection(opened)
        blocks = {address: (address, "") for address in failed or late}
        action = action if failed else DELAYED if late else action
    if not blocks:
        blocks = _mentioned(opened.words, ours) or {each.lower(): (each, "") for each in _elsewhere(opened, ours)}
    whole = _squeezed(opened.words)[:MAX_SAID] if len(blocks) == 1 else ""
    people = list(blocks.values())[:MAX_RECIPIENTS]
    return tuple(Told(clean(address), action, said=said, around=whole) for address, said in people)


def comes_from_a_daemon(opened: Opened) -> bool:
    """Whether a mail system wrote it, by its own account."""
    return is_a_daemon(opened.value("From")) or bool(opened.value("X-Failed-Recipients"))


def is_a_daemon(author: str) -> bool:
    """Whether an author is called as mail systems call themselves."""
    return wording("daemon").search(author.lower()) is not None


def _is_about_a_failure(opened: Opened) -> bool:
    """At least two of: a mail system wrote it, its subject says so, its words say so."""
    subject = wording("subject").search(opened.value("Subject").lower()) is not None
    words = wording("failure").search(_squeezed(opened.words[:MAX_LOOK]).lower()) is not None
    return comes_from_a_daemon(opened) + subject + words >= 2


def _is_an_answer(opened: Opened) -> bool:
    """Whether a person answers, or passes on, what may have been a mail system's letter."""
    is_in_thread = opened.value("References") or opened.value("In-Reply-To")
    return bool(is_in_thread) and _ANSWERS.match(opened.value("Subject")) is not None


def _is_a_machines(words: str, ours: frozenset[str]) -> bool:
    """A person writes of failed deliveries too; whoever lists addresses, each on a line of its own or behind a colon, is a
    machine.
    """
    return any(
        (line["label"] or ":").rstrip().endswith((":", "=")) and _is_about_it(line, ours) for line in _lines(words)
    )


def _action(opened: Opened) -> str:
    said = f"{opened.value('Subject')} {_squeezed(opened.words[:MAX_LOOK])}".lower()
    return DELAYED if wording("late").search(said) and not wording("for_good").search(said) else FAILED


def _senders(opened: Opened) -> frozenset[str]:
    """Addresses that are not the recipient's: to whom the letter goes, and who wrote it."""
    values = [opened.value(name) for name in ("To", "From", "Reply-To", "Sender")]
    return frozenset(each.lower() for value in values for each in _addresses(value))


def _blocks(words: str, ours: frozenset[str]) -> dict[str, tuple[str, str]]:
    """By address: how it is written, and what stands beside it, or below where nothing does."""
    found: dict[str, tuple[str, str]] = {}
    lines = [match for match in _lines(words) if _is_about_it(match, ours)]
    if len(lines) > 1:
        lines = _after_announced(words, lines)
    before_all = _squeezed(words[: lines[0].start()])[-MAX_SAID:] if lines else ""
    for match, following in zip(lines, [*lines[1:], None], strict=False):
        below = words[match.start() : following.start() if following else len(words)]
        said = _squeezed(_paragraph(below) if _says_more(match["rest"]) else below)
        address, before = found.get(match["address"].lower(), (match["address"], ""))
        if before or len(found) < MAX_RECIPIENTS:
            found[match["address"].lower()] = (address, f"{before} {said}".strip()[:MAX_SAID])
    return {
        key: (address, said if _says_more(said) else f"{before_all} {said}") for key, (address, said) in found.items()
    }


def _mentioned(words: str, ours: frozenset[str]) -> dict[str, tuple[str, str]]:
    """The first address within a line that can be the recipient's, and what is said from there on."""
    for match in _ANY_ADDRESS.finditer(words):
        before = words[max(0, match.start() - 60) : match.start()].rpartition("\n")[2].lower()
        if match[0].lower() not in ours and not _NOT_THEIRS.match(match[0]) and not _not_about().search(before):
            start = words.rfind("\n", 0, match.start()) + 1
            return {match[0].lower(): (match[0], _squeezed(words[start:])[:MAX_SAID])}
    return {}


def _lines(words: str) -> Iterator[re.Match[str]]:
    """The lines that begin with an address, or with a label and an address."""
    at = words.find("@")
    while at >= 0:
        start, end = words.rfind("\n", 0, at) + 1, words.find("\n", at)
        end = end if end >= 0 else len(words)
        match = _LINE.match(words, start, min(end, start + MAX_LINE))
        if match:
            yield match
        at = words.find("@", end)


def _after_announced(words: str, lines: list[re.Match[str]]) -> list[re.Match[str]]:
    """Those behind the sentence that announces them, where there is one: before it our own header may be quoted."""
    for announced in wording("announced").finditer(words.lower()):
        behind = [line for line in lines if line.start() >= announced.start() and line.end() > announced.end()]
        if behind:
            return behind
    return lines


def _paragraph(text: str) -> str:
    """The first line and those that go on with it: indented more, in the same paragraph."""
    match = _CONTINUED.match(text)
    return match[0] if match else text


def _is_about_it(match: re.Match[str], ours: frozenset[str]) -> bool:
    address = match["address"].lower()
    return (
        address not in ours
        and not _NOT_THEIRS.match(address)
        and not _not_about().search((match["label"] or "").lower())
    )


def _not_about() -> re.Pattern[str]:
    return wording("not_about", r"\b", r"\b[^@]*$")


def _says_more(said: str) -> bool:
    """Whether words stand beside the address."""
    return len(_ANY_ADDRESS.sub("", said).strip(" <>()[]:\"'*-=_")) > 3


def _elsewhere(opened: Opened, ours: frozenset[str]) -> Iterator[str]:
    """Where the letter names nobody: whom our message went to, as far as it came back."""
    for header in (opened.returned_header, opened.returned_text):
        for name in ("X-Envelope-To", "X-Failed-Recipients", "Final-Recipient", "To"):
            for address in _addresses((first_value(header, name) or b"").decode("utf-8", "replace")):
                if address.lower() not in ours:
                    yield address
                    return


def _addresses(text: str) -> list[str]:
    return _ANY_ADDRESS.findall(text[:20_000])[:MAX_RECIPIENTS]


def _squeezed(text: str) -> str:
    return clean(" ".join(text.split()))


def _read_notification(opened: Opened) -> tuple[Told, ...]:
    """Amazon SES tells by JSON, in a mail of its notification service."""
    if '"notificationType' not in opened.words and '\\"notificationType' not in opened.words:
        return ()
    try:
        outer = json.loads(opened.words.partition("\n--\n")[0].replace("\n", ""))
        inner = outer if "notificationType" in outer else json.loads(outer["Message"])
        people = inner["bounce"]["bouncedRecipients"]
        return tuple(
            Told(
                clean(str(each["emailAddress"])),
                FAILED,
                diagnostic=clean(str(each.get("diagnosticCode") or each.get("status", ""))),
            )
            for each in people[:MAX_RECIPIENTS]
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ()


def said_about(opened: Opened, address: str, *, alone: bool) -> tuple[str, str]:
    """What a report's words say about a recipient that its fields name, and all of them where it is the only one."""
    said = _blocks(opened.words, frozenset()).get(address.lower(), ("", ""))[1]
    return said, _squeezed(opened.words)[:MAX_SAID] if alone else ""
