#!/usr/bin/python3
"""doc/openapi.yaml, checked.

    openapi.py lint TREE
        It is OpenAPI 3.1 by the rules of tests/openapi-rules.yaml, its
        schemas are sound, and routes, error codes and capabilities are
        those of the sources.

    openapi.py replies TREE FOLDER
        Every exchange that tests/it/rawhttp recorded in FOLDER is as the
        document says: route, status, headers, and every member of the body;
        a request that was granted as well.  Prints one line of TAP for each
        operation, and one for what was never provoked.

Exits 1 when anything is not as it says, 77 when jsonschema is not there.
"""

import hashlib
import json
import os
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"{error.name} is not installed")
    sys.exit(77)

METHODS = ("get", "put", "post", "delete")
PREFIX = "/api/v1"


def load(tree):
    """The document."""
    with open(os.path.join(tree, "doc/openapi.yaml"), encoding="utf-8") as f:
        return yaml.safe_load(f)


def resolve(doc, value):
    """What a reference leads to; anything else is itself."""
    while isinstance(value, dict) and "$ref" in value:
        path, value = value["$ref"], doc
        for part in path.removeprefix("#/").split("/"):
            value = value[part]
    return value


def validator(doc, schema):
    """For a schema of the document, whose references are the document's."""
    return jsonschema.Draft202012Validator(
        {"allOf": [schema], "components": doc["components"]})


