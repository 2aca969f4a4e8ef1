"""sd_notify: telling systemd what state we are in (sd_notify(3)). Says nothing where nobody listens."""

import os
import socket
from datetime import timedelta


def tell(**states: object) -> None:
    """Send READY=1 and the like to the socket in NOTIFY_SOCKET."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
        try:
            notifier.setblocking(False)  # whoever asked to be told may have stopped to read: that must not hold us up
            notifier.connect(address)
            notifier.send("\n".join(f"{key}={value}" for key, value in states.items()).encode())
        except OSError:
            return  # gone, or its queue is full


def watchdog_interval() -> timedelta | None:
    """How often WATCHDOG=1 is due (half of what systemd allows), or None where it does not watch this process."""
    allowed = os.environ.get("WATCHDOG_USEC")
    if not allowed or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return timedelta(microseconds=int(allowed)) / 2
