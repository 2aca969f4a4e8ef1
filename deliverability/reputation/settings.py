"""`[reputation]`: how long figures are kept, and when one of them is an alarm.

Where thresholds come from: complaints, Google's "Email sender guidelines" (below 0.1 %, never 0.3 %; the same 0.3 % at
Yahoo). Hard bounces, Amazon SES's review at 5 % and what senders' guides agree on for 2 %. The others are ours.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from deliverability.settings import Duration, Misplaced, Settings

Share = Annotated[float, Field(gt=0, le=1)]


class ReputationSettings(Settings):
    """[reputation]: figures of how our mail is taken, and their alarms."""

    keep: Duration = Field(
        default=timedelta(days=400), ge=timedelta(days=14), le=timedelta(days=3_660),
        description="How long the figures of a day are kept, and alarms that are over.",
    )  # fmt: skip
    least: int = Field(
        default=200, ge=20,
        description="A share of fewer mails than this is too few to say: it counts in no index and raises no alarm.",
    )  # fmt: skip
    complaints_warn: Share = Field(
        default=0.001,
        description="Complaints a mail that was accepted, of one From domain at one provider: warn from here.",
    )
    complaints_alarm: Share = Field(default=0.003, description="The same: alarm from here (Gmail's and Yahoo's limit).")
    hard_bounces_warn: Share = Field(
        default=0.02,
        description="Mail to mailboxes and domains that do not exist, of what a From domain sent in a stream.",
    )
    hard_bounces_alarm: Share = Field(default=0.05, description="The same: alarm from here.")
    blocked_warn: Share = Field(
        default=0.01,
        description="Tries of one source at one provider that were refused because of our address, our domain, our records or"
        " as spam.",
    )
    blocked_alarm: Share = Field(default=0.05, description="The same: alarm from here.")
    deferred_warn: Share = Field(
        default=0.2,
        description="Tries of one source at one provider that were put off as too much, or without a reason.",
    )
    deferred_alarm: Share = Field(default=0.5, description="The same: alarm from here.")
    tls_drop_warn: Share = Field(
        default=0.1,
        description="How much the share of mail that one provider took by TLS fell against the week before.",
    )
    tls_drop_alarm: Share = Field(default=0.3, description="The same: alarm from here.")
    dmarc_fail_warn: Share = Field(
        default=0.05,
        description="Mail from our own addresses that failed DMARC for a From domain, by the reports that others sent us.",
    )
    dmarc_fail_alarm: Share = Field(default=0.2, description="The same: alarm from here.")

    @model_validator(mode="after")
    def _warns_first(self) -> "ReputationSettings":
        found = [
            (
                (name,),
                f"{getattr(self, name):g} is over {name.removesuffix('_warn')}_alarm: it would warn after the alarm",
            )
            for name in type(self).model_fields
            if name.endswith("_warn") and getattr(self, name) > getattr(self, name.removesuffix("_warn") + "_alarm")
        ]
        if found:
            raise Misplaced(found)
        return self
