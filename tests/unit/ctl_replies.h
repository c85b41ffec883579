/* What the scripted daemon of the tests of covenctl says. */
#ifndef COVEN_TESTS_CTL_REPLIES_H
#define COVEN_TESTS_CTL_REPLIES_H

#define R(m, t, s, b, ...) { .method = m, .target = t, .status = s, \
	.body = b, __VA_ARGS__ }
#define SESSION		"{\"id\":\"s1\",\"status\":\"running\"}"
#define PAGE(events)	"{\"events\":[" events "],\"nextCursor\":null," \
			"\"hasMore\":false}"
#define EVENT(n, kind, payload) "{\"seq\":" #n ",\"id\":\"e" #n "\"," \
    "\"session_id\":\"s1\",\"kind\":\"" kind "\",\"payload_json\":\"" \
    payload "\",\"created_at\":\"2026-01-02T03:04:05.000000000Z\"}"
#define OUT(n, text)	EVENT(n, "output", "{\\\"data\\\":\\\"" text "\\\"}")
#define END(n, code)	EVENT(n, "exit", "{\\\"status\\\":\\\"completed\\\"," \
			"\\\"exitCode\\\":" #code "}")
#define LAUNCHED	R("POST", "/api/v1/sessions ", 201, SESSION)
#define RUNNING		R("GET", "/sessions/s1 ", 200, SESSION)
#define ACCEPTED	"{\"accepted\":true,\"ok\":true}"
#define REFUSED(code, text) "{\"error\":{\"code\":\"" code "\",\"message\":\"" \
			text "\"}}"

#endif
