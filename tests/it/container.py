#!/usr/bin/python3
"""Runs a command as a container's runtime would leave it.  Needs root.

    container.py no-userns|masked-proc UID CMD ARG...

In a user and mount namespace in which every id is itself, as UID:
no-userns has no room for user namespaces in it; masked-proc has a pid
namespace and a /proc of its own, part of which is covered.
"""

import ctypes
import os
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
MS_PRIVATE = 1 << 18
MS_REC = 1 << 14
EVERY_ID = "0 0 4294967295"

LIBC = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    """The result of a call that sets errno."""
    if result == -1:
        sys.exit("container.py: %s: %s" %
                 (what, os.strerror(ctypes.get_errno())))


def write(path, text):
    """In one write, as maps want it."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def mount(source, target, kind, flags=0):
    """mount(2)."""
    must(LIBC.mount(source.encode(), target.encode(), kind.encode(), flags,
                    None), "mount " + target)


def enter(flags):
    """Namespaces, whose maps only one outside may write in full."""
    ready, go = os.pipe(), os.pipe()
    inside = os.getpid()
    writer = os.fork()
    if writer == 0:
        os.read(ready[0], 1)
        write("/proc/%d/uid_map" % inside, EVERY_ID)
        write("/proc/%d/gid_map" % inside, EVERY_ID)
        os.write(go[1], b"+")
        os._exit(0)
    must(LIBC.unshare(flags), "unshare")
    os.write(ready[1], b"+")
    os.read(go[0], 1)
    os.waitpid(writer, 0)
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def no_userns():
    """As Docker's default filter leaves it, and sysctl on some hosts."""
    enter(CLONE_NEWUSER | CLONE_NEWNS)
    write("/proc/sys/user/max_user_namespaces", "0")


def masked_proc():
    """As runtimes cover what they think dangerous."""
    enter(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
    child = os.fork()
    if child != 0:
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0xff)
    mount("proc", "/proc", "proc")
    mount("none", "/proc/sys", "tmpfs")


def main(kind, uid, *command):
    """See above."""
    {"no-userns": no_userns, "masked-proc": masked_proc}[kind]()
    uid = int(uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execvp(command[0], command)


main(*sys.argv[1:])
