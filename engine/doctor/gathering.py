"""What is known of the house, as the rules want it: out of the configuration, the database and this machine's files."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509

from deliverability.doctor.facts import Certificate, ClockState, File, House, Listener, SigningKey, Source
from deliverability.doctor.machine import certificate_fault
from deliverability.doctor.model import NotKnown
from deliverability.signing.keys import KeyTrouble
from engine import keys
from engine.config import Config
from engine.doctor.figures import of_marketing
from engine.sending.brand import BrandError, read_brand
from engine.sending.compose import Composed, Composer, Wording
from engine.sending.render import TemplateFault
from engine.sending.resources import Resources
from engine.system import clock_error, own_addresses
from mta import maillog
from mta.inbound.settings import parse_endpoint
from mta.plain_file import read_plain
from mta.ports import Net, Tx
from mta.queue.delivery import Stream
from mta.routing.hops import Level

TEMPLATE: Final = "newsletter"
_READER: Final = {"id": 0, "address": "reader@example.org", "name": "Ann", "locale": "", "zone": ""}
_WORDS: Final = {"heading": "News", "paragraphs": ["New teas have come in."]}


def of_config(config: Config, now: datetime) -> House:
    """What the configuration and the machine say."""
    doctor, routing = config.doctor, config.routing
    return House(
        now=now, hostname=config.hostname, sources=sources(config), bounce_domain=config.bounces.domain,
        no_sources=_no_sources(config), signed_fields=tuple(config.dkim.headers), base_url=config.web.base_url,
        postal_address=_postal_address(config), permit=tuple(map(str, routing.permit)),
        clear_text_to=tuple(name for name, level in routing.tls.items() if level is Level.NONE),
        is_lab=config.lab.enabled, files=tuple(_files(config)), certificates=tuple(certificates(config)),
        clock=_clock(config), blocklists=doctor.blocklists, domain_blocklists=doctor.domain_blocklists,
    )  # fmt: skip


def _postal_address(config: Config) -> str:
    """The brand's; a file of it that is wrong is told by whoever checks mails."""
    try:
        return read_brand(Resources([config.templates] if config.templates else [])).postal_address
    except BrandError:
        return ""


def sources(config: Config) -> tuple[Source, ...] | None:
    """The addresses that the world sees, each with its EHLO name; None where nobody can know them."""
    hostname, only4 = config.hostname, config.routing.prefer == "ipv4-only"
    named = [
        Source(address, way.source.ehlo, way.source.name) for way in config.ways for address in way.source.addresses
    ]
    if config.doctor.addresses:
        names = [each.ehlo for each in named] or [hostname]
        return tuple(Source(each, names[0] if len(set(names)) == 1 else hostname) for each in config.doctor.addresses)
    if config.routing.smart_host or "*" in config.routing.transport:
        return None
    if not named and config.outbound.source:
        named = [Source(config.outbound.source, hostname)]
    if not named and config.lab.enabled:
        return (Source("127.0.0.1", hostname),)
    found = named or [Source(each, hostname) for each in own_addresses()]
    return tuple(each for each in found if config.lab.enabled or _is_public(each.address, only4=only4)) or None


def _no_sources(config: Config) -> str:
    if smart := config.routing.smart_host or config.routing.transport.get("*", ""):
        return f"mail leaves by {smart}: say the addresses that it sends from in doctor.addresses"
    return "this machine has no public address of its own: say in doctor.addresses by which the world sees it"


def _is_public(text: str, *, only4: bool) -> bool:
    address = ip_address(text)
    return address.is_global and not (only4 and address.version == 6)


def of_store(house: House, config: Config, tx: Tx) -> House:
    """With what the database knows: keys, and how mail was received."""
    found = tuple(_key(each, config.keys_path, house.now) for each in keys.kept(tx))
    return replace(house, keys=found, figures=of_marketing(tx, house.now))


def _key(kept: keys.KeptKey, folder: Path, now: datetime) -> SigningKey:
    loaded, trouble = None, ""
    if kept.state is not keys.KeyState.GONE:
        try:
            loaded = kept.load(folder)
        except (OSError, KeyTrouble) as err:
            trouble = str(err)
    return SigningKey(kept.domain, kept.selector, str(kept.state), now - kept.since, loaded, trouble)


