/*
 * Messages between roles: the structs, codec and permission table generated
 * from common/msg.def, which is the only place that lists them.
 *
 * A packet is a fixed header and the row's fields.  Decoding never allocates
 * for the caller's benefit: strings and byte fields of a decoded struct point
 * into the packet, which must outlive it.
 */
#ifndef COVEN_COMMON_MSG_H
#define COVEN_COMMON_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"

enum role {
	ROLE_MONITOR,
	ROLE_APID,
	ROLE_STORED,
	ROLE_RUNNER,
	ROLE_INIT,
	ROLE_CONFREAD,
	ROLE_GATEWAY,
	ROLE_RESOLVER,
	ROLE_APPLIER,
	ROLE_ARCHIVER,
	ROLE_EXTRACTOR,
	ROLE_REMOVER,
	ROLE__COUNT
};

#define R(r)		(1u << ROLE_##r)
#define R_CHILDREN	(R(APID) | R(STORED) | R(RUNNER) | R(INIT) | \
			    R(CONFREAD) | R(GATEWAY) | R(RESOLVER) | \
			    R(APPLIER) | R(ARCHIVER) | R(EXTRACTOR) | \
			    R(REMOVER))

enum chan_state {
	CS_SAME = 0,
	CS_NEW = 1 << 0,	/* executed, said nothing */
	CS_HELLO = 1 << 1,	/* says it is confined */
	CS_READY = 1 << 2,	/* the monitor has seen that it is */
	CS_SERVING = 1 << 3,
	CS_STOPPING = 1 << 4,
};

enum fd_kind {
	FD_NONE,
	FD_SOCKET,		/* AF_UNIX SOCK_SEQPACKET, connected */
	FD_LISTENER,		/* AF_UNIX SOCK_STREAM, listening */
	FD_TCP_LISTENER,	/* AF_INET SOCK_STREAM, listening */
	FD_CONN,		/* AF_UNIX SOCK_STREAM, not listening */
	FD_PIDFD,
	FD_MEMFD,		/* every seal set */
	FD_MEMFD_OPT,		/* the same, or nothing */
	FD_SHELF,		/* sealed but to its maker: common/shelf.h */
	FD_PIPE,
	FD_FILE,		/* regular */
	FD_DIR,
	FD_TREE_OPT,		/* a folder or a file, or nothing */
	FD_TTY,
};

#define MSG_ONCE	1u

#define MSG_DIGEST_LEN	32

enum msg_type {
	MSG_INVALID,
#define MSG(N, n, ...)	MSG_##N,
#define U32(f)
#define U64(f)
#define I32(f)
#define STR(f, max)
#define BIN(f, max)
#define END(N, n)
#include "common/msg.def"
#undef MSG
#undef U32
#undef U64
#undef I32
#undef STR
#undef BIN
#undef END
	MSG__COUNT
};

struct msg_bin {
	const void	*p;
	size_t		 len;
};

/* struct msg_hello, struct msg_peer, ...: one a row, fields as named there. */
#define MSG(N, n, ...)	struct msg_##n {
#define U32(f)		uint32_t f;
#define U64(f)		uint64_t f;
#define I32(f)		int32_t f;
#define STR(f, max)	const char *f;	/* NULL encodes as "" */
#define BIN(f, max)	struct msg_bin f;
#define END(N, n)	};
#include "common/msg.def"
#undef MSG
#undef U32
#undef U64
#undef I32
#undef STR
#undef BIN
#undef END

union msg_any {
#define MSG(N, n, ...)	struct msg_##n n;
#define U32(f)
#define U64(f)
#define I32(f)
#define STR(f, max)
#define BIN(f, max)
#define END(N, n)
#include "common/msg.def"
#undef MSG
#undef U32
#undef U64
#undef I32
#undef STR
#undef BIN
#undef END
};

enum msg_field_type { FIELD_U32, FIELD_U64, FIELD_I32, FIELD_STR, FIELD_BIN };

