"""The flows' log, as a vocabulary: one function for each thing that can happen. Nothing else in running logs."""

import logging
from datetime import datetime
from typing import Final

log: Final = logging.getLogger("posthouse.flow")


def entered(flow: str, enrolment_id: int) -> None:
    """A contact's run through a flow began."""
    log.info("entered", extra={"flow": flow, "enrolment": enrolment_id})


def renewed(flow: str, enrolment_id: int) -> None:
    """A newer event with the same key replaced a run's data."""
    log.info("renewed", extra={"flow": flow, "enrolment": enrolment_id})


def ended(flow: str, enrolment_id: int, *, how: str) -> None:
    """A run is over: completed, goal, exit or failed."""
    log.info("ended", extra={"flow": flow, "enrolment": enrolment_id, "how": how})


def asked(flow: str, enrolment_id: int, *, step: str, message_id: int) -> None:
    """A send step wrote a mail into the queue."""
    log.info("mail asked", extra={"flow": flow, "enrolment": enrolment_id, "step": step, "message_id": message_id})


def refused(flow: str, enrolment_id: int, *, step: str, reason: str) -> None:
    """The arbiter said no; the run goes on without the mail."""
    log.info("mail refused", extra={"flow": flow, "enrolment": enrolment_id, "step": step, "reason": reason})


def held(flow: str, enrolment_id: int, *, step: str, reason: str, until: datetime) -> None:
    """The arbiter said not yet; the run stands before the step until then."""
    log.info(
        "mail held",
        extra={"flow": flow, "enrolment": enrolment_id, "step": step, "reason": reason, "until": until.isoformat()},
    )


def alarm(text: str) -> None:
    """Somebody has to mend something."""
    log.error("flow alarm", extra={"why": text})


def store_trouble(error: Exception) -> None:
    """The database would not commit; the work waits."""
    log.error("store trouble", extra={"during": "flows", "error": str(error)})
