#!/usr/bin/python3
"""Stand-ins for named upstreams on loopback, over TLS.

	upstream_peer.py CA_DIR GIT_ROOT SEEN

Two servers, each on a free port: one that is localhost, one whose certificate
says another name.  Prints both ports.  SEEN gets a line for each request with
the credentials that came with it.
"""
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading

FOLDER, ROOT, SEEN = sys.argv[1:4]
LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def seen(self):
        names = ("Authorization", "x-api-key", "Cookie", "Proxy-Authorization",
                 "X_Api_Key", "X-HTTP-Method-Override", "Host", "X-Other")
        with LOCK, open(SEEN, "a", encoding="utf-8") as out:
            out.write("%s %s %s\n" % (self.command, self.path, json.dumps(
                {n: self.headers[n] for n in names if self.headers[n]})))

    def answer(self, status, body, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        data = b""
        while True:
            size = int(self.rfile.readline(), 16)
            data += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return data

    def git(self, data):
        path, _, query = self.path.partition("?")
        env = dict(os.environ, GIT_PROJECT_ROOT=ROOT, GIT_HTTP_EXPORT_ALL="1",
                   REMOTE_USER="x", PATH_INFO=path, QUERY_STRING=query,
                   REQUEST_METHOD=self.command,
                   CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   CONTENT_LENGTH=str(len(data)),
                   HTTP_CONTENT_ENCODING=self.headers.get(
                       "Content-Encoding", ""),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        out = subprocess.run(["git", "http-backend"], env=env, input=data,
                             capture_output=True, check=False).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1)
                      for line in head.decode().split("\r\n"))
        status = int(fields.pop("Status", "200").split()[0])
        self.answer(status, body, **fields)

    def events(self):
        """One event, and the next only after the client has said so."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Set-Cookie", "session=of-the-upstream")
        self.end_headers()
        for i in range(3):
            text = b"data: %d\n\n" % i
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            self.wfile.flush()
            if i == 0:
                threading.Event().wait(0.2)
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def do_GET(self):
        self.seen()
        port = self.server.server_port
        if self.path.startswith("/api/v1/models/elsewhere"):
            self.answer(302, b"", Location="https://other.example/key")
        elif self.path.startswith("/api/v1/models/here"):
            self.answer(307, b"", Location="https://localhost:%d/api/v1/x" %
                        port)
        elif self.path.startswith("/api/"):
            self.answer(200, b"model " + self.path.encode(),
                        Set_Cookie="session=of-the-upstream")
        else:
            self.git(b"")

    def do_POST(self):
        self.seen()
        data = self.body()
        if self.path.startswith("/api/v1/stream"):
            self.events()
        elif self.path.startswith("/api/"):
            self.answer(200, b"got %d" % len(data))
        else:
            self.git(data)

    def log_message(self, *_):
        pass


def serve(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(FOLDER, name + ".pem"),
                            os.path.join(FOLDER, name + ".key"))
    # The handshake is made by the thread that serves.
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


print(serve("localhost"), serve("other"), flush=True)
threading.Event().wait()
