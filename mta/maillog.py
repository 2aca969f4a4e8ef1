"""The relay's log, as a vocabulary: one function for each thing that can happen. Nothing else in mta logs.

Values from strangers (replies, addresses) go in as facts, never into the text; the formatter escapes them.
"""

import logging
from datetime import timedelta
from typing import Final

log: Final = logging.getLogger("posthouse.mail")


def accepted(message_id: int, *, origin: str, reverse_path: str, recipients: int, size: int) -> None:
    """We took responsibility for a message: it is durable."""
    log.info(
        "accepted",
        extra={
            "message_id": message_id,
            "origin": origin,
            "from": reverse_path,
            "recipients": recipients,
            "size": size,
        },
    )


def delivered(delivery_id: int, to: str, *, host: str, reply: str, took_ms: int) -> None:
    """The next hop took responsibility."""
    log.info("delivered", extra={"delivery": delivery_id, "to": to, "host": host, "reply": reply, "took_ms": took_ms})


def deferred(delivery_id: int, to: str, *, host: str, stage: str, reply: str) -> None:
    """Not now; it will be tried again."""
    log.info("deferred", extra={"delivery": delivery_id, "to": to, "host": host, "stage": stage, "reply": reply})


def failed(delivery_id: int, to: str, *, state: str, stage: str, reply: str) -> None:
    """It ended without delivery: bounced, expired or cancelled."""
    log.info("failed", extra={"delivery": delivery_id, "to": to, "state": state, "stage": stage, "reply": reply})


def in_doubt(delivery_id: int, to: str, *, host: str, why: str) -> None:
    """The dot was released and no reply was recorded; policy decides what follows."""
    log.warning("in doubt", extra={"delivery": delivery_id, "to": to, "host": host, "why": why})


def site_backed_off(site: str, *, seconds: float, reply: str) -> None:
    """A whole site waits."""
    log.info("site backs off", extra={"site": site, "seconds": round(seconds), "reply": reply})


def site_slowed(site: str, *, seconds: float, rate: float | None, connections: int, rule: str, reply: str) -> None:
    """A site said that it is too much: it rests, and goes on at this rate (attempts a second) over so many connections."""
    log.warning(
        "site slowed",
        extra={
            "site": site,
            "seconds": round(seconds),
            "rate": rate and round(rate, 3),
            "connections": connections,
            "rule": rule,
            "reply": reply,
        },
    )


def address_refused(site: str, *, source: str, stands_in: bool, reply: str) -> None:
    """A site refuses the address of a source: others send its mail there where there are any, else it waits."""
    log.warning(
        "our address is refused", extra={"site": site, "source": source, "stands_in": stands_in, "reply": reply}
    )


def suspended(scope: str, name: str, *, until: str, by: str, why: str) -> None:
    """A site or a domain waits because somebody says so."""
    log.warning("suspended", extra={"scope": scope, "about": name, "until": until, "by": by, "why": why})


def slowed_by_hand(site: str, *, per_minute: int, by: str, why: str) -> None:
    """An operator gives a site no more than so many attempts a minute."""
    log.warning("slowed by hand", extra={"site": site, "per_minute": per_minute, "by": by, "why": why})


def resumed(scope: str, name: str, *, by: str) -> None:
    """It goes on before its time."""
    log.warning("resumed", extra={"scope": scope, "about": name, "by": by})


def no_policy(domain: str, *, result: str, why: str) -> None:
    """A domain announces an MTA-STS policy that can't be had; what was known of it before holds."""
    log.warning("no MTA-STS policy", extra={"domain": domain, "result": result, "why": why})


def tls_broken(site: str, *, host: str, why: str) -> None:
    """A host offers TLS that does not work; its site is spoken to in clear for some days where nobody demands TLS."""
    log.warning("TLS is broken there", extra={"site": site, "host": host, "why": why})


def lease_lost(owner: int) -> None:
    """This carrier's deliveries were taken from it; it stops."""
    log.error("lease lost", extra={"owner": owner})


def swept(owner: int, *, why: str) -> None:
    """A dead carrier's deliveries were taken over."""
    log.warning("swept a dead carrier", extra={"owner": owner, "why": why})


