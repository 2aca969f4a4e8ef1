"""The house: what every process of a Posthouse that touches contacts or mail is built from.

The front office and each carrier build one over their own store. Here the relay and the audience meet: what a
delivery's fate means for suppression and for events is written in the commit that settles it.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from deliverability.bounces.classify import BounceClass, Suppress, classify
from deliverability.bounces.dsn import quoted_reply
from deliverability.bounces.feedback import HEEDED
from deliverability.bounces.judging import judge
from deliverability.bounces.notice import Action
from deliverability.bounces.verp import TokenKey
from deliverability.reply import Reply, ReplyError
from engine import keys
from engine.audience import entered, repeats, suppression, trials, unconfirmed
from engine.audience.contacts import find_contact, note_event
from engine.audience.ledger import SALT_OCTETS
from engine.audience.suppression import Reason
from engine.campaigns import following, stopping
from engine.campaigns.sender import Sender
from engine.config import Config
from engine.intake.returns import told_of
from engine.own_folder import in_words
from engine.reported import concerning, weighed
from engine.running.runner import Runner
from engine.sending.arbiter import Arbiter
from engine.sending.checking import mail_names
from engine.sending.compose import Composer
from engine.sending.confirmations import Reminders
from engine.sending.resources import Resources
from engine.store import machine
from engine.store.groups import GroupStore
from mta.outbound.signatures import Keyring
from mta.plain_file import read_plain
from mta.ports import Chance, Clock, Tx, from_ms
from mta.queue import shaping
from mta.queue.delivery import State
from mta.queue.expiring import Late
from mta.queue.notices import Notices
from mta.queue.queue import Gate, Settled

SECRET_OCTETS = 32


def ensure_state(config: Config) -> None:
    """Make the state folder, those for keys and spooled mail (0700), and the secret that tokens are made with (0600),
    where they are not there yet. NoFolder where that can't be.
    """
    with in_words(config.daemon.state_dir):
        _ensure(config)


def _ensure(config: Config) -> None:
    config.daemon.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.keys_path.mkdir(mode=0o700, exist_ok=True)
    config.spool_path.mkdir(mode=0o700, exist_ok=True)
    if not config.secret_path.exists():
        fresh = os.open(config.secret_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fresh, "wb") as file:
            file.write(_new_secret())
            file.flush()
            os.fsync(file.fileno())


def _new_secret() -> bytes:
    from engine.system import SystemChance

    return SystemChance().octets(SECRET_OCTETS)


@dataclass(slots=True)
class House:
    config: Config
    store: GroupStore
    clock: Clock
    chance: Chance
    secret: bytes
    tokens: TokenKey
    resources: Resources
    composer: Composer
    notices: Notices
    arbiter: Arbiter  # the judge of all marketing mail

    @classmethod
    def build(
        cls, config: Config, store: GroupStore, clock: Clock, chance: Chance, secret: bytes | None = None,
        composer: Composer | None = None,
    ) -> "House":  # fmt: skip
        """`secret`: that of the daemon which this is a part of; None: as the file has it. `composer`: one that was made for
        this configuration. NoFolder where the secret can't be read."""
        secret = secret or _secret(config)
        version = store.read_now(machine.number) % 256  # bounces of mail that another machine sent name nothing here
        resources = _resources(config)
        return cls(
            config=config, store=store, clock=clock, chance=chance, secret=secret,
            tokens=TokenKey(secret, version),
            resources=resources,
            composer=composer or _composer(config, resources, secret),
            notices=Notices(config.hostname, config.queue, clock, chance),
            arbiter=Arbiter(config.arbiter.policy, ZoneInfo(config.mail.zone)),
        )  # fmt: skip

    def fresh_composer(self) -> Composer:
        """One that reads all templates anew. BrandError, TextError where they can't be read."""
        return _composer(self.config, self.resources, self.secret)

    def follow(self, tx: Tx, settled: Sequence[Settled]) -> None:
        """What a fate means beyond the queue: suppression, and the event that flows may wait for. Same commit."""
        if taken := [(_key(each), each.delivery_id) for each in settled if each.state is State.DELIVERED]:
            repeats.arrived(tx, taken, self.clock.now())
        for each in settled:
            if (each.state is State.BOUNCED and each.stage != "queue") or each.state is State.EXPIRED:
                self._bounced(tx, each)
            if each.origin == following.ORIGIN:
                following.settled(tx, each, self.clock.now())
            if each.state in _NAMES:
                who = self._note(tx, each, _NAMES[each.state], each.reply)
                if who is not None:
                    trials.sent(tx, who, self.config.imports, self.clock.now())

    def late(self, tx: Tx, found: Late) -> None:
        """Deliveries that are still under way after a while: their submitters are told, flows get the event."""
        for expires_ms in sorted({until for _, until in found.deliveries}):
            late = [each for each, until in found.deliveries if until == expires_ms]
            self.notices.report_all(tx, late, Action.DELAYED, from_ms(expires_ms))
        for each, _ in found.deliveries:
            self._note(tx, each, "mail.deferred", each.reply)

    def _note(self, tx: Tx, each: Settled, name: str, reply: str) -> int | None:
        """The event of a mail that the engine made; flows may wait for it. Whose mail it was."""
        if each.origin in ("submission", "dsn"):
            return None
        row = tx.one(
            "SELECT s.contact_id, s.flow, s.step, COALESCE(g.name, ''), s.variant FROM sending s"
            " LEFT JOIN campaign g ON g.id = s.campaign_id WHERE s.message_id = ?",
            (each.message_id,),
        )
        if row is not None:
            data = {"flow": row[1], "step": row[2], "reply": reply, "message": each.message_id}
            data |= {"campaign": row[3], "variant": row[4]} if row[3] else {}
            note_event(tx, name, row[0], data, self.clock.now())
        return None if row is None else row[0]

    def _bounced(self, tx: Tx, each: Settled) -> None:
        if shaping.is_doubted(tx, each.forward_path.rpartition("@")[2], self.clock.now()):
            return
        try:
            reply = Reply.parse(each.reply)
        except ReplyError:
            return  # it expired before anybody answered
        found = classify(reply, each.stage if each.state is State.BOUNCED else "")
        if found.suppress is Suppress.NOW and each.state is State.BOUNCED:
            self._suppress(tx, each, each.reply, "relay")
        elif found.suppress is Suppress.AFTER:
            self._count(tx, each, found.klass, each.reply, said_later=False)

    def _count(self, tx: Tx, each: Settled, klass: str, evidence: str, *, said_later: bool) -> str:
        """A bounce that counts when it repeats; how far it is, in words."""
        return repeats.count(
            tx, _key(each), BounceClass(klass), delivery_id=each.delivery_id, evidence=evidence, said_later=said_later,
            settings=self.config.bounces.later, now=self.clock.now(),
        )  # fmt: skip

    def _suppress(self, tx: Tx, each: Settled, evidence: str, source: str) -> None:
        try:
            address = Address.parse(each.forward_path)
        except AddressError:
            return
        suppression.suppress(
            tx, address.key, Reason.HARD_BOUNCE, evidence=evidence, source=source, delivery_id=each.delivery_id,
            now=self.clock.now(),
        )  # fmt: skip
        if each.origin not in ("submission", "dsn") and (who := find_contact(tx, address)) is not None:
            trials.bounced(tx, who, self.config.imports, self.clock.now())

    def disbelieve(self, tx: Tx, domain: str, since: datetime) -> int:
        """The bounce guard stopped a domain: lift what its refusals since then suppressed; how many."""
        return suppression.lift_bounces(tx, domain, since=since)

    def bounced_later(self, tx: Tx, each: Settled, report: Mapping[str, Any], *, is_null: bool = True) -> str:
        """A report at a valid token about a delivery of ours: suppress, tell the submitter. What was concluded, in
        words. is_null: whether it came with the null reverse-path, as reports do."""
        rows = concerning(report["recipients"], each.forward_path)
        told = next((one for one in rows if one["action"] == "failed"), None)
        if told is None:
            if told := next((one for one in rows if one["action"] in _PASSED_ON), None):
                return self._pass_on(tx, each, told)
            return f"report: {', '.join(sorted({one['action'] or 'nothing' for one in rows}))}"
        reply = _reported(told)
        if each.state is State.BOUNCED or _is_told(tx, each.delivery_id, _TOLD):
            return f"told already: {reply}"  # whoever knows a token may send it often
        found = weighed(judge(told_of(dict(told))), told, each.forward_path, is_null=is_null)
        is_doubted = shaping.is_doubted(tx, each.forward_path.rpartition("@")[2], self.clock.now())
        if found.suppress is Suppress.NOW and not is_doubted:
            self._suppress(tx, each, str(reply), "report")
        far = ""
        if found.suppress is Suppress.AFTER and not is_doubted:
            far = " " + self._count(tx, each, found.klass, str(reply), said_later=True)
        self._note(tx, each, "mail.bounced", str(reply))
        self.notices.report(tx, each, str(reply))
        return f"{_TOLD}{found.klass}, blame {found.blame}, suppress {found.suppress}{far}: {reply}"

    def complained(self, tx: Tx, each: Settled, kind: str) -> str:
        """A reader of this delivery complained, by a trace of ours in it: no more marketing mail, from the next message on.
        What was concluded, in words."""
        if kind not in HEEDED:
            return f"complaint: {kind}, about delivery {each.delivery_id}: nothing follows"
        if _is_told(tx, each.delivery_id, f"{_COMPLAINT}{kind}"):
            return f"complained already: {kind}"
        try:
            key = Address.parse(each.forward_path).key
        except AddressError:
            return f"{_COMPLAINT}{kind}: no address that we may write to"
        suppression.suppress(
            tx, key, Reason.COMPLAINT, evidence=f"complaint: {kind}", source="feedback", delivery_id=each.delivery_id,
            now=self.clock.now(),
        )  # fmt: skip
        self._note(tx, each, "mail.complained", kind)
        return f"{_COMPLAINT}{kind}, about delivery {each.delivery_id}, suppress now"

    def note_answer(self, tx: Tx, each: Settled, subject: str) -> bool:
        """Its reader answered: the event, where it is mail that we wrote ourselves. Whether it is."""
        return self._note(tx, each, "mail.replied", subject) is not None

    def _pass_on(self, tx: Tx, each: Settled, told: Mapping[str, Any]) -> str:
        """A success or a delay that the submitter may want to hear of: it was reported to us, since mail leaves with our
        reverse-path. What was concluded, in words."""
        reply, action = _reported(told), Action(told["action"])
        kind = _DELAY if action is Action.DELAYED else _SUCCESS
        if _is_told(tx, each.delivery_id, kind):
            return f"told already: {reply}"
        self.notices.report(tx, each, str(reply), action)
        return f"{kind}{action}: {reply}"

    def runner(self, share: tuple[int, int], wake: Callable[[Iterable[str]], None]) -> Runner:
        """What moves due enrolments. `share`: which of how many, so that carriers begin with different ones."""
        return Runner(
            self.store, self.composer, self.clock, self.chance, self.config.queue, zone=ZoneInfo(self.config.mail.zone),
            share=share, arbiter=self.arbiter, give_up=self.config.hooks.give_up, wake=wake,
        )  # fmt: skip

    def sender(self, owner: int, wake: Callable[[Iterable[str]], None]) -> Sender:
        """What writes the mails of campaigns, for the carrier with this lease."""
        return Sender(
            self.store, self.composer, self.clock, self.chance, self.config.queue, owner, arbiter=self.arbiter, wake=wake
        )  # fmt: skip

    def settle_unconfirmed(self, tx: Tx, now: datetime) -> int:
        """Remind of, or end, subscriptions that nobody confirmed; how many were looked at."""
        reminders = Reminders(self.composer, self.config.queue, lambda: self.chance.octets(16), now)
        return unconfirmed.settle(tx, now, reminders.remind, self.chance.octets(SALT_OCTETS))

    def ask_entered(self, tx: Tx, now: datetime) -> int:
        """Ask a few of those whom somebody entered on a list; how many were looked at."""
        asks = Reminders(self.composer, self.config.queue, lambda: self.chance.octets(16), now)
        salt, most = self.chance.octets(SALT_OCTETS), self.config.asking.per_address
        return entered.ask_some(tx, now, asks.ask, most, salt)

    @property
    def gate(self) -> Gate:
        """The queue's last question before mail leaves."""
        return stopping.gate

    def template_names(self) -> set[str]:
        """The mails that flows may send."""
        return set(mail_names(self.resources))

    def load_keys(self, tx: Tx) -> Keyring:
        """The keys that sign, by domain. A domain whose key can't be read keeps its mail back."""
        return keys.load_keys(tx, self.config.keys_path, self.config.dkim)


