"""`posthouse` commands as a test types them.

done = run_command(("queue", "list"), cwd=folder, environment={"POSTHOUSE_SOCKET": ...}, patience=60)
"""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from house_warm import begin


def run_command(
    words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], patience: float
) -> subprocess.CompletedProcess[str]:
    """What `posthouse WORDS` said, and its exit code. TimeoutExpired when it takes longer."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = begin("posthouse", words, cwd=cwd, environment=environment, out=out.fileno(), err=err.fileno())
        code = process.wait(patience)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(list(words), code, *said)
