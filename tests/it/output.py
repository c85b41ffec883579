#!/usr/bin/python3
"""Put a session's output together, one page of events a call.

usage: output.py CURSOR OUT start|PAGE

CURSOR holds the sequence number to continue after; OUT receives the output.
Exit 0 when there is more to fetch, 1 when the page was the last.
"""

import json
import sys


def main():
    """Append the output events of one page."""
    cursor, out, page = sys.argv[1:4]
    if page == "start":
        with open(cursor, "w", encoding="ascii") as f:
            f.write("0")
        with open(out, "wb"):
            return 0
    with open(page, encoding="utf-8") as f:
        reply = json.load(f)
    with open(out, "ab") as f:
        for event in reply["events"]:
            if event["kind"] == "output":
                data = json.loads(event["payload_json"])["data"]
                f.write(data.encode("utf-8", "surrogatepass"))
    if reply["events"]:
        with open(cursor, "w", encoding="ascii") as f:
            f.write(str(reply["events"][-1]["seq"]))
    return 0 if reply["hasMore"] else 1


sys.exit(main())
