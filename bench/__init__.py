"""The bench: how fast Posthouse accepts, keeps, signs and relays, beside Postfix with OpenDKIM, in the same run.

    python -m bench            # all cells, three rounds: docs/performance.md says what the figures mean
    python -m bench --quick    # a first look in two minutes

Everything stays on loopback. The load comes from Postfix's smtp-source, the next hop is its smtp-sink.
"""
