#!/usr/bin/python3
"""What the tests of who may call need of sockets.

    auth.py hold SOCKET COUNT FILE [HEX]
        Connect COUNT times, send HEX on each, touch FILE; when FILE is gone,
        print "BYTES CLOSED": what all of them got, how many were closed.

    auth.py reader SOCKET TOKEN-FILE FILE
        While FILE is there, read the token and ask for health with it.
        Prints "READS SHORT REFUSED": reads, those that were no whole token,
        and those of a whole one that were not answered 200.

    auth.py listen SOCKET FILE [BACKLOG]
        Listen, touch FILE, take everybody and say nothing; when FILE is gone,
        print how many connected and how many bytes they sent.  With BACKLOG,
        take nobody, and connect that often oneself.

    auth.py stream SOCKET TOKEN-FILE SESSION OUT
        Follow a session into OUT until the connection ends.

    auth.py scan FILE
        Print every process that has a line of FILE in an argument or a
        variable.

    auth.py environment COUNT CMD ARG...
        Run CMD with COUNT variables that might be thought to turn something
        off.
"""

import itertools
import os
import re
import selectors
import socket
import sys
import time

TOKEN = re.compile(rb"coven_[sp]_[0-9a-f]{64}\n")


def connect(path):
    """A connected socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    return sock


def request(target, token):
    """The bytes of a GET."""
    return (b"GET %s HTTP/1.1\r\nHost: coven\r\nAuthorization: Bearer %s\r\n"
            b"Content-Length: 0\r\n\r\n" % (target.encode(), token))


def touch(path):
    """The test waits for it."""
    with open(path, "w", encoding="ascii"):
        pass


def hold(path, count, mark, text=""):
    """Connections that wait for nothing."""
    socks = []
    for _ in range(int(count)):
        sock = connect(path)
        sock.setblocking(False)
        try:
            sock.sendall(bytes.fromhex(text))
        except OSError:
            pass
        socks.append(sock)
    touch(mark)
    while os.path.exists(mark):
        time.sleep(0.02)
    got = closed = 0
    for sock in socks:
        try:
            while chunk := sock.recv(65536):
                got += len(chunk)
            closed += 1
        except BlockingIOError:
            pass
        except ConnectionResetError:
            closed += 1
    print(got, closed)


def reader(path, token_file, mark):
    """A client that reads the token each time, as covenctl does."""
    reads = short = refused = 0
    while os.path.exists(mark):
        with open(token_file, "rb") as file:
            token = file.read()
        reads += 1
        if not TOKEN.fullmatch(token):
            short += 1
            continue
        with connect(path) as sock:
            sock.sendall(request("/health", token[:-1]))
            refused += not sock.recv(64).startswith(b"HTTP/1.1 200 ")
    print(reads, short, refused)


def listen(path, mark, backlog=None):
    """A listener that is somebody else's."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(0 if backlog else 64)
    listener.setblocking(False)
    own = []
    for _ in range(int(backlog or 0)):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(path)
        except BlockingIOError:
            break
        own.append(sock)
    touch(mark)
    selector = selectors.DefaultSelector()
    if not backlog:
        selector.register(listener, selectors.EVENT_READ)
    peers = got = 0
    while os.path.exists(mark):
        for key, _ in selector.select(0.02):
            if key.fileobj is listener:
                sock = listener.accept()[0]
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
                peers += 1
                continue
            chunk = key.fileobj.recv(65536)
            got += len(chunk)
            if not chunk:
                selector.unregister(key.fileobj)
                key.fileobj.close()
    print(peers, got)


def stream(path, token_file, session, out):
    """Server-sent events, as they come."""
    with open(token_file, "rb") as file:
        token = file.read().strip()
    with connect(path) as sock, open(out, "wb", buffering=0) as file:
        sock.sendall(request(f"/api/v1/sessions/{session}/stream", token))
        while chunk := sock.recv(65536):
            file.write(chunk)


def scan(secrets):
    """/proc, as far as we may look."""
    with open(secrets, "rb") as file:
        words = [word for word in file.read().split(b"\n") if word]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    text = file.read()
            except OSError:
                continue
            if any(word in text for word in words):
                print(f"/proc/{pid}/{name}")


def environment(count, *command):
    """Names that some daemon would obey."""
    verbs = ("NO", "DISABLE", "SKIP", "BYPASS", "IGNORE", "ALLOW", "UNSAFE",
             "INSECURE", "DEBUG", "DEV", "TEST", "FORCE")
    nouns = ("AUTH", "TOKEN", "PEERCRED", "LOGIN", "SECURITY", "CHECKS",
             "SANDBOX", "PAIRING", "SOCKET", "MODE", "SESSION_TOKEN")
    forms = ("COVEN_{}_{}", "COVEN_{}{}", "COVEN_DAEMON_{}_{}",
             "COVEN_{}_HTTP_{}")
    env = dict(os.environ)
    values = itertools.cycle(("1", "true", "peer", "yes", "off", ""))
    names = (form.format(verb, noun) for form in forms for verb in verbs
             for noun in nouns)
    for name in itertools.islice(names, int(count)):
        env[name] = next(values)
    os.execvpe(command[0], command, env)


if __name__ == "__main__":
    {f.__name__: f for f in (hold, reader, listen, stream, scan,
                                environment)}[
        sys.argv[1]](*sys.argv[2:])