def doubt_settled(delivery_id: int, to: str, *, why: str, how: str) -> None:
    """A delivery was in doubt, and the stream's policy said what follows."""
    log.warning("doubt settled", extra={"delivery": delivery_id, "to": to, "why": why, "how": how})


def store_trouble(what: str, error: Exception) -> None:
    """The database would not commit; the work waits or was refused with a 4xx."""
    log.error("store trouble", extra={"during": what, "error": str(error)})


def clock_set(by: timedelta) -> None:
    """The civil clock was set, or stands before what we wrote down: dates come by it, leases and time limits do not."""
    ahead = "what is due and what expires comes at once"
    back = "mail in the queue is tried now, and what flows and campaigns do at a date waits"
    why = f"{ahead if by > timedelta(0) else back}: see what sets the clock (`timedatectl`), and set it right before mail expires"
    log.error("clock set", extra={"seconds": round(by.total_seconds()), "why": why})


def unread(message_id: int, why: str) -> None:
    """A mail was relayed, but something it says to us could not be understood."""
    log.warning("not understood", extra={"message_id": message_id, "why": why})


def noted(message_id: int, note: str) -> None:
    """Of a mail that tells events: it was kept back, or a flow writes instead and it was not."""
    log.info("noted", extra={"message_id": message_id, "note": note})


def returned(reverse_path: str, verdict: str) -> None:
    """A mail came back to an address of ours, and this was concluded."""
    log.info("returned", extra={"from": reverse_path, "verdict": verdict})


def not_taken(ip: str, reverse_path: str, *, why: str) -> None:
    """A message was refused for its size or its octets. Where it had no reverse-path it is lost: nobody else is told."""
    log.warning("message refused", extra={"ip": ip, "from": reverse_path, "why": why})


def mended(ip: str, reverse_path: str, *, what: str) -> None:
    """A message came in that had to be mended before it could be kept."""
    log.warning("message mended", extra={"ip": ip, "from": reverse_path, "mending": what})


def unsigned(message_id: int, domain: str, *, why: str) -> None:
    """A message was held back because its signature could not be made."""
    log.error("not signed, not sent", extra={"message_id": message_id, "domain": domain, "why": why})


def courier_trouble(delivery_id: int, error: BaseException) -> None:
    """Carrying a delivery raised what it should not; the delivery is deferred, or in doubt when its dot may have left."""
    log.error("carrying failed", extra={"delivery": delivery_id, "error": repr(error)}, exc_info=error)


def connection_trouble(site: str, error: BaseException) -> None:
    """Opening or using a connection raised what it should not; the site waits."""
    log.error("connection failed", extra={"site": site, "error": repr(error)}, exc_info=error)


def listener_trouble(during: str, error: BaseException) -> None:
    """A session raised what it should not; the peer was told 4xx."""
    log.error("session failed", extra={"during": during, "error": repr(error)}, exc_info=error)


def authenticated(name: str, *, ip: str) -> None:
    """An application showed the right password."""
    log.info("authenticated", extra={"credential": name, "ip": ip})


def not_authenticated(name: str, *, ip: str, why: str) -> None:
    """Somebody showed a wrong password, or none in time. What they showed is never kept."""
    log.warning("not authenticated", extra={"credential": name, "ip": ip, "why": why})


def no_handshake(ip: str, error: BaseException) -> None:
    """A client and we could not agree on TLS."""
    log.info("no TLS", extra={"ip": ip, "error": str(error)})


def certificate_changed(chain: str) -> None:
    """A renewed certificate is shown from now on."""
    log.info("certificate taken up", extra={"file": chain})


def certificate_doubted(why: str) -> None:
    """Careful clients will not believe what a door shows; it is shown all the same, since others take it."""
    log.warning(
        "certificate in doubt", extra={"why": f"{why}: renew it, or name another; a new file is taken up by itself"}
    )


def certificate_trouble(error: BaseException) -> None:
    """The certificate's files changed and can't be used; the old one is still shown."""
    log.error("certificate not taken up", extra={"error": str(error)})
