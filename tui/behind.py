"""What Enter opens: each kind of Target with the screen that shows one. A module is imported when it is first needed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tui.ink import Target
from tui.modes import load

if TYPE_CHECKING:
    from textual.screen import Screen

BEHIND: Final[Mapping[str, str]] = {
    "alert": "tui.screens.alert:AlertScreen",
    "site": "tui.screens.deliveries:SiteScreen",
    "domain": "tui.screens.deliveries:DomainScreen",
    "stream": "tui.screens.deliveries:StreamScreen",
    "queue-campaign": "tui.screens.deliveries:CampaignScreen",
    "heat": "tui.screens.maps:MapScreen",
    "replies": "tui.screens.replies:RepliesScreen",
    "class": "tui.screens.bounces:ClassScreen",
    "received": "tui.screens.bounces:ReceivedScreen",
    "returned": "tui.screens.bounces:ReturnedScreen",
    "unclassified": "tui.screens.replies:UnclassifiedScreen",
    "suppression": "tui.screens.suppression:SuppressionScreen",
    "message": "tui.screens.life:LifeScreen",
    "list": "tui.screens.lists_one:ListScreen",
    "list settings": "tui.screens.lists_one:ListSettingsScreen",
    "people": "tui.screens.lists_people:PeopleScreen",
    "fields": "tui.screens.lists_people:FieldsScreen",
    "person": "tui.screens.person:PersonScreen",
    "consent": "tui.screens.person_proof:ProofScreen",
    "segments": "tui.screens.segments:SegmentsScreen",
    "segment": "tui.screens.segments:SegmentScreen",
    "imports": "tui.screens.lists_imports:ImportsScreen",
    "import": "tui.screens.lists_imports:ImportScreen",
    "mail": "tui.screens.mails:MailScreen",
    "mail-file": "tui.screens.mail_files:MailFileScreen",
    "campaign": "tui.screens.schedule_campaign:CampaignScreen",
    "campaign-mail": "tui.screens.schedule_campaign:CampaignMailScreen",
    "campaign-file": "tui.screens.schedule_campaign:CampaignFileScreen",
    "campaign-report": "tui.screens.schedule_campaign:CampaignReportScreen",
    "recipients": "tui.screens.schedule_campaign:RecipientsScreen",
    "flow": "tui.screens.flows_one:FlowScreen",
    "step": "tui.screens.flows_people:StepScreen",
    "draft": "tui.screens.flows_draft:DraftScreen",
    "overlay": "tui.screens.flows_overlay:OverlayScreen",
    "trial": "tui.screens.flows_trial:TrialScreen",
    "recipes": "tui.screens.flows_recipes:RecipesScreen",
    "versions": "tui.screens.flows_versions:VersionsScreen",
    "sending": "tui.screens.domain:DomainScreen",
    "reputation": "tui.screens.domain:ReputationScreen",
}
"""Kind -> "module:Class"; the class is made with the target's name."""


def behind(target: Target) -> "Screen[Any] | None":
    """A new screen of what the target names; None where there is none for its kind."""
    place = BEHIND.get(target.kind)
    return load(place)(target.name) if place else None