struct msg_field {
	const char		*name;
	enum msg_field_type	 type;
	size_t			 offset;
	size_t			 max;
};

struct msg_row {
	const char		*name;
	uint32_t		 from, to;	/* masks of R() */
	uint32_t		 states;
	enum chan_state		 next;
	uint32_t		 flags;
	enum fd_kind		 fdkind;
	const char		*summary;
	const struct msg_field	*(*fields)(size_t *count);
};

/* The row of a type, or NULL when there is none. */
const struct msg_row	*msg_row(uint32_t type);
const char		*msg_role_name(enum role);

/*
 * Append one encoded record to out.  0; -EMSGSIZE when a field is over its
 * maximum; -EINVAL for an unknown type.  out is unchanged on failure.
 */
int	msg_encode(struct buf *out, enum msg_type, const void *msg);

/* Named outcomes of msg_decode. */
enum { MSG_SHORT = 1, MSG_BAD = 2 };

/*
 * Decode one record from the n bytes at p.  0 and *used bytes consumed;
 * MSG_SHORT when more bytes are needed; MSG_BAD when no bytes can help.
 * *msg is written only on success and borrows from p.
 */
int	msg_decode(const void *p, size_t n, uint32_t *type, union msg_any *msg,
	    size_t *used);

/* Decode exactly one record of the wanted type from all n bytes, or -EPROTO. */
int	msg_decode_exact(const void *p, size_t n, enum msg_type want,
	    union msg_any *msg);

/* SHA-256 of the table as printed by msg_dump: both ends must agree. */
void	msg_table_digest(uint8_t out[MSG_DIGEST_LEN]);
void	msg_dump(FILE *);

/* --- values that fields carry, shared by the two ends --- */

enum run_code {			/* RUN_PREPARED.code */
	RUN_OK,
	RUN_BAD_ROOT,		/* projectRoot does not resolve */
	RUN_ROOT_REFUSED,	/* it does, and the rules refuse it */
	RUN_CWD_OUTSIDE,
	RUN_BAD_CWD,
	RUN_BAD_SPEC,
	RUN_NO_HARNESS,
	RUN_LIMIT,		/* too many live, or started too fast */
	RUN_STOPPING,
	RUN_ERROR,
};

enum store_code {		/* REPLY.code */
	STORE_OK,
	STORE_CREATED,		/* EXTERNAL: new row */
	STORE_NOT_FOUND,
	STORE_NOT_LIVE,
	STORE_LIVE,		/* it has not ended */
	STORE_NO_TERMINAL,
	STORE_CONFLICT,
	STORE_NOT_EXTERNAL,
	STORE_EXTERNAL_UNKILLABLE,
	STORE_BAD_ROOT,		/* text says which rule */
	STORE_BAD_CWD,
	STORE_LAUNCH_FAILED,	/* text: "id\tstep: cause" */
	STORE_INPUT_FULL,
	STORE_KILL_FAILED,
	STORE_TOO_LARGE,
	STORE_TOO_WIDE,		/* a search that takes too long */
	STORE_BAD_QUERY,	/* text says why */
	STORE_UNAVAILABLE,
	STORE_ERROR,
	STORE_SAME,		/* the list that apid has is still right */
	STORE_NO_CHANGES,	/* it left none, or was not isolated */
	STORE_CHANGES_BUSY,
	STORE_CHANGES_FAILED,	/* text says why */
};

enum who_code {			/* WHO_REPLY.inside */
	WHO_OUTSIDE,
	WHO_INSIDE,
	WHO_UNKNOWN,		/* this kernel does not say */
};

enum token_code {		/* TOKEN_ROTATED.code */
	TOKEN_OK,
	TOKEN_OFF,		/* auth.mode is not "token" */
	TOKEN_BUSY,		/* another is under way, or too many were */
	TOKEN_FAILED,		/* the log says why */
};

