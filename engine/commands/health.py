"""`posthouse health`: whether all is well, with an exit status that monitoring systems know."""

import sys

from engine.commands.common import Json, Socket, make_app, socket_path
from engine.control.client import Control, ControlError
from engine.control.protocol.health import STATES, Health
from engine.control.protocol.wire import pretty

app = make_app("Whether all is well, and what is not; with an exit status for monitoring.")
DOWN = STATES.index("failing")


@app.command()
def health(socket: Socket = None, as_json: Json = False) -> None:
    """One line for each thing that is not well, the gravest first.

    Exit status 0 where all is well, 1 where it is degraded, 2 where it is failing, also when no daemon answers: what Nagios
    and its kin mean by OK, WARNING and CRITICAL.
    """
    try:
        found = Control(socket_path(socket)).get(Health, "/v1/health")
    except ControlError as err:
        print(f"failing: {err}" + (f"\n  {err.remedy}" if err.remedy else ""), file=sys.stderr)
        raise SystemExit(DOWN) from None
    if as_json:
        print(pretty(found))
    else:
        print(found.state)
        for each in found.reasons:
            print(f"  {each.state}: {each.reason}: {each.says} ({each.remedy})")
    raise SystemExit(STATES.index(found.state))
