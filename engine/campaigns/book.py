"""The campaigns of this installation: each version read once, and kept while there is room, since a version never changes."""

from datetime import datetime
from typing import Final

from engine.campaigns.model import Campaign
from engine.campaigns.reading import check
from mta.ports import Tx, to_ms

VERSIONS_MAX: Final = 2_000  # that are kept; beyond it all are read anew


class NoCampaign(LookupError):
    """There is no such campaign, or no run of it; the words say which."""


class CampaignBook:
    """Campaigns by version. Safe to use from several threads: the worst is that two read the same text."""

    def __init__(self) -> None:
        self._versions: dict[int, tuple[Campaign | None]] = {}

    def version(self, tx: Tx, version_id: int) -> Campaign | None:
        """What a version says. None when this program can't read it (an older program, say)."""
        if (known := self._versions.get(version_id)) is not None:
            return known[0]
        row = tx.one("SELECT source FROM campaign_version WHERE id = ?", (version_id,))
        if row is None:
            return None
        read = check(row[0], "campaign.yaml")
        found = read if isinstance(read, Campaign) else None
        if len(self._versions) >= VERSIONS_MAX:
            self._versions.clear()
        self._versions[version_id] = (found,)
        return found


def store_campaign(tx: Tx, campaign: Campaign, source: str, now: datetime) -> tuple[int, int]:
    """Make this text the campaign's version; (its id, the version's)."""
    row = tx.one("SELECT id FROM campaign WHERE name = ?" + tx.for_update(), (campaign.name,))
    campaign_id = row[0] if row else tx.insert(
        "INSERT INTO campaign (name, title, created_ms, next_occasion) VALUES (?,?,?,'')",
        (campaign.name, campaign.title, to_ms(now)),
    )  # fmt: skip
    which = (campaign_id, campaign.version)
    found = tx.one("SELECT id FROM campaign_version WHERE campaign_id = ? AND hash = ?", which)
    version_id = found[0] if found else tx.insert(
        "INSERT INTO campaign_version (campaign_id, hash, source, applied_ms) VALUES (?,?,?,?)",
        (*which, source, to_ms(now)),
    )  # fmt: skip
    tx.execute("UPDATE campaign SET version_id = ?, title = ? WHERE id = ?", (version_id, campaign.title, campaign_id))
    return campaign_id, version_id
