#!/usr/bin/python3
"""A load of many sessions, and the record that it leaves.

    load.py SOCKET PROJECT FOLDER COUNT LIFE KIND[,KIND...]

Keeps COUNT sessions of these kinds going, reads what they say and gives them
input, whatever becomes of the daemon meanwhile.  With a LIFE, each ends after
so many rounds, every fourth by a kill, and another one begins.  Words with a
script are files of FOLDER:

    rounds   how many times all COUNT were there and were answered for
    victims  a line for each session that somebody else ended; "all": every
             one that was there by then
    stop     no more: all sessions are told that their input ends

At the end everything that was shown must be in the record with the number
and the bytes that it had; what was acknowledged must be there once; and all
sessions but the victims must have come to their own end, their output whole
and in order.
"""

import json
import os
import sys
import time

from calls import ask, pages

PRINTER = r"""i=0
while :; do
    for n in 1 2 3 4 5 6 7 8 9 10; do echo "line $i"; i=$((i + 1)); done
    read -rt 0.1 x; [ $? -gt 128 ] || break
done
echo "end $i"
"""
READER = r"""n=0
while read -r x; do echo "got $x"; done
echo end
"""

# What is asked for, and whether it is given input.
KINDS = {
    "print": ({"harness": "exec", "argv": ["bash", "-c", PRINTER],
               "stdin": True}, False),
    "read": ({"harness": "exec", "argv": ["bash", "-c", READER],
              "stdin": True}, True),
    "stream": ({"harness": "claude", "launchMode": "stream",
                "prompt": "begin"}, True),
    "terminal": ({"harness": "codex", "prompt": "begin"}, True),
}
DEADLINE_S = 120


class Load:
    """All of it."""

    def __init__(self, path, project, folder, count, life, kinds):
        self.path, self.project, self.folder = path, project, folder
        self.count, self.life, self.kinds = count, life, kinds
        self.sessions = []
        self.launched = self.rounds = 0
        self.wrong = []

    def ask(self, method, target, body=None):
        """A reply, or None while there is nobody or stored is away."""
        data = b"" if body is None else json.dumps(body).encode()
        try:
            status, text = ask(self.path, method, target, data)
        except (OSError, IndexError, ValueError):
            return None, None
        if status == 503:
            return None, None
        return status, json.loads(text)

    def launch(self):
        """One more; False when it was not acknowledged."""
        kind = self.kinds[self.launched % len(self.kinds)]
        status, reply = self.ask("POST", "/api/v1/sessions", dict(
            KINDS[kind][0], projectRoot=self.project))
        if status != 201:
            return False
        self.sessions.append(Session(self, reply["id"], kind))
        self.launched += 1
        return True

    def live(self):
        """Those that have not ended, as far as was told."""
        return [s for s in self.sessions if not s.ended]

    def running(self):
        """The sessions that run, or None when nobody answers."""
        status, page = self.ask(
            "GET", "/api/v1/sessions?status=running&limit=200")
        if status != 200:
            return None
        return {row["id"] for row in page["sessions"]}

    def file(self, name):
        """Where a file of the folder is."""
        return os.path.join(self.folder, name)

    def turn(self):
        """All sessions once."""
        before = self.live()
        # Not every end has an event: a monitor that dies can tell nobody.
        running = self.running()
        good = len(before) == self.count and running is not None
        for session in before:
            good &= session.turn()
            session.ended |= (running is not None and
                              session.ident not in running)
        while len(self.live()) < self.count and self.launch():
            pass
        if not good:
            time.sleep(0.02)
            return
        self.rounds += 1
        with open(self.file("rounds.new"), "w", encoding="ascii") as f:
            f.write(f"{self.rounds}\n")
        os.rename(self.file("rounds.new"), self.file("rounds"))

    def finish(self):
        """The end of every input, until nothing runs."""
        end = time.monotonic() + DEADLINE_S
        while True:
            running = self.running()
            if running is not None and not running:
                return
            assert time.monotonic() < end, f"still running: {running}"
            # Among them those whose launch was not acknowledged.
            for ident in running or ():
                self.ask("POST", f"/api/v1/sessions/{ident}/input",
                         {"data": "", "eof": True})
            time.sleep(0.05)

    def victims(self):
        """Who did not end by itself."""
        try:
            with open(self.file("victims"), encoding="ascii") as f:
                lines = f.read().split()
        except FileNotFoundError:
            return set()
        found = set()
        for line in lines:
            word, _, when = line.partition("@")
            found |= {word} if not when else {
                s.ident for s in self.sessions if s.born < float(when)}
        return found

    def run(self):
        """The load, then what must be on record."""
        while not os.path.exists(self.file("stop")):
            self.turn()
        self.finish()
        victims = self.victims()
        for session in self.sessions:
            session.check(session.ident in victims)
        shown = sum(len(s.seen) for s in self.sessions)
        inputs = sum(len(s.acknowledged) for s in self.sessions)
        print(f"{len(self.sessions)} sessions, {len(victims)} of them ended "
              f"by others; {shown} events were shown and {inputs} inputs "
              f"acknowledged in {self.rounds} rounds")
        for line in self.wrong[:20]:
            print(line)
        return 1 if self.wrong else 0


