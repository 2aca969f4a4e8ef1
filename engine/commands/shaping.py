"""`posthouse shaping`: what limits a site and where each limit comes from; suspend and resume a site or a domain."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, refuse, who
from engine.control.client import part
from engine.control.protocol.shaping import SiteShaping, WarmUps
from engine.control.protocol.wire import pretty

app = make_app("How fast mail may go to a site, and who says so.")

Name = Annotated[str, typer.Argument(help="A site as `posthouse queue` names it, or a domain; or what an option says.")]
IsDomain = Annotated[bool, typer.Option("--domain", help="The name is a recipient domain: only its mail waits.")]
IsStream = Annotated[bool, typer.Option("--stream", help="The name is a stream: transactional or marketing.")]
IsSource = Annotated[bool, typer.Option("--source", help="The name is a source of ours.")]
IsCampaign = Annotated[bool, typer.Option("--campaign", help="The name is a campaign, or a flow.")]
IsProvider = Annotated[bool, typer.Option("--provider", help="The name is a provider, over all its sites.")]


@app.command()
def show(site: Name, socket: Socket = None, as_json: Json = False) -> None:
    """The limits that hold for a site, each with who set it, and what each carrier has of them."""
    found = ask(socket, lambda control: control.get(SiteShaping, f"/v1/shaping/{part(site)}"))
    if as_json:
        print(pretty(found))
        return
    print(f"{found.site}" + (f" ({found.provider})" if found.provider else ""))
    if found.paused_ms is not None:
        print(f"rests for {_seconds(found.paused_ms - found.now_ms)} more: {found.reason or 'suspended'}")
    print(f"took {found.taken_per_minute:g} in the last minute\n")
    print(f"{'limit':<24} {'value':>8} {'':<12} {'used':>6}  set by")
    for row in found.limits:
        used = "" if row.used is None else str(row.used)
        print(
            f"{row.name:<24} {row.value:>8g} {row.unit:<12} {used:>6}  {row.origin}{'' if row.binds else ' (another binds)'}"
        )
    print(f"\n{'carrier':<10} {'slots':>6} {'open':>6} {'waiting':>8}  rate")
    for share in found.shares:
        rate = "not paced" if share.rate is None else f"{share.rate * 60:.3g} a minute" if share.slots else ""
        print(f"{share.pid:<10} {share.slots:>6} {share.open:>6} {share.waiting:>8}  {rate}")


@app.command()
def warmup(socket: Socket = None, as_json: Json = False) -> None:
    """How far sources that are new have come with each provider, and what the last day came to."""
    found = ask(socket, lambda control: control.get(WarmUps, "/v1/warm-up"))
    if as_json:
        print(pretty(found))
        return
    print(
        f"{'source':<16} {'provider':<16} {'day':>8} {'a day':>8} {'used':>8} {'refused':>8} {'against':>8}  last day"
    )
    for row in found.rows:
        day = "warm" if row.allowance is None else f"{row.stage + 1} of {row.stages}"
        allowance = "-" if row.allowance is None else str(row.allowance)
        print(
            f"{row.source:<16} {row.provider:<16} {day:>8} {allowance:>8} {row.used:>8} {row.refused:>8} {row.complaints:>8}"
            f"  {row.verdict}"
        )


@app.command()
def suspend(
    name: Name,
    why: Annotated[str, typer.Option(help="The reason; it is shown with your name.")],
    span: Annotated[str, typer.Option("--for", help='How long, as "2h" or "1 day".')] = "1h",
    domain: IsDomain = False,
    stream: IsStream = False,
    source: IsSource = False,
    campaign: IsCampaign = False,
    provider: IsProvider = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let nothing go there, or leave of that, for a while. Mail is still accepted, and waits."""
    scope = _scope(domain=domain, stream=stream, source=source, campaign=campaign, provider=provider)
    body = {"scope": scope, "name": name, "for": span, "why": why, "by": who()}
    act(socket, "shaping/suspend", body, as_json)


@app.command()
def slow(
    site: Annotated[str, typer.Argument(help="A site as `posthouse queue` names it, or a domain of it.")],
    why: Annotated[str, typer.Option(help="The reason; it is shown with your name.")],
    per_minute: Annotated[int, typer.Option(help="So many attempts a minute at most, from each source.", min=1)],
    span: Annotated[str, typer.Option("--for", help='How long, as "2h" or "1 day".')] = "1h",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Give a site less than it would get, for a while: one that is late and does not say so, or before it does."""
    body = {"name": site, "per_minute": per_minute, "for": span, "why": why, "by": who()}
    act(socket, "shaping/slow", body, as_json)


@app.command()
def resume(
    name: Name,
    domain: IsDomain = False,
    stream: IsStream = False,
    source: IsSource = False,
    campaign: IsCampaign = False,
    provider: IsProvider = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let mail go again, and as fast as it may; also what the bounce guard stopped."""
    scope = _scope(domain=domain, stream=stream, source=source, campaign=campaign, provider=provider)
    act(socket, "shaping/resume", {"scope": scope, "name": name, "by": who()}, as_json)


def _scope(**flags: bool) -> str:
    chosen = [name for name, is_set in flags.items() if is_set]
    if len(chosen) > 1:
        refuse(f"a name is not both a {chosen[0]} and a {chosen[1]}", code=2)
    return chosen[0] if chosen else "site"


def _seconds(ms: int) -> str:
    minutes, seconds = divmod(max(0, ms) // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
