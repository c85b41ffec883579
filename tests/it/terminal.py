#!/usr/bin/python3
"""A terminal for one program, driven step by step.

    terminal.py OUTPUT-FILE ROWSxCOLS STEP ... -- PROGRAM ARG ...

Runs PROGRAM on a terminal of its own and takes the steps in turn:

    expect:TEXT   until it has printed TEXT (after the last one that came)
    send:TEXT     type it; \\xNN and the like are understood
    size:RxC      another size
    signal:NAME   to the program; TSTP also waits until it is stopped
    raw:yes|no    the terminal is, or is not, in raw mode
    gone:PID      until that process is gone
    file:PATH     until that file exists
    end           until the program has ended

All that it printed goes to OUTPUT-FILE.  The last line says how it ended and
whether the terminal's modes are what they were before.  Exit 1 when a step
did not come true.
"""

import codecs
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time

DEADLINE = 20


class Terminal:
    """The master's side."""

    def __init__(self, size, argv, output):
        self.master, self.slave = os.openpty()
        self.set_size(size)
        self.before = termios.tcgetattr(self.slave)
        self.output, self.printed, self.seen = output, b"", 0
        self.status = None
        self.pid = os.fork()
        if self.pid == 0:
            os.login_tty(self.slave) if hasattr(os, "login_tty") else \
                self.login()
            os.execvp(argv[0], argv)

    def login(self):
        """What login_tty does, before Python 3.11 had it."""
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(self.slave, fd)
        os.closerange(3, 256)

    def set_size(self, text):
        """ROWSxCOLS; the kernel tells who runs there."""
        rows, cols = (int(n) for n in text.split("x"))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, wait):
        """What there is."""
        if select.select([self.master], [], [], wait)[0]:
            chunk = os.read(self.master, 65536)
            self.printed += chunk
            self.output.write(chunk)
            self.output.flush()

    def raw(self):
        """No echo, no lines, no signals."""
        flags = termios.tcgetattr(self.slave)[3]
        return not flags & (termios.ECHO | termios.ICANON | termios.ISIG)

    def until(self, what, condition):
        """Read on until it is so."""
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                print(f"not within {DEADLINE} s: {what}")
                print(f"printed since: {self.printed[self.seen:]!r}")
                sys.exit(1)
            self.read(0.02)

    def expect(self, text):
        """Printed behind what was expected before."""
        self.until(f"expect {text!r}",
                   lambda: self.printed.find(text, self.seen) >= 0)
        self.seen = self.printed.find(text, self.seen) + len(text)

    def stopped(self):
        """By a signal, not ended."""
        pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
        return pid != 0 and os.WIFSTOPPED(status)

    def ended(self):
        """Its status is kept."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def step(self, step):
        """One of those above."""
        verb, _, text = step.partition(":")
        if verb == "expect":
            self.expect(codecs.escape_decode(text.encode())[0])
        elif verb == "send":
            os.write(self.master, codecs.escape_decode(text.encode())[0])
        elif verb == "size":
            self.set_size(text)
        elif verb == "signal":
            os.kill(self.pid, getattr(signal, "SIG" + text))
            if text == "TSTP":
                self.until("stopped", self.stopped)
        elif verb == "raw":
            self.until(step, lambda: self.raw() == (text == "yes"))
        elif verb == "file":
            self.until(step, lambda: os.path.exists(text))
        elif verb == "gone":
            self.until(step, lambda: not os.path.exists("/proc/" + text))
        elif verb == "end":
            self.until("ended", self.ended)
        else:
            sys.exit(f"no such step: {step}")


def main():
    """Steps, then how it ended."""
    where = sys.argv.index("--")
    with open(sys.argv[1], "wb") as output:
        term = Terminal(sys.argv[2], sys.argv[where + 1:], output)
        try:
            for step in sys.argv[3:where]:
                term.step(step)
        finally:
            if not term.ended():
                os.kill(term.pid, signal.SIGKILL)
                os.waitpid(term.pid, 0)
        term.read(0)
    same = termios.tcgetattr(term.slave) == term.before
    print(f"status {term.status} modes {'kept' if same else 'changed'}")


main()
