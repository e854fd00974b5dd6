#!/usr/bin/python3
"""Says over HTTP whether this host is the online one: an example of a home-made health endpoint.

    role_endpoint.py ADDRESS PORT VIRTUAL_IP SERVICE_PORT

listens at this host's own ADDRESS and answers every GET with one word. ONLINE: the host holds the virtual IP and
the service there takes connections. SWITCHING: it holds the virtual IP, and the service does not answer (yet).
OFFLINE: it does not hold the virtual IP. Needs Python 3 and nothing else; put what your cluster knows of itself
in the place of `role`.
"""

import socket
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONNECT_S = 1.0


def role(virtual_ip: str, service_port: int) -> str:
    """Return what this host is now."""
    with socket.socket() as probe:
        try:
            probe.bind((virtual_ip, 0))  # only an address of this host's own can be bound
        except OSError:
            return "OFFLINE"
    try:
        socket.create_connection((virtual_ip, service_port), timeout=CONNECT_S).close()
    except OSError:
        return "SWITCHING"
    return "ONLINE"


class Handler(BaseHTTPRequestHandler):
    """Answers with the role."""

    timeout = 5.0

    def __init__(self, virtual_ip: str, service_port: int, *rest: object) -> None:
        self._asked = (virtual_ip, service_port)
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer one question."""
        word = role(*self._asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(word)))
        self.end_headers()
        self.wfile.write(word)

    def log_message(self, *_: object) -> None:
        """Keep quiet: it is asked every few seconds."""


if __name__ == "__main__":
    address, port, vip, service = sys.argv[1:]
    ThreadingHTTPServer((address, int(port)), partial(Handler, vip, int(service))).serve_forever()
