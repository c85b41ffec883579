#!/usr/bin/python3
"""A client inside a sandbox: prints what became of it in one line."""
import socket
import ssl
import sys
import time

PROXY = ("127.0.0.1", 3128)


def head(sock):
    got = b""
    while b"\r\n\r\n" not in got:
        data = sock.recv(1)
        if not data:
            return "end", b""
        got += data
    return got.split()[1].decode(), got


def tunnel(host, port):
    sock = socket.create_connection(PROXY, timeout=20)
    sock.sendall(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (host.encode(), port))
    return sock, head(sock)[0]


def tls(host, port, name):
    sock, status = tunnel(host, port)
    if status != "200":
        return sock, status
    context = ssl.create_default_context(cafile="cert.pem")
    if name != "localhost":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(sock, server_hostname=None
                                   if name == "-" else name), status
    except (ssl.SSLError, OSError):
        return sock, "alert"


def body(sock):
    data = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return data.partition(b"\r\n\r\n")[2]
        data += more


def do_tls(host, port, name):
    sock, status = tls(host, int(port), name)
    if status != "200":
        return status
    sock.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return body(sock).decode()


def do_raw(host, port):
    sock, status = tunnel(host, int(port))
    if status != "200":
        return status
    sock.sendall(b"GET /never HTTP/1.1\r\n\r\n")
    return "alert" if sock.recv(100)[:1] == b"\x15" else "answered"


def plain(method, url, extra, data):
    sock = socket.create_connection(PROXY, timeout=20)
    sock.sendall(b"%s %s HTTP/1.1\r\nHost: other.example\r\n"
                 b"Proxy-Authorization: x\r\n%s\r\n" %
                 (method, url.encode(), extra) + data)
    status, _ = head(sock)
    if status != "200":
        return status
    return status + " " + sock.recv(100).decode()


def do_plain(url):
    return plain(b"GET", url, b"", b"")


def do_post(url):
    return plain(b"POST", url, b"Content-Length: 5000\r\n", b"y" * 5000)


def do_echo(host, port):
    sock, status = tls(host, int(port), "localhost")
    if status != "200":
        return status
    data = bytes(range(256)) * 4096
    sock.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    sock.sendall(data)
    got = body(sock)
    return "%d %s" % (len(got), "end" if got == data else "other")


def tunnelled(hello, host, port):
    """What is said to a greeting of our own making, which goes as it is."""
    sock, status = tunnel(host, int(port))
    if status != "200":
        return status
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.sendall(hello)
        return {b"\x15": "alert", b"\x16": "greeted"}.get(sock.recv(1), "end")
    except OSError:
        return "end"


def greeting(name):
    """A real one, and a machine to go on with."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile="cert.pem")
    machine = context.wrap_bio(into, out, server_hostname=name)
    try:
        machine.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read(), into, out, machine


def with_extension(hello, kind, data):
    """The same with one more, in as many records as it needs."""
    body = hello[9:]
    at = 34 + 1 + body[34]
    at += 2 + int.from_bytes(body[at:at + 2], "big")
    at += 1 + body[at]
    old = int.from_bytes(body[at:at + 2], "big")
    more = kind.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
    body = body[:at] + (old + len(more)).to_bytes(2, "big") + \
        body[at + 2:] + more
    body = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
                    for part in (body[i:i + 8192]
                                 for i in range(0, len(body), 8192)))


def do_hello(kind, host, port):
    name = b"\0\0\x09other.org"
    hello = with_extension(greeting("localhost")[0], *{
        "doubled": (0, (len(name)).to_bytes(2, "big") + name),
        "hidden": (0xfe0d, bytes(40)),
        "large": (0xfafa, bytes(17000)),
        "padded": (0xfafa, bytes(9000)),
    }[kind])
    return tunnelled(hello, host, port)


def do_bytewise(host, port):
    sock, status = tunnel(host, int(port))
    if status != "200":
        return status
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    hello, into, out, machine = greeting("localhost")
    for byte in hello:
        sock.sendall(bytes([byte]))
    machine_done = False
    while not machine_done:
        data = sock.recv(65536)
        if not data:
            return "end"
        into.write(data)
        try:
            machine.do_handshake()
            machine_done = True
        except ssl.SSLWantReadError:
            pass
        sock.sendall(out.read())
    return "greeted"


def do_many(count, host, port):
    """That many at once."""
    held, said = [], []
    for _ in range(int(count)):
        try:
            sock, status = tunnel(host, int(port))
            held.append(sock)
        except OSError:
            status = "end"
        said.append(status)
    return " ".join(sorted(said))


def do_each(*hosts):
    """Those that are not refused."""
    return " ".join(h for h in hosts if tunnel(h, 443)[1] != "403") or "none"


def do_spend(host, port):
    """More than a mebibyte; then once more."""
    try:
        first = do_echo(host, port)
    except OSError:
        first = "broken"
    try:
        again = do_tls(host, port, "localhost")
    except OSError:
        again = "end"
    return ("whole" if first == "1048576 end" else "broken") + " " + again


def do_hold(host, port):
    sock, status = tls(host, int(port), "localhost")
    sock.sendall(b"GET /forever HTTP/1.1\r\nHost: x\r\n\r\n")
    sock.recv(65536)
    print("moving", flush=True)
    try:
        while sock.recv(65536):
            pass
    except OSError:
        pass
    print("broken", flush=True)
    while True:
        try:
            if do_tls(host, port, "localhost") == "hello /x":
                print("again", flush=True)
                time.sleep(1000)
        except OSError:
            time.sleep(0.05)


def main():
    act = {"tls": do_tls, "raw": do_raw, "plain": do_plain, "post": do_post,
           "echo": do_echo, "hold": do_hold, "hello": do_hello,
           "bytewise": do_bytewise, "many": do_many, "each": do_each, "spend": do_spend}[sys.argv[1]]
    try:
        print(act(*sys.argv[2:]))
    except ConnectionRefusedError:
        print("no gateway")


main()
