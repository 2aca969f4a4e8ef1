"""What crosses the control socket: versioned JSON over HTTP on a Unix socket.

Every answer is one of the dataclasses in these modules as a JSON object; `GET /v1/stream` sends one Overview a line, latest
wins. Both sides import these and nothing heavier. A reader ignores keys it does not know, so that a newer
daemon can say more; a missing key takes its default. Times are milliseconds since 1970 UTC by the daemon's clock
(`Overview.now_ms`).
"""
