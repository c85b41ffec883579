#!/usr/bin/python3
"""A client of named upstreams inside a sandbox: prints what came of it."""
import os
import socket
import sys

INSIDE = ("127.0.0.1", 3128)


def ask(data):
    sock = socket.create_connection(INSIDE, timeout=20)
    sock.sendall(data)
    got = b""
    try:
        while True:
            more = sock.recv(65536)
            if not more:
                break
            got += more
    except OSError:
        pass
    return got


def status(got):
    return got.split()[1].decode() if b" " in got else "end"


def request(method, target, fields=b"", body=b"", host=b"127.0.0.1:3128"):
    return ask(b"%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s" % (
        method.encode(), target.encode(), host, fields, body))


def do_get(target, method="GET"):
    got = request(method, target)
    return status(got) + " " + got.partition(b"\r\n\r\n")[2].decode() \
        .split("\n", maxsplit=1)[0]


def do_head(target, name):
    """The values of one field of the answer."""
    head = request("GET", target).partition(b"\r\n\r\n")[0].decode()
    found = [line.split(": ", 1)[1] for line in head.split("\r\n")[1:]
             if line.lower().startswith(name.lower() + ":")]
    return status(head.encode()) + " " + ",".join(found)


def do_post(target, key):
    got = request("POST", target, b"Content-Length: 5000\r\n"
                  b"Authorization: Bearer mine\r\nx-api-key: mine\r\n"
                  b"X_Api_Key: mine\r\nCookie: mine=1\r\n"
                  b"Proxy-Authorization: mine\r\n"
                  b"X-HTTP-Method-Override: DELETE\r\n"
                  b"X-Other: " + key.encode() + b"\r\n", b"y" * 5000)
    return status(got) + " " + got.partition(b"\r\n\r\n")[2].decode()


def do_chunks(target):
    """A body in chunks, in pieces, and a second request behind it."""
    body = b"".join(b"%x\r\n%s\r\n" % (n, b"z" * n)
                    for n in (1, 70000, 300000)) + b"0\r\n\r\n"
    got = request("POST", target, b"Transfer-Encoding: chunked\r\n"
                  b"Expect: 100-continue\r\n", body +
                  b"POST /api/secret HTTP/1.1\r\nHost: x\r\n"
                  b"Content-Length: 0\r\n\r\n")
    return " ".join(part.partition(b"\r\n\r\n")[0].split()[1].decode()
                    for part in (got, got.partition(b"\r\n\r\n")[2])) + \
        " " + got.rpartition(b"\r\n\r\n")[2].decode()


def do_smuggle(target):
    rows = (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            b"Content-Length: 5\r\nContent-Length: 6\r\n",
            b"Transfer-Encoding: gzip, chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding : chunked\r\n", b"A: b\r\n folded: x\r\n",
            b"A: b\rX: y\r\n", b"Na(me: x\r\n")
    return " ".join(status(request("POST", target, row)) for row in rows)


def do_bad_chunks(target):
    return status(request("POST", target, b"Transfer-Encoding: chunked\r\n",
                          b"5;x=y\r\nhello\r\n0\r\n\r\n"))


def do_host(target, host):
    return status(request("GET", target, host=host.encode()))


def do_stream(target):
    """When the first event came, next to when the last did."""
    sock = socket.create_connection(INSIDE, timeout=20)
    sock.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:3128\r\n"
                 b"Content-Length: 0\r\n\r\n" % target.encode())
    got, first = b"", None
    while True:
        more = sock.recv(65536)
        if not more:
            break
        got += more
        if first is None and b"data: 0" in got:
            first = b"data: 2" not in got
    return "%s %s %s" % (status(got), "flows" if first else "is held",
                         "cookie" if b"ookie" in got else "no cookie")


def do_tunnel(host, port):
    return status(ask(b"CONNECT %s:%s HTTP/1.1\r\n\r\n" %
                      (host.encode(), port.encode())))


def act(name, *args):
    return globals()["do_" + name](*(os.path.expandvars(a) for a in args))


def do_rows(path):
    with open(path, encoding="utf-8") as rows:
        return "\n".join(act(*row.split()[2:]) for row in rows)


print(act(*sys.argv[1:]))
