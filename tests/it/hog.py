"""What a payload that takes too much does: hog.py WHAT.  It never stops."""
import ctypes
import mmap
import os
import resource
import signal
import socket
import sys
import threading
import time

MIB = 1 << 20
HANDLING = signal.SIG_DFL


def memory():
    kept = []
    while True:
        kept.append(b"x" * (8 * MIB))
        time.sleep(0.02)


def many():
    """The same in processes, each of which takes little."""
    for _ in range(24):
        if os.fork() == 0:
            kept = b"x" * (16 * MIB)
            time.sleep(600)
            del kept
    time.sleep(600)


def shared():
    kept = []
    while True:
        m = mmap.mmap(-1, 8 * MIB)
        m.write(b"x" * (8 * MIB))
        kept.append(m)
        time.sleep(0.02)


def segments():
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    while True:
        number = libc.shmget(0, 8 * MIB, 0o1600)
        at = libc.shmat(number, None, 0)
        ctypes.memset(at, 1, 8 * MIB)
        libc.shmdt(ctypes.c_void_p(at))
        time.sleep(0.02)


def tables():
    """What the kernel keeps to know where nothing is."""
    kept = []
    while True:
        m = mmap.mmap(-1, 16 << 30, prot=mmap.PROT_READ,
                      flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
        m.madvise(mmap.MADV_NOHUGEPAGE)
        for at in range(0, len(m), 2 * MIB):
            m[at]
        kept.append(m)
        time.sleep(0.02)


def memfds():
    while True:
        os.write(os.memfd_create("hog"), b"x" * (4 * MIB))
        time.sleep(0.01)


def hidden():
    """In files that nobody has open: they are on their way in a socket."""
    kept = []
    while True:
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for _ in range(4):
            fd = os.memfd_create("hog")
            os.write(fd, b"x" * (4 * MIB))
            socket.send_fds(a, [b"x"], [fd])
            os.close(fd)
        kept.append((a, b))
        time.sleep(0.02)


def tmpfs():
    """Every private file system, until they are full or it is ended."""
    number = 0
    while True:
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            number += 1
            try:
                with open("%s/%d" % (folder, number), "wb") as f:
                    f.write(b"x" * (4 * MIB))
            except OSError:
                pass
            time.sleep(0.01)


def fork():
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.1)


def threads():
    threading.stack_size(256 * 1024)
    kept = []
    while True:
        try:
            t = threading.Thread(target=time.sleep, args=(600,))
            t.start()
            kept.append(t)
        except RuntimeError:
            time.sleep(0.1)


def cpu():
    while True:
        pass


def cpus():
    """In processes that each take less than one may."""
    while True:
        if os.fork() == 0:
            end = time.process_time() + 0.4
            while time.process_time() < end:
                pass
            os._exit(0)
        os.wait()


def files():
    kept = []
    try:
        while True:
            kept.append(socket.socket())
    except OSError as e:
        os.write(1, b"%d %d\n" % (len(kept), e.errno))


def big():
    if signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN:
        signal.signal(signal.SIGXFSZ, HANDLING)
    with open("big", "wb", buffering=0) as f:
        while True:
            f.write(b"x" * MIB)


def stubborn():
    """It takes no notice of the signal, and is told by the error."""
    global HANDLING
    HANDLING = signal.SIG_IGN
    try:
        big()
    except OSError as e:
        print(e.errno, os.path.getsize("big"))


def disk():
    number = 0
    while True:
        number += 1
        with open("fill-%d" % number, "wb") as f:
            f.write(b"x" * MIB)
        time.sleep(0.01)


def output():
    while True:
        os.write(1, b"x" * 4095 + b"\n")


def deaf():
    """It ignores what it is asked to end by."""
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(sig, signal.SIG_IGN)
    while True:
        time.sleep(600)


def again():
    """Raise what one is held to; every attempt that succeeds is named."""
    for name in ("NPROC", "NOFILE", "FSIZE", "CPU", "DATA", "CORE"):
        what = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY:
            print(name, "has no limit")
            continue
        for new in (hard + 1, resource.RLIM_INFINITY):
            try:
                resource.setrlimit(what, (new, new))
                print(name, "raised")
            except (OSError, ValueError):
                pass
    print("done")


globals()[sys.argv[1]]()
