#!/usr/bin/python3
"""doc/ESCAPE.md from reports of "covenctl --json selftest --compare".

    table.py write DOC LIST MODE=REPORT ...   write it
    table.py check DOC LIST MODE=REPORT ...   is what it says of these modes so?

LIST is what "coven-probe list" prints: it says where each attempt must
succeed, so that refusing it shows something.  What stands in the column of
bubblewrap is not checked: that is the other program's business."""

import json
import sys

HEAD = """# Ways out of a session, and what becomes of them

<!-- Written by tests/it/selftest.sh with COVEN_GOLDEN=update. -->

`covenctl selftest` tries each of these in a session on the machine it runs on,
each in a process of its own, and prints this table
(`doc/adr/0019-attempts-in-one-program.md`). Columns are the ways in which the
suite is run: by an ordinary user, by root, by a root monitor for an ordinary
owner, and where a container refuses namespaces and `sandbox.minimum` says that
`landlock` will do. What is *open* there is open, for the reasons given in
`doc/SECURITY.md`; *untried* is what takes a terminal or a list that a session
cannot have there. `bwrap` is bubblewrap with every namespace and nothing of the
host but its root, read-only, started by an ordinary user; it decides nothing.

*Control* says where the same attempt is seen to succeed, without which being
refused would show nothing: outside a session, for its *owner*, or for *root*
alone, or where the *host* has such a thing at all. Of *none* nothing outside
is like it, or trying it there would do harm.
"""
CONTROLS = {"owner": "owner", "root": "root", "host": "host", "never": "none"}


def read_list(path):
    controls = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 4:
                controls[fields[0], fields[1]] = CONTROLS[fields[2]]
    return controls


def read_reports(args):
    reports = {}
    for arg in args:
        mode, path = arg.split("=", 1)
        with open(path, encoding="utf-8") as file:
            reports[mode] = {(door["family"], door["name"]): door
                             for door in json.load(file)["doors"]}
    return reports


def rows(controls, reports):
    """Family, name, what, control, an answer for each mode, bwrap."""
    first = next(iter(reports.values()))
    for key, door in first.items():
        control = controls.get(key)
        if control is None:
            control = "owner" if door["outside"] else "none"
        yield (*key, door["what"], control,
               *(report.get(key, {}).get("result") or "absent"
                 for report in reports.values()),
               door.get("bwrap") or "–")


def write(path, controls, reports):
    modes = list(reports)
    family = None
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD)
        table = list(rows(controls, reports))
        for row in sorted(table, key=lambda row: row[0]):
            if row[0] != family:
                family = row[0]
                number = sum(other[0] == family for other in table)
                out.write("\n## %s (%d)\n\n| attempt | what | control | %s "
                          "| bwrap |\n|%s\n" % (
                              family.capitalize(), number, " | ".join(modes),
                              "---|" * (len(modes) + 4)))
            out.write("| `%s` | %s |\n" % (row[1], " | ".join(row[2:])))


def read_doc(path):
    """For each mode, what the table says of each door."""
    said, modes, family = {}, [], None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            cells = [cell.strip() for cell in line.strip().split("|")[1:-1]]
            if line.startswith("## "):
                family = line[3:].rsplit(" (", 1)[0].lower()
            elif cells and cells[0] == "attempt":
                modes = cells[3:-1]
            elif cells and cells[0].startswith("`"):
                for mode, answer in zip(modes, cells[3:]):
                    said.setdefault(mode, {})[
                        family, cells[0].strip("`")] = answer
    return said


def check(path, controls, reports):
    said, wrong = read_doc(path), []
    for key in controls:
        if not any(key in doors for doors in said.values()):
            wrong.append("%s: %s: not in the table" % key)
    for mode, report in reports.items():
        there = said.get(mode, {})
        for key in sorted(set(there) | set(report)):
            now = report[key]["result"] if key in report else "absent"
            if there.get(key, "absent") != now:
                wrong.append("%s: %s: %s: the table says %s, it is %s" % (
                    mode, *key, there.get(key, "absent"), now))
    print("\n".join(wrong))
    return not wrong


def main():
    if len(sys.argv) < 5 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    controls, reports = read_list(sys.argv[3]), read_reports(sys.argv[4:])
    if sys.argv[1] == "write":
        write(sys.argv[2], controls, reports)
    elif not check(sys.argv[2], controls, reports):
        sys.exit(1)


main()