def walk(value, path=""):
    """Every object below a value, with where it is."""
    if isinstance(value, dict):
        yield path, value
        for name, member in value.items():
            yield from walk(member, f"{path}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from walk(member, f"{path}/{index}")


def operations(doc):
    """(template, method, operation, parameters) of each."""
    for template, item in doc["paths"].items():
        for method in METHODS:
            if method in item:
                params = [resolve(doc, p) for p in item.get("parameters", [])
                          + item[method].get("parameters", [])]
                yield template, method, item[method], params


# --- lint ---------------------------------------------------------------

def lint_shape(doc, tree):
    """OpenAPI's own rules."""
    with open(os.path.join(tree, "tests/openapi-rules.yaml"),
              encoding="utf-8") as f:
        rules = yaml.safe_load(f)
    jsonschema.Draft202012Validator.check_schema(rules)
    for error in jsonschema.Draft202012Validator(rules).iter_errors(doc):
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"


def lint_references(doc):
    """Each leads somewhere, and whatever is there is used."""
    used = set()
    for path, value in walk(doc):
        ref = value.get("$ref")
        if not isinstance(ref, str):
            continue
        used.add(ref)
        try:
            resolve(doc, value)
        except KeyError:
            yield f"{path}: {ref} leads nowhere"
    for kind, members in doc["components"].items():
        for name in members:
            if kind != "securitySchemes" and \
                    f"#/components/{kind}/{name}" not in used:
                yield f"components/{kind}/{name} is used by nothing"


def lint_schemas(doc):
    """Sound by JSON Schema's own schema; examples are examples of them."""
    schemas = list(doc["components"].get("schemas", {}).items())
    for path, value in walk(doc):
        if "schema" in value and "/schemas/" not in path:
            schemas.append((path, value["schema"]))
            if "example" in value:
                for error in validator(doc, value["schema"]).iter_errors(
                        value["example"]):
                    yield f"{path}: its example: {error.message}"
    for name, schema in schemas:
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            yield f"{name}: {error.message}"


def lint_operations(doc):
    """Names are given once; path parameters are those of the path."""
    ids = set()
    tags = {tag["name"] for tag in doc.get("tags", [])}
    for template, method, operation, params in operations(doc):
        name = f"{method} {template}"
        if operation["operationId"] in ids:
            yield f"{name}: its operationId is another's as well"
        ids.add(operation["operationId"])
        if not set(operation.get("tags", [])) <= tags:
            yield f"{name}: a tag is not declared"
        in_path = {p["name"] for p in params if p["in"] == "path"}
        if in_path != set(re.findall(r"\{(\w+)\}", template)):
            yield f"{name}: its path has other parameters"


def source(tree, path):
    """The text of a source file."""
    with open(os.path.join(tree, path), encoding="utf-8") as f:
        return f.read()


def table(text, start):
    """From the line that begins a table to its end."""
    begin = text.index(start)
    return text[begin:text.index("\n};", begin)]


def routes_of(tree):
    """(method, template) of each row of the route table that is built."""
    rows = table(source(tree, "coven-apid/routes.c"),
                 "static const struct route routes[]")
    for method, match, text, handler in re.findall(
            r'\{\s*"(\w+)",\s*(\w+),\s*"([^"]*)",\s*(\w+),', rows):
        if handler == "NULL":
            continue
        yield method.lower(), {"SESSION": "/sessions/{id}" + text,
                               "BELOW": text + "{name}"}.get(
            match, text.removeprefix(PREFIX))


def codes_of_doc(doc):
    """Every code that an error of the document can have."""
    for _, value in walk(doc):
        for name in ("error",):
            code = value.get(name)
            if isinstance(code, dict):
                code = code.get("properties", {}).get("code", {})
                yield from code.get("enum", [])
                if "const" in code:
                    yield code["const"]


def lint_sources(doc, tree):
    """Nothing is missing here or there."""
    def compare(what, ours, theirs):
        for one in sorted(theirs - ours):
            yield f"{what} {one} is in the sources alone"
        for one in sorted(ours - theirs):
            yield f"{what} {one} is in the document alone"

    yield from compare(
        "route", {f"{m} {t}" for t, m, _, _ in operations(doc)},
        {f"{m} {t}" for m, t in routes_of(tree)})
    errors = table(source(tree, "coven-apid/request.c"),
                   "} errors[API__COUNT] = {")
    yield from compare(
        "error code", set(codes_of_doc(doc)),
        set(re.findall(r'\{\s*\d+,\s*\w+,\s*"(\w+)"', errors)) |
        set(re.findall(r'"code\\":\\"(\w+)\\"',
                       source(tree, "coven-apid/conn.c"))))
    health = source(tree, "coven-apid/on_health.c")
    written = health[health.index("\ncapability_flags("):]
    written = written[:written.index("\n}")]
    flags = table(source(tree, "coven-apid/on_health.c"), "} flags[] = {")
    yield from compare(
        "capability",
        set(doc["components"]["schemas"]["Capabilities"]["properties"]),
        set(re.findall(r'\{\s*"(\w+)",', flags)) | set(re.findall(
            r'jw_(?:kbool|kstr|name)\(j, "(\w+)"', written)) -
        {"capabilities"})


def lint(tree):
    """All of it."""
    doc = load(tree)
    problems = list(lint_shape(doc, tree))
    if not problems:
        problems = [*lint_references(doc), *lint_schemas(doc),
                    *lint_operations(doc), *lint_sources(doc, tree)]
    for problem in problems:
        print(f"doc/openapi.yaml: {problem}")
    return 1 if problems else 0


# --- replies ------------------------------------------------------------

# The same on every route that has them: one of these is enough.
ANYWHERE = {
    ("400", "invalid_request"), ("401", "unauthorized"),
    ("400", "execution_binding_unsupported"),
    ("403", "forbidden"), ("413", "payload_too_large"),
    ("421", "misdirected_request"), ("503", "unavailable"),
}
# What no test of the running suite can provoke.
NEVER = {
    ("413", "event_response_too_large"):
        "an event larger than any that is written today",
    ("422", "query_too_broad"): "a search of a quarter of a second",
    ("409", "changes_busy"): "two at once, of which one must be slow",
    ("500", "internal_error"): "a defect, not a condition",
    ("500", "kill_failed"): "a process that SIGKILL does not end",
}

# Scripts in which the daemon is killed: a reply may end with it.
KILLING = ("crash", "evil", "failpoints", "recovery", "soak", "socket_",
           "stop_", "stream", "watchdog")


def exchanges(folder):
    """(file, request, reply, cut) of each record."""
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            while head := f.readline():
                word, *sizes = head.split()
                if word != b"EXCHANGE":
                    raise ValueError(f"{name}: not a record: {head[:60]!r}")
                asked, answered, cut = map(int, sizes)
                yield name, f.read(asked), f.read(answered), cut
                f.readline()


class Reply:
    """Status, headers and body."""

    def __init__(self, raw):
        head, sep, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) (.+)", lines[0])
        if not sep or not match:
            raise ValueError(f"no reply: {raw[:80]!r}")
        self.status = match[1]
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            if name.lower() in self.headers:
                raise ValueError(f"{name} twice")
            self.headers[name.lower()] = value
        self.type = self.headers.get("content-type")

    def check_frame(self):
        """The headers that clients rely on, and no other."""
        want = {"content-type", "connection"}
        want |= {"cache-control"} if self.is_stream() else \
            {"content-length"}
        if set(self.headers) != want:
            raise ValueError(f"headers {sorted(self.headers)}")
        if self.headers["connection"] != "close":
            raise ValueError("the connection is not closed")
        if not self.is_stream() and \
                int(self.headers["content-length"]) != len(self.body):
            raise ValueError("Content-Length is not the body's")

    def is_stream(self):
        """Server-sent events?"""
        return self.type == "text/event-stream"

    def value(self):
        """The body as the document describes it."""
        if not self.is_stream():
            return json.loads(self.body)
        events = []
        # A client that left has a part of the last one.
        whole = self.body[:self.body.rfind(b"\n\n") + 2]
        for block in whole.decode("utf-8").split("\n\n"):
            event = {}
            for line in block.split("\n"):
                if line and not line.startswith(":"):
                    name, _, text = line.partition(": ")
                    event[name] = text
            if event:
                event["data"] = json.loads(event["data"])
                if "id" in event:
                    event["id"] = int(event["id"])
                events.append(event)
        return events


