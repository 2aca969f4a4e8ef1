"""`posthouse queue`: what waits, by site, domain, stream or campaign, as a picture by age, and delivery by delivery;
hold, release, redirect, cancel, retry."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from engine import counts
from engine.commands.common import Json, Socket, act, ask, make_app, print_more, refuse, show, who
from engine.commands.pieces import Piece, taking
from engine.control.client import Control
from engine.control.protocol.acts import Done
from engine.control.protocol.lately import Replies, Weather
from engine.control.protocol.queue import Doubts, Messages, Queue, Shape
from engine.control.protocol.wire import pretty

app = make_app("What waits, and why.")

Numbers = Annotated[list[int] | None, typer.Argument(help="Numbers of deliveries; or say which with the options.")]
Site = Annotated[str, typer.Option("--site", help="Only this site.")]
Domain = Annotated[str, typer.Option("--domain", help="Only this recipient domain.")]
Stream = Annotated[str, typer.Option("--stream", help="Only transactional, or only marketing.")]
Campaign = Annotated[str, typer.Option("--campaign", help="Only this campaign; a flow's mails go by the flow's name.")]
State = Annotated[str, typer.Option("--state", help="Only this state; all that have no end yet otherwise.")]
Find = Annotated[str, typer.Option("--find", help="Only where the address, the subject or the last reply has this.")]
Older = Annotated[str, typer.Option("--older", help='Only what was accepted longer ago than this, as "2h".')]
Younger = Annotated[str, typer.Option("--younger", help='Only what was accepted no longer ago than this, as "1d".')]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept with your name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say how many it would be.")]


@app.callback(invoke_without_command=True)
def queue(
    context: typer.Context,
    by: Annotated[str, typer.Option(help="A row for each site, domain, stream or campaign.")] = "site",
    sort: Annotated[str, typer.Option(help="By trouble, name, queued, age or next (attempt).")] = "trouble",
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 1000,
    offset: Annotated[int, typer.Option(help="Pass over so many rows first.")] = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The queue, those in trouble first."""
    if context.invoked_subcommand is not None:
        return
    params: dict[str, str | int] = {"by": by, "sort": sort, "limit": limit, "offset": offset}
    found = ask(socket, lambda control: control.get(Queue, "/v1/queue", params))
    if as_json:
        print(pretty(found))
        return
    print(f"{found.by:<40} {'queued':>8} {'flying':>7} {'doubt':>6} {'held':>6} {'oldest':>8} {'next':>8}  last reply")
    for row in found.sites:
        oldest = _span(found.now_ms - row.oldest_ms) if row.oldest_ms is not None else ""
        upcoming = row.suspended_ms or row.retry_ms or row.next_ms
        said = f"suspended; {row.last_reply}" if row.suspended_ms else row.last_reply
        soon = _span(upcoming - found.now_ms) if upcoming is not None else ""
        print(
            f"{row.site or '-':<40} {row.queued:>8} {row.in_flight:>7} {row.in_doubt:>6} {row.held:>6} {oldest:>8} {soon:>8}"
            f"  {said}".rstrip()
        )
    if len(found.sites) < found.total:
        print(f"{len(found.sites)} of {found.total} rows; --offset {offset + len(found.sites)} shows the next")


