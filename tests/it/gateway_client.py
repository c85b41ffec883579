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
           "echo": do_echo, "hold": do_hold}[sys.argv[1]]
    try:
        print(act(*sys.argv[2:]))
    except ConnectionRefusedError:
        print("no gateway")


main()
