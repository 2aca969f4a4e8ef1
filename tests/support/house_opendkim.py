"""OpenDKIM as the receiving side's verifier: a milter of its own, which is told the public keys in a file.

    with OpenDkim(tmp_path, keys={"sel._domainkey.shop.example": "v=DKIM1; ..."}) as verifier:
        Postfix(..., milter=verifier.milter)

What it found stands in the Authentication-Results field of each delivered mail (RFC 8601).
"""

import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from house_process import free_port

_PATIENCE = 60.0
_CONFIGURATION = """
Mode v
Socket inet:{port}@127.0.0.1
TestPublicKeys {folder}/public-keys
AuthservID verifier.example
AlwaysAddARHeader yes
MilterDebug 0
Syslog no
Canonicalization relaxed/relaxed
"""


class OpenDkim:
    """Started by `with`, ended by its process id."""

    def __init__(self, folder: Path, keys: Mapping[str, str]) -> None:
        """`keys`: the text of each TXT record by its name."""
        self._port = free_port()
        self.milter = f"inet:127.0.0.1:{self._port}"
        (folder / "public-keys").write_text("".join(f"{name} {value}\n" for name, value in keys.items()))
        self._file = folder / "opendkim.conf"
        self._file.write_text(_CONFIGURATION.format(folder=folder, port=self._port))

    def __enter__(self) -> Self:
        program = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin") or "opendkim"
        self._process = subprocess.Popen([program, "-f", "-x", self._file], stderr=subprocess.PIPE)
        _wait_for_listener(self._port, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # it holds nothing, and takes seconds to end by itself
        self._process.communicate(timeout=_PATIENCE)


def _wait_for_listener(port: int, process: subprocess.Popen[bytes]) -> None:
    """It tells nobody when it listens, so knock until it opens or ends."""
    ended = os.pidfd_open(process.pid)
    deadline = time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert not select.select([ended], [], [], 0.02)[0], process.communicate()[1]
    finally:
        os.close(ended)
    raise AssertionError("OpenDKIM does not listen")
