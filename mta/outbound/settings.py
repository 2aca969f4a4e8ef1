"""What an administrator may set about delivering."""

from datetime import timedelta

from pydantic import Field

from deliverability.settings import Duration, Settings


class OutboundSettings(Settings):
    """`[outbound]`: connections to other servers."""

    site_connections: int = Field(
        default=20, ge=1, le=1000, description="Connections to one site from one source, over all carriers together."
    )
    connections: int = Field(
        default=200, ge=1, le=10_000, description="Connections at once, over all carriers together."
    )
    connection_deliveries: int = Field(
        default=100, ge=1, le=100_000, description="Deliveries on one connection before it is closed."
    )
    recipients: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Recipients of one message in one transaction, where they have one reverse-path (no bounces.domain).",
    )
    idle: Duration = Field(
        default=timedelta(seconds=5), description="Close a connection that had nothing to carry for this long."
    )
    connect_timeout: Duration = Field(
        default=timedelta(seconds=30),
        description="Give up on a host that does not answer a connection for this long; after 5 s where many are tried.",
    )
    tls_memory: Duration = Field(
        default=timedelta(days=3),
        description="Where TLS failed and nobody demands it, do not begin it again for this long.",
    )
    source: str = Field(
        default="", description="The local IP address to send from; empty: the system's choice, or [sources]."
    )
