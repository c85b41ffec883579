#!/usr/bin/python3
"""A stand-in for the providers of models, for tests of real agents.

Speaks Anthropic Messages (POST /v1/messages) and OpenAI Responses
(POST /v1/responses), streamed or not, by TLS, and answers every prompt with
one fixed text. A prompt that says to do the work in a folder gets calls of
the agent's own tools before: a shell command that writes made-by-shell there,
and an edit of edited.txt.

Says "ready" on one line, then logs each request on standard error: method,
host, path, status, and whether the key that came along is the owner's own, the
granted one, another one or none; never the key.

usage: model_endpoint.py TEXT KEY,GRANTED PORT CERT CERT-KEY
"""

import http.server
import json
import re
import ssl
import sys

TEXT, KEYS = sys.argv[1], sys.argv[2].split(",")
MODEL = "stand-in-1"
WORK = re.compile(r"do the work in (/[\w./-]+[\w])")
COMMAND = "echo by a shell > made-by-shell; env > env-of-agent"
PATCH = """*** Begin Patch
*** Update File: edited.txt
@@
-before
+after
*** End Patch
"""


# --- what the agent is told to do next --------------------------------------


def steps_of(body, folder):
    """The calls for this agent, by what tools it says it has."""
    tools = {t.get("name", t.get("type")): t for t in body.get("tools") or []}
    if "Bash" in tools:
        name = folder + "/edited.txt"
        return [
            ("Bash", {"command": COMMAND, "description": "write"}),
            ("Read", {"file_path": name}),
            ("Edit", {"file_path": name, "old_string": "before",
                      "new_string": "after"}),
        ]
    for name, argument in (("exec_command", "cmd"),
                           ("shell_command", "command")):
        if name in tools:
            patch = "apply_patch <<'EOF'\n" + PATCH + "EOF\n"
            return [
                (name, {argument: COMMAND}),
                ("apply_patch", PATCH)
                if tools.get("apply_patch", {}).get("type") == "custom"
                else (name, {argument: patch}),
            ]
    return []


def results_in(value):
    """How many answers of tools a request carries."""
    if isinstance(value, list):
        return sum(map(results_in, value))
    if not isinstance(value, dict):
        return 0
    if value.get("type") in ("tool_result", "function_call_output",
                             "custom_tool_call_output"):
        return 1
    return sum(map(results_in, value.values()))


def next_step(body):
    """The next call, or None when it is time to answer."""
    said = [body.get("messages"), body.get("input")]
    asked = WORK.search(json.dumps(said))
    if asked is None:
        return None
    steps, done = steps_of(body, asked[1]), results_in(said)
    return (done,) + steps[done] if done < len(steps) else None


# --- Anthropic Messages -------------------------------------------------------


def anthropic_content(step):
    """One block: the text, or a call."""
    if step is None:
        return {"type": "text", "text": TEXT}
    return {"type": "tool_use", "id": "toolu_%d" % step[0], "name": step[1],
            "input": step[2]}


def anthropic_message(step, done):
    """The message object of the Messages interface, empty or complete."""
    stop = "tool_use" if step else "end_turn"
    return {
        "id": "msg_standin",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [anthropic_content(step)] if done else [],
        "stop_reason": stop if done else None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1 if done else 0},
    }


def anthropic_events(step):
    """The same message as the event stream a client asks for."""
    yield {"type": "message_start", "message": anthropic_message(step, False)}
    block = anthropic_content(step)
    if step is None:
        deltas = [{"type": "text_delta", "text": word + " "}
                  for word in TEXT.split(" ")]
        deltas[-1]["text"] = deltas[-1]["text"].rstrip()
        block["text"] = ""
    else:
        deltas = [{"type": "input_json_delta",
                   "partial_json": json.dumps(step[2])}]
        block["input"] = {}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use" if step else "end_turn",
                  "stop_sequence": None},
        "usage": {"output_tokens": 1},
    }
    yield {"type": "message_stop"}


# --- OpenAI Responses ---------------------------------------------------------


