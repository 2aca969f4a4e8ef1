"""posthouse.toml: read, checked, and made into frozen settings; every fault at once, with its place and its remedy.

Relative paths are relative to the state folder, which itself is relative to the configuration file's folder.
"""

import difflib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from deliverability.address import AddressError, parse_domain
from deliverability.doctor.settings import DoctorSettings
from deliverability.reputation.settings import ReputationSettings
from deliverability.settings import BounceSettings, DkimSettings, Misplaced, RetrySettings, Settings
from deliverability.shaping.limits import ShapingSettings, of_scope
from deliverability.shaping.providers import providers
from deliverability.shaping.scopes import warming
from deliverability.shaping.slots import parts
from deliverability.shaping.subjects import subject_problem
from deliverability.shaping.warmup import WarmUpSettings
from engine.audience.asking import AskingSettings
from engine.audience.trials import ImportSettings
from engine.faults import ConfigFaults, Fault, Lines, lines_of, placed_fault
from engine.hooks.settings import HookSettings
from engine.intake.settings import IntakeSettings
from engine.own_doors import OwnDoors
from engine.sections import (
    BackupSettings,
    ControlSettings,
    DaemonSettings,
    DatabaseSettings,
    LabSettings,
    MetricsSettings,
    ReportSettings,
    WebSettings,
)
from engine.sending.arbiter_settings import ArbiterSettings
from engine.sending.settings import MailSettings
from engine.system import is_user, own_addresses
from engine.toml_file import data_of, text_of
from engine.tracking.settings import TrackingSettings
from mta import secret_file
from mta.inbound.settings import InboundSettings, LmtpSettings, SubmissionSettings
from mta.inbound.tls import Certificate, CertificateTrouble
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import SourceSettings, StreamSettings, Way, ways
from mta.outbound.sources import problems as source_problems
from mta.plain_file import read_text
from mta.queue.delivery import Stream
from mta.queue.settings import QueueSettings
from mta.routing.hops import Hop
from mta.routing.routes import RoutingSettings

S = TypeVar("S", bound=Settings)


