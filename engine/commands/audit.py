"""`posthouse audit`: prove the promise of delivery from the database, at any time."""

import json
from dataclasses import asdict

from engine.commands.common import ConfigPath, Json, config, database, make_app

app = make_app("Prove from the database that every accepted delivery has exactly one end.")


@app.command()
def audit(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Exit code 0 when the books balance, 1 when a finding is printed."""
    from engine.store.lab_time import read_offset
    from engine.system import SystemClock
    from mta.queue.audit import audit as go_over

    store = database(config(config_path))
    found = store.read_now(lambda tx: go_over(tx, SystemClock(read_offset(tx)).now))
    if as_json:
        print(json.dumps({**asdict(found), "balances": found.balances}, indent=2))
    else:
        print(f"messages {found.messages}, accepted deliveries {found.accepted}")
        for state, count in found.states.items():
            print(f"  {state:<12} {count}")
        ends = "".join(f", {count} {how}" for how, count in found.doubts.by_end.items())
        print(f"doubts on record {found.doubts.total}: {found.doubts.open} open{ends}")
        for each in found.findings:
            print(f"FINDING: {each.what}: {', '.join(map(str, each.ids))}")
        print("the books balance" if found.balances else "THE BOOKS DO NOT BALANCE")
    if not found.balances:
        raise SystemExit(1)
