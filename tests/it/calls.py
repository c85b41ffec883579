"""One request at a time over the socket, as the scripts beside this do it."""

import json
import socket


def connect(path):
    """A connected socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    return sock


def ask(path, method, target, body=b"", deadline_s=30):
    """One request: status and body."""
    with connect(path) as sock:
        sock.settimeout(deadline_s)
        sock.sendall(b"%s %s HTTP/1.1\r\nHost: coven\r\n"
                     b"Content-Length: %d\r\n\r\n%s"
                     % (method.encode(), target.encode(), len(body), body))
        got = b""
        while chunk := sock.recv(65536):
            got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def pages(path, session):
    """All events of a session as its pages have them."""
    events, after = [], 0
    while True:
        status, body = ask(path, "GET", f"/api/v1/sessions/{session}/events"
                           f"?limit=1000&afterSeq={after}")
        assert status == 200, (status, body)
        page = json.loads(body)
        events += page["events"]
        if not page["hasMore"]:
            return events
        after = page["nextCursor"]["afterSeq"]
