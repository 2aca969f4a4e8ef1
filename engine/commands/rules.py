"""`posthouse rules`: the rules by which replies are judged. Needs no daemon."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deliverability.bounces.classify import Then
from deliverability.bounces.classify import rules as all_rules
from deliverability.bounces.proving import explain, prove
from deliverability.reply import Reply
from engine.commands.common import Json, make_app, refuse
from mta.smtp.outcome import Stage

app = make_app("The rules by which replies are judged.")


@app.callback()
def rules() -> None:
    """The rules by which replies are judged."""


@app.command()
def test(
    reply: Annotated[str, typer.Option(help='Judge this reply instead, as "550 5.1.1 no such user".')] = "",
    stage: Annotated[str, typer.Option(help="Where it is said: RCPT, DATA, DOT, GREETING ...")] = "rcpt",
    provider: Annotated[str, typer.Option(help="Who says it, as providers.toml names them.")] = "",
    as_json: Json = False,
) -> None:
    """Run every rule's samples and counter-samples: which rule is dead, shadowed, ambiguous or too wide. With a reply:
    which rule fires, and why."""
    if reply:
        _judge(reply, stage, provider, as_json)
        return
    findings, count = prove(), sum(len(rule.samples) + len(rule.counter_samples) for rule in all_rules())
    if as_json:
        print(json.dumps({"rules": len(all_rules()), "samples": count, "findings": [asdict(f) for f in findings]}))
    else:
        for each in findings:
            print(f"{each.rule}: {each.what}: {each.text}")
        print(f"{len(all_rules())} rules, {count} samples and counter-samples, {len(findings)} findings")
    if findings:
        raise SystemExit(1)


_MEANS = {
    Then.RETRY_RECIPIENT: "it is tried again (retry recipient)",
    Then.RETRY_SITE: "the site rests, then it is tried again (retry site)",
    Then.OTHER_SOURCE: "another source tries it, or it waits until the block is lifted (other source)",
    Then.FAIL: "the delivery ends (fail)",
}


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
    print(f"means     {_MEANS[verdict.then]}; suppress: {verdict.suppress}")
    print(f"slow-down {verdict.slow_down:g} (0: about one recipient or message, 1: the site asks for less)")
    for each in reason.looked_at:
        print(f"because   {each}")
    if not reason.looked_at:
        print("because   no rule knows it: the enhanced code, or the code, decides")
    if reason.beaten:
        print(f"before    {', '.join(reason.beaten)}")
