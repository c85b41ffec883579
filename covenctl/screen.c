#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/screen.h"

#define PARAM_MAX	9999
#define PARAMS_MAX	32

enum { GROUND, ESC, ESC_BETWEEN, CSI, OSC, STRING };

/* Beyond the modes below. */
enum { CHANGED_SGR = 24, CHANGED_REGION, CHANGED_CHARSET, CHANGED_KEYPAD,
	CHANGED_CURSOR, CHANGED_INSERT };
#define BIT(n)	(UINT32_C(1) << (n))

/* --- what passes -------------------------------------------------------- */

static const struct {
	char		 byte;
	const char	*name, *what;
} c0_rows[] = {
	{ '\a', "BEL", "bell" },
	{ '\b', "BS", "back one column" },
	{ '\t', "HT", "to the next tab stop" },
	{ '\n', "LF", "down one line" },
	{ '\v', "VT", "down one line" },
	{ '\f', "FF", "down one line" },
	{ '\r', "CR", "to the first column" },
	{ 016, "SO", "the second character set" },
	{ 017, "SI", "the first character set" },
};

/* between: the byte between ESC and the last one, or NUL. */
static const struct {
	char		 between, last;
	const char	*name, *what;
	int		 sets;	/* what is changed from now on, -1: nothing */
	bool		 undo;	/* is back to what it was */
} esc_rows[] = {
	{ '\0', '7', "ESC 7", "save the cursor", -1, false },
	{ '\0', '8', "ESC 8", "restore the cursor", -1, false },
	{ '\0', 'D', "ESC D", "down, scrolling", -1, false },
	{ '\0', 'E', "ESC E", "next line", -1, false },
	{ '\0', 'H', "ESC H", "set a tab stop", -1, false },
	{ '\0', 'M', "ESC M", "up, scrolling", -1, false },
	{ '\0', '=', "ESC =", "application keypad", CHANGED_KEYPAD, false },
	{ '\0', '>', "ESC >", "normal keypad", CHANGED_KEYPAD, true },
	{ '(', '0', "ESC (0", "line drawing as the first set",
	    CHANGED_CHARSET, false },
	{ '(', 'B', "ESC (B", "ASCII as the first set", CHANGED_CHARSET,
	    true },
	{ ')', '0', "ESC )0", "line drawing as the second set",
	    CHANGED_CHARSET, false },
	{ ')', 'B', "ESC )B", "ASCII as the second set", -1, false },
};

/* At most so many numbers; between: as above, before the last byte. */
static const struct {
	char		 between, last;
	uint8_t		 params;
	const char	*name, *what;
	int		 sets;
} csi_rows[] = {
	{ '\0', '@', 1, "CSI @", "insert blanks", -1 },
	{ '\0', 'A', 1, "CSI A", "cursor up", -1 },
	{ '\0', 'B', 1, "CSI B", "cursor down", -1 },
	{ '\0', 'C', 1, "CSI C", "cursor right", -1 },
	{ '\0', 'D', 1, "CSI D", "cursor left", -1 },
	{ '\0', 'E', 1, "CSI E", "lines down", -1 },
	{ '\0', 'F', 1, "CSI F", "lines up", -1 },
	{ '\0', 'G', 1, "CSI G", "to a column", -1 },
	{ '\0', 'H', 2, "CSI H", "to a place", -1 },
	{ '\0', 'I', 1, "CSI I", "tab stops on", -1 },
	{ '\0', 'J', 1, "CSI J", "erase in the screen", -1 },
	{ '\0', 'K', 1, "CSI K", "erase in the line", -1 },
	{ '\0', 'L', 1, "CSI L", "insert lines", -1 },
	{ '\0', 'M', 1, "CSI M", "delete lines", -1 },
	{ '\0', 'P', 1, "CSI P", "delete characters", -1 },
	{ '\0', 'S', 1, "CSI S", "scroll up", -1 },
	{ '\0', 'T', 1, "CSI T", "scroll down", -1 },
	{ '\0', 'X', 1, "CSI X", "erase characters", -1 },
	{ '\0', 'Z', 1, "CSI Z", "tab stops back", -1 },
	{ '\0', '`', 1, "CSI `", "to a column", -1 },
	{ '\0', 'a', 1, "CSI a", "columns right", -1 },
	{ '\0', 'b', 1, "CSI b", "repeat the character", -1 },
	{ '\0', 'd', 1, "CSI d", "to a line", -1 },
	{ '\0', 'e', 1, "CSI e", "lines down", -1 },
	{ '\0', 'f', 2, "CSI f", "to a place", -1 },
	{ '\0', 'g', 1, "CSI g", "clear tab stops", -1 },
	{ '\0', 'm', PARAMS_MAX, "CSI m", "colours and attributes",
	    CHANGED_SGR },
	{ '\0', 'r', 2, "CSI r", "the scrolling region", CHANGED_REGION },
	{ '\0', 's', 0, "CSI s", "save the cursor", -1 },
	{ '\0', 'u', 0, "CSI u", "restore the cursor", -1 },
	{ '!', 'p', 0, "CSI ! p", "soft reset", -1 },
	{ ' ', 'q', 1, "CSI SP q", "the cursor's shape", CHANGED_CURSOR },
};