def openai_item(step, done):
    """One output item of the Responses interface."""
    status = "completed" if done else "in_progress"
    if step is None:
        part = {"type": "output_text", "text": TEXT, "annotations": []}
        return {"id": "msg_standin", "type": "message", "role": "assistant",
                "status": status, "content": [part] if done else []}
    item = {"id": "fc_%d" % step[0], "call_id": "call_%d" % step[0],
            "name": step[1], "status": status}
    if isinstance(step[2], str):
        return dict(item, type="custom_tool_call", input=step[2])
    return dict(item, type="function_call", arguments=json.dumps(step[2]))


def openai_response(step, done):
    """The response object, in progress or complete."""
    return {
        "id": "resp_standin",
        "object": "response",
        "created_at": 0,
        "status": "completed" if done else "in_progress",
        "model": MODEL,
        "output": [openai_item(step, True)] if done else [],
        "usage": {
            "input_tokens": 1,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
        }
        if done
        else None,
    }


def openai_events(step):
    """The response as the event stream a client asks for."""
    at = {"item_id": "msg_standin", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    full = dict(part, text=TEXT)
    yield {"type": "response.created",
           "response": openai_response(step, False)}
    yield {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": openai_item(step, False),
    }
    if step is None:
        yield dict(at, type="response.content_part.added", part=part)
        yield dict(at, type="response.output_text.delta", delta=TEXT)
        yield dict(at, type="response.output_text.done", text=TEXT)
        yield dict(at, type="response.content_part.done", part=full)
    yield {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": openai_item(step, True),
    }
    yield {"type": "response.completed",
           "response": openai_response(step, True)}


# --- the server -----------------------------------------------------------------

# path -> (whole reply, stream of events)
POSTS = {
    "/v1/messages": (anthropic_message, anthropic_events),
    "/v1/responses": (openai_response, openai_events),
}

OTHER = {
    "/v1/messages/count_tokens": {"input_tokens": 1},
    "/v1/models": {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "type": "model"}],
        "models": [],
    },
}


class Handler(http.server.BaseHTTPRequestHandler):
    """One request; the base class owns the method names."""

    protocol_version = "HTTP/1.1"

    def note(self, status):
        """One line a request on standard error."""
        print(self.command, self.headers.get("host"), self.path, status,
              self.key_came(), file=sys.stderr, flush=True)

    def key_came(self):
        """Which credential the caller sent, but not itself."""
        came = self.headers.get("x-api-key") or \
            self.headers.get("authorization", "").removeprefix("Bearer ")
        if came in KEYS:
            return ["key", "granted"][KEYS.index(came)]
        return "other-key" if came else "no-key"

    def answer(self, status, value):
        """A whole JSON reply."""
        body = json.dumps(value).encode()
        self.note(status)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events):
        """A server-sent event stream, closed at its end."""
        self.note(200)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, event in enumerate(events):
            event.setdefault("sequence_number", number)
            line = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            self.wfile.write(line.encode())
            self.wfile.flush()

    def do_GET(self):  # pylint: disable=invalid-name
        """Discovery only; a socket in place of requests is not for us."""
        path = self.path.split("?")[0]
        if path in POSTS:
            self.answer(426, {"error": {"type": "upgrade_required"}})
            return
        if path in OTHER:
            self.answer(200, OTHER[path])
        else:
            self.answer(404, {"error": {"type": "not_found_error"}})

    def do_HEAD(self):  # pylint: disable=invalid-name
        """Some clients look whether anyone is there."""
        self.note(200)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):  # pylint: disable=invalid-name
        """A prompt."""
        length = int(self.headers.get("content-length", "0"))
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            body = {}
        path = self.path.split("?")[0]
        if self.key_came() not in ("key", "granted"):
            self.answer(401, {"error": {"type": "authentication_error"}})
        elif path in OTHER:
            self.answer(200, OTHER[path])
        elif path not in POSTS:
            self.answer(404, {"error": {"type": "not_found_error"}})
        elif body.get("stream"):
            self.stream(POSTS[path][1](next_step(body)))
        else:
            self.answer(200, POSTS[path][0](next_step(body), True))

    def log_message(self, *_args):  # pylint: disable=arguments-differ
        """Requests are logged by note()."""


class Server(http.server.ThreadingHTTPServer):
    """A handshake is made by the thread that serves, or by none."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_args):  # pylint: disable=arguments-differ
        """Who hangs up is no news."""


def main():
    """Listen on loopback until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server = Server(("127.0.0.1", int(sys.argv[3])), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    print("ready", flush=True)
    server.serve_forever()


main()
