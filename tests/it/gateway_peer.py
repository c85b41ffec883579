#!/usr/bin/python3
"""Stand-ins on loopback: HTTPS and HTTP that answer, each on a free port.

Prints both ports, and that of HTTPS over IPv6 (0: there is none).  "never" on standard error: somebody sent what must never
get here.
"""
import http.server
import socket
import ssl
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.headers.get("Proxy-Authorization"):
            print("never: a header of the proxy's", file=sys.stderr)
        if self.path == "/echo":
            n = 1 << 20
            data = self.rfile.read(n)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True
            return
        if self.path == "/forever":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                self.close_connection = True
            return
        self.answer(b"hello " + self.path.encode())

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"got %d" % len(data))

    def log_message(self, *_):
        pass


class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def main():
    tls = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls.daemon_threads = plain.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])

    def names(_, name, __):
        if name != "localhost":
            print("never: greeted as", name, file=sys.stderr, flush=True)

    context.sni_callback = names
    servers, six = [tls], 0
    try:
        servers.append(Six(("::1", 0), Handler))
        six = servers[1].server_port
    except OSError:
        pass
    for server in servers:
        # The handshake is made by the thread that serves.
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(tls.server_port, plain.server_port, six, flush=True)
    plain.serve_forever()


main()
