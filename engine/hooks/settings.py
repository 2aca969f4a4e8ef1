"""`[hooks]`: calls to web addresses of yours that flows make."""

from datetime import timedelta

from pydantic import Field

from deliverability.settings import Duration, Settings
from mta.routing.prohibited import IpNetwork


class HookSettings(Settings):
    timeout: Duration = Field(
        default=timedelta(seconds=10), ge=timedelta(seconds=1), le=timedelta(minutes=2),
        description="How long one call may take, from the look-up of the name to the answer's status.",
    )  # fmt: skip
    give_up: Duration = Field(
        default=timedelta(days=1), ge=timedelta(minutes=1), le=timedelta(days=7),
        description="How long a call that fails is tried again; a flow that waits for the answer gives up at its timeout.",
    )  # fmt: skip
    at_once: int = Field(default=20, ge=1, le=200, description="Calls that are under way at the same time.")
    permit: tuple[IpNetwork, ...] = Field(
        default=(),
        description="Networks that may be called although they are loopback, private or otherwise prohibited; only there may"
        " an address begin with http:.",
    )
    keep: Duration = Field(
        default=timedelta(days=30), ge=timedelta(days=1), le=timedelta(days=365),
        description="How long it is kept what came of a call.",
    )  # fmt: skip
