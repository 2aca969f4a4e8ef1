"""Reports about our mail, read in the parser worker: what a delivery status notification says, as plain data."""

from typing import Any

from deliverability.bounces.dsn import read_report


def read_return(content: bytes) -> dict[str, Any] | None:
    """{"recipients": [{"recipient", "action", "status", "diagnostic"}]}, or None when the mail is no report."""
    report = read_report(content)
    if report is None or not report.recipients:
        return None
    return {
        "recipients": [
            {
                "recipient": each.final_recipient,
                "action": each.action,
                "status": str(each.status or ""),
                "diagnostic": each.diagnostic,
            }
            for each in report.recipients
        ]
    }
