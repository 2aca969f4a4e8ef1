"""What the control socket says of the mails that flows and campaigns send: their templates, words, proofs and faults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailRow:
    """A mail. `flows`: the recipes, and flows that are applied, that send it."""

    name: str
    about: str
    stream: str
    event: str = ""
    languages: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    own: tuple[str, ...] = ()  # its files that are the installation's own, over ours
    fault: str = ""  # why its file can't be read


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file of templates. `is_own`: it stands in the installation's own folder; `is_ours`: we ship one of this name."""

    name: str
    is_own: bool = False
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Mails:
    """All of them; `shared` are the files that all mails are made with: brand, layout, parts, words."""

    now_ms: int
    rows: tuple[MailRow, ...] = ()
    titles: tuple[tuple[str, str], ...] = ()  # of the flows that send them, by name
    shared: tuple[TemplateFile, ...] = ()
    folder: str = ""  # where one's own files are; "" where the configuration names no `templates`
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class MailLanguage:
    tag: str
    name: str  # as it calls itself
    direction: str  # ltr, rtl


@dataclass(frozen=True, slots=True)
class MailFileText:
    """A file of templates with its text; `digest` is what a later save has to name, so that nobody's work is lost."""

    now_ms: int
    name: str
    source: str
    digest: str
    is_own: bool = False
    is_ours: bool = True
    path: str = ""  # where it lies, or would lie


@dataclass(frozen=True, slots=True)
class MailSheet:
    """One mail: what it is for, its languages and files, and how they differ from ours, line by line."""

    now_ms: int
    name: str
    about: str
    stream: str
    event: str = ""
    languages: tuple[MailLanguage, ...] = ()
    flows: tuple[str, ...] = ()
    files: tuple[TemplateFile, ...] = ()
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailProof:
    """A mail as one reader would get it. `fault` says why there is none, with `file` and `line`."""

    now_ms: int
    mail: str
    locale: str
    language: str
    direction: str
    reader: str  # usual, longest, emptiest, or somebody's address
    stream: str
    sender: str = ""
    subject: str = ""
    preheader: str = ""
    text: str = ""
    html: str = ""
    octets: int = 0  # of the whole message, without its signature
    fault: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class MailFinding:
    """Something that a lint found. `line` is 0 where it concerns the whole file."""

    rule: str
    file: str
    line: int
    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class MailFindings:
    now_ms: int
    name: str
    rows: tuple[MailFinding, ...] = ()
    judge: str = ""  # who told of spam, where somebody was asked