def composer_of(config: Config) -> Composer:
    """As `House.build` makes it. BrandError, TextError, NoFolder."""
    return _composer(config, _resources(config), _secret(config))


def _secret(config: Config) -> bytes:
    with in_words(config.secret_path):
        return read_plain(config.secret_path)


def _resources(config: Config) -> Resources:
    return Resources([config.templates] if config.templates else [])


def _composer(config: Config, resources: Resources, secret: bytes) -> Composer:
    return Composer(
        config.mail, resources, secret, config.web.base_url, config.bounces.domain, config.asking, config.tracking
    )  # fmt: skip


def _key(each: Settled) -> str:
    """The `Address.key` of its recipient; forward-paths are kept as `Address` writes them."""
    try:
        return each.forward_path.lower() if each.forward_path.isascii() else Address.parse(each.forward_path).key
    except AddressError:
        return each.forward_path


def _reported(told: Mapping[str, Any]) -> Reply:
    """What a report says of a recipient, as a reply: the one it quotes, else its status and words."""
    words = told["diagnostic"] or told.get("said", "")
    code = {"2": 250, "4": 450}.get(told["status"][:1], 550)
    return quoted_reply(words) or Reply.of(code, told["status"] or "5.0.0", words[:500] or "reported without a reason")


_COMPLAINT = "complaint: "
_TOLD = "bounce: "
_SUCCESS = "success: "
_DELAY = "delay: "


def _is_told(tx: Tx, delivery_id: int, what: str) -> bool:
    """Whether such a report has already been believed about this delivery."""
    sql = "SELECT 1 FROM inbound WHERE delivery_id = ? AND verdict LIKE ? LIMIT 1"
    return tx.one(sql, (delivery_id, f"{what}%")) is not None


_PASSED_ON = frozenset({Action.DELIVERED, Action.RELAYED, Action.EXPANDED, Action.DELAYED})
_NAMES = {State.DELIVERED: "mail.delivered", State.BOUNCED: "mail.bounced", State.EXPIRED: "mail.bounced"}