@app.command()
def shape(
    by: Annotated[str, typer.Option(help="A row for each domain, site, campaign or stream.")] = "domain",
    stream: Stream = "",
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 20,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """A picture of what waits: how many deliveries of which age. A column counts what is at most so many minutes old,
    and older than the column before."""
    params: dict[str, str | int] = {"by": by, "stream": stream, "limit": limit}
    found = ask(socket, lambda control: control.get(Shape, "/v1/queue/shape", params))
    if as_json:
        print(pretty(found))
        return
    heads = [str(minutes) for minutes in found.minutes] + [f"{found.minutes[-1]}+"] if found.minutes else []
    print(f"{found.by:<34} {'total':>8} " + " ".join(f"{head:>7}" for head in heads))
    for row in (found.all, *found.rows):
        print(f"{row.name or '-':<34} {row.total:>8} " + " ".join(f"{count:>7}" for count in row.counts))


@app.command()
def replies(
    site: Annotated[str, typer.Argument(help="A site, or a domain; of all without it.")] = "",
    since: Annotated[str, typer.Option(help='Only of so long, as "1h"; a day at most.')] = "",
    limit: Annotated[int, typer.Option(help="At most so many kinds.")] = 20,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What was put off and refused of late: replies that say the same together, what each means, which rule says so,
    and what can be done."""
    params: dict[str, str | int] = {"site": site, "since": since, "limit": limit}
    found = ask(socket, lambda control: control.get(Replies, "/v1/queue/replies", params))
    if as_json:
        print(pretty(found))
        return
    for row in found.rows:
        print(f"{row.count:>8}  {row.share:>5.1f} %  {row.outcome}: {row.text}")
        judged = f"{row.klass}, {row.means}; " if row.klass else ""
        print(f"{'':>18}{judged}rule {row.rule or 'none'}" + (f" ({row.place})" if row.place else ""))
        ages = f"{_span(found.now_ms - row.first_ms)} ago to {_span(found.now_ms - row.last_ms)} ago"
        print(f"{'':>18}first and last {ages}, such as message {row.message_id}: {row.example}")
        for cure in row.cures:
            print(f"{'':>18}{cure.verb}: {cure.why}")
    print(f"{found.deferred} put off and {found.failed} refused in {_span(found.now_ms - found.since_ms)}")


@app.command()
def weather(
    by: Annotated[str, typer.Option(help="A row for each site, or domain.")] = "site",
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 20,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What came of attempts in the last three hours, those with most trouble first: sums of a quarter of an hour, as
    accepted/deferred/bounced."""
    params: dict[str, str | int] = {"by": by, "limit": limit}
    found = ask(socket, lambda control: control.get(Weather, "/v1/queue/weather", params))
    if as_json:
        print(pretty(found))
        return
    print(f"{found.by:<30} " + " ".join(f"{f'-{minutes}':>11}" for minutes in range(180, 0, -15)))
    for row in (found.all, *found.rows):
        parts = zip(*(_quarters(each) for each in (row.accepted, row.deferred, row.bounced)), strict=True)
        print(f"{row.name:<30.30} " + " ".join(f"{'/'.join(map(str, each)):>11}" for each in parts))


def _quarters(counts: tuple[int, ...]) -> list[int]:
    return [sum(counts[at : at + 3]) for at in range(0, len(counts), 3)]


@app.command()
def messages(
    site: Site = "",
    domain: Domain = "",
    stream: Stream = "",
    campaign: Campaign = "",
    state: State = "",
    find: Find = "",
    older: Older = "",
    younger: Younger = "",
    due_within: Annotated[str, typer.Option(help='Only what is tried within this time, as "10 min".')] = "",
    sort: Annotated[str, typer.Option(help="By newest, oldest, next (attempt) or expiry.")] = "newest",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    after: Annotated[str, typer.Option(help="Go on where an answer before ended.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Deliveries, a page at a time."""
    params: dict[str, str | int] = {
        "site": site, "domain": domain, "stream": stream, "campaign": campaign, "state": state, "q": find,
        "older": older, "younger": younger, "due_within": due_within, "sort": sort, "limit": limit, "after": after,
    }  # fmt: skip
    found = ask(socket, lambda control: _page(control, params, limit))
    if as_json:
        print(pretty(found))
        return
    print(f"{'delivery':>9} {'message':>8} {'state':<10} {'age':>6} {'next':>6} {'to':<36} {'subject':<30} last reply")
    for row in found.rows:
        soon = _span(row.due_ms - found.now_ms) if row.state == "queued" else ""
        print(
            f"{row.delivery_id:>9} {row.message_id:>8} {row.state:<10} {_span(found.now_ms - row.created_ms):>6} {soon:>6}"
            f" {row.forward_path:<36} {row.subject:<30.30} {row.last_reply}".rstrip()
        )
    print(f"{len(found.rows)} of {'' if found.exact else 'at least '}{found.total}")
    print_more(found.after)


def _page(control: Control, params: dict[str, str | int], limit: int) -> Messages:
    """A whole page: the daemon looks at so many rows for one question, and a filter may match few of them."""
    found = control.get(Messages, "/v1/messages", params)
    while found.after and len(found.rows) < limit:
        rest = {**params, "after": found.after, "limit": limit - len(found.rows)}
        more = control.get(Messages, "/v1/messages", rest)
        found = Messages(
            more.now_ms,
            (*found.rows, *more.rows),
            max(found.total, len(found.rows) + more.total),
            more.after,
            exact=found.exact or not (params["after"] or more.after),
        )
    return found


@app.command()
def doubts(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not settled yet.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The crash ledger, newest first: when an answer to a final dot was lost, and how that was settled."""
    params: dict[str, str | int] = {"open": int(only_open), "limit": limit}
    found = ask(socket, lambda control: control.get(Doubts, "/v1/doubts", params))
    if as_json:
        print(pretty(found))
        return
    print(f"{'when (UTC)':<19} {'delivery':>9} {'message':>8} {'to':<36} {'why':<11} {'settled':<17} now")
    for row in found.rows:
        at = datetime.fromtimestamp(row.at_ms // 1000, UTC)
        print(
            f"{at:%Y-%m-%d %H:%M:%S} {row.delivery_id:>9} {row.message_id:>8} {row.forward_path:<36} {row.why:<11}"
            f" {row.settled or 'not yet':<17} {row.state}"
        )
    counted = {**found.by_cause, **found.by_end}
    parts = ", ".join(f"{count} {what}" for what, count in counted.items())
    print(f"{found.total} on record, {found.open} open" + (f": {parts}" if parts else ""))


@app.command()
def retry(
    site: Annotated[str, typer.Argument(help="A site, or a domain.")] = "",
    delivery: Annotated[
        list[int] | None, typer.Option(help="This delivery, by its number; several may be named.")
    ] = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Try a site now, whatever its back-off; or single deliveries, which ends the back-off of their sites."""
    if bool(site) == bool(delivery):
        refuse("what is to be tried?", "name a site or a domain, or --delivery NUMBER", code=2)
    if not delivery:
        act(socket, "queue/retry", {"site": site}, as_json)
    elif not act(socket, "queue/retry", {"deliveries": delivery, "by": who()}, as_json).facts["changed"]:
        raise SystemExit(1)


def _which(
    deliveries: Numbers = None, site: Site = "", domain: Domain = "", stream: Stream = "", campaign: Campaign = "",
    state: State = "", find: Find = "", older: Older = "", younger: Younger = "",
) -> Piece:  # fmt: skip
    """Which deliveries a command is about."""
    filters = {
        "site": site, "domain": domain, "stream": stream, "campaign": campaign, "state": state, "q": find, "older": older,
        "younger": younger,
    }  # fmt: skip
    asked = {name: value for name, value in filters.items() if value}
    if deliveries and asked:
        refuse("deliveries are named by number, or by the options", "leave one of them out", code=2)
    if not deliveries and not asked:
        options = (_option(name) for name, value in filters.items() if value is not None)
        refuse("which deliveries?", f"give their numbers, or {', '.join(options)}", code=2)
    return {"deliveries": deliveries} if deliveries else asked


def _option(name: str) -> str:
    return "--find" if name == "q" else f"--{name}"


@app.command()
@taking("which", _which, without=("state",))
def hold(which: Piece, why: Why = "", dry_run: DryRun = False, socket: Socket = None, as_json: Json = False) -> None:
    """Keep deliveries back until they are released."""
    _work(socket, "hold", {**which, "by": who(), "why": why, "dry_run": dry_run}, as_json)


@app.command()
@taking("which", _which, without=("state",))
def release(which: Piece, why: Why = "", dry_run: DryRun = False, socket: Socket = None, as_json: Json = False) -> None:
    """Let held deliveries go, those in doubt too: they are sent (again) at once."""
    _work(socket, "release", {**which, "by": who(), "why": why, "dry_run": dry_run}, as_json)


@app.command()
@taking("which", _which)
def redirect(
    to: Annotated[str, typer.Option(help="The next hop: a host, or host:port.")],
    why: Why,
    which: Piece,
    back: Annotated[bool, typer.Option("--back", help="Take back what was redirected there and has not left.")] = False,
    dry_run: DryRun = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Have deliveries that have not begun leave by another next hop, from now on and until they end."""
    facts = {"to": to, "back": back, "by": who(), "why": why, "dry_run": dry_run}
    _work(socket, "redirect", {**which, **facts}, as_json)


@app.command()
@taking("which", _which)
def cancel(
    why: Why,
    which: Piece,
    grace: Annotated[
        str, typer.Option(help='Hold them for so long first, as "60s": until then `posthouse undo` has them back.')
    ] = "",
    dry_run: DryRun = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """End deliveries that have not begun."""
    _work(socket, "cancel", {**which, "by": who(), "why": why, "grace": grace, "dry_run": dry_run}, as_json)


@app.command()
def restore(
    batch: Annotated[str, typer.Argument(help="Which cancellation: the batch that its answer named (--json).")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Undo a cancellation whose grace is not over: what it held is back where it was."""
    _work(socket, "restore", {"batch": batch, "by": who(), "dry_run": False}, as_json)


def _work(socket: Any, name: str, body: dict[str, Any], as_json: bool) -> None:
    """Have it done, asking again until nothing is left of it."""
    changed, after = 0, ""
    while True:
        asked = {**body, "whole": True, "after": after}  # as much as can be in one act, which is undone as one
        done = ask(socket, lambda control, asked=asked: control.post(f"/v1/queue/{name}", asked))  # type: ignore[misc]
        changed += done.facts.get("changed", 0)
        after = done.facts.get("after", "")
        if not after or body["dry_run"]:
            break
    words = done.text if "deliveries" in body or body["dry_run"] else done.text.replace(
        counts.deliveries(done.facts.get("changed", 0)), counts.deliveries(changed), 1
    )  # fmt: skip
    show(Done(words, {**done.facts, **({} if body["dry_run"] else {"changed": changed})}), as_json)
    if "deliveries" in body and not changed and not body["dry_run"]:
        raise SystemExit(1)  # they were named, and nothing was done


def _span(ms: int) -> str:
    """A span of time in its two largest units; "now" for none."""
    seconds = ms // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds > 0 else "now"
