"""What of its mail a shop counts. Off wins: whatever the installation, the list, the flow or the step leaves out is left
out, and nobody below can bring it back. Transactional mail is not counted unless its flow or step says so itself."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field

from deliverability.settings import Duration, Settings
from engine.audience.list_settings import ListSettings
from engine.flow.model import Tracking
from mta.queue.delivery import Stream


class TrackingSettings(Settings):
    """`[tracking]`: what is counted of mail that flows write."""

    clicks: bool = Field(
        default=True, description="Count clicks: links lead to web.base_url, and from there to where they led."
    )
    opens: bool = Field(default=True, description="Count opens: the mail holds a picture of one invisible dot.")
    view: bool = Field(default=True, description="Give the mail a link to be read in a browser.")
    keep_fetched: Duration = Field(
        default=timedelta(days=90), description="How long it is kept what machines and proxies fetched."
    )
    honeypot: bool = Field(
        default=False, description="Put in a link that no reader sees: whoever follows it is a machine."
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of one mail."""

    clicks: bool = False
    opens: bool = False
    view: bool = False
    honeypot: bool = False


def counted(settings: TrackingSettings, stream: Stream, of_list: ListSettings, *said: Tracking) -> Counted:
    """What is counted of a mail of this stream and list, for which its flow and step have `said` this."""

    def is_on(installed: bool, listed: str, *wishes: bool | None) -> bool:
        if not installed or listed == "off" or False in wishes:
            return False
        return stream is Stream.MARKETING or True in wishes

    clicks = is_on(settings.clicks, of_list.clicks, *(each.clicks for each in said))
    return Counted(
        clicks,
        is_on(settings.opens, of_list.opens, *(each.opens for each in said)),
        is_on(settings.view, of_list.view, *(each.view for each in said)),
        settings.honeypot and clicks,
    )
