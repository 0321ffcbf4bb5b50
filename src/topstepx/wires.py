"""Real sockets to one gateway: the same certificates, pins and proxy for REST and for both hubs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.net.tls import client_context

if TYPE_CHECKING:
    import ssl

    from topstepx.clock import Clock
    from topstepx.net.transport import HubTransport, RestTransport
    from topstepx.settings import Settings


@dataclass(frozen=True, slots=True)
class Wires:
    """Makes the transports of one client; nothing is opened before the first call."""

    settings: Settings
    clock: Clock
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> Wires:
        """By these settings. Raises `ConfigurationError` for certificates that cannot be read."""
        tls = None
        if not settings.environment.simulated:
            tls = client_context(settings.ca_file, pins=settings.pins, clock=clock)
        return cls(settings, clock, tls)

    def rest(self) -> RestTransport:
        """REST."""
        from topstepx.net.transport_http import HttpTransport  # noqa: PLC0415  opened only when connecting

        settings = self.settings
        return HttpTransport(
            settings.environment.rest_url,
            connect_timeout_s=settings.timeouts.connect_s,
            tls=self.tls,
            clock=self.clock,
            proxy=settings.proxy,
        )

    def hubs(self) -> HubTransport:
        """Both hubs, by the library that the settings name."""
        settings = self.settings
        if settings.hub_socket == "picows":
            from topstepx.net.transport_hub import PicowsTransport  # noqa: PLC0415  one of two

            made: type[PicowsTransport | AiohttpHubTransport] = PicowsTransport
        else:
            from topstepx.net.transport_hub_fallback import (  # noqa: PLC0415  one of two
                AiohttpHubTransport,
            )

            made = AiohttpHubTransport
        return made(
            settings.environment.hub_url,
            message_bytes_max=settings.message_bytes_max,
            tls=self.tls,
            proxy=settings.proxy,
        )
