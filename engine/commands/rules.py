"""`posthouse rules`: the rules by which replies are judged. Needs no daemon."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deliverability.bounces.classify import rules as all_rules
from deliverability.bounces.meaning import MEANS
from deliverability.bounces.normal import groups
from deliverability.bounces.own import RuleFault, propose
from deliverability.bounces.proving import Finding, explain, prove
from deliverability.reply import Reply
from engine.commands.common import ConfigPath, Json, config, database, make_app, own_config, refuse
from engine.own_rules import NAME, add_rule, adopt_own_rules
from mta.smtp.outcome import Stage

SHOWN = 50  # kinds of replies that people are shown

app = make_app("The rules by which replies are judged.")


@app.callback()
def rules() -> None:
    """The rules by which replies are judged."""


@app.command()
def test(
    reply: Annotated[str, typer.Option(help='Judge this reply instead, as "550 5.1.1 no such user".')] = "",
    stage: Annotated[str, typer.Option(help="Where it is said: RCPT, DATA, DOT, GREETING ...")] = "rcpt",
    provider: Annotated[str, typer.Option(help="Who says it, as providers.toml names them.")] = "",
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Run every rule's samples and counter-samples: which rule is dead, shadowed, ambiguous or too wide. With a reply:
    which rule fires, and why. The house's own rules come first, where there is a configuration."""
    settings = own_config(config_path)
    why = adopt_own_rules(settings.daemon.state_dir) if settings else ""
    if reply:
        _judge(reply, stage, provider, as_json)
        return
    findings = [*([Finding(NAME, "left out", why)] if why else []), *prove()]
    count = sum(len(rule.samples) + len(rule.counter_samples) for rule in all_rules())
    if as_json:
        print(json.dumps({"rules": len(all_rules()), "samples": count, "findings": [asdict(f) for f in findings]}))
    else:
        for each in findings:
            print(f"{each.rule}: {each.what}: {each.text}")
        print(f"{len(all_rules())} rules, {count} samples and counter-samples, {len(findings)} findings")
    if findings:
        raise SystemExit(1)


@app.command()
def unclassified(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Replies that no rule knows, those that say the same together, the most frequent first. They were judged by their
    code alone."""
    from engine.commands.unclassified import unknown_replies

    found = groups(unknown_replies(database(config(config_path))))
    if as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    for each in found[:SHOWN]:
        print(f"{each.count:>8}  {each.text}\n          such as: {each.example}")
    print(f"{sum(each.count for each in found)} replies of {len(found)} kinds that no rule knows")
    if found:
        print('posthouse rules learn "REPLY" --class CLASS makes a rule of one')


@app.command()
def learn(
    reply: Annotated[str, typer.Argument(help='The reply, as "550 5.7.1 the words"; the example of a kind is right.')],
    klass: Annotated[str, typer.Option("--class", help="What it means: a class, as the manual lists them.")],
    name: Annotated[str, typer.Option(help="How the rule is called; its words by default.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the rule, and write nothing.")] = False,
    config_path: ConfigPath = None,
) -> None:
    """Make a rule of a reply, with the reply as its sample, and put it into rules.toml of the folder of state. It is proven
    first: a rule that takes a sample of another is refused. Carriers use it from their next start (SIGHUP)."""
    try:
        rule = propose(reply.replace("\\n", "\n"), klass, name)
        if dry_run:
            print(rule, end="")
            return
        file = add_rule(config(config_path).daemon.state_dir, rule)
    except RuleFault as fault:
        refuse(str(fault), code=2)
    except OSError as err:
        refuse(f"the rule can't be written: {err}")
    print(f"{rule}\nwritten to {file}; it counts from the next SIGHUP or start on")


def _judge(said: str, stage: str, provider: str, as_json: bool) -> None:
    word = stage.lower()
    if word not in set(Stage):
        refuse(f"{stage[:20]} is no stage of a dialogue", f"there are: {', '.join(Stage)}", code=2)
    try:
        reply = Reply.parse(said.replace("\\n", "\n"))
    except ValueError as err:
        refuse(str(err), 'a reply looks like "550 5.1.1 no such user"', code=2)
    if reply.is_positive:
        refuse(f"{reply.code} is no refusal: there is nothing to judge", code=2)
    reason = explain(reply, word, provider)
    verdict = reason.verdict
    if as_json:
        print(json.dumps(asdict(reason), ensure_ascii=False))
        return
    print(f"rule      {verdict.rule}\nclass     {verdict.klass}, to blame: {verdict.blame}")
    print(f"means     {MEANS[verdict.then]}; suppress: {verdict.suppress}")
    print(f"slow-down {verdict.slow_down:g} (0: about one recipient or message, 1: the site asks for less)")
    for each in reason.looked_at:
        print(f"because   {each}")
    if not reason.looked_at:
        print("because   no rule knows it: the enhanced code, or the code, decides")
    if reason.beaten:
        print(f"before    {', '.join(reason.beaten)}")
