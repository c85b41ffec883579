#!/usr/bin/python3
"""Many requests that wait for their answers together.

    together.py SOCKET COUNT PREFIX MARK

Registers COUNT sessions whose ids begin with PREFIX, a connection each.
When the daemon has taken all requests MARK is made; then the answers are
read.  Prints how many of them were 201.
"""

import array
import fcntl
import json
import resource
import sys
import termios
import time

from calls import connect


def taken(sock):
    """Has the other side read all of it?"""
    left = array.array("i", [0])
    fcntl.ioctl(sock, termios.TIOCOUTQ, left)
    return left[0] == 0


def status(sock):
    """Of the answer, which is read to its end."""
    got = b""
    while chunk := sock.recv(65536):
        got += chunk
    return int(got.split()[1])


def main():
    path, count, prefix, mark = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    socks = []
    for number in range(int(count)):
        body = json.dumps({"id": f"{prefix}-{number}", "projectRoot": "/p",
                           "harness": "coven-code"}).encode()
        sock = connect(path)
        sock.sendall(b"POST /api/v1/sessions/external HTTP/1.1\r\n"
                     b"Host: coven\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))
        socks.append(sock)
    while not all(taken(sock) for sock in socks):
        time.sleep(0.01)
    with open(mark, "w", encoding="ascii"):
        pass
    print(sum(status(sock) == 201 for sock in socks))


main()
