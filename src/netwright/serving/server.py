"""The HTTP server of a model: the standard library's, with limits.

========= ============ ===================================================================================
method    path         answer
========= ============ ===================================================================================
GET       /            a page to try the model on
GET       /model       what the model is and takes, as JSON
GET       /health      {"ok": true}
POST      /predict     the answer to a question in JSON (`netwright.serving.answering`), or to one image file
========= ============ ===================================================================================

A client gives data and nothing else: no path, no address, no pickle, no option. What is not one of these is refused
with a status and {"error": ...}; what is wrong inside is told to the operator and not to the client. Questions are
answered one after another, since torch uses all processors for one.

======= ===========================================================================
status  when
======= ===========================================================================
400     JSON or an image that cannot be, rows that the model refuses (with its words)
403     a page of another site asks, or a name that this server was not given
404     another path; 405 another method
408     the question takes longer than `seconds` to arrive
411     no length of the question; 413 a longer one than `megabytes`
415     neither JSON nor an image
503     more than `connections` at once
======= ===========================================================================
"""

from __future__ import annotations

import base64
import io
import json
import secrets
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from netwright.core.errors import InvalidData, problem, shown
from netwright.serving.answering import Answering

PAGE = files("netwright.serving").joinpath("page.html").read_text(encoding="utf-8")  # with a nonce in its parts
# its style and script carry a nonce
LOOPBACK = ("127.0.0.1", "localhost", "::1")
IMAGES = ("image/png", "image/jpeg", "image/bmp", "image/gif", "image/webp", "application/octet-stream")


@dataclass(frozen=True)
class Limits:
    """How much a client may ask.

    Parameters
    ----------
    megabytes : of a question.
    rows : rows, images or texts of a question.
    seconds : that a question may take to arrive.
    connections : at once.
    """

    megabytes: float = 16.0
    rows: int = 10_000
    seconds: float = 30.0
    connections: int = 64


class Refused(Exception):
    """What a client is told instead of an answer."""

    status = HTTPStatus.BAD_REQUEST


def refused(status: HTTPStatus, text: str) -> Refused:
    """What a client is told instead of an answer.

    Parameters
    ----------
    status : of HTTP. text : in the words of `problem`.
    """
    found = Refused(text)
    found.status = status
    return found


class Server(ThreadingHTTPServer):
    """A model over HTTP, on one address.

    Parameters
    ----------
    answering : the model.
    address : host and port; port 0 takes a free one.
    limits : see `Limits`.
    log : is told a line for each question; None for nobody.

    Examples
    --------
    >>> import json, threading, urllib.request
    >>> import netwright as nw
    >>> knows = nw.classical.GRNN(0.5).fit([[0.0], [1.0]], [1.0, 3.0])
    >>> with Server(Answering(knows), ("127.0.0.1", 0)) as server:
    ...     threading.Thread(target=server.serve_forever, daemon=True).start()
    ...     asked = urllib.request.Request(f"{server.url}predict", json.dumps({"rows": [[0.5]]}).encode())
    ...     asked.add_header("Content-Type", "application/json")
    ...     print(urllib.request.urlopen(asked).read().decode())
    ...     server.shutdown()
    {"predictions": [2.0]}
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        answering: Answering,
        address: tuple[str, int] = ("127.0.0.1", 8000),
        limits: Limits | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.answering, self.limits, self.log = answering, limits or Limits(), log
        self.about = json.dumps(answering.describe(), allow_nan=False).encode()
        self.one_at_a_time = threading.Lock()
        self._places = threading.BoundedSemaphore(self.limits.connections)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, bytes) else str(host)
        return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"

    @property
    def names(self) -> set[str] | None:
        """The names under which it may be asked: on loopback only those of this machine; else all, which is None."""
        host = str(self.server_address[0])
        return set(LOOPBACK) if host in LOOPBACK else None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or refuse it where there are too many."""
        if not self._places.acquire(blocking=False):
            body = b'{"error": "too many connections; ask again later"}'
            head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            try:
                request.settimeout(1.0)
                request.sendall(head.encode() + body)
            except OSError:
                """It has gone already."""
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the questions of one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no fault of this program; all else is told."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            traceback.print_exc()


