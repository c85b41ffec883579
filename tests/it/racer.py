#!/usr/bin/python3
"""Exchange names as fast as they can be, and ask for launches meanwhile.

    racer.py exchange SECONDS A B [A B ...]
        exchange A and B, again and again, at one stroke (RENAME_EXCHANGE)
    racer.py launch SECONDS SOCKET BODY
        ask for sessions with BODY; print how many ended in which way
    racer.py impostor SECONDS SOCKET FOLDER
        listen in FOLDER; put that socket, a link to it and a file in SOCKET's
        place; print how many bytes clients said to it

Nobody waits: whoever wins once in thousands of turns has won."""

import ctypes
import json
import os
import socket
import sys
import time

AT_FDCWD = -100
RENAME_EXCHANGE = 2
LIBC = ctypes.CDLL(None, use_errno=True)


def exchange(one, other):
    return LIBC.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD,
                          os.fsencode(other), RENAME_EXCHANGE) == 0


def exchange_all(end, pairs):
    mine = [os.lstat(one).st_ino for one, _ in pairs]
    turns = 0
    while time.time() < end:
        for one, other in pairs:
            turns += exchange(one, other)
        # Now and then a launch finds everything in its place throughout.
        if turns % 64 == 0:
            time.sleep(0.002)
    for (one, other), inode in zip(pairs, mine):
        if os.lstat(one).st_ino != inode:
            exchange(one, other)
    print("turns", turns)


def ask(path, method, target, body=b""):
    """Status and body of one request; 0 when nobody answered."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(path)
            s.sendall(b"%s %s HTTP/1.1\r\nHost: coven\r\nContent-Type: "
                      b"application/json\r\nContent-Length: %d\r\n\r\n" % (
                          method.encode(), target.encode(), len(body)) + body)
            reply = b""
            while piece := s.recv(65536):
                reply += piece
    except OSError:
        return 0, b""
    head, _, rest = reply.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    return int(words[1]) if len(words) > 1 else 0, rest


def launch_all(end, path, body):
    """Each session's end, counted: {"exit 0": 17, "refused 400": 3}."""
    sums, ids = {}, []
    while time.time() < end:
        status, reply = ask(path, "POST", "/api/v1/sessions", body.encode())
        if status == 201:
            ids.append(json.loads(reply)["id"])
        else:
            key = "refused %d" % status
            sums[key] = sums.get(key, 0) + 1
            # Launches a second are bounded, and that is not the subject.
            time.sleep(0.05 if status == 429 else 0)
    for name in ids:
        key = ended(path, name)
        sums[key] = sums.get(key, 0) + 1
    print(json.dumps(sums))


def ended(path, name):
    for _ in range(400):
        status, reply = ask(path, "GET", "/api/v1/sessions/" + name)
        session = json.loads(reply) if status == 200 else {}
        if session.get("status") not in (None, "created", "running"):
            return "exit %s" % session.get("exit_code")
        time.sleep(0.05)
    return "never ended"


def put(folder, path, name):
    """Another name for the same thing, over path at one stroke."""
    new = os.path.join(folder, "new")
    if os.path.islink(name):
        os.symlink(os.readlink(name), new)
    else:
        os.link(name, new)
    os.rename(new, path)
    # Two names of one inode: then rename does nothing.
    if os.path.lexists(new):
        os.unlink(new)


def hear(listener, clients):
    """Who came, and what they said: two numbers."""
    met = heard = 0
    try:
        while True:
            clients.append(listener.accept()[0])
            clients[-1].setblocking(False)
            met += 1
    except OSError:
        pass
    for client in clients[-64:]:
        try:
            heard += len(client.recv(65536))
        except OSError:
            pass
    while len(clients) > 128:
        clients.pop(0).close()
    return met, heard


def impostor(end, path, folder):
    real, own, link, plain = (os.path.join(folder, name) for name in (
        "real", "own", "link", "plain"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(own)
    os.chmod(own, 0o600)
    listener.listen(64)
    listener.setblocking(False)
    os.link(path, real)
    os.symlink(own, link)
    with open(plain, "w", encoding="ascii"):
        os.chmod(plain, 0o600)
    clients, met, heard, turns = [], 0, 0, 0
    while time.time() < end:
        put(folder, path, (own, link, own, plain)[turns % 4])
        time.sleep(0.0002 * (turns % 7))
        put(folder, path, real)
        time.sleep(0.0002 * (turns % 5))
        turns += 1
        more, bytes_heard = hear(listener, clients)
        met, heard = met + more, heard + bytes_heard
    # What was said last has come by now.
    time.sleep(0.2)
    heard += hear(listener, clients)[1]
    print("turns", turns, "met", met)
    print("heard", heard)


def main():
    verb, end = sys.argv[1], time.time() + float(sys.argv[2])
    rest = sys.argv[3:]
    if verb == "exchange":
        exchange_all(end, list(zip(rest[::2], rest[1::2])))
    elif verb == "launch":
        launch_all(end, rest[0], rest[1])
    elif verb == "impostor":
        impostor(end, rest[0], rest[1])


main()
