#!/usr/bin/python3
"""A stand-in model endpoint on loopback, for tests of real agents.

Speaks Anthropic Messages (POST /v1/messages) and OpenAI Responses
(POST /v1/responses), streamed or not, and answers every prompt with one fixed
text.  Prints its port on one line, then logs each request on standard error:
method, path, and whether a key came along, never the key.

usage: model_endpoint.py TEXT
"""

import http.server
import json
import sys

TEXT = sys.argv[1] if len(sys.argv) > 1 else "pong"
MODEL = "stand-in-1"


def anthropic_message(done):
    """The message object of the Messages interface, empty or complete."""
    return {
        "id": "msg_standin",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": TEXT}] if done else [],
        "stop_reason": "end_turn" if done else None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1 if done else 0},
    }


def anthropic_events():
    """The same message as the event stream a client asks for."""
    yield {"type": "message_start", "message": anthropic_message(False)}
    yield {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    for number, word in enumerate(TEXT.split(" ")):
        piece = " " + word if number > 0 else word
        yield {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": piece},
        }
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 1},
    }
    yield {"type": "message_stop"}


def openai_item(done):
    """One output item of the Responses interface."""
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    return {
        "id": "msg_standin",
        "type": "message",
        "role": "assistant",
        "status": "completed" if done else "in_progress",
        "content": [part] if done else [],
    }


def openai_response(done):
    """The response object, in progress or complete."""
    return {
        "id": "resp_standin",
        "object": "response",
        "created_at": 0,
        "status": "completed" if done else "in_progress",
        "model": MODEL,
        "output": [openai_item(True)] if done else [],
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


def openai_events():
    """The response as the event stream a client asks for."""
    at = {"item_id": "msg_standin", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    full = dict(part, text=TEXT)
    yield {"type": "response.created", "response": openai_response(False)}
    yield {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": openai_item(False),
    }
    yield dict(at, type="response.content_part.added", part=part)
    yield dict(at, type="response.output_text.delta", delta=TEXT)
    yield dict(at, type="response.output_text.done", text=TEXT)
    yield dict(at, type="response.content_part.done", part=full)
    yield {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": openai_item(True),
    }
    yield {"type": "response.completed", "response": openai_response(True)}


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
        key = "key" if self.key_came() else "no key"
        print(self.command, self.path, status, key, file=sys.stderr, flush=True)

    def key_came(self):
        """Whether the caller sent a credential at all."""
        return any(h in self.headers for h in ("authorization", "x-api-key"))

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
        """Discovery only."""
        path = self.path.split("?")[0]
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
        if path in OTHER:
            self.answer(200, OTHER[path])
        elif path not in POSTS:
            self.answer(404, {"error": {"type": "not_found_error"}})
        elif body.get("stream"):
            self.stream(POSTS[path][1]())
        else:
            self.answer(200, POSTS[path][0](True))

    def log_message(self, *_args):  # pylint: disable=arguments-differ
        """Requests are logged by note()."""


def main():
    """Listen on a free port of loopback until killed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