class Patient(io.RawIOBase):
    """The bytes of a connection, as long as they come before a moment."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self.seconds, self.until = connection, seconds, 0.0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes, or TimeoutError at the moment."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError(problem("question", f"it within {self.seconds:g} seconds", "less of it"))
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """The questions of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "netwright", ""
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Read with a deadline."""
        super().setup()
        self._patient = Patient(self.connection, self.server.limits.seconds)
        self.rfile = io.BufferedReader(self._patient)  # type: ignore[assignment]

    def handle_one_request(self) -> None:
        """Give each question its time."""
        self._patient.until = time.monotonic() + self.server.limits.seconds
        super().handle_one_request()

    def do_GET(self) -> None:
        """The page, the model, or whether all is well."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A prediction."""
        self._answer(self._predict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return lambda: self._answer(self._other)
        raise AttributeError(name)

    def _get(self) -> tuple[bytes, str, dict[str, str]]:
        path = self._asked()[1]
        if path == "/":
            nonce = secrets.token_urlsafe(16)
            policy = f"default-src 'none'; connect-src 'self'; img-src data: blob:; style-src 'nonce-{nonce}'; "
            policy += f"script-src 'nonce-{nonce}'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
            return (
                PAGE.replace("NONCE", nonce).encode(),
                "text/html; charset=utf-8",
                {"Content-Security-Policy": policy},
            )
        if path == "/model":
            return self.server.about, "application/json", {}
        if path == "/health":
            return b'{"ok": true}', "application/json", {}
        if path == "/predict":
            raise refused(HTTPStatus.METHOD_NOT_ALLOWED, problem("method of /predict", "POST", "GET"))
        raise refused(HTTPStatus.NOT_FOUND, problem("path", "/, /model, /health or /predict", shown(path)))

    def _predict(self) -> tuple[bytes, str, dict[str, str]]:
        path = self._asked()[1]
        if path != "/predict":
            raise refused(HTTPStatus.NOT_FOUND, problem("path", "/predict", shown(path)))
        question = self._question(self._body())
        limits = self.server.limits
        try:
            with self.server.one_at_a_time:
                found = self.server.answering.answer(question, limits.rows)
        except (ValueError, TypeError) as error:
            raise refused(HTTPStatus.BAD_REQUEST, " ".join(str(error).split())) from error
        return json.dumps(found, allow_nan=False).encode(), "application/json", {}

    def _asked(self) -> tuple[str, str]:
        """Host and path: of the target where it is a whole address, whatever the head says (RFC 9112, 3.2.2)."""
        target = self.path.partition("?")[0]
        if target[:7].lower() != "http://":
            return self.headers.get("Host", "").lower(), target
        host, _, path = target[7:].partition("/")
        return host.lower(), f"/{path}"

    def _other(self) -> tuple[bytes, str, dict[str, str]]:
        raise refused(HTTPStatus.METHOD_NOT_ALLOWED, problem("method", "GET or POST", shown(self.command)))

    def _body(self) -> bytes:
        """The bytes of the question, as many as it says it has."""
        said = self.headers.get_all("Content-Length", [])
        if self.headers.get("Transfer-Encoding") is not None or not said:
            raise refused(HTTPStatus.LENGTH_REQUIRED, problem("Content-Length", "a number of bytes", "none"))
        if len(said) > 1 or not said[0].strip().isascii() or not said[0].strip().isdigit() or len(said[0]) > 18:
            raise refused(
                HTTPStatus.BAD_REQUEST, problem("Content-Length", "one number of bytes", shown(", ".join(said)))
            )
        length, most = int(said[0]), int(self.server.limits.megabytes * 2**20)
        if length > most:
            raise refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem("question", f"at most {most} bytes", f"{length}")
            )
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError(problem("question", f"{length} bytes", f"{len(body)}"))
        return body

    def _question(self, body: bytes) -> Any:
        kind = self.headers.get_content_type()
        if kind in IMAGES and self.headers.get("Content-Type"):
            return {"images": [base64.b64encode(body).decode()]}
        if kind != "application/json":
            raise refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, problem("Content-Type", "application/json or image/png", shown(kind))
            )
        try:
            return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        except RecursionError as error:
            raise refused(HTTPStatus.BAD_REQUEST, problem("JSON", "lists of rows", "deeper ones")) from error
        except InvalidData as error:  # of `_no_constant`
            raise refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        except ValueError as error:  # of the form, of the encoding
            raise refused(HTTPStatus.BAD_REQUEST, f"JSON: {error}") from error

    def _answer(self, work: Callable[[], tuple[bytes, str, dict[str, str]]]) -> None:
        """What the work gives, or why there is nothing; the connection ends where bytes may be left on it."""
        status, more = HTTPStatus.OK, dict[str, str]()
        try:
            self._expect_own_site()
            body, kind, more = work()
        except Refused as error:
            status, body, kind = error.status, _said(str(error)), "application/json"
        except TimeoutError as error:
            status, body, kind = HTTPStatus.REQUEST_TIMEOUT, _said(str(error)), "application/json"
        except ConnectionError:
            self.close_connection = True
            return
        except Exception:  # ours, or memory: the client is not told what
            traceback.print_exc()
            status, body, kind = HTTPStatus.INTERNAL_SERVER_ERROR, _said("this model failed"), "application/json"
        if status != HTTPStatus.OK:
            self.close_connection = True
        self._send(status, body, kind, more)

    def _expect_own_site(self) -> None:
        """Refuse pages of other sites, and on loopback other names, under which a page could reach this machine."""
        host, names = self._asked()[0], self.server.names
        if names is not None and _host_of(host) not in names:
            raise refused(HTTPStatus.FORBIDDEN, problem("Host", "a name of this machine", shown(_host_of(host))))
        origin = self.headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host}":
            raise refused(HTTPStatus.FORBIDDEN, problem("Origin", "this server's own page", shown(origin)))

    def _send(self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str]) -> None:
        self.connection.settimeout(self.server.limits.seconds)
        self.send_response(status)
        heads = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        heads |= {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", **more}
        if self.close_connection:
            heads["Connection"] = "close"
        for name, text in heads.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in this server's form."""
        self.close_connection = True
        status = HTTPStatus(code)
        self.command = getattr(self, "command", None) or ""
        if getattr(self, "request_version", "HTTP/0.9") == "HTTP/0.9":
            self.request_version = "HTTP/1.1"
        self._send(status, _said(message or status.phrase), "application/json", {})

    def log_message(self, format: str, *words: Any) -> None:
        """A line for the operator, without signs that a terminal would obey."""
        if self.server.log is not None:
            line = (format % words).encode("unicode_escape").decode()
            self.server.log(f"{self.client_address[0]} {line}")


def _host_of(name: str) -> str:
    """The host of a Host header, without its port."""
    return name[1:].partition("]")[0] if name.startswith("[") else name.rpartition(":")[0] or name


def _no_constant(name: str) -> Any:
    raise InvalidData(problem("JSON", "numbers", name, "null stands for what is missing."))


def _said(text: str) -> bytes:
    return json.dumps({"error": text}).encode()
