"""Composing: a template, a contact and the facts of an event, to the octets of a mail.

`templates/mail/<name>.html.j2` and `.txt.j2` say the same thing twice; the words come from the catalogue of the
reader's language. Composing touches nothing and draws nothing: with the same arguments it gives the same octets, so a
mail written in a transaction that is replayed, or after a crash, is the same mail.

What templates see: contact (`contact_facts`), the facts by their names (a flow's `event`, also as `data`), shop
{name, address, postal_lines, url, pages}, brand (`Brand.as_facts`), links, is_marketing, what a language looks like
(engine.sending.look), and in the HTML part subject.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from deliverability.headers import (
    HeaderError,
    format_date,
    header,
    mailbox_header,
    make_message_id,
    text_header,
)
from engine.audience.asking import AskingSettings
from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import tidy_name
from engine.audience.list_settings import ListSettings
from engine.audience.lists import MailingList, list_facts
from engine.audience.tokens import LEAVE, Purpose, Tokens
from engine.flow.model import Tracking
from engine.sending.answering import answer_address
from engine.sending.brand import Brand, read_brand
from engine.sending.calendar import CalendarError, calendar
from engine.sending.direction import cut, set_lines
from engine.sending.links import PersonalLinks
from engine.sending.list_fields import feedback_id, list_fields, name_of
from engine.sending.look import LOOK
from engine.sending.mime import alternative, with_calendar
from engine.sending.plain import PlainError, plain
from engine.sending.render import Renderer, Style, TemplateFault, zone_named
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings, split_mailbox
from engine.sending.texts import TextError, Texts, Words
from engine.sending.tracked import Track, Tracked
from engine.tracking.marks import Mark
from engine.tracking.settings import TrackingSettings, counted
from mta.queue.delivery import Stream

SUBJECT_MAX: Final = 150  # characters; a longer one is cut, since it holds what products are called

_TEMPLATE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OURS: Final = frozenset(("contact", "shop", "links", "is_marketing", "subject", *LOOK))
GIVEN: Final = _OURS | {"data", "event", "trigger", "list", "expires", "offered"}
"""The names that a mail's templates may use."""

