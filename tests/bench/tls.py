#!/usr/bin/python3
"""Bytes by TLS, and what they take: the same client with and without a proxy.

	tls.py serve CERT KEY		prints its port; to each client what it asks
	tls.py measure CERT PORT MIB N [PROXY-PORT]
"mb_s F", "trip_p50_us F" and "connect_p50_us F": MIB one way in one stream;
the middle of N bytes there and back on one connection; of N / 10 connections
with their first byte.
"""
import socket
import ssl
import sys
import threading
import time

CHUNK = 1 << 18


def serve_one(sock, context):
    block = memoryview(bytes(CHUNK))
    try:
        with context.wrap_socket(sock, server_side=True) as tls:
            left = int.from_bytes(tls.recv(8), "big")
            while left > 0:
                left -= tls.send(block[:min(left, CHUNK)])
            while data := tls.recv(1):
                tls.send(data)
    except OSError:
        pass


def serve(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve_one, args=(sock, context),
                         daemon=True).start()


class Client:
    def __init__(self, cert, port, proxy):
        self.context = ssl.create_default_context(cafile=cert)
        self.port, self.proxy = port, proxy

    def open(self, want):
        """A connection on which so many bytes are on their way."""
        sock = socket.create_connection(("127.0.0.1", self.proxy or self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.proxy:
            sock.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % self.port)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                got = sock.recv(1)
                if not got:
                    sys.exit("the proxy hung up")
                head += got
            if head.split()[1] != b"200":
                sys.exit(head.decode())
        tls = self.context.wrap_socket(sock, server_hostname="localhost")
        tls.sendall(want.to_bytes(8, "big"))
        return tls

    def stream(self, want):
        """MB a second."""
        into = memoryview(bytearray(CHUNK))
        with self.open(want) as tls:
            start, left = time.monotonic(), want
            while left > 0:
                got = tls.recv_into(into)
                if got == 0:
                    sys.exit("cut short")
                left -= got
        return want / 1e6 / (time.monotonic() - start)

    def trips(self, count):
        """Microseconds, each."""
        times = []
        with self.open(0) as tls:
            for _ in range(count):
                start = time.monotonic()
                tls.send(b"x")
                tls.recv(1)
                times.append(1e6 * (time.monotonic() - start))
        return times

    def connects(self, count):
        """The same for a connection and its first byte."""
        times = []
        for _ in range(count):
            start = time.monotonic()
            with self.open(1) as tls:
                tls.recv(1)
                times.append(1e6 * (time.monotonic() - start))
        return times


def middle(times):
    return sorted(times)[len(times) // 2]


def measure(cert, port, mib, count, proxy="0"):
    client = Client(cert, int(port), int(proxy))
    client.connects(2)
    print("mb_s %.1f" % client.stream(int(mib) << 20))
    print("trip_p50_us %.1f" % middle(client.trips(int(count))))
    print("connect_p50_us %.1f" % middle(client.connects(int(count) // 10)))


{"serve": serve, "measure": measure}[sys.argv[1]](*sys.argv[2:])
