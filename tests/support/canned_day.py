"""The day that all canned answers tell of."""

NOW = 1_795_305_731_000  # 2026-11-22 00:02:11 UTC
MIN = 60_000
HOUR = 60 * MIN
DAY = 24 * HOUR
