#!/usr/bin/python3
"""A strict server, and every client of the tree against it.

    conformance.py COVENCTL RAWHTTP BENCH

Each client makes its requests of a listener in a home of its own, which looks
at every byte: one request a connection, framed one way only, no field twice,
the token that lies in the home and no other, sent to nobody else.  The server
then answers as it may, and as it must not, and the client has to tell.
Prints TAP.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

TOKEN = "coven_s_" + "0123456789abcdef" * 4
OTHER = "coven_s_" + "fedcba9876543210" * 4
HEALTH = {"ok": True, "apiVersion": "coven.daemon.v1", "covenVersion": "0",
          "capabilities": {"structuredErrors": True, "sessions": True,
                           "events": True, "eventCursor": "sequence"},
          "daemon": {"pid": os.getpid(),
                     "startedAt": "2026-01-01T00:00:00.000000000Z",
                     "socket": "/s"}}
UNAUTHORIZED = {"ok": False, "error": {"code": "unauthorized",
                                       "message": "no"}}


def reply(status, value, length=None, extra=b"", more=b""):
    """A reply's bytes, wrong where it is told to be."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return (b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n%sConnection: close\r\n\r\n%s%s"
            % (status, len(body) if length is None else length, extra, body,
               more))


def faults(request, token):
    """What is wrong with the bytes of a request."""
    head, gap, body = request.partition(b"\r\n\r\n")
    if not gap:
        return ["the head has no end"]
    lines = head.decode("ascii").split("\r\n")
    bad = []
    if not re.fullmatch(r"(GET|POST|DELETE) /[!-~]* HTTP/1\.1", lines[0]):
        bad.append(f"request line {lines[0]!r}")
    if "\n" in head.decode("ascii").replace("\r\n", ""):
        bad.append("a bare line feed")
    fields = {}
    for line in lines[1:]:
        name, colon, value = line.partition(": ")
        if not colon or name.lower() in fields:
            bad.append(f"field {line!r}")
        fields[name.lower()] = value
    if fields.get("host") not in ("coven", "localhost"):
        bad.append("its Host")
    for name in ("origin", "transfer-encoding", "expect", "cookie"):
        if name in fields:
            bad.append(f"a field {name}")
    if fields.get("content-length") != str(len(body)):
        bad.append(f"{len(body)} bytes of body, Content-Length "
                   f"{fields.get('content-length')}")
    want = f"Bearer {token}" if token else None
    if fields.get("authorization") != want:
        bad.append("its Authorization")
    if token and token in lines[0]:
        bad.append("a token in its target")
    return bad


class Server:
    """A listener that answers from a list, the last one again and again."""

    def __init__(self, home):
        self.path = os.path.join(home, "coven.sock")
        self.answers, self.token, self.bad, self.seen = [], None, [], 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """One connection after another."""
        while True:
            with self.listener.accept()[0] as sock:
                sock.settimeout(5)
                self.one(sock)

    def one(self, sock):
        """To the end of the request, the answer, the end."""
        got = b""
        try:
            while chunk := sock.recv(65536):
                got += chunk
                head, gap, body = got.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                if gap and len(body) >= int(length[1] if length else 0):
                    break
            if not got:
                return
            self.seen += 1
            self.bad += faults(got, self.token)
            answer = self.answers[0]
            if len(self.answers) > 1:
                self.answers.pop(0)
            if callable(answer):
                answer = answer()
            sock.sendall(answer)
        except OSError as error:
            self.bad.append(str(error))


