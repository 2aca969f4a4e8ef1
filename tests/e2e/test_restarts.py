"""A supervisor that holds the sockets: the daemon may go down in any way, and nobody who comes meanwhile is refused."""

from pathlib import Path

import pytest
from house_restarts import restarts

pytestmark = pytest.mark.e2e


def test_restarts_under_load_refuse_nobody_and_lose_nothing(tmp_path: Path) -> None:
    score = restarts(tmp_path, rounds=3, messages=30)
    assert score.is_clean, score
    assert dict(score.restarts) == {"stop": 1, "kill": 1, "reload": 1}
