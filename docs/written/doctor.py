"""doctor.md: every rule of the doctor, out of the rules."""

from typing import Final

from deliverability.doctor.examine import RULES
from deliverability.doctor.providers import DEMANDS, Demand
from docs.written.parts import MARK, table

_DOCTOR: Final = """\
# The doctor

`posthouse doctor` looks at what the world sees of you: records, names, policies, blocklists, certificates, files,
clock and doors. It judges each by a rule, says what it saw, and prints the line to publish.
[Deliverability](deliverability.md) walks from a bare domain to all green with it.

```
posthouse doctor                          the domains that we sign for
posthouse doctor shop.example             this one
posthouse doctor --json                   for programs
posthouse doctor --all                    the rules that pass, too
posthouse doctor --kept                   what the daemon found last, with its age
posthouse doctor shop.example --dns zone.yaml --ip 198.51.100.10    what is to be published, tried before
```

| verdict | meaning |
|---|---|
| `✓ pass` | it is so, or need not be |
| `! warn` | it works, and should be better |
| `✗ FAIL` | mail suffers by it; what to publish stands below |
| `? unknown` | nobody answered (SERVFAIL, a time-out), it can't be seen from here, or another rule has to hold first |

The exit status is 1 where a rule fails, 0 where none does, 2 where what was typed is wrong. `--plain` prints ASCII
without colours, and so does a pipe without colours; `NO_COLOR` is obeyed. What others publish is shown with its
control characters as pictures (ESC is `␛`), cut after 300 characters.

One cause turns one rule red: what hangs on it waits, and says for what. An examination takes `doctor.patience` at
most (20 s); what was not answered by then is unknown. A running daemon is asked, since it knows its doors; without
one, or with `--dns`, `--ip`, `--helo` or `--bounces`, the command looks for itself. A file for `--dns` holds names,
each with its records ([as for SPF](deliverability.md#may-this-host-send-spf-and-dkim)); of mail doors and documents
nothing is known then.

With `--json`: `verdict` (the gravest), `at_ms`, `domains`; `rules`: `rule`, `about` (a domain; empty for the house),
`verdict`, `title`, `says`, `seen`, `mend` (`how`: publish, remove, run, set or serve; `text` to be copied; `name`,
`type`, `value` of a record), `detail`, `waits_for`, `source`; `demands`: `demand`, `provider`, `about`, `verdict`,
`title`, `because` (rules), `source`.

## What bulk senders are asked for

Gmail, Yahoo and Microsoft publish what they demand of who sends much (5,000 mails a day to them). Each demand holds
when its rules do:

"""

_RULES: Final = """
## The rules

Each with what a receiver makes of it, how to mend it, and where it is written.
"""

_FAMILIES: Final = {
    "host": "Names and addresses", "mail": "Our own mail", "files": "Files", "cert": "Certificates", "clock": "The clock",
    "ports": "Doors", "tls": "TLS", "rate": "How mail was received", "block": "Blocklists", "spf": "SPF", "dkim": "DKIM",
    "dmarc": "DMARC", "align": "Alignment", "mx": "Exchangers", "sts": "MTA-STS", "tlsrpt": "TLS reports",
    "dane": "DANE", "bimi": "BIMI",
}  # fmt: skip


def doctor() -> str:
    demands = [(f"`{each.id}`", each.title, _shown_by(each)) for each in DEMANDS]
    parts = [MARK, _DOCTOR, table(("demand", "", "rules"), demands), _RULES]
    for family, title in _FAMILIES.items():
        rows = [
            (f"`{each.id}`", f"{each.title}. {each.why}", each.remedy, each.source)
            for each in RULES
            if each.family == family
        ]
        parts.append(f"\n### {title}\n\n" + table(("rule", "what and why", "how to mend it", "source"), rows))
    return "".join(parts)


def _shown_by(demand: Demand) -> str:
    return ", ".join(f"`{each}`" for each in demand.rules) or " or ".join(f"`{each}`" for each in demand.either)
