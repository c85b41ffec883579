#!/usr/bin/python3
"""Streams of events, many at once.

    sse.py SOCKET SESSION STREAMS INPUTS [PAUSE-FILE]

Opens STREAMS streams of a live session, then posts INPUTS inputs and the end
of its input, and reads every stream to its end.  Each must have brought the
session's events as its pages have them, in order, none twice, none missing,
and "end" as the last word.  With PAUSE-FILE, halfway through the inputs that
file is made and nothing more is sent until it is gone.

    sse.py SOCKET SESSION unread

Asks for a stream and never reads; prints after how many seconds the daemon
hung up.
"""

import json
import os
import select
import selectors
import sys
import time

from calls import ask, connect, pages

DEADLINE = time.monotonic() + 120


class Stream:
    """One subscriber."""

    def __init__(self, path, session):
        self.sock = connect(path)
        self.sock.sendall(b"GET /api/v1/sessions/%s/stream HTTP/1.1\r\n"
                          b"Host: coven\r\n\r\n" % session.encode())
        self.sock.setblocking(False)
        self.bytes = bytearray()
        self.open = True

    def read(self):
        """What is there."""
        try:
            chunk = self.sock.recv(1 << 20)
        except BlockingIOError:
            return
        if chunk:
            self.bytes += chunk
        else:
            self.open = False

    def events(self):
        """Parsed: (id, event, data) each."""
        head, _, body = bytes(self.bytes).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"HTTP/1.1 200 OK", head
        assert b"Content-Type: text/event-stream" in lines, head
        assert not any(line.lower().startswith(b"content-length")
                       for line in lines), head
        assert body.endswith(b"\n\n"), body[-80:]
        for block in body[:-2].split(b"\n\n"):
            fields = {}
            for line in block.split(b"\n"):
                if line.startswith(b":"):
                    continue
                name, _, value = line.partition(b": ")
                assert name.decode() not in fields, block
                fields[name.decode()] = value
            if fields:
                yield (fields.get("id"), fields["event"].decode(),
                       json.loads(fields["data"]))


def unread(path, session):
    """How long a client that does not read is waited for."""
    stream, hung_up = Stream(path, session), select.poll()
    start = time.monotonic()
    hung_up.register(stream.sock, select.POLLHUP)
    assert hung_up.poll(300000), "still there after 300 s"
    print(int(time.monotonic() - start))


def check(stream, rows):
    """A whole stream against the pages."""
    got = list(stream.events())
    assert got[-1][1] == "end" and got[-1][0] is None, got[-1]
    assert got[-1][2]["status"] == "completed", got[-1]
    assert len(got) - 1 == len(rows), (len(got), len(rows))
    for (ident, event, data), row in zip(got, rows):
        assert int(ident) == row["seq"] and event == row["kind"], ident
        assert data == row, (data, row)


def main():
    if sys.argv[3] == "unread":
        return unread(*sys.argv[1:3])
    path, session, count, inputs = sys.argv[1], sys.argv[2], int(
        sys.argv[3]), int(sys.argv[4])
    pause = sys.argv[5] if len(sys.argv) > 5 else None
    selector = selectors.DefaultSelector()
    streams = [Stream(path, session) for _ in range(count)]
    for stream in streams:
        selector.register(stream.sock, selectors.EVENT_READ, stream)

    def turn(timeout):
        for key, _ in selector.select(timeout):
            key.data.read()
            if not key.data.open:
                selector.unregister(key.fileobj)
        assert time.monotonic() < DEADLINE, "too late"

    while not all(stream.bytes for stream in streams):
        turn(0.1)
    start = time.monotonic()
    for number in range(inputs):
        if pause and number == inputs // 2:
            open(pause, "wb").close()
            while os.path.exists(pause):
                turn(0.01)
        status, body = ask(path, "POST", f"/sessions/{session}/input",
                           b'{"data":"%d\\n"}' % number)
        assert status == 202, (status, body)
        turn(0)
    posted = time.monotonic()
    status, body = ask(path, "POST", f"/sessions/{session}/input",
                       b'{"data":"","eof":true}')
    assert status == 202, (status, body)
    while any(stream.open for stream in streams):
        turn(0.1)
    end = time.monotonic()
    rows = pages(path, session)
    assert sum(row["kind"] == "input" for row in rows) == inputs + 1
    for stream in streams:
        check(stream, rows)
    print(f"{count} streams brought {len(rows)} events each, all in order: "
          f"{posted - start:.2f} s while they were made, "
          f"{(end - posted) * 1000:.0f} ms behind the last")


main()
