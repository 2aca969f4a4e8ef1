"""Rules of one's own over the control socket: a kind of reply that no rule knows is given a class, proven, and counts at
once in all carriers of this machine; and taken back.

Proving takes most of a second, so it is done beside the loop.
"""

import asyncio
from typing import Any, Final

from deliverability.bounces.own import RuleFault, propose, read_rules
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from engine.own_rules import add_rule, adopt_own_rules, drop_rule

REMEDY: Final = "`posthouse rules test --reply` says which rule judges a reply, and why"


async def classify(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a rule of a reply; with `dry_run`, say what it would be."""
    asked, state = Asked(body), house.config.daemon.state_dir
    try:
        text = await asyncio.to_thread(propose, asked.text("reply"), asked.text("class"), asked.text("name"))
        (rule,) = read_rules(text, is_proven=True)
        if body.get("dry_run"):
            return Done(
                f"{rule.id} would say: {rule.klass}; nothing was written\n{text}", {"rule": rule.id, "text": text}
            )
        file = await asyncio.to_thread(add_rule, state, text)
    except RuleFault as fault:
        raise Refusal(str(fault), REMEDY) from None
    except OSError as err:
        raise Refusal(f"the rule can't be written: {err}", "nothing was changed", 503) from None
    await _adopt(house, office)
    undo = {"path": "bounces/unclassify", "body": {"rule": rule.id}}
    return Done(f"{rule.id} is in {file}: {rule.klass}, from now on", {"rule": rule.id, "text": text, "undo": undo})


async def unclassify(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Take a rule of one's own back."""
    name, state = Asked(body).text("rule"), house.config.daemon.state_dir
    try:
        found = await asyncio.to_thread(drop_rule, state, name)
    except RuleFault as fault:
        raise Refusal(f"without it, {fault}", "nothing was changed") from None
    except OSError as err:
        raise Refusal(f"the rules can't be written: {err}", "nothing was changed", 503) from None
    if not found:
        raise Refusal(f"there is no rule {name[:60]} of your own", "`rules.toml` in the folder of state has them", 404)
    await _adopt(house, office)
    return Done(f"{name} is taken back: replies of its kind are judged as before", {"rule": name})


async def _adopt(house: House, office: Office) -> None:
    """The next reply is judged so, whichever carrier hears it."""
    adopt_own_rules(house.config.daemon.state_dir, is_proven=True)
    office.tell(rules=True)
    await office.heeded()
