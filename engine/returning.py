"""What comes back, concluded: bounces, complaints, automatic replies, people's answers, and mail for a person.

The token in the forward-path was judged at RCPT; the mail is read in the parser worker; then ONE commit: the mail as it
came, what was concluded, the suppression, the notice to the submitter. Then the 250. Nothing is thrown away because it
was not understood, and nothing follows from a mail without a token of ours.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from deliverability.bounces.conclude import Kind
from deliverability.bounces.verp import Expired
from deliverability.reply import Reply
from engine.accept import committed
from engine.answered import answered, take_answer
from engine.answers import grant, wish_of
from engine.audience.ledger import SALT_OCTETS
from engine.house import House
from engine.intake import reports_in
from engine.parser import Parser
from engine.reported import is_passed_on
from engine.sending.answering import read_answer
from mta import maillog
from mta.inbound.transaction import Transaction
from mta.ports import Tx, to_ms
from mta.queue import expiring
from mta.queue.queue import Settled

MOST_READ: Final = (
    16 * 2**20
)  # octets of a mail that are read; a bounce may return a larger one whole behind its report


class Returns:
    """What comes back: bounces, reports and people's answers to addresses we made, and mail to postmaster and abuse."""

    def __init__(self, house: House, parser: Parser, wake_runner: Callable[[], None]) -> None:
        self._house, self._parser, self._wake_runner = house, parser, wake_runner

    def is_ours(self, forward_path: Address) -> bool:
        """Whether the local part holds a token of ours that has not expired."""
        house, now = self._house, self._house.clock.now()
        if isinstance(house.tokens.read(forward_path.local, now), int):
            return True
        tokens = house.composer.tokens
        return (wish_of(tokens, forward_path.local, now) or read_answer(tokens, forward_path.local, now)) is not None

    async def accept(self, transaction: Transaction) -> Reply:
        """Keep the mail; conclude what its tokens and what it tells allow. Without a valid token nothing follows."""
        now = self._house.clock.now()
        answer = await self._parser.read("report", transaction.content[:MOST_READ])
        report = answer.get("read")

        salt = self._house.chance.octets(SALT_OCTETS)

        def work(tx: Tx) -> list[str]:
            return [
                self._conclude(tx, transaction, each.forward_path, report, answer.get("unread"), salt, now)
                for each in transaction.recipients
            ]

        for verdict in await committed(self._house.store, work):
            maillog.returned(transaction.reverse_path, verdict)
        self._wake_runner()
        return Reply.of(250, "2.0.0", "taken in")

    def _conclude(
        self, tx: Tx, transaction: Transaction, to: Address, report: Any, unread: str | None, salt: bytes, now: datetime
    ) -> str:
        delivery_id = self._house.tokens.read(to.local, now)
        wish = wish_of(self._house.composer.tokens, to.local, now)
        settled = expiring.find(tx, delivery_id) if isinstance(delivery_id, int) else None
        asked = read_answer(self._house.composer.tokens, to.local, now)
        verdict = f"unread: {unread}" if unread else "no report"
        if wish is not None:
            verdict = grant(tx, wish, transaction.content, transaction.reverse_path, salt=salt, now=now)
        elif report and report["kind"] == Kind.COMPLAINT:
            settled = self._complained_of([*report["traces"], to.local], tx, now)
            verdict = _OF_NOTHING.format(report["feedback"])
            if settled is not None:
                verdict = self._house.complained(tx, settled, report["feedback"])
        elif report and report["report"] and settled is None:
            verdict = reports_in.keep(tx, report["report"], now)
        elif asked is not None:
            settled, verdict = answered(self._house, tx, asked, transaction, report, now)
        elif settled is None:
            verdict = "no delivery of ours" if isinstance(delivery_id, int) else "for a person"
        elif report and report["recipients"]:
            verdict = _PASSED_ON
            if not is_passed_on(transaction.content, transaction.reverse_path):
                verdict = self._house.bounced_later(tx, settled, report, is_null=not transaction.reverse_path)
        elif report and report["kind"] == Kind.AUTO_REPLY:
            verdict = "automatic reply: nothing follows"
        elif report:
            verdict = take_answer(self._house, tx, settled, transaction, report, now)
        tx.insert(
            "INSERT INTO inbound (reverse_path, forward_path, content, verdict, delivery_id, at_ms) VALUES (?,?,?,?,?,?)",
            (
                transaction.reverse_path, str(to), transaction.content, verdict,
                settled.delivery_id if settled else None, to_ms(now),
            ),
        )  # fmt: skip
        return verdict

    def _complained_of(self, traces: Iterable[str], tx: Tx, now: datetime) -> Settled | None:
        """A complaint is believed about the first delivery of ours that it carries the proof of. Its day may be over: who
        complains late complains all the same.
        """
        for local in traces:
            found = self._house.tokens.read(local, now)
            delivery_id = found.delivery_id if isinstance(found, Expired) else found
            settled = expiring.find(tx, delivery_id) if isinstance(delivery_id, int) else None
            if settled is not None:
                return settled
        return None


_PASSED_ON: Final = "for a person: a report that somebody passed on; nothing follows"
_OF_NOTHING: Final = "complaint: {}, about no delivery of ours that it proves"
