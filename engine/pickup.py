"""The pickup: takes on what `posthouse sendmail` left in the spool while the daemon was down.

At the start and then every few seconds, by the first carrier. Each file goes the way of any submission, with its name
kept in the same commit; only after the commit it is removed. Order and what a crash leaves:

    commit (message and key)    the file is still there: next time its key is known, and it is only removed
    file removed, synced        the key is still there: it names nothing any more, and is swept some time later
    key removed

A client of the LMTP door may give such a key too (`posthouse sendmail` does): when it loses the connection after the dot
it leaves the same message under the same key in the spool, and still it is taken on once.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from deliverability.reply import Reply
from engine import houselog, spool
from engine.spool import BadSpoolFile, Envelope, SpoolFile
from mta.inbound.commands import parse_mail, parse_rcpt
from mta.inbound.content import END, MessageReader
from mta.inbound.lmtp import may_submit
from mta.inbound.replies import Refused
from mta.inbound.settings import LmtpSettings
from mta.inbound.transaction import Peer, Transaction
from mta.ports import Clock, Store, StoreTrouble, to_ms

EVERY_SECONDS: Final = 2.0
SWEEP_ROUNDS: Final = 300  # between two sweeps of keys
KEEP_KEYS: Final = timedelta(hours=1)  # a client that lost its answer has left its file long before

Accept = Callable[[Transaction], Coroutine[Any, Any, Reply]]


class Pickup:
    """accept: what a submission becomes, with `Transaction.key` kept in the same commit."""

    def __init__(
        self, folder: Path, store: Store, clock: Clock, hostname: str, settings: LmtpSettings,
        users: Collection[int] | None, accept: Accept,
    ) -> None:  # fmt: skip
        self._folder, self._store, self._clock, self._hostname = folder, store, clock, hostname
        self._settings, self._users, self._accept = settings, users, accept
        self._put_off: set[str] = set()  # names already complained about, that could not be moved

    async def run(self) -> None:
        """Until cancelled."""
        rounds = 0
        while True:
            if rounds % SWEEP_ROUNDS == 0:
                await self._sweep_keys()
            await self.round()
            rounds += 1
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> int:
        """Take on all that waits; how many files are gone."""
        gone, waiting = 0, sorted(spool.waiting(self._folder))
        self._put_off &= {each.name for each in waiting}
        for path in waiting:
            try:
                gone += await self._take(path)
            except FileNotFoundError:
                continue
            except StoreTrouble as trouble:
                houselog.spool_waits(trouble)
                break
            except Refused as refused:
                self._set_aside(path, str(refused))
            except BadSpoolFile as bad:
                self._set_aside(path, str(bad))
            except OSError as error:
                self._complain(path, str(error))
        return gone

    async def _take(self, path: Path) -> bool:
        if path.name in self._put_off:
            return False
        file = await asyncio.to_thread(spool.read, path, self._settings.max_size)
        if not may_submit(self._users, file.uid):
            raise BadSpoolFile(f"belongs to the user {file.uid}, who may not submit mail (lmtp.users)")
        if not await self._is_known(file.key):
            reply = await self._accept(transaction_of(file, self._hostname, self._settings))
            if reply.is_transient:
                return False
            if not reply.is_positive:
                raise BadSpoolFile(f"is refused: {reply}")
        await asyncio.to_thread(spool.remove, path)
        await self._store.write(lambda tx: tx.execute("DELETE FROM spooled WHERE key = ?", (file.key,)))
        return True

    async def _is_known(self, key: str) -> bool:
        return await self._store.read(lambda tx: tx.one("SELECT 1 FROM spooled WHERE key = ?", (key,))) is not None

    async def _sweep_keys(self) -> None:
        """Forget keys whose files are gone. They are read before the folder is: a file is there before its key is."""
        before_ms = to_ms(self._clock.now() - KEEP_KEYS)
        try:
            rows = await self._store.read(lambda tx: tx.query("SELECT key FROM spooled WHERE at_ms < ?", (before_ms,)))
            kept = {path.stem for path in spool.waiting(self._folder)}
            old = [row for row in rows if row[0] not in kept]
            await self._store.write(lambda tx: tx.executemany("DELETE FROM spooled WHERE key = ?", old))
        except StoreTrouble as trouble:
            houselog.spool_waits(trouble)

    def _set_aside(self, path: Path, why: str) -> None:
        try:
            spool.set_aside(path)
        except OSError as error:
            why = f"{why}; and it can't be moved: {error.strerror}"
        self._complain(path, why)

    def _complain(self, path: Path, why: str) -> None:
        if path.name not in self._put_off:
            self._put_off.add(path.name)
            houselog.spool_file_left(str(path), why=why)


def transaction_of(file: SpoolFile, hostname: str, settings: LmtpSettings) -> Transaction:
    """What the file says, through the same grammar and the same rules as what a client says. Refused when it breaks
    them.
    """
    said = file.envelope
    mail = parse_mail(f"FROM:<{said.sender}>{_mail_parameters(said)}")
    notify = f" NOTIFY={said.notify}" if said.notify else ""
    recipients = [parse_rcpt(f"TO:<{each}>{notify}", hostname, smtputf8=said.smtputf8) for each in said.recipients]
    unique = {each.forward_path: each for each in reversed(recipients)}
    if not unique:
        raise BadSpoolFile("names no recipient")
    message = MessageReader(settings)
    if message.feed(_stuffed(file.content) + END[2:]) != b"":
        raise BadSpoolFile("does not end where its message does")
    if message.fault is not None:
        raise Refused(message.fault)
    return Transaction(
        mail.reverse_path, Peer("", 0, file.uid), "localhost", True, mail.smtputf8, mail.ret, mail.envid, is_lmtp=True,
        recipients=tuple(reversed(unique.values())), content=message.content, size=len(message.content),
        body_8bit=not message.content.isascii(), key=file.key,
    )  # fmt: skip


def _mail_parameters(said: Envelope) -> str:
    envid = "".join(each if each.isalnum() and each.isascii() else f"+{ord(each):02X}" for each in said.envid)
    words = (("SMTPUTF8", said.smtputf8), (f"RET={said.ret}", said.ret), (f"ENVID={envid}", said.envid))
    return "".join(f" {word}" for word, is_said in words if is_said)


def _stuffed(content: bytes) -> bytes:
    """As a client would have sent it (RFC 5321 section 4.5.2)."""
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    return stuffed if stuffed.endswith(b"\r\n") or not stuffed else stuffed + b"\r\n"