/*
 * CSI ? N h and CSI ? N l; usual: what a terminal starts with.  The bit of a
 * row in "changed" is its number.
 */
static const struct {
	uint16_t	 number;
	bool		 usual;
	const char	*name, *what;
} modes[] = {
	{ 1, false, "CSI ? 1", "application cursor keys" },
	{ 5, false, "CSI ? 5", "reverse video" },
	{ 6, false, "CSI ? 6", "lines count from the region" },
	{ 7, true, "CSI ? 7", "wrap at the last column" },
	{ 12, false, "CSI ? 12", "a blinking cursor" },
	{ 25, true, "CSI ? 25", "a visible cursor" },
	{ 1000, false, "CSI ? 1000", "report the mouse's buttons" },
	{ 1002, false, "CSI ? 1002", "report its moves with a button" },
	{ 1003, false, "CSI ? 1003", "report its moves" },
	{ 1006, false, "CSI ? 1006", "report it in decimal" },
	{ 1007, false, "CSI ? 1007", "the wheel sends cursor keys" },
	{ 2004, false, "CSI ? 2004", "mark what is pasted" },
	{ 2026, false, "CSI ? 2026", "show changes at once" },
	/* Last: what stands above is put back where it was set. */
	{ 47, false, "CSI ? 47", "the other screen" },
	{ 1047, false, "CSI ? 1047", "the other screen" },
	{ 1048, false, "CSI ? 1048", "save the cursor" },
	{ 1049, false, "CSI ? 1049", "the other screen, the cursor saved" },
};

_Static_assert(nitems(modes) <= CHANGED_SGR, "a bit for each mode");

const char screen_reset[] =
    "\0337\033[r\0338\033[?1l\033[?5l\033[?6l\033[?7h\033[?12l\033[?25h"
    "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1007l\033[?2004l"
    "\033[?2026l\033[?1049l\033[4l\033[0m\033[ q\033(B\017\033>";

static const struct {
	const char	*name, *what;
} others[] = {
	{ "CSI 4", "insert mode, by h and l" },
	{ "OSC 0", "the title" },
	{ "OSC 1", "the icon's name" },
	{ "OSC 2", "the window's title" },
};

const char *
screen_row(size_t i, const char **what)
{
#define ROWS(t)								\
	do {								\
		if (i < nitems(t)) {					\
			*what = (t)[i].what;				\
			return (t)[i].name;				\
		}							\
		i -= nitems(t);						\
	} while (0)

	ROWS(c0_rows);
	ROWS(esc_rows);
	ROWS(csi_rows);
	ROWS(modes);
	ROWS(others);
#undef ROWS
	return NULL;
}

static void
set(struct screen *s, int bit, bool on)
{
	if (bit < 0)
		return;
	if (on)
		s->changed |= BIT(bit);
	else
		s->changed &= ~BIT(bit);
}

/* --- text and single controls ------------------------------------------- */

static void
control(struct screen *s, char c, struct buf *out)
{
	size_t i;

	for (i = 0; i < nitems(c0_rows); i++)
		if (c0_rows[i].byte == c)
			break;
	if (i == nitems(c0_rows))
		return;
	if (c == '\n' && s->newlines && s->last != '\r')
		(void)buf_adds(out, "\r");
	if (c == 016)
		set(s, CHANGED_CHARSET, true);
	(void)buf_add(out, &c, 1);
}

#define REPLACEMENT	"\xef\xbf\xbd"

/* The bytes that are held are no code point, or not all of one. */
static void
put_broken(struct screen *s, struct buf *out)
{
	if (s->nheld != 0 && !s->silent)
		(void)buf_adds(out, s->eight_bit ? "?" : REPLACEMENT);
	s->nheld = s->need = 0;
}

static void
put_code_point(struct screen *s, struct buf *out)
{
	bool c1 = s->held[0] == '\xc2' && (unsigned char)s->held[1] < 0xa0;
	bool control = false;

	for (size_t i = 0; i < s->nheld; i++)
		control |= (unsigned char)s->held[i] < 0xa0;
	if (!utf8_valid(s->held, s->nheld)) {
		put_broken(s, out);
		return;
	}
	/* A control in eight bits is one however it is encoded. */
	if (s->eight_bit && control)
		(void)buf_adds(out, "?");
	else if (!c1)
		(void)buf_add(out, s->held, s->nheld);
	s->nheld = s->need = 0;
}

