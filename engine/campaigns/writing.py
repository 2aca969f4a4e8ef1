"""Writing: a recipient's mail, rendered outside any transaction, then committed with everything that follows from it.

One commit for a handful: the recipient is still this carrier's and its run still runs; the arbiter says yes; message,
delivery, the row that says what it is of, and the ledger. So nobody gets it twice, however many carriers there are, and
a crash leaves a recipient before their mail or after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import facts_of
from engine.audience.lists import MailingList, by_id
from engine.campaigns import figures, runs
from engine.campaigns.choosing import is_held_out
from engine.campaigns.claiming import Recipient, give_back
from engine.campaigns.figures import place
from engine.campaigns.following import ORIGIN
from engine.campaigns.model import Campaign, in_language
from engine.campaigns.runs import Run
from engine.campaigns.states import HELD_OUT, Fate
from engine.catalogue.offers import offers
from engine.sending.arbiter import Arbiter, Asked, Kind
from engine.sending.compose import Composed, Composer, Wording
from engine.sending.judgements import What
from engine.sending.judging import Hold, Refuse
from engine.tracking.marks import Mark
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, enqueue
from mta.queue.queue import Recipient as Envelope
from mta.queue.settings import QueueSettings

GONE: Final = "the contact is gone"
RECOMMENDED: Final = "recommended"


@dataclass(frozen=True, slots=True)
class Known:
    """A recipient with what their mail is made of. `contact` is None of somebody who is gone; `offered` are products, where
    the mail asks for some."""

    to: Recipient
    contact: dict[str, Any] | None
    mailing_list: MailingList | None
    offered: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A recipient's mail, or why there is none."""

    to: Recipient
    template: str = ""
    address: Address | None = None
    mail: Composed | None = None
    fate: Fate = Fate.QUEUED
    reason: str = ""


@dataclass(slots=True)
class Written:
    """What a commit did."""

    domains: set[str] = field(default_factory=set)
    fates: list[Fate] = field(default_factory=list)


def asks_for_products(composer: Composer, campaign: Campaign) -> bool:
    """Whether a mail of the campaign says `recommended`: by its template, its subject or its content."""
    says = [campaign.variant(name) for name in [each.name for each in campaign.variants] or [""]]
    return any(composer.offers(each.template) or RECOMMENDED in f"{each.subject}{each.content}" for each in says)


def read_known(tx: Tx, recipients: Sequence[Recipient], *, with_products: bool = False) -> list[Known]:
    """All that their mails need, in one snapshot; `with_products`: what to offer each of them too."""
    found = []
    for list_id in {each.list_id for each in recipients}:
        mine = [each for each in recipients if each.list_id == list_id]
        mailing_list = by_id(tx, list_id) if list_id != ALL_LISTS else None
        contacts = facts_of(tx, [each.contact_id for each in mine], list_id)
        for each in mine:
            offered = offers(tx, each.contact_id, {}) if with_products else ()
            found.append(Known(each, contacts.get(each.contact_id), mailing_list, offered))
    return found


def write_letter(composer: Composer, run: Run, known: Known, octets: bytes, now: datetime) -> Letter:
    """One recipient's mail. Never raises: whatever a template does wrong concerns this recipient alone."""
    assert run.campaign is not None
    if known.contact is None:
        return Letter(known.to, fate=Fate.EXCLUDED, reason=GONE)
    template = run.campaign.variant(known.to.variant).template
    try:
        mail = compose(
            composer, run.campaign, known.to.variant, known.contact, known.mailing_list, subject=run.subject, octets=octets,
            mark=Mark(run.id, known.to.contact_id, known.to.step), now=now, offered=known.offered,
        )  # fmt: skip
        return Letter(known.to, template, Address.parse(known.contact["address"]), mail)
    except Exception as err:
        return Letter(known.to, template, fate=Fate.FAILED, reason=f"{err or type(err).__name__}"[:300])


def compose(
    composer: Composer, campaign: Campaign, variant: str, contact: Mapping[str, Any], mailing_list: MailingList | None,
    *, subject: Mapping[str, str], octets: bytes, mark: Mark | None, now: datetime,
    offered: Sequence[Mapping[str, Any]] = (),
) -> Composed:  # fmt: skip
    """The mail that a contact gets with a variant. `subject`: what stands in for the campaign's; `offered`: products for
    `recommended`. TemplateFault."""
    says = campaign.variant(variant)
    default = composer.settings.locale
    language, content = in_language(says.content, str(contact.get("locale", "")), default)
    if language:
        contact = {**contact, "locale": _spoken(str(contact.get("locale", "")), language)}
    told = in_language(subject or says.subject, str(contact.get("locale", "")), default)[1]
    return composer.compose(
        says.template, contact, {"offered": list(offered)}, stream=Stream.MARKETING, now=now, octets=octets,
        mailing_list=mailing_list, mark=mark, said=(campaign.tracking,), wording=Wording(told or "", says.sender, content),
    )  # fmt: skip


def _spoken(wanted: str, language: str) -> str:
    """The reader's locale where it is of the language that the content is in, else that language."""
    return wanted if wanted.lower().split("-")[0] == language.lower().split("-")[0] else language


