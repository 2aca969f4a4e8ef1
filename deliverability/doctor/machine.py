"""This machine: who can read its secrets, what its certificates and its clock say, and which doors are open."""

from datetime import datetime, timedelta
from typing import Final

from deliverability.doctor.facts import Case, Certificate, File
from deliverability.doctor.model import NotKnown, Said, Verdict, bad, configure, good, gravest, run, unknown, warn
from deliverability.doctor.rule import Rule

SOON: Final = timedelta(days=21)  # before a certificate ends
CLOCK_WARN: Final = timedelta(seconds=30)
CLOCK_FAIL: Final = timedelta(minutes=5)


def _files(case: Case) -> Said:
    if case.house.files is None:
        raise NotKnown("there is no configuration, so no files are known")
    there = [each for each in case.house.files if each.mode is not None]
    found = [_of_file(each) for each in there]
    red = [each for each in found if each.verdict is not Verdict.PASS]
    return gravest(red) if red else good(f"{len(there)} files and folders are their owner's alone")


def _of_file(file: File) -> Said:
    mode = file.mode or 0
    if not mode & file.forbidden:
        return good(f"{file.what}: its owner's alone")
    says = f"{file.what} ({file.path}) may be read or changed by others (mode {mode:o})"
    return bad(says, (), [run(f"chmod {mode & ~file.forbidden:o} {file.path}")])


def _certificates(case: Case) -> tuple[Certificate, ...]:
    if case.house.certificates is None:
        raise NotKnown("which certificates are shown is not known here")
    return case.house.certificates


def _valid(case: Case) -> Said:
    found = [_of_certificate(case, each) for each in _certificates(case)]
    return gravest(found) if found else good("none is shown")


def _of_certificate(case: Case, one: Certificate) -> Said:
    fault = certificate_fault(one, case.house.now)
    return bad(fault) if fault else good(f"the certificate of {one.where} holds")


def certificate_fault(one: Certificate, now: datetime) -> str:
    """Why clients will not believe a certificate; "" where nothing speaks against it."""
    if one.trouble:
        return f"the certificate of {one.where}: {one.trouble}"
    if one.not_after and one.not_after <= now:
        return f"the certificate of {one.where} ended {one.not_after:%Y-%m-%d %H:%M} UTC"
    if one.not_before and one.not_before > now:
        return f"the certificate of {one.where} begins only {one.not_before:%Y-%m-%d %H:%M} UTC"
    if one.expected and one.names and not any(_covers(each, one.expected) for each in one.names):
        return f"the certificate of {one.where} is for {', '.join(one.names)}, not for {one.expected}"
    return ""


def _covers(name: str, host: str) -> bool:
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])


def _ends(case: Case) -> Said:
    found = [
        (each.where, each.not_after - case.house.now)
        for each in _certificates(case)
        if each.not_after and not each.trouble
    ]
    soon = [f"the certificate of {where} ends in {left.days} days" for where, left in found if left < SOON]
    if soon:
        return warn(f"{'; '.join(soon)}: see that it is renewed")
    return good("; ".join(f"{where}: {left.days} days left" for where, left in found) or "none is shown")


def _clock(case: Case) -> Said:
    state = case.house.clock
    if state is None:
        raise NotKnown("the clock was not looked at")
    if state.off is None:
        return unknown(f"nobody here knows whether the clock is right: {state.how}")
    mend = [run("timedatectl set-ntp true")]
    if state.off >= CLOCK_WARN:
        say = bad if state.off >= CLOCK_FAIL else warn
        return say(f"the clock may be wrong by {state.off.total_seconds():,.0f} s ({state.how})", (), mend)
    return good(f"right within {state.off.total_seconds():.2f} s ({state.how})")


def _doors(case: Case) -> Said:
    if case.house.listeners is None:
        raise NotKnown(case.house.no_listeners)
    closed = [f"{each.setting} {each.endpoint}: {each.trouble}" for each in case.house.listeners if each.trouble]
    if closed:
        return bad(f"{len(closed)} doors can't be entered: {'; '.join(closed)}", closed)
    return good(", ".join(f"{each.setting} {each.endpoint}" for each in case.house.listeners) or "none is configured")


def _permit(case: Case) -> Said:
    if case.house.permit is None:
        raise NotKnown("there is no configuration")
    if case.house.permit and not case.house.is_lab:
        says = f"routing.permit opens {', '.join(case.house.permit)}: strangers' DNS can send us to hosts inside your network"
        return warn(says, (), [configure("routing", "permit: take it out")])
    return good("no stranger's DNS leads inside")


def _outbound_tls(case: Case) -> Said:
    if case.house.clear_text_to is None:
        raise NotKnown("there is no configuration")
    if "*" in case.house.clear_text_to:
        return bad(
            'routing.tls says "none" for everybody: Gmail refuses mail without TLS',
            (),
            [configure("routing.tls", '"*": take it out')],
        )
    if case.house.clear_text_to:
        return warn(f"mail to {', '.join(case.house.clear_text_to)} leaves without TLS (routing.tls)")
    return good("mail leaves by TLS wherever the other side offers it")


RULES = (
    Rule(
        "files.private",
        "Nobody else can read keys and secrets",
        "Who reads a DKIM key signs in your name; who reads the secret makes your tokens.",
        "Run the chmod that is shown.",
        "OWASP ASVS 5.0, V13",
        _files,
        of_house=True,
    ),
    Rule(
        "cert.valid",
        "Certificates hold",
        "Applications, and senders that obey MTA-STS, hang up at a certificate that has ended or is another host's.",
        "Renew the certificate, or name the right file.",
        "RFC 5280 section 4.1.2.5; RFC 9525",
        _valid,
        of_house=True,
    ),
    Rule(
        "cert.ends",
        "No certificate ends soon",
        "Renewal that silently failed shows here first.",
        "See that whatever renews it works.",
        "RFC 5280 section 4.1.2.5",
        _ends,
        ("cert.valid",),
        of_house=True,
    ),
    Rule(
        "clock.right",
        "The clock is right",
        "Signatures with a wrong time, tokens and Date fields are refused; quiet hours come at the wrong hour.",
        "Run an NTP client: timedatectl set-ntp true.",
        "RFC 6376 section 3.5 (t=, x=); RFC 5322 section 3.6.1",
        _clock,
        of_house=True,
    ),
    Rule(
        "ports.doors",
        "Every configured door can be entered",
        "What nobody can enter takes no mail, no bounces, no unsubscribing.",
        "The daemon's log says why a door could not be opened; look for another program at the port.",
        "RFC 5321 section 4.5.4.2",
        _doors,
        of_house=True,
    ),
    Rule(
        "ports.permit",
        "No stranger's DNS leads inside",
        "Whoever owns a domain could send our connections to hosts of your network.",
        "Take routing.permit out; name a next hop inside by routing.transport.",
        "CWE-918",
        _permit,
        of_house=True,
    ),
    Rule(
        "tls.outbound",
        "Mail leaves by TLS where it can",
        "Gmail and Yahoo ask for TLS of every sender.",
        "Take routing.tls out, or name in it only the hosts that can't.",
        "Gmail's sender guidelines; RFC 3207",
        _outbound_tls,
        of_house=True,
    ),
)