/* A byte of 80 and above, outside every sequence. */
static void
high_byte(struct screen *s, char c, struct buf *out)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0xc0 || s->nheld == 0) {
		put_broken(s, out);
		s->need = u >= 0xf5 || u < 0xc2 ? 0 : u >= 0xf0 ? 4 :
		    u >= 0xe0 ? 3 : 2;
	}
	s->held[s->nheld++] = c;
	if (s->need == 0)
		put_broken(s, out);
	else if (s->nheld == s->need)
		put_code_point(s, out);
}

/* --- sequences ---------------------------------------------------------- */

/* Numbers between semicolons: how many, or -1 where one is too large. */
static int
params(const char *p, size_t n, uint32_t v[PARAMS_MAX])
{
	int k = 0;

	if (n == 0)
		return 0;
	v[0] = 0;
	for (size_t i = 0; i < n; i++)
		if (p[i] == ';') {
			if (++k == PARAMS_MAX)
				return -1;
			v[k] = 0;
		} else if (p[i] < '0' || p[i] > '9' ||
		    (v[k] = v[k] * 10 + (uint32_t)(p[i] - '0')) > PARAM_MAX)
			return -1;
	return k + 1;
}

/* The listed ones of "?1;25;1049": each in a sequence of its own. */
static void
put_modes(struct screen *s, const char *p, size_t n, char last,
    struct buf *out)
{
	uint32_t v[PARAMS_MAX];
	int k = params(p, n, v);

	for (int i = 0; i < k; i++)
		for (size_t m = 0; m < nitems(modes); m++) {
			if (modes[m].number != v[i])
				continue;
			(void)buf_addf(out, "\033[?%u%c", v[i], last);
			/* Undoing a saved cursor would move it. */
			if (v[i] != 1048)
				set(s, (int)m, (last == 'h') !=
				    modes[m].usual);
		}
}

/* Colours come with colons too, and never with a prefix. */
static bool
is_sgr(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < '0' || p[i] > '9') && p[i] != ';' && p[i] != ':')
			return false;
	return true;
}

static void
put_csi_row(struct screen *s, size_t row, const char *p, size_t n,
    struct buf *out)
{
	uint32_t v[PARAMS_MAX] = { 0 };
	int k = 0;

	if (csi_rows[row].last == 'm' ? !is_sgr(p, n) :
	    (k = params(p, n, v)) < 0 || k > csi_rows[row].params)
		return;
	(void)buf_adds(out, "\033[");
	(void)buf_add(out, p, n);
	if (csi_rows[row].between != '\0')
		(void)buf_add(out, &csi_rows[row].between, 1);
	(void)buf_add(out, &csi_rows[row].last, 1);
	if (csi_rows[row].last == 'm')
		set(s, CHANGED_SGR, !(n == 0 || (n == 1 && *p == '0')));
	else
		set(s, csi_rows[row].sets, n != 0);
}

static void
end_csi(struct screen *s, char last, struct buf *out)
{
	const char *p = s->seq;
	size_t n = s->nseq;
	char between = '\0';

	if (s->ignored)
		return;
	if (n != 0 && p[n - 1] < '0') {
		between = p[--n];
		if (n != 0 && p[n - 1] < '0')
			return;		/* no row has two */
	}
	if (between == '\0' && (last == 'h' || last == 'l')) {
		if (n != 0 && *p == '?')
			put_modes(s, p + 1, n - 1, last, out);
		else if (n == 1 && *p == '4') {
			(void)buf_addf(out, "\033[4%c", last);
			set(s, CHANGED_INSERT, last == 'h');
		}
		return;
	}
	for (size_t i = 0; i < nitems(csi_rows); i++)
		if (csi_rows[i].last == last &&
		    csi_rows[i].between == between)
			put_csi_row(s, i, p, n, out);
}

static void
end_esc(struct screen *s, char last, struct buf *out)
{
	char between = s->nseq == 1 ? s->seq[0] : '\0';

	if (s->nseq > 1)
		return;
	for (size_t i = 0; i < nitems(esc_rows); i++) {
		if (esc_rows[i].last != last ||
		    esc_rows[i].between != between)
			continue;
		(void)buf_adds(out, "\033");
		if (between != '\0')
			(void)buf_add(out, &between, 1);
		(void)buf_add(out, &last, 1);
		set(s, esc_rows[i].sets, !esc_rows[i].undo);
	}
}

