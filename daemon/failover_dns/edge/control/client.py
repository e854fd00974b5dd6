"""The commands' way to the daemon that runs: found by the state directory, asked over HTTP.

Little is imported, so that a command which only asks answers at once.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.control.words import PLACE, TOKEN
from failover_dns.edge.settings.places import state_dir

TIMEOUT_S = 10.0
SLOW_S = 330.0
"""The daemon ends what takes long by itself, before this."""

_CURE = "run this as the daemon's account, or as an administrator (sudo)"


class AnswerError(FailoverDnsError):
    """The daemon refused; it said why."""


class UnknownError(AnswerError):
    """The daemon knows no pair of that name."""

    exit_code: ClassVar[int] = 78


class BusyError(AnswerError):
    """The daemon could not have the state directory in time, or has too much to do."""

    exit_code: ClassVar[int] = 75


ERRORS = {http.HTTPStatus.NOT_FOUND: UnknownError, http.HTTPStatus.SERVICE_UNAVAILABLE: BusyError}
"""What an answer's status means; any other is an AnswerError."""


class Channel:
    """One daemon's control channel; each question is a connection of its own."""

    def __init__(self, directory: Path, place: Mapping[str, Any]) -> None:
        self._directory = directory
        self._url = urlsplit(str(place["url"]))
        self._certificate = place.get("certificate")

    def get(self, path: str) -> Any:
        """Return the answer to a question that changes nothing."""
        return json.loads(self._asked("GET", path, None, TIMEOUT_S).read())

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the answer to an order."""
        return json.loads(self._asked("POST", path, body, SLOW_S).read())

    def lines(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """Yield what an order that takes long answers, line by line."""
        answer = self._asked("POST", path, body, SLOW_S)
        try:
            while line := answer.readline():
                yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _broken(error) from error

    def answers(self) -> bool:
        """Return whether the daemon is there."""
        try:
            self._asked("GET", "/healthz", None, TIMEOUT_S).read()
        except (AnswerError, ConnectionError):
            return False  # nobody, or somebody else at the port of a daemon that was killed
        return True

    def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float
    ) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {_read(self._directory / TOKEN)}"}
        content = None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        connection = self._connection(timeout_s)
        try:
            connection.request(method, path, body=content, headers=headers)
            answer = connection.getresponse()
        except ConnectionRefusedError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise _broken(error) from error
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise _refused(answer)
        return answer

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port = str(self._url.hostname), self._url.port
        if self._url.scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        # Exactly the daemon's own certificate is trusted, whoever issued it and whatever name it is for.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=str(self._certificate))
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)


def channel(arguments: argparse.Namespace) -> Channel | None:
    """Return the way to the daemon of the state directory that is asked for; None if none runs there."""
    directory = directory_of(arguments)
    return None if directory is None else find(directory)


def directory_of(arguments: argparse.Namespace) -> Path | None:
    """Return the state directory that is asked for; None if the configuration cannot be read."""
    named = getattr(arguments, "state_dir", None)
    return Path(named) if named else state_dir(arguments.config and Path(arguments.config), os.environ)


def find(directory: Path) -> Channel | None:
    """Return the way to the daemon that runs on a state directory; None if none does."""
    try:
        found = Channel(directory, json.loads(_read(directory / PLACE)))
        return found if found.answers() else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        return None  # not one of ours: as good as none


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except PermissionError as error:
        raise FailoverDnsError(f"{path} cannot be read", _CURE) from error


def _refused(answer: http.client.HTTPResponse) -> AnswerError:
    try:
        said = json.loads(answer.read())
        kind = ERRORS.get(http.HTTPStatus(answer.status), AnswerError)
        return kind(str(said["what"]), str(said["cure"]))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return AnswerError(f"the daemon answered {answer.status} and not why", "see its log")


def _broken(error: Exception) -> FailoverDnsError:
    return FailoverDnsError(
        f"the daemon's answer broke off ({type(error).__name__}: {error})",
        "see if it still runs (failover-dns status), and its log",
    )
