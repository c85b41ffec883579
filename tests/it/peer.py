#!/usr/bin/python3
"""A launch whose caller is what the kernel can be told to think of.

    peer.py SOCKET UID PROJECT stays|goes|reused

A process of UID connects.  Once the connection has been accepted the process
stays, has gone, or has gone and another one has its number (needs root).  Then
the rest of the request is sent; the status of the answer is printed.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

SYS_CLONE3 = 435


def connect(path, uid):
    """The connection of a child, and its number."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.getuid() != uid:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        sock.connect(path)
        os.write(theirs, b"+")
        signal.pause()
    os.read(ours, 1)
    return sock, pid


def accepted(path, uid):
    """Connections are taken in order: a later one has been answered."""
    sock, pid = connect(path, uid)
    sock.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: coven\r\n\r\n")
    while sock.recv(65536):
        pass
    end(pid)


def end(pid):
    """No process has this number."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def wait_a_tick():
    """Until the clock of start times has moved on."""
    start = time.clock_gettime(time.CLOCK_BOOTTIME)
    while time.clock_gettime(time.CLOCK_BOOTTIME) < start + 0.03:
        time.sleep(0.01)


def again(pid):
    """A process of that number."""
    number = ctypes.c_int32(pid)
    args = struct.pack("=11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0,
                       ctypes.addressof(number), 1, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    got = libc.syscall(SYS_CLONE3, args, len(args))
    if got == 0:
        while True:
            signal.pause()
    if got != pid:
        sys.exit("clone3: " + os.strerror(ctypes.get_errno()))


def main(path, uid, project, kind):
    """See above."""
    body = json.dumps({"harness": "exec", "projectRoot": project,
                       "argv": ["true"]}).encode()
    sock, pid = connect(path, int(uid))
    accepted(path, int(uid))
    if kind != "stays":
        end(pid)
    if kind == "reused":
        wait_a_tick()
        again(pid)
    sock.sendall(b"POST /api/v1/sessions HTTP/1.1\r\nHost: coven\r\n"
                 b"Content-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(body) + body)
    reply = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            break
        reply += piece
    print(reply.split(b" ", 2)[1].decode())
    if kind != "goes":
        end(pid)


main(*sys.argv[1:])