@dataclass(frozen=True, slots=True)
class Writer:
    """Commits letters. `reverse_path` is where bounces go."""

    arbiter: Arbiter
    queue: QueueSettings
    reverse_path: str

    def commit(self, tx: Tx, run: Run, owner: int, letters: Sequence[Letter], now: datetime) -> Written:
        """Write all of them that still are this carrier's; where the run was stopped they are given back."""
        written = Written()
        if not runs.is_running(tx, run.id):
            give_back(tx, run.id, owner, [each.to for each in letters])
            return written
        mine = _mine(tx, run.id, owner, letters)
        for each in letters:
            if each.to.contact_id in mine:
                self._one(tx, run, each, written, now)
        return written

    def _one(self, tx: Tx, run: Run, letter: Letter, written: Written, now: datetime) -> None:
        assert run.campaign is not None
        if letter.mail is None or letter.address is None:
            return _settle(tx, run.id, letter.to, letter.fate, letter.reason, now, written)
        asked = _asked(run, run.campaign, letter, letter.address, now)
        match self.arbiter.hear(tx, asked, now):
            case Hold() as verdict:
                return _hold(tx, run.id, letter.to, verdict, written)
            case Refuse(reason=reason):
                return _settle(tx, run.id, letter.to, Fate.EXCLUDED, reason, now, written)
        if is_held_out(run.campaign, letter.to.contact_id):  # last of all: they differ by nothing but the mail
            self.arbiter.count(tx, asked, What.LEFT_OUT, HELD_OUT, now)
            return _settle(tx, run.id, letter.to, Fate.EXCLUDED, HELD_OUT, now, written)
        message_id = self._enqueue(tx, run, letter, letter.mail, letter.address, now)
        self.arbiter.note(tx, asked, message_id, now)
        written.domains.add(letter.address.domain)
        return _settle(tx, run.id, letter.to, Fate.QUEUED, "", now, written, message_id)

    def _enqueue(self, tx: Tx, run: Run, letter: Letter, mail: Composed, to: Address, now: datetime) -> int:
        message = NewMessage(
            reverse_path=self.reverse_path, recipients=(Envelope(to),), content=mail.content, stream=Stream.MARKETING,
            origin=ORIGIN, campaign=run.name, needs_utf8=mail.needs_utf8, has_8bit=mail.needs_utf8,
            subject=mail.subject, header_from=mail.header_from, message_id=mail.message_id, list_id=letter.to.list_id,
        )  # fmt: skip
        message_id = enqueue(tx, message, now, self.queue).message_id
        tx.put(
            "INSERT INTO sending (message_id, contact_id, flow, step, occurrence, template, campaign_id, run_id, variant)"
            " VALUES (?,?,'',?,?,?,?,?,?)",
            (
                message_id, letter.to.contact_id, letter.to.step, letter.to.contact_id, letter.template, run.campaign_id,
                run.id, letter.to.variant,
            ),
        )  # fmt: skip
        return message_id


def _settle(
    tx: Tx, run_id: int, to: Recipient, fate: Fate, reason: str, now: datetime, written: Written,
    message_id: int | None = None,
) -> None:  # fmt: skip
    tx.put(
        "UPDATE campaign_recipient SET state = ?, owner = NULL, message_id = ?, reason = ?, at_ms = ?"
        " WHERE run_id = ? AND contact_id = ?",
        (str(fate), message_id, reason, to_ms(now), run_id, to.contact_id),
    )
    figures.move(tx, place(run_id, to.variant, Fate.CLAIMED), place(run_id, to.variant, fate, reason))
    written.fates.append(fate)


def _hold(tx: Tx, run_id: int, to: Recipient, verdict: Hold, written: Written) -> None:
    """Ask again at the time that the arbiter names."""
    tx.put(
        "UPDATE campaign_recipient SET state = 'waiting', owner = NULL, due_ms = ?, reason = ?"
        " WHERE run_id = ? AND contact_id = ?",
        (to_ms(verdict.until), f"held: {verdict.reason}", run_id, to.contact_id),
    )
    figures.move(tx, place(run_id, to.variant, Fate.CLAIMED), place(run_id, to.variant, Fate.WAITING))
    written.fates.append(Fate.WAITING)


def _asked(run: Run, campaign: Campaign, letter: Letter, to: Address, now: datetime) -> Asked:
    """What the arbiter is asked: a run's mail to one contact."""
    return Asked(
        Kind.CAMPAIGN, run.name, run.id, letter.to.contact_id, to.key, Stream.MARKETING, occurrence=letter.to.contact_id,
        list_id=letter.to.list_id, priority=campaign.priority, best_before=now + campaign.best_before, variant=letter.to.variant,
    )  # fmt: skip


def _mine(tx: Tx, run_id: int, owner: int, letters: Sequence[Letter]) -> set[int]:
    """Whose mails this carrier may still write."""
    marks = ",".join("?" * len(letters))
    rows = tx.query(
        "SELECT contact_id FROM campaign_recipient WHERE run_id = ? AND state = 'claimed' AND owner = ?"
        f" AND contact_id IN ({marks})" + tx.for_update(),
        (run_id, owner, *(each.to.contact_id for each in letters)),
    )
    return {row[0] for row in rows}
