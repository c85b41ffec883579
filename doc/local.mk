dist_man_MANS += \
	doc/coven-apid.8 \
	doc/coven-applier.8 \
	doc/coven-archiver.8 \
	doc/coven-confread.8 \
	doc/coven-gateway.8 \
	doc/coven-extractor.8 \
	doc/coven-init.8 \
	doc/coven-monitor.8 \
	doc/coven-remover.8 \
	doc/coven-runner.8 \
	doc/coven-stored.8 \
	doc/coven.toml.5 \
	doc/familiars.toml.5 \
	doc/privacy.toml.5
dist_doc_DATA = doc/openapi.yaml
EXTRA_DIST += doc/LIMITS.md doc/PROTOCOL.md doc/ARCHITECTURE.md \
	doc/ESCAPE.md doc/SECURITY.md doc/WEAKNESSES.md \
	doc/adr/0001-llhttp-and-a-head-scanner.md \
	doc/adr/0002-libmd-inside-the-monitor.md \
	doc/adr/0003-prepare-precedes-the-record.md \
	doc/adr/0004-event-ids-carry-their-number.md \
	doc/adr/0005-becoming-the-payload-to-make-its-namespace.md \
	doc/adr/0006-who-lives-inside-a-session.md \
	doc/adr/0012-redaction-by-leads-and-classes.md \
	doc/adr/0013-the-gateway-is-outside-and-serves-a-descriptor.md \
	doc/adr/0007-spares.md \
	doc/adr/0008-events-in-blocks-and-segments.md \
	doc/adr/0009-an-earlier-daemons-record.md \
	doc/adr/0010-audit-chain.md \
	doc/adr/0011-tokens-and-pairing.md \
	doc/adr/0014-grants.md \
	doc/adr/0015-who-counts-and-what-a-limit-does.md \
	doc/adr/0016-protected-paths.md \
	doc/adr/0017-isolated-sessions.md \
	doc/adr/0018-workers-on-one-folder.md \
	doc/adr/0019-attempts-in-one-program.md \
	doc/adr/0020-peers-before-linux-6.5.md \
	doc/adr/0021-system-mode.md \
	doc/adr/0022-named-upstreams.md \
	doc/adr/0023-codex-is-told-that-it-is-confined.md \
	doc/adr/0024-a-workspace-of-its-own.md \
	doc/adr/0025-without-namespaces.md \
	doc/adr/0026-nested-sandboxes.md