/* "0;text": the number is one of three, the text has no control in it. */
static void
end_osc(struct screen *s, struct buf *out)
{
	/* No longer than it was: what is broken goes. */
	struct screen text = { .eight_bit = s->eight_bit, .silent = true };
	autobuf struct buf title = { 0 };

	if (s->ntitle < 2 || strchr("012", s->title[0]) == NULL ||
	    s->title[1] != ';' || s->ntitle > SCREEN_TITLE_MAX)
		return;
	for (size_t i = 2; i < s->ntitle; i++) {
		char c = s->title[i];

		if ((unsigned char)c >= 0x80)
			high_byte(&text, c, &title);
		else {
			put_broken(&text, &title);
			(void)buf_add(&title, &c, 1);
		}
	}
	put_broken(&text, &title);
	(void)buf_addf(out, "\033]%c;", s->title[0]);
	(void)buf_add(out, buf_head(&title), buf_left(&title));
	(void)buf_adds(out, "\a");
}

/* --- the machine -------------------------------------------------------- */

static void
begin(struct screen *s, int state)
{
	s->state = state;
	s->nseq = s->ntitle = 0;
	s->ignored = false;
}

static void
keep(struct screen *s, char c)
{
	if (s->nseq == sizeof(s->seq))
		s->ignored = true;
	else
		s->seq[s->nseq++] = c;
}

static void
in_ground(struct screen *s, char c, struct buf *out)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80) {
		high_byte(s, c, out);
		return;
	}
	put_broken(s, out);
	if (u < 0x20)
		control(s, c, out);
	else if (u != 0x7f)
		(void)buf_add(out, &c, 1);
}

/* Behind ESC. */
static void
in_esc(struct screen *s, char c, struct buf *out)
{
	static const struct {
		char	c;
		int	state;
	} strings[] = {
		{ '[', CSI }, { ']', OSC }, { 'P', STRING }, { 'X', STRING },
		{ '^', STRING }, { '_', STRING },
	};

	if (c >= 0x20 && c < 0x30) {
		keep(s, c);
		s->state = ESC_BETWEEN;
		return;
	}
	for (size_t i = 0; s->state == ESC && i < nitems(strings); i++)
		if (strings[i].c == c) {
			begin(s, strings[i].state);
			return;
		}
	end_esc(s, c, out);
	begin(s, GROUND);
}

static void
in_csi(struct screen *s, char c, struct buf *out)
{
	if (c < 0x40) {
		/* A parameter behind what follows them: no sequence. */
		if (c >= 0x30 && s->nseq != 0 && s->seq[s->nseq - 1] < 0x30)
			s->ignored = true;
		keep(s, c);
		return;
	}
	end_csi(s, c, out);
	begin(s, GROUND);
}

/* A string's end, or nothing of what it says. */
static void
in_string(struct screen *s, char c, struct buf *out)
{
	if (s->state == OSC && c == '\a') {
		end_osc(s, out);
		begin(s, GROUND);
	} else if (s->state == OSC && (unsigned char)c >= 0x20 && c != 0x7f &&
	    s->ntitle < sizeof(s->title))
		s->title[s->ntitle++] = c;
}

static void
one(struct screen *s, char c, struct buf *out)
{
	bool string = s->state == OSC || s->state == STRING;

	if (c == 030 || c == 032) {	/* CAN, SUB: whatever it was is off */
		put_broken(s, out);
		begin(s, GROUND);
	} else if (c == 033) {
		put_broken(s, out);
		/* ST is ESC \: the string ends before the backslash counts. */
		if (s->state == OSC)
			end_osc(s, out);
		begin(s, ESC);
	} else if (string)
		in_string(s, c, out);
	else if (s->state == GROUND)
		in_ground(s, c, out);
	else if ((unsigned char)c >= 0x80) {
		begin(s, GROUND);
		in_ground(s, c, out);
	} else if ((unsigned char)c < 0x20)
		control(s, c, out);	/* as terminals do, inside as well */
	else if (c == 0x7f)
		return;
	else if (s->state == CSI)
		in_csi(s, c, out);
	else
		in_esc(s, c, out);
}

void
screen_filter(struct screen *s, const char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		one(s, p[i], out);
		s->last = p[i];
	}
}

static const struct {
	int		 bit;
	const char	*text;
} undo[] = {
	/* The region's end moves the cursor, which is kept over it. */
	{ CHANGED_REGION, "\0337\033[r\0338" },
	{ CHANGED_INSERT, "\033[4l" },
	{ CHANGED_SGR, "\033[0m" },
	{ CHANGED_CURSOR, "\033[ q" },
	{ CHANGED_CHARSET, "\033(B\017" },
	{ CHANGED_KEYPAD, "\033>" },
};

void
screen_end(struct screen *s, struct buf *out)
{
	put_broken(s, out);
	for (size_t i = 0; i < nitems(undo); i++)
		if ((s->changed & BIT(undo[i].bit)) != 0)
			(void)buf_adds(out, undo[i].text);
	for (size_t m = 0; m < nitems(modes); m++)
		if ((s->changed & BIT(m)) != 0)
			(void)buf_addf(out, "\033[?%u%c", modes[m].number,
			    modes[m].usual ? 'h' : 'l');
	begin(s, GROUND);
	s->changed = 0;
}