def is_torn(raw):
    """Shorter than it says."""
    head, sep, body = raw.partition(b"\r\n\r\n")
    match = re.search(rb"Content-Length: (\d+)", head)
    return not sep or (match is not None and int(match[1]) > len(body))


class Request:
    """What the daemon makes of the bytes of a request."""

    def __init__(self, raw):
        head, _, self.body = raw.replace(b"\r\n", b"\n", 1 << 10).partition(
            b"\n\n")
        first = head.split(b"\n", 1)[0].decode("latin-1").split(" ")
        self.method = first[0].lower() if len(first) > 1 else ""
        if first[0] != first[0].upper():
            self.method = ""
        target = first[1] if len(first) > 1 else ""
        self.path, self.asks, query = target.partition("?")
        self.query = {}
        for pair in query.split("&"):
            name, sep, value = pair.partition("=")
            if sep and name:
                self.query.setdefault(name, value)

    def json(self):
        """The body, which the daemon has taken for JSON; None: there is
        none."""
        return json.loads(self.body) if self.body.strip() else None


class Api:
    """The document, ready to be compared with."""

    def __init__(self, doc):
        self.doc = doc
        self.rows = []
        for template, method, operation, params in operations(doc):
            self.rows.append((self.pattern(template, operation), method,
                              operation, params))
        # Literal paths before those with an id, long ones before short.
        self.rows.sort(key=lambda row: (row[0].groups, -len(row[0].pattern)))
        self.validators = {}

    @staticmethod
    def pattern(template, operation):
        """An id may hold slashes, or nothing."""
        text = re.sub(r"\\\{\w+\\\}", "(.*)", re.escape(template))
        prefix = re.escape(PREFIX)
        if "x-only-prefixed" not in operation:
            prefix = f"(?:{prefix})?"
        return re.compile(prefix + text)

    def find(self, request):
        """The row of a request, or that of all others."""
        otherwise = self.doc["x-otherwise"]
        for row in otherwise.get("reserved", []):
            if row["method"] == request.method and re.fullmatch(
                    f"({re.escape(PREFIX)})?{row['path']}", request.path):
                return otherwise, []
        for pattern, method, operation, params in self.rows:
            if method == request.method and pattern.fullmatch(
                    request.path) and not (
                        request.asks and "x-only-prefixed" in operation):
                return operation, params
        return otherwise, []

    def check(self, schema, value, what):
        """Raises ValueError with the deepest cause."""
        key = id(schema)
        if key not in self.validators:
            self.validators[key] = validator(self.doc, schema)
        error = jsonschema.exceptions.best_match(
            self.validators[key].iter_errors(value))
        if error is not None:
            where = "/".join(map(str, error.absolute_path))
            raise ValueError(f"{what}: {where}: {error.message[:300]}")

    def check_request(self, request, operation, params):
        """One that was granted is one that the document allows."""
        for param in params:
            if param["in"] != "query" or param["name"] not in request.query:
                continue
            text = request.query[param["name"]]
            kind = param["schema"].get("type", "string")
            value = int(text) if kind == "integer" else \
                text == "true" if kind == "boolean" else text
            self.check(param["schema"], value, f"query {param['name']}")
        if "requestBody" not in operation:
            return
        body = operation["requestBody"]
        value = request.json()
        if value is None:
            if body.get("required"):
                raise ValueError("it has no body and was granted")
            return
        self.check(body["content"]["application/json"]["schema"], value,
                   "request")

    def check_exchange(self, raw_request, raw_reply):
        """(operationId, status, code) of what is as the document says."""
        request, reply = Request(raw_request), Reply(raw_reply)
        reply.check_frame()
        operation, params = self.find(request)
        responses = operation["responses"]
        if reply.status not in responses:
            raise ValueError(f"status {reply.status} is not documented: "
                             f"{reply.body[:200]!r}")
        content = resolve(self.doc, responses[reply.status])["content"]
        if reply.type not in content:
            raise ValueError(f"type {reply.type} is not documented")
        value = reply.value()
        self.check(content[reply.type]["schema"], value, "reply")
        # A body that is no JSON is none, on the two routes that say so.
        if reply.status[0] == "2" and operation.get("operationId") not in \
                ("kill", "completeExternal"):
            self.check_request(request, operation, params)
        code = value["error"]["code"] if isinstance(value, dict) and \
            "error" in value else ""
        return operation.get("operationId", "otherwise"), reply.status, code

    def documented(self):
        """Every (operationId, status, code) that there can be."""
        def codes(schema):
            schema = resolve(self.doc, schema)
            for way in ("oneOf", "anyOf", "allOf"):
                for one in schema.get(way, []):
                    yield from codes(one)
            yield from codes_of_doc(schema)

        rows = [(op, op["operationId"]) for _, _, op, _ in
                operations(self.doc)]
        for operation, name in [*rows, (self.doc["x-otherwise"],
                                        "otherwise")]:
            for status, response in operation["responses"].items():
                content = resolve(self.doc, response)["content"]
                found = [code for media in content.values()
                         for code in codes(media["schema"])]
                for code in found if status[0] != "2" else [""]:
                    yield name, status, code