enum work_phase {			/* PHASE.phase, PHASED.phase */
	PHASE_KEPT,		/* nothing is to be done */
	PHASE_ARCHIVE,		/* pack what the session wrote */
	PHASE_REMOVE,		/* empty the folder, remove it */
	PHASE_FORGET,		/* unlink the archive */
	PHASE__COUNT
};

enum archive_policy {		/* WORKSPACE.policy, as archive.policy */
	POLICY_NEVER,
	POLICY_FAILED,
	POLICY_ALWAYS,
	POLICY_SCRATCH,		/* a session's temporary files: not kept */
};

enum sandbox_mode {		/* LISTENER.sandbox, an init's first word */
	SANDBOX_NAMESPACES,
	SANDBOX_LANDLOCK,	/* none: Landlock, filters, limits */
	SANDBOX_MODES
};

const char	*msg_sandbox_name(enum sandbox_mode);

enum work_verb {		/* CHANGES.verb, WORK_DO.verb, APPLY_GO.verb */
	WORK_LIST,
	WORK_APPLY,
	WORK_DISCARD,
};

enum work_code {		/* WORK_DONE.code, APPLY_DONE.code */
	WORK_OK,
	WORK_NONE,		/* this session left nothing */
	WORK_BUSY,
	WORK_FAILED,		/* text says why */
};

enum change_what { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_DELETED };
enum change_kind { CHANGE_FILE, CHANGE_FOLDER, CHANGE_LINK, CHANGE_SPECIAL };

/* CHANGE_ROW.flags: why it is not brought over. */
#define CHANGE_F_CONFLICT	1u	/* the project's has changed since */
#define CHANGE_F_PROTECTED	2u	/* common/protect.def */
#define CHANGE_F_OUTWARD	4u	/* a link that leads out */
#define CHANGE_F_SPECIAL	8u	/* no file, folder or link */

enum change_result {		/* CHANGE_ROW.result */
	RESULT_NONE,		/* it was only asked for */
	RESULT_APPLIED,
	RESULT_CONFLICT,
	RESULT_REFUSED,
	RESULT_FAILED,
};

enum transport {
	TRANSPORT_PTY,		/* stdin, stdout, stderr are one terminal */
	TRANSPORT_PIPES,	/* three pipes */
	TRANSPORT_STREAM,	/* three pipes, JSON lines, stderr wrapped */
};

enum event_kind {
	EVENT_OUTPUT,
	EVENT_INPUT,
	EVENT_KILL,
	EVENT_EXIT,
	EVENT_OTHER,		/* of an earlier daemon: old_events names it */
	EVENT_KIND__COUNT
};

enum conf_file_kind {
	CONF_FILE_TOML,		/* a coven.toml */
	CONF_FILE_MANIFEST,
	CONF_FILE_PRIVACY,
	CONF_FILE_FAMILIARS,
	CONF_FILE_KEY,		/* a granted key and nothing else */
	CONF_FILE__COUNT
};

enum mount_op {			/* INIT_MOUNT.op */
	MOUNT_BIND,		/* source's tree at target */
	MOUNT_TMPFS,
	MOUNT_SYMLINK,		/* target is a link to source */
	MOUNT_FILE,		/* data as a read-only file */
	MOUNT_DIR,		/* an empty folder */
	MOUNT_COPY,		/* a sealed memfd's bytes, the payload's own */
};

#define MOUNT_F_RO	1u
#define MOUNT_F_NOEXEC	2u
#define MOUNT_F_OPTIONAL 4u	/* absent source: skipped */
#define MOUNT_F_COMPARE	8u	/* (dev, ino) must match */
#define MOUNT_F_MASK	16u	/* sockets and FIFOs below are masked */
#define MOUNT_F_OURS	32u	/* payloads left it: too many are removed */
#define MOUNT_F_UPPER	64u	/* the project's upper layer: has no place */
#define MOUNT_F_PROTECT	128u	/* the owner's: protected paths are in it */

#endif
