"""Our own TLS rules, the same for REST and hubs.

Built from the bare protocol object rather than `ssl.create_default_context`, because that one obeys
SSLKEYLOGFILE: a variable in the environment would write the session keys to a file.
"""

from __future__ import annotations

import ssl


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A client context: TLS 1.2 or newer, certificate and host name checked, system roots.

    `ca_file` adds roots of your own (a PEM file), for a gateway behind a private authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