class Config(Settings):
    """posthouse.toml."""

    hostname: str = Field(
        default_factory=socket.getfqdn,
        description="This server's name: in the greeting, EHLO, Received and Message-ID.",
    )
    daemon: DaemonSettings = DaemonSettings()
    database: DatabaseSettings = DatabaseSettings()
    backup: BackupSettings = BackupSettings()
    submission: SubmissionSettings = SubmissionSettings(listen=("127.0.0.1:2525",))
    lmtp: LmtpSettings = LmtpSettings()
    inbound: InboundSettings = InboundSettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    report: ReportSettings = ReportSettings()
    control: ControlSettings = ControlSettings()
    bounces: BounceSettings = BounceSettings()
    reputation: ReputationSettings = ReputationSettings()
    queue: QueueSettings = QueueSettings()
    retry: RetrySettings = RetrySettings()
    routing: RoutingSettings = RoutingSettings()
    outbound: OutboundSettings = OutboundSettings()
    sources: dict[str, SourceSettings] = Field(
        default={},
        description="Where mail leaves from, by a name of yours: [sources.NAME] with address (a local IP address, or one"
        " of each family) and ehlo (the name said there; hostname otherwise).",
    )
    pools: dict[str, dict[str, int]] = Field(
        default={},
        description="[pools.NAME]: sources with their weights. A source without a pool that is used carries nothing.",
    )
    streams: StreamSettings = StreamSettings()
    shaping: ShapingSettings = ShapingSettings()
    warm_up: WarmUpSettings = WarmUpSettings()
    dkim: DkimSettings = DkimSettings()
    mail: MailSettings = MailSettings()
    arbiter: ArbiterSettings = ArbiterSettings()
    hooks: HookSettings = HookSettings()
    asking: AskingSettings = AskingSettings()
    imports: ImportSettings = ImportSettings()
    tracking: TrackingSettings = TrackingSettings()
    intake: IntakeSettings = IntakeSettings()
    doctor: DoctorSettings = DoctorSettings()
    templates: Path | None = Field(
        default=None, description="Folder of your own mail templates and texts, over ours; below the state folder."
    )
    lab: LabSettings = LabSettings()

    @field_validator("hostname")
    @classmethod
    def _is_name(cls, value: str) -> str:
        try:
            return parse_domain(value)
        except AddressError as err:
            raise ValueError(f'"{value}" is no host name: {err}') from None

    @model_validator(mode="after")
    def _fits(self) -> "Config":
        for name in ("listen", "listen_lmtp"):
            if getattr(self.inbound, name) and not self.bounces.domain:
                raise ValueError(f"inbound.{name} is set but bounces.domain is not: say which domain's bounces come in")
        if self.mail.answers_to and not self.bounces.domain:
            raise ValueError("mail.answers_to is set but bounces.domain is not: that is where answers come in")
        if self.mail.answers_to.rpartition("@")[2] == self.bounces.domain != "":
            raise ValueError("mail.answers_to is an address of bounces.domain: answers would come back to us")
        if self.sources and self.outbound.source:
            raise ValueError("outbound.source and sources exclude each other: name the address among the sources")
        found = source_problems(self.sources, self.pools, self.streams)
        streams = [each.word for each in Stream]
        for key in self.shaping.limits:
            if words := subject_problem(key, sources=self.sources, streams=streams):
                found.append((("shaping", "limits", key), words))
        if found:
            raise Misplaced(found)
        return self

    # -- places

    @property
    def carriers(self) -> int:
        return self.daemon.carriers or len(os.sched_getaffinity(0))

    @property
    def ways(self) -> tuple[Way, ...]:
        """The sources in use; none where there is but one, without a name."""
        return ways(self.sources, self.pools, self.streams, self.hostname)

    @property
    def warming(self) -> tuple[str, ...]:
        """The sources that are new."""
        return tuple(name for name, said in self.sources.items() if said.warm_up)

    @property
    def has_warm_source(self) -> bool:
        """Whether what a new source has no room for can leave by another."""
        return len(self.warming) < len(self.sources)

    @property
    def limited(self) -> tuple[str, ...]:
        """All scopes beyond one site that have limits, by the books that keep them."""
        pairs = [(source, provider) for source in self.warming for provider in providers()]
        kept = [name for key, said in self.shaping.scopes.items() for name in parts(key, of_scope(key, said))]
        return (*kept, *(warming(source, provider) for source, provider in pairs))

    @property
    def worn_after(self) -> dict[str, int]:
        """Scopes beyond one site, and how much of them one connection carries."""
        scopes = self.shaping.scopes.items()
        return {key: said.per_connection for key, said in scopes if said.per_connection is not None}

    @property
    def database_place(self) -> Path | str:
        """A file, by its own name whatever links lead to it, or the address of a server. ConfigFaults where the password to
        it can't be read."""
        try:
            return self.database.address or Path(os.path.realpath(self.daemon.state_dir / self.database.path))
        except (OSError, UnicodeError):
            why = secret_file.unusable(Path(self.database.secret), _credentials())
            raise ConfigFaults([Fault("posthouse.toml", None, "database.secret", why)]) from None

    @property
    def socket_path(self) -> Path:
        return self.daemon.state_dir / self.control.socket

    @property
    def lmtp_path(self) -> Path | None:
        return self.daemon.state_dir / self.lmtp.socket if self.lmtp.socket else None

    @property
    def inbound_door(self) -> InboundSettings:
        """`[inbound]`, with room for what we send ourselves: a server may return it whole, with words of its own."""
        ours = max(self.submission.max_size, self.lmtp.max_size)
        return self.inbound.model_copy(update={"max_size": max(self.inbound.max_size, ours + ours // 2)})

    @property
    def own_doors(self) -> OwnDoors:
        """Where mail comes in: no next hop."""
        submission = self.submission
        listening = [
            *(("submission.listen", each) for each in submission.listen),
            *(("submission.listen_tls", each) for each in submission.listen_tls),
            *(("inbound.listen", each) for each in self.inbound.listen),
            *(("inbound.listen_lmtp", each) for each in self.inbound.listen_lmtp),
            *(("lmtp.socket", str(each)) for each in (self.lmtp_path,) if each is not None),
        ]
        return OwnDoors(tuple(listening), self.hostname, frozenset(own_addresses()))

    @property
    def spool_path(self) -> Path:
        return self.daemon.state_dir / self.daemon.spool

    @property
    def imports_path(self) -> Path:
        """Where files of people wait that the control socket was given (engine.exchange.desk)."""
        return self.daemon.state_dir / "imports"

    @property
    def keys_path(self) -> Path:
        return self.daemon.state_dir / self.dkim.keys_dir

    @property
    def backups_path(self) -> Path:
        return self.daemon.state_dir / self.backup.folder

    @property
    def secret_path(self) -> Path:
        return self.daemon.state_dir / "secret"


_CREDENTIALS: Final = Path("/run/credentials")


def check_machine(config: Config, path: Path) -> None:
    """Look once at the files and users of this machine that the configuration in `path` names. ConfigFaults with all
    that can't be used. systemd's credentials are there only for the service itself."""
    absent = None if "CREDENTIALS_DIRECTORY" in os.environ or "NOTIFY_SOCKET" in os.environ else _CREDENTIALS
    found = [(("routing", *where), words) for where, words in config.routing.unusable(absent, _credentials())]
    found += [(("database", key), words) for key, words in _open_passwords(config, path, absent)]
    unknown = [user for user in config.lmtp.users if user != "*" and not is_user(user)]
    found += [(("lmtp", "users"), f'this machine has no user "{user}" (try a name, or a number)') for user in unknown]
    try:
        if not _is_absent(config.submission.tls_certificate, absent):
            certificate(config)
    except ConfigFaults as trouble:
        found += [(("submission", fault.key), fault.problem) for fault in trouble.faults]
    if found:
        lines = lines_of(read_text(path))
        raise ConfigFaults([placed_fault(where, words, lines, str(path)) for where, words in found])


def _open_passwords(config: Config, path: Path, absent: Path | None) -> Iterator[tuple[str, str]]:
    """What is wrong with the password to the database, or with who may read it."""
    said = config.database
    if (
        said.secret
        and not _is_absent(Path(said.secret), absent)
        and (why := secret_file.unusable(Path(said.secret), _credentials()))
    ):
        yield "secret", why
    mode = path.stat().st_mode & 0o777
    if said.holds_password and mode & 0o007:
        words = f"holds a password, and all may read {path} (mode {mode:o}): chmod 640 {path}, or keep it in a file (secret)"
        yield "url", words


def _is_absent(file: Path | None, absent: Path | None) -> bool:
    """Whether a file is one of systemd's for a service that this process is not."""
    return file is not None and absent is not None and file.is_relative_to(absent)


def _credentials() -> Path:
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", _CREDENTIALS))


def certificate(config: Config) -> Certificate | None:
    """What the submission door shows, if it speaks TLS. ConfigFaults when its files can't be used."""
    chain, key = config.submission.tls_certificate, config.submission.tls_key
    if chain is None:
        return None
    try:
        return Certificate(chain, key)
    except CertificateTrouble as trouble:
        raise ConfigFaults([Fault("submission", None, "tls_certificate", str(trouble))]) from None


def load(path: Path) -> Config:
    """Read a configuration file. ConfigFaults with all that is wrong with it."""
    return parse(text_of(path), str(path), path.resolve().parent)


def parse(text: str, file: str = "posthouse.toml", folder: Path = Path()) -> Config:
    """A Config from TOML text. ConfigFaults with all that is wrong with it."""
    data, lines = data_of(text, file), lines_of(text)
    try:
        config = Config.model_validate(data)
    except ValidationError as err:
        raise ConfigFaults([fault for each in err.errors() for fault in _faults(each, lines, file)]) from None
    state_dir = folder / config.daemon.state_dir
    placed: dict[str, Any] = {"daemon": config.daemon.model_copy(update={"state_dir": state_dir})}
    if config.templates is not None:
        placed["templates"] = state_dir / config.templates
    if config.intake.extractors is not None:
        placed["intake"] = config.intake.model_copy(update={"extractors": state_dir / config.intake.extractors})
    placed["routing"] = config.routing.placed(state_dir, _credentials())
    placed["database"] = _placed(config.database, ("secret",), state_dir)
    placed["submission"] = _placed(config.submission, ("tls_certificate", "tls_key"), state_dir)
    config = config.model_copy(update=placed)
    if faults := [placed_fault(place, words, lines, file) for place, words in (*_too_long(config), *_loops(config))]:
        raise ConfigFaults(faults)
    return config


def _placed(section: S, keys: tuple[str, ...], state_dir: Path) -> S:
    """A section, with the files that these keys name below the state folder or among systemd's credentials."""
    named = {key: said for key in keys if (said := getattr(section, key))}
    files = {key: type(said)(secret_file.place(str(said), state_dir, _credentials())) for key, said in named.items()}
    return section.model_copy(update=files)


_SOCKET_MAX: Final = 107  # octets of a Unix socket's path: sun_path less its end (unix(7))


def _too_long(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    for section, path in (("control", config.socket_path), ("lmtp", config.lmtp_path)):
        octets = len(os.fsencode(path)) if path else 0
        if octets > _SOCKET_MAX:
            words = f"{path} has {octets} octets, and a Unix socket's path at most {_SOCKET_MAX} (try a shorter one)"
            yield (section, "socket"), words


def _loops(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Next hops that are doors of our own, with their keys. Our bounces may come in by ours."""
    routing, doors = config.routing, config.own_doors
    transport = ((("routing", "transport", key), hop) for key, hop in routing.transport.items())
    for place, text in ((("routing", "smart_host"), routing.smart_host), *transport):
        door = doors.at(Hop.parse(text, routing.port)) if text else ""
        if door and not (door.startswith("inbound.") and place[-1] == config.bounces.domain):
            yield place, f'"{text}" is our own door ({door}): mail would come back to us'


def _faults(error: Any, lines: Lines, file: str) -> list[Fault]:
    where = tuple(str(part) for part in error["loc"])
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Misplaced):
        return [placed_fault((*where, *below), words, lines, file) for below, words in cause.found]
    problem = _WORDS.get(
        error["type"], error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    )
    if error["type"] == "extra_forbidden":
        problem = "is not a setting" + _suggestion(where)
    elif error["type"] not in ("value_error", "missing") and where != ("database", "url"):  # it may hold a password
        problem = f"{problem}, not {repr(error['input'])[:60]}"
    return [placed_fault(where, problem, lines, file)]


_WORDS: Final = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text in quotes",
    "path_type": "must be a path in quotes",
    "tuple_type": 'must be a list like ["..."]',
    "model_type": "must be a section",
    "model_attributes_type": "must be a section",
}


def _suggestion(place: tuple[str, ...]) -> str:
    """The nearest known key in the same section."""
    fields: Any = Config.model_fields
    for part in place[:-1]:
        if part not in fields:
            return ""
        fields = getattr(fields[part].annotation, "model_fields", {})
    near = difflib.get_close_matches(place[-1], fields, n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else f" (there are: {', '.join(sorted(fields))})"
