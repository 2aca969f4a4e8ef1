"""What an administrator may set about the queue."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, field_validator

from deliverability.settings import Duration, Settings, format_duration
from mta.queue.delivery import Stream


class DoubtPolicy(StrEnum):
    """What to do with a delivery whose answer was lost (the promise page says why nobody can know)."""

    RESEND = "resend"
    HOLD = "hold"
    ASSUME_DELIVERED = "assume-delivered"


class QueueSettings(Settings):
    """`[queue]`: how long mail is worth trying, and what a lost answer means."""

    expire_transactional: Duration = Field(
        default=timedelta(days=5), description="Give up on transactional mail after this long, and bounce it."
    )
    expire_marketing: Duration = Field(
        default=timedelta(days=2), description="Give up on marketing mail after this long."
    )
    in_doubt_transactional: DoubtPolicy = Field(
        default=DoubtPolicy.RESEND,
        description="When a crash or a lost connection leaves it open whether a transactional mail arrived:"
        " resend (it may come twice, with the same Message-ID), hold (an operator decides), or assume-delivered.",
    )
    in_doubt_marketing: DoubtPolicy = Field(
        default=DoubtPolicy.ASSUME_DELIVERED,
        description="The same for marketing mail, where a copy annoys more than a gap.",
    )
    resend_at_most: int = Field(
        default=3, ge=0, le=100, description="Resend a delivery in doubt this often; after one more doubt it is held."
    )
    delay_notice: Duration = Field(
        default=timedelta(hours=4),
        description="Tell a submitter by DSN of a delivery that is still under way after this long: of a transactional"
        " one unless NOTIFY leaves DELAY out, of a marketing one where NOTIFY asks for it. 0s: never.",
    )
    keep_bodies: Duration = Field(
        default=timedelta(days=3),
        description="Keep a message's octets for this long after its last delivery has ended.",
    )

    keep_dialogues: Duration = Field(
        default=timedelta(days=7),
        description="Keep what was said in attempts that failed or were slow for this long, line by line.",
    )

    keep_history: Duration = Field(
        default=timedelta(days=400), ge=timedelta(days=60), le=timedelta(days=3_660),
        description="Keep what is known of a message, its deliveries and attempts for this long after the last of them ended;"
        " likewise refused submissions, and who came into segments and went.",
    )  # fmt: skip

    @field_validator("expire_transactional", "expire_marketing")
    @classmethod
    def _is_worth_trying(cls, span: timedelta) -> timedelta:
        if span < timedelta(minutes=1):
            raise ValueError(f'"{format_duration(span)}" gives no mail time to leave: at least a minute (try "5 days")')
        return span

    def expire_after(self, stream: Stream) -> timedelta:
        return self.expire_transactional if stream is Stream.TRANSACTIONAL else self.expire_marketing

    def in_doubt(self, stream: Stream) -> DoubtPolicy:
        return self.in_doubt_transactional if stream is Stream.TRANSACTIONAL else self.in_doubt_marketing