_BLANK_LINES: Final = re.compile(r"\n{3,}")
_OF_NO_LIST: Final = ListSettings()


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail, ready for the queue."""

    subject: str
    header_from: str  # the address in From
    message_id: str  # with its angle brackets
    text: str  # its plain text, as it is read
    html: str  # the same as HTML
    content: bytes  # CRLF line ends; ASCII, unless needs_utf8
    needs_utf8: bool  # To holds an address that only SMTPUTF8 can carry (RFC 6532)


@dataclass(frozen=True, slots=True)
class Wording:
    """What somebody wrote for this mailing: it stands in for what the template says. Texts may hold expressions."""

    subject: str = ""
    sender: str = ""  # the name in From
    content: Mapping[str, Any] | None = None  # what the template sees as `data`


_AS_IT_IS: Final = Wording()


class Composer:
    """Writes mail. One for a process; safe to use in several threads."""

    def __init__(
        self, settings: MailSettings, resources: Resources, secret: bytes, base_url: str, mail_domain: str = "",
        asking: AskingSettings | None = None, tracking: TrackingSettings | None = None, brand: Brand | None = None,
    ) -> None:  # fmt: skip
        """`secret` signs the links, `base_url` begins them: nothing that a request says ever does. `mail_domain` is
        where people's answers by mail come in; "" where none are taken. `asking`: how often people may be asked;
        `tracking`: what is counted of mail that has a mark; `brand`: the resources' own otherwise."""
        self.settings = settings
        self.asking = asking or AskingSettings()
        self.tracking = tracking or TrackingSettings()
        self.tokens = Tokens(secret)
        self.base_url = base_url.rstrip("/")
        self.mail_domain = mail_domain
        self.texts = Texts(resources)
        self.brand = brand or read_brand(resources)
        self.name, self.address = split_mailbox(settings.sender)
        self.shop: dict[str, Any] = {
            "name": self.brand.name or self.name or self.address.domain,
            "address": str(self.address),
            "postal_lines": [line.strip() for line in self.brand.postal_address.splitlines() if line.strip()],
            **self.brand.places(self.address.domain),
        }
        seen = {"shop": self.shop, "brand": self.brand.as_facts(self.base_url)}
        self.renderer = Renderer(resources, Style(seen, (self.brand.heading_font, self.brand.text_font)))

    def compose(
        self, template: str, contact: Mapping[str, Any], facts: Mapping[str, Any], *, stream: Stream, now: datetime,
        octets: bytes, links: Mapping[str, str] | None = None, is_nameless: bool = False,
        mailing_list: MailingList | None = None, mark: Mark | None = None, said: tuple[Tracking, ...] = (),
        wording: Wording = _AS_IT_IS,
    ) -> Composed:  # fmt: skip
        """The mail `template` to `contact`. TemplateFault when it can't be written.

        `octets` are 16 unguessable ones: the Message-ID and the boundary come of them. A marketing mail carries the
        link that stops all marketing mail, or where the facts name a `list` with its id, that list. `is_nameless`: it
        goes to somebody who may never have asked, and must not repeat what a stranger typed as a name. `mailing_list`: the
        list that it is mail of, which templates see as `list`. `mark`: what its counted links name it by, where the list
        and those who have `said` something let them be.
        """
        wanted = str(contact.get("locale", ""))
        settings = mailing_list.settings if mailing_list else _OF_NO_LIST
        if mailing_list is not None:
            facts = {**facts, "list": list_facts(mailing_list.in_language(wanted))}
        tracked = Tracked(self.tokens, self.base_url, mark, counted(self.tracking, stream, settings, *said))
        try:
            if not _TEMPLATE.fullmatch(template):
                raise TextError("a mail's name is made of small letters, digits and hyphens")
            words = self.texts.choose(wanted, self.settings.locale, f"mail.{template}")
            person = {**contact, "name": "" if is_nameless else tidy_name(str(contact.get("name", "")))}
            ways = {**(links or {}), **({"view": tracked.view} if tracked.view else {})}
            if mark is not None and self.settings.answers_to and self.mail_domain and "answer" not in ways:
                who = int(contact.get("id", 0))
                ways["answer"] = answer_address(self.tokens, who, mark, self.mail_domain, now)
            seen = self._seen(person, facts, stream, ways)
        except (TextError, PlainError) as err:
            raise TemplateFault(f"mail/{template}", wanted or self.settings.locale, str(err)) from None
        zone = zone_named(str(contact.get("zone", "")), self.settings.zone)
        personal = PersonalLinks(self.tokens, self.base_url, int(contact.get("id", 0)), now)

        def written(text: str) -> str:
            return self.renderer.text(
                text, seen, words=words, section=f"mail.{template}", zone=zone, personal=personal
            )  # fmt: skip

        if wording.content is not None:
            seen["data"] = plain(_filled(wording.content, written))
        told = written(wording.subject) if wording.subject else ""
        subject, text, html = self._parts(template, seen, words, zone, personal, tracked, told)
        message_id = make_message_id(octets, self.address.domain)
        content_type, body = alternative(text, html, octets)
        try:
            if self.texts.has_calendar(template):
                event = self._event(seen, message_id, now)
                content_type, body = with_calendar(content_type, body, event, octets)
            head = self._head(
                template, contact, subject, message_id, content_type, seen, stream, settings, now, wording.sender
            )  # fmt: skip
        except (HeaderError, AddressError, CalendarError) as err:
            raise TemplateFault(f"mail/{template}", words.tag, str(err)) from None
        return Composed(subject, str(self.address), message_id, text, html, head + b"\r\n" + body, not head.isascii())

    def _event(self, seen: Mapping[str, Any], message_id: str, now: datetime) -> str:
        zone, uid = zone_named("", self.settings.zone), message_id[1:].partition("@")[0]
        data = seen["data"] if isinstance(seen["data"], dict) else {}
        return calendar(data, organizer=(self.shop["name"], self.address), uid=uid, now=now, zone=zone)

    def offers(self, template: str) -> bool:
        """Whether a mail asks for `recommended` products, which have to be read for its reader (engine.catalogue.offers)
        and given as the fact `offered`."""
        return self.renderer.says(f"mail/{template}", "recommended")

    def _seen(
        self, person: Mapping[str, Any], facts: Mapping[str, Any], stream: Stream, links: Mapping[str, str]
    ) -> dict[str, Any]:
        """All that the templates see of this mail, as plain data; engine.sending.look says what they see of any."""
        taken = _OURS.intersection(facts)
        if taken:
            raise PlainError(f"the facts may not be named {', '.join(sorted(taken))}")
        seen: dict[str, Any] = plain({**facts, "contact": person})
        seen.setdefault("data", seen.get("event", {}))
        return seen | {
            "is_marketing": stream is Stream.MARKETING,
            "links": self._links(person, seen, stream, links),
        }

    def _links(
        self, contact: Mapping[str, Any], seen: Mapping[str, Any], stream: Stream, links: Mapping[str, str]
    ) -> dict[str, str]:
        made = dict(links)
        if stream is Stream.MARKETING:
            mailing_list = seen.get("list")
            list_id = mailing_list.get("id", ALL_LISTS) if isinstance(mailing_list, dict) else ALL_LISTS
            made |= self.leaving(int(contact.get("id", 0)), int(list_id))
        return made

    def leaving(self, contact_id: int, list_id: int) -> dict[str, str]:
        """How somebody leaves a list, or with ALL_LISTS all marketing mail: `unsubscribe`, a page, and where answers by
        mail are taken `unsubscribe_mail`, an address."""
        which = (contact_id, list_id)
        made = {"unsubscribe": f"{self.base_url}/unsubscribe/{self.tokens.make(Purpose.UNSUBSCRIBE, which)}"}
        if self.mail_domain:
            token = self.tokens.make_mailbox(Purpose.UNSUBSCRIBE, which)
            made["unsubscribe_mail"] = f"{LEAVE}{token}@{self.mail_domain}"
        return made

    def _parts(
        self,
        template: str,
        seen: dict[str, Any],
        words: Words,
        zone: ZoneInfo,
        personal: PersonalLinks,
        tracked: Tracked,
        told: str,
    ) -> tuple[str, str, str]:
        """(subject, text, HTML). `told`: a subject that stands in for the template's."""
        section, name = f"mail.{template}", f"mail/{template}"

        def render(kind: str, block: str = "", track: Track | None = None, **more: str) -> str:
            return self.renderer.render(
                f"{name}.{kind}.j2", seen | more, words=words, section=section, zone=zone, block=block,
                personal=personal, track=track,
            )  # fmt: skip

        subject = cut(" ".join((told or render("txt", "subject")).split()), SUBJECT_MAX)
        if not subject:
            raise TemplateFault(f"{name}.txt.j2", words.tag, "the subject came out empty", "subject")
        html = tracked.html(render("html", subject=subject))
        lines = "\n".join(line.rstrip(" \t") for line in render("txt", track=tracked.track).split("\n"))
        text = _BLANK_LINES.sub("\n\n", lines).strip("\n")
        return subject, set_lines(text, words.direction), html

    def _head(
        self, template: str, contact: Mapping[str, Any], subject: str, message_id: str, content_type: str,
        seen: Mapping[str, Any], stream: Stream, settings: ListSettings, now: datetime, sender: str,
    ) -> bytes:  # fmt: skip
        name = name_of(seen) if stream is Stream.MARKETING else ""
        fields = [
            mailbox_header("From", [(sender or self.name, self.address)]),
            mailbox_header("To", [(_display_name(seen["contact"]["name"]), Address.parse(str(contact["address"])))]),
            text_header("Subject", subject),
            header("Date", format_date(now)),
            header("Message-ID", message_id),
            header("MIME-Version", "1.0"),
            header("Content-Type", content_type),
            # RFC 3834 section 5: whoever answers mail by machine leaves this one alone; Exchange asks in its own words.
            header("Auto-Submitted", "auto-generated"),
            header("X-Auto-Response-Suppress", "OOF, AutoReply"),
            feedback_id(template, name, stream, self.address),
        ]
        if "answer" in seen["links"]:
            fields.append(mailbox_header("Reply-To", [("", Address.parse(seen["links"]["answer"]))]))
        if stream is Stream.MARKETING:
            fields += list_fields(seen["links"], name, settings, self.address)
            if isinstance(yes := contact.get("consent"), Mapping):
                fields.append(header("X-Consent-Entry", f"{yes['entry']}; sha256={yes['hash']}"))
        return b"".join(fields)


def _filled(content: Any, written: Callable[[str], str]) -> Any:
    """The content with each of its texts as it comes out for this reader."""
    if isinstance(content, str):
        return written(content)
    if isinstance(content, Mapping):
        return {key: _filled(each, written) for key, each in content.items()}
    if isinstance(content, list | tuple):
        return [_filled(each, written) for each in content]
    return content


def _display_name(name: str) -> str:
    """A name for To; none where it could be read as an address."""
    return "" if "@" in name or "<" in name else name