class Session:
    """One of them, and what was shown of it."""

    def __init__(self, load, ident, kind):
        self.load, self.ident, self.kind = load, ident, kind
        self.born = time.time()
        self.seen = {}          # number -> the event as it was shown
        self.after = self.turns = self.sent = 0
        self.acknowledged = []
        self.told_to_end = self.killed = self.ended = False

    def turn(self):
        """Read on, say something; False when nobody answered."""
        status, page = self.load.ask(
            "GET", f"/api/v1/events?sessionId={self.ident}&limit=1000"
            f"&afterSeq={self.after}")
        if status != 200:
            return False
        for event in page["events"]:
            self.seen[event["seq"]] = event
            self.after = event["seq"]
        self.turns += 1
        if self.ended or self.told_to_end:
            return True
        if self.load.life and self.turns >= self.load.life:
            return self.end()
        return self.say() if KINDS[self.kind][1] else True

    def say(self):
        """A line of input."""
        self.sent += 1
        word = f"{self.sent}."
        status, _ = self.load.ask(
            "POST", f"/api/v1/sessions/{self.ident}/input",
            {"data": word + "\n"})
        if status == 202:
            self.acknowledged.append(word)
        return status is not None

    def end(self):
        """The end of its input, or a kill."""
        how, body = "input", {"data": "", "eof": True}
        if self.load.sessions.index(self) % 4 == 3:
            how, body = "kill", {}
        status, _ = self.load.ask(
            "POST", f"/api/v1/sessions/{self.ident}/{how}", body)
        self.told_to_end = status == 202
        self.killed = self.told_to_end and how == "kill"
        return status is not None

    def check(self, victim):
        """What is on record against what was shown."""
        def wrong(text):
            self.load.wrong.append(f"{self.ident} ({self.kind}): {text}")

        events = pages(self.load.path, self.ident)
        record = {event["seq"]: event for event in events}
        for number, event in self.seen.items():
            if record.get(number) != event:
                wrong(f"event {number} was {event}, is {record.get(number)}")
        if list(record) != sorted(record) or len(record) != len(events):
            wrong("its numbers do not rise")
        self.check_input(events, wrong)
        text = "".join(json.loads(event["payload_json"])["data"]
                       for event in events if event["kind"] == "output")
        status = self.load.ask("GET", f"/api/v1/sessions/{self.ident}")[1][
            "status"]
        own_end = not victim and not self.killed
        if own_end and status != "completed":
            wrong(f"is {status}, and nobody ended it")
        if self.kind in ("print", "read"):
            self.check_output(text, status == "completed", wrong)

    def check_input(self, events, wrong):
        """An acknowledged input is on record once."""
        said = [json.loads(event["payload_json"]).get("data", "").strip()
                for event in events if event["kind"] == "input"]
        for word in self.acknowledged:
            if said.count(word) != 1:
                wrong(f"input {word} is {said.count(word)} times on record")

    def check_output(self, text, whole, wrong):
        """Lines by their numbers, and all of them if it came to its end."""
        lines = text.split("\n")[:-1]
        last = lines[-1] if lines else ""
        # A runner that dies ends the input, and that may yet be on record.
        want = f"end {len(lines) - 1}" if self.kind == "print" else "end"
        if last == want:
            lines.pop()
        elif whole:
            wrong(f"ends with {last!r}, not {want!r}")
        if self.kind == "print":
            for number, line in enumerate(lines):
                if line != f"line {number}":
                    wrong(f"line {number} of {len(lines)} reads {line!r}")
                    break
            return
        words = [line.removeprefix("got ") for line in lines]
        numbers = [float(word) for word in words]
        if numbers != sorted(set(numbers)):
            wrong("input arrived twice or out of order")
        missing = set(self.acknowledged) - set(words)
        if whole and missing:
            wrong(f"acknowledged input never arrived: {sorted(missing)[:5]}")


def main():
    path, project, folder, count, life, kinds = sys.argv[1:]
    return Load(path, project, folder, int(count), int(life),
                kinds.split(",")).run()


sys.exit(main())
