"""Choosing: who is in the sample and which variant somebody gets. By a hash, so the same person always gets the same."""

from typing import Final

from engine.campaigns.model import Campaign
from engine.flow.shares import in_holdout, share_of

UNDECIDED: Final = "?"  # the variant of those who wait for the winner


def is_held_out(campaign: Campaign, contact_id: int) -> bool:
    """Whether this person gets nothing of the campaign, in none of its runs."""
    return in_holdout(f"campaign {campaign.name}", contact_id, campaign.holdout)


def variant_of(campaign: Campaign, contact_id: int) -> str:
    """The name of the variant that a contact gets; "" where there are none; UNDECIDED outside the sample of a test."""
    if not campaign.variants:
        return ""
    if campaign.test is not None and share_of("sample", campaign.name, contact_id) >= campaign.test.sample:
        return UNDECIDED
    return shared_out(campaign, contact_id)


def shared_out(campaign: Campaign, contact_id: int) -> str:
    """One of the variants, each for about as many people as any other."""
    names = [each.name for each in campaign.variants]
    return names[int(share_of("variant", campaign.name, contact_id) * len(names))]
