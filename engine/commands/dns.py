"""Where commands that judge records get their DNS answers: a file, or the resolvers of this host."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deliverability.checks.zone import Zone, ZoneFault
from engine.commands.common import refuse
from mta.plain_file import open_plain

if TYPE_CHECKING:
    from deliverability.checks.spf import Dns

MAX_FILE: Final = 4_194_304  # octets
SECONDS: Final = 5.0  # for one question
_ONE_RECORD: Final = re.compile(r"\s*(?:v=(?:DKIM1|spf1)|[a-z]=[^:\n]*;)", re.IGNORECASE)

DnsFile = Annotated[
    Path | None, typer.Option("--dns", help="Answers from this file (YAML: names, each with a list of records).")
]
Resolver = Annotated[str, typer.Option(help="Ask this name server instead of the system's.")]


def answers(file: Path | None, resolver: str = "") -> "Dns":
    """What to ask. A file that can't be read ends the command with 2."""
    return _from_file(file) if file else _from_network(resolver)


def _from_file(file: Path) -> "Dns":
    try:
        with open_plain(file) as opened:
            text = opened.read(MAX_FILE).decode("utf-8", "replace")
    except OSError as err:
        refuse(f"{file} can't be read: {err.strerror}", code=2)
    if _ONE_RECORD.match(text):  # one record by itself: the answer to every question for TXT
        record = " ".join(text.split())
        return lambda _, kind: [record] if kind == "TXT" else []
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return Zone(YAML(typ="safe").load(text))
    except YAMLError as err:
        refuse(f"{file} is no YAML: {' '.join(str(err).split())[:300]}", code=2)
    except (ZoneFault, ValueError) as err:
        refuse(
            f"{file}: {err}", "it holds names, each with a list of records: `example.com: [{TXT: v=spf1 -all}]`", code=2
        )


def _from_network(resolver: str) -> "Dns":
    import dns.exception
    import dns.resolver

    from deliverability.checks.spf import DnsTrouble

    try:
        stub = dns.resolver.Resolver(configure=not resolver)
        if resolver:
            stub.nameservers = [resolver]
    except (dns.exception.DNSException, ValueError) as err:
        refuse(
            f"no name server can be asked: {err}", "name one with --resolver, or give answers in a file (--dns)", code=2
        )
    stub.lifetime = SECONDS

    def ask(name: str, kind: str) -> list[str]:
        try:
            found = stub.resolve(name, kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as err:
            raise DnsTrouble(f"{kind} of {name}: {type(err).__name__}") from None
        return [_text(each, kind) for each in sorted(found, key=lambda each: getattr(each, "preference", 0))]

    return ask


def _text(record: Any, kind: str) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode("latin-1")
    return str(
        record.exchange if kind == "MX" else record.target if kind in ("PTR", "CNAME") else record.address
    ).rstrip(".")