class Suite:
    """The cases, counted."""

    def __init__(self, programs):
        self.ctl, self.raw, self.bench = programs
        self.home = tempfile.mkdtemp(prefix="coven-conformance.")
        self.server = Server(self.home)
        self.n = self.failed = 0

    def case(self, name, command, answers, token=None, status=0, seen=None,
             stdin=b""):
        """Run a client; what it sent, and how it ended."""
        self.server.answers, self.server.token = list(answers), token
        self.server.bad, self.server.seen = [], 0
        done = subprocess.run(command, input=stdin, timeout=30,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        bad = list(self.server.bad)
        if status is not None and done.returncode != status:
            bad.append(f"it ended with {done.returncode}, not {status}")
        if seen is not None and self.server.seen != seen:
            bad.append(f"{self.server.seen} requests, not {seen}")
        self.n += 1
        self.failed += bool(bad)
        print(f"{'not ' if bad else ''}ok {self.n} - {name}")
        for what in bad:
            print(f"#   {what}")

    def put_token(self, token):
        """Into the home, as a daemon would; None takes it away."""
        path = os.path.join(self.home, "session-token")
        if token is None:
            os.unlink(path)
            return
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT, 0o600),
                  "w", encoding="ascii") as file:
            file.write(token + "\n")
        os.rename(path + ".new", path)

    def covenctl(self, *words):
        """Its command line in this home."""
        return [self.ctl, "--home", self.home, *words]

    def run(self):
        """Every client."""
        good = [reply(200, [])]
        health = [reply(200, HEALTH)]
        sessions = self.covenctl("sessions")
        raw = [self.raw, "-h", self.server.path]
        self.case("covenctl asks", sessions, good, seen=1)
        self.case("covenctl sends a body", self.covenctl(
            "input", "00000000-0000-4000-8000-000000000000", "text"),
            [reply(202, {"accepted": True, "ok": True})])
        self.case("covenctl asks for health", self.covenctl("status"), health)
        self.case("the bench's client asks", [
            self.bench, "oneshot", self.server.path, "10"], health)
        ask = (b"GET /health HTTP/1.1\r\nHost: coven\r\n"
               b"Content-Type: application/json\r\nContent-Length: 0\r\n%s"
               b"\r\n")
        self.case("the tests' client asks", raw, health, seen=1,
                  stdin=ask % b"")
        self.put_token(TOKEN)
        self.case("covenctl brings the token", sessions, good, token=TOKEN)
        self.case("the bench's client brings it", [
            self.bench, "oneshot", self.server.path, "10"], health,
            token=TOKEN)
        self.case("the tests' client brings it", raw, health, token=TOKEN,
                  stdin=ask % b"Authorization: Bearer %s\r\n"
                  % TOKEN.encode())
        self.refusals(sessions)
        self.lies(sessions)
        shutil.rmtree(self.home)
        print(f"1..{self.n}")
        return 1 if self.failed else 0

    def refusals(self, sessions):
        """401, and a token that changes meanwhile."""
        self.case("covenctl takes a refusal for one", sessions,
                  [reply(401, UNAUTHORIZED)], token=TOKEN, status=77, seen=1)

        def exchanged():
            self.put_token(OTHER)
            self.server.token = OTHER
            return reply(401, UNAUTHORIZED)

        self.case("covenctl reads an exchanged token again", sessions,
                  [exchanged, reply(200, [])], token=TOKEN, seen=2)
        self.case("and tries once more only", sessions,
                  [reply(401, UNAUTHORIZED)], token=OTHER, status=77, seen=1)
        os.chmod(os.path.join(self.home, "session-token"), 0o644)
        self.case("covenctl sends no token that others can read", sessions,
                  [reply(200, [])], status=77, seen=0)
        self.put_token(None)

    def lies(self, sessions):
        """Replies that are none: 76, or 1 for one that is cut off."""
        whole = reply(200, [])
        for name, answer, status in (
                ("a byte behind the body", reply(200, [], more=b"x"), 76),
                ("a body that is too short", reply(200, [], length=9), 1),
                ("two lengths", reply(200, [],
                                      extra=b"Content-Length: 2\r\n"), 76),
                ("chunks", reply(200, [], extra=b"Transfer-Encoding: "
                                 b"chunked\r\n"), 76),
                ("no length", whole.replace(b"Content-Length: 2\r\n", b""),
                 76),
                ("no JSON", reply(200, []).replace(b"[]", b"[,"), 76),
                ("a head without an end", whole[:40], 1),
                ("nothing at all", b"", 1)):
            self.case(f"covenctl refuses {name}", sessions, [answer],
                      status=status)


if __name__ == "__main__":
    sys.exit(Suite(sys.argv[1:4]).run())
