"""Whatever dies while people pass a flow: no step is lost, none is done twice, and no mail doubles without a doubt on record.

Here 6 kills and 600 people; `make torture-flows` (torture_flows.py beside this) does more.
"""

import os
import random
from pathlib import Path

import pytest
from house_torture_flows import FlowPlan, FlowTorture

pytestmark = pytest.mark.e2e
SEED = int(os.environ.get("POSTHOUSE_SEED") or random.randrange(1 << 32))


def test_no_step_is_lost_or_done_twice_by_kills(tmp_path: Path) -> None:
    print(f"POSTHOUSE_SEED={SEED}")
    score = FlowTorture(tmp_path, FlowPlan(6, 600, SEED)).run()
    assert score.is_good and score.ended == 600, f"{score}\n{score.lost[:5]} {score.twice[:5]} {score.doubled[:5]}"