def with_sample(house: House, composer: Composer, octets: bytes) -> House:
    """With a marketing mail as it would leave. A template that can't be written leaves nothing to look at."""
    house = replace(house, sender=str(composer.address))
    with suppress(TemplateFault):
        mail = sample(composer, house.now, octets)
        return replace(house, sample=mail.content, sample_text=mail.text)
    return house


def sample(composer: Composer, now: datetime, octets: bytes) -> Composed:
    """A marketing mail as it would leave. TemplateFault."""
    return composer.compose(
        TEMPLATE, _READER, {}, stream=Stream.MARKETING, now=now, octets=octets, wording=Wording(content=_WORDS)
    )


# -- files, certificates, clock


def _files(config: Config) -> list[File]:
    state = config.daemon.state_dir
    wanted = [
        (state, "the state folder", 0o007), (config.secret_path, "the secret of tokens", 0o077),
        (config.keys_path, "the folder of keys", 0o077), (config.spool_path, "the spool", 0o077),
    ]  # fmt: skip
    if (database := config.database_place) and isinstance(database, Path):
        wanted.append((database, "the database", 0o007))
    if config.submission.tls_certificate is not None:
        wanted.append((config.submission.tls_key or config.submission.tls_certificate, "the TLS key", 0o037))
    with suppress(OSError):
        wanted += [(each, f"the key {each.name}", 0o077) for each in sorted(config.keys_path.glob("*.pem"))]
    return [File(str(path), what, _mode(path), forbidden) for path, what, forbidden in wanted]


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return None


def doubt_certificates(config: Config, now: datetime) -> None:
    """Say in the log which of them nobody will believe, or soon nobody."""
    for each in certificates(config):
        if fault := certificate_fault(each, now):
            maillog.certificate_doubted(fault)


def certificates(config: Config) -> list[Certificate]:
    if config.submission.tls_certificate is None:
        return []
    where = f"submission ({config.submission.tls_certificate})"
    try:
        octets = read_plain(config.submission.tls_certificate)
        return [read_certificate(where, x509.load_pem_x509_certificate(octets), config.hostname)]
    except (OSError, ValueError) as err:
        return [Certificate(where, trouble=f"it can't be read: {err}")]


def read_certificate(where: str, found: x509.Certificate, expected: str) -> Certificate:
    """The facts of a certificate that matter here."""
    names: tuple[str, ...] = ()
    with suppress(x509.ExtensionNotFound, ValueError):
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(extension.value.get_values_for_type(x509.DNSName))
    return Certificate(where, names, expected, found.not_valid_before_utc, found.not_valid_after_utc)


def _clock(config: Config) -> ClockState:
    if config.lab.enabled:
        return ClockState(timedelta(0), "a lab has its own time")
    error = clock_error()
    if error is None:
        return ClockState(None, "no NTP client keeps it, as far as the kernel knows")
    return ClockState(error, "as the kernel knows from its NTP client")


# -- doors


async def listeners(config: Config, net: Net) -> tuple[Listener, ...]:
    """Every configured door tried from here."""
    wanted = [
        *(("submission.listen", each) for each in config.submission.listen),
        *(("submission.listen_tls", each) for each in config.submission.listen_tls),
        *(("inbound.listen", each) for each in config.inbound.listen),
        *(("web.listen", each) for each in config.web.listen),
        *(("metrics.listen", each) for each in config.metrics.listen),
    ]
    troubles = await asyncio.gather(*(_try(net, *parse_endpoint(each)) for _, each in wanted))
    return tuple(Listener(name, each, trouble) for (name, each), trouble in zip(wanted, troubles, strict=True))


async def _try(net: Net, host: str, port: int) -> str:
    local = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1", "*": "127.0.0.1"}.get(host, host)
    try:
        async with asyncio.timeout(3):
            transport, _ = await net.connect(asyncio.Protocol, local, port)
    except (OSError, TimeoutError) as err:
        return (err.strerror if isinstance(err, OSError) else None) or "no answer"
    transport.abort()
    return ""


def domains_of(house: House, asked: Sequence[str]) -> list[str]:
    """The From domains to look at: those asked for, else those we sign for, and that of our own mail. NotKnown."""
    if asked:
        return list(dict.fromkeys(asked))
    found = [each.domain for each in house.keys or () if each.state == "active"]
    if house.sender:
        found.append(house.sender.rpartition("@")[2])
    if not found:
        raise NotKnown("no domain is known here: name one")
    return list(dict.fromkeys(found))
