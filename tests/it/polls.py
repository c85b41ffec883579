#!/usr/bin/python3
"""Follows a session as a client does that polls without a limit.

    polls.py SOCKET SESSION

Asks every 250 ms for the events behind the last one that it has seen, by its
id, until the exit event; prints "EVENTS MOST-IN-ONE-POLL LONGEST-PAYLOAD".
"""

import json
import socket
import sys
import time


def poll(path, session, after):
    """The events behind one."""
    target = f"/api/v1/events?sessionId={session}"
    if after:
        target += f"&afterEventId={after}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: coven\r\n"
                     "Connection: close\r\n\r\n".encode())
        got = b""
        while chunk := sock.recv(1 << 20):
            got += chunk
    return json.loads(got.partition(b"\r\n\r\n")[2])["events"]


def main():
    """Until the end."""
    path, session = sys.argv[1:]
    after, total, most, longest = "", 0, 0, 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        events = poll(path, session, after)
        total += len(events)
        most = max(most, len(events))
        for event in events:
            longest = max(longest, len(event["payload_json"].encode()))
            after = event["id"]
            if event["kind"] == "exit":
                print(total, most, longest)
                return
        time.sleep(0.25)
    sys.exit("no exit event")


main()
