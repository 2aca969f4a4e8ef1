"""Mail that came back, read in the parser worker: what it tells, as plain data. Judged is it by whoever asked."""

import logging
from typing import Any

from deliverability.bounces.conclude import Kind, account_of
from deliverability.bounces.judging import Told
from deliverability.bounces.opened import Opened
from deliverability.bounces.traces import reverse_paths
from deliverability.reply import EnhancedStatus
from engine.intake.letters_in import read_letter_in
from engine.intake.reports_in import read_carried

# What another's reader of odd bounces (deliverability.bounces.last) says of its own faults concerns nobody.
logging.getLogger("flufl.bounce").disabled = True


def read_return(content: bytes) -> dict[str, Any]:
    """{"kind", "feedback": the type of a complaint or None, "traces": our reverse-paths that stand in it,
    "recipients": [{"recipient", "action", "status", "diagnostic", "said", "around"}],
    "report": what `engine.intake.reports_in` reads of a DMARC or TLS report, or None,
    "letter": what `engine.intake.letters_in` reads of a mail that a person may have written, or None}.
    """
    opened = Opened.of(content)
    carried = read_carried(content)
    if carried and "unreadable" not in carried:  # what carries a report is no bounce, whatever its letter says
        return {"kind": Kind.OTHER, "feedback": None, "traces": [], "recipients": [], "report": carried, "letter": None}
    account = account_of(opened)
    return {
        "letter": read_letter_in(opened) if account.kind is Kind.OTHER and not carried else None,
        "report": carried if account.kind is Kind.OTHER else None,
        "kind": account.kind,
        "feedback": account.feedback.type if account.feedback else None,
        "traces": reverse_paths(opened),
        "recipients": [
            {
                "recipient": each.address,
                "action": each.action,
                "status": str(each.status or ""),
                "diagnostic": each.diagnostic,
                "said": each.said,
                "around": each.around,
            }
            for each in account.told
        ],
    }


def told_of(given: dict[str, Any]) -> Told:
    """One of its recipients, as a value again."""
    return Told(
        address=given.get("recipient", ""),
        action=given["action"],
        status=EnhancedStatus.parse(given["status"]),
        diagnostic=given["diagnostic"],
        said=given.get("said", ""),
        around=given.get("around", ""),
    )