def unseen(api, seen):
    """What is documented, could have been seen, and was not."""
    anywhere = {one[1:] for one in seen}
    for one in sorted(set(api.documented()) - seen):
        if one[1:] in NEVER or (one[1:] in ANYWHERE and
                                one[1:] in anywhere):
            continue
        yield one


def replies(tree, folder):
    """All that was recorded."""
    api = Api(load(tree))
    seen, counts, failures, known = set(), {}, {}, {}
    total = cut_short = silent = 0
    for name, request, reply, cut in exchanges(folder):
        total += 1
        if cut:
            cut_short += 1
            continue
        if not reply:
            silent += 1     # closed without a word: nobody asked anything
            if request.strip() and not name.startswith(KILLING):
                failures.setdefault("silence", []).append(
                    f"{name}: no reply to {request[:200]!r}")
            continue
        key = hashlib.sha256(b"%d " % len(request) + request +
                             reply).digest()
        if key not in known:
            if name.startswith(KILLING) and is_torn(reply):
                silent += 1
                continue
            try:
                known[key] = api.check_exchange(request, reply)
                seen.add(known[key])
            except (ValueError, KeyError) as error:
                known[key] = ("", "", "")
                failures.setdefault(request.split(b"?")[0][:60].decode(
                    "latin-1").split("\r")[0].split("\n")[0], []).append(
                        f"{name}: {request[:300]!r}: {error}")
        operation = known[key][0]
        counts[operation] = counts.get(operation, 0) + 1
    number = 0
    for operation in sorted(counts):
        if operation:
            number += 1
            print(f"ok {number} - openapi_{operation}: "
                  f"{counts[operation]} replies")
    for name in sorted(failures):
        number += 1
        print(f"not ok {number} - openapi: {name}")
        for line in failures[name][:5]:
            print(f"#   {line}")
    if os.environ.get("OPENAPI_ALL"):
        number += 1
        missing = list(unseen(api, seen))
        print(f"{'not ' if missing else ''}ok {number} - "
              "openapi: every documented reply was seen")
        for one in missing:
            print(f"#   never seen: {' '.join(one)}")
    print(f"# {total} exchanges: {sum(counts.values())} replies validated, "
          f"{len(known)} of them distinct; {silent} without a reply, "
          f"{cut_short} too long to be recorded")
    print(f"1..{number}")
    return 1 if failures else 0


def main():
    """By name."""
    if len(sys.argv) == 3 and sys.argv[1] == "lint":
        return lint(sys.argv[2])
    if len(sys.argv) == 4 and sys.argv[1] == "replies":
        return replies(sys.argv[2], sys.argv[3])
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main())
