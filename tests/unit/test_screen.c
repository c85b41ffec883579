/* What of a session's output reaches the terminal: rows in, bytes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "covenctl/screen.h"

#define E	"\033"
#define SAME	NULL		/* all of it passes as it is */

static const struct {
	const char	*name, *in, *out;
} rows[] = {
	{ "text", "plain text\r\n\ttab\b\a", SAME },
	{ "code points", "gr\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", SAME },
	{ "colours", E "[1;31mred" E "[0m" E "[38;2;1;2;3m" E
	    "[48:5:12mx" E "[m", SAME },
	{ "conceal and blink", E "[8;5mx" E "[0m", SAME },
	{ "moves", E "[A" E "[2B" E "[3C" E "[4D" E "[5;6H" E "[7;8f" E "[9G"
	    E "[10d" E "[E" E "[F" E "[I" E "[Z" E "[`" E "[a" E "[e", SAME },
	{ "erasing", E "[2J" E "[3J" E "[K" E "[1K" E "[4X" E "[5P" E "[6@"
	    E "[7L" E "[8M", SAME },
	{ "scrolling", E "[2;20r" E "[3S" E "[4T" E "[r", SAME },
	{ "cursor kept", E "7" E "8" E "[s" E "[u", SAME },
	{ "lines", E "D" E "E" E "M" E "H" E "[3g", SAME },
	{ "keypad", E "=" E ">", SAME },
	{ "drawing", E "(0lqk\016x\017" E "(B", SAME },
	{ "a full screen and back", E "[?1049h" E "[?25l" E "[?1h" E
	    "[?2004h" E "[?1000h" E "[?1006h" E "[?1006l" E "[?1000l" E
	    "[?2004l" E "[?1l" E "[?25h" E "[?1049l", SAME },
	{ "insert mode", E "[4hx" E "[4l", SAME },
	{ "the cursor's shape", E "[5 q" E "[ q", SAME },
	{ "soft reset", E "[!p", SAME },
	{ "titles", E "]0;a b\a" E "]2;\xc3\xbc\a", SAME },
	{ "a title that ST ends", E "]2;t" E "\\x", E "]2;t\ax" },
	{ "repeat", "-" E "[20b", SAME },

	{ "DA asks", "a" E "[cb" E "[0c" E "[>c" E "[=c" E "Zc", "abc" },
	{ "DSR asks", E "[5n" E "[6nx" E "[?6n" E "[?996n", "x" },
	{ "DECRQM asks", E "[?2026$p" E "[4$px", "x" },
	{ "DECREQTPARM asks", E "[0x" E "[1xx", "x" },
	{ "XTVERSION asks", E "[>qx" E "[>0q", "x" },
	{ "window reports and acts", E "[18t" E "[14tx" E "[8;40;120t" E
	    "[2t" E "[21t" E "[>1t", "x" },
	{ "answerback", "a\005b", "ab" },
	{ "checksums of the screen", E "[1;1;1;1;24;80*yx", "x" },
	{ "graphics limits", E "[?1;1;0Sx", "x" },
	{ "keyboard queries and modes", E "[?ux" E "[>1u" E "[<u" E "[=5u" E
	    "[>4;2m" E "[?4m", "x" },
	{ "DCS", "a" E "P+q544e" E "\\b" E "P$qm" E "\\c", "abc" },
	{ "DCS with newlines and BEL in it", "a" E "P1\a2\n3" E "\\b",
	    "ab" },
	{ "sixels", E "Pq#0;2;0;0;0~~@@" E "\\x", "x" },
	{ "APC, PM, SOS", E "_Ga=d" E "\\x" E "^p" E "\\y" E "Xs" E "\\z",
	    "xyz" },
	{ "OSC 52 and every other", E "]52;c;aGk=\ax" E "]52;c;?" E "\\"
	    E "]4;1;?\a" E "]10;?\ay" E "]8;;http://a\az" E "]1337;x\a" E
	    "]777;notify;a;b\a" E "]9;x\a" E "]7;file:///\a" E "]50;?\a" E
	    "]133;A\a" E "]104\a", "xyz" },
	{ "a title that asks", E "]?\a" E "];x\a" E "]0\a" E "]00;x\a", "" },
	{ "controls in a title", E "]0;a\rb\nc" "\x01" "d\a", E
	    "]0;abcd\a" },
	{ "C1 in a title", E "]0;a\xc2\x9b" "6n\a", E "]0;a6n\a" },
	{ "media copy", E "[ix" E "[5i" E "[?4i", "x" },
	{ "keyboard lock, echo, VT52", E "[2hx" E "[12h" E "[20h" E "[?2l",
	    "x" },
	{ "132 columns resize", E "[?3hx" E "[?40h", "x" },
	{ "focus, sizes and schemes are reported", E "[?1004hx" E "[?2048h"
	    E "[?2031h", "x" },
	{ "saved modes", E "[?1049s" E "[?1049rx", "x" },
	{ "levels and eight bits", E "[62;1\"px" E " F" E " G" E "%@" E "%G",
	    "x" },
	{ "full reset", E "cx", "x" },
	{ "double height, alignment", E "#3" E "#8x", "x" },
	{ "other sets, shifts", E "(A" E "*0" E "nx" E "N" E "O" E "~", "x" },
	{ "one of several modes", E "[?3;25;1004h", E "[?25h" },
	{ "mouse highlighting", E "[1;2;3;4;5Tx", "x" },
	{ "too many numbers", E "[1;2;3Hx", "x" },
	{ "too large", E "[99999Ax" E "[4294967297A", "x" },
	{ "too long", E "[1111111111111111111111111111111111111111111111111"
	    "11111111111111111111111111mx", "x" },
	{ "numbers behind a blank", E "[1 2qx", "x" },
	{ "colours with a prefix", E "[>1mx" E "[?1m", "x" },
	{ "C1 in UTF-8", "a\xc2\x9b" "6n\xc2\x90q\xc2\x9c" "b", "a6nqb" },
	{ "C1 in a byte", "a\x9b" "6nb", "a\xef\xbf\xbd" "6nb" },
	{ "not UTF-8", "\xff\xc3(\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd("
	    "\xef\xbf\xbd" },
	{ "a surrogate, overlong", "\xed\xa0\x80\xc0\x80\xf8", NULL },
	{ "cancelled", E "[31\x18m" E "]0;x\x1a" "y\a", "my\a" },
	{ "a sequence in a sequence", E "[3" E "[1m", E "[1m" },
	{ "a control in a sequence", E "[3\r1m", "\r" E "[31m" },
	{ "a byte in a sequence", E "[3\xc3\xbc", "\xc3\xbc" },
	{ "NUL, DEL, XON", "a" "\x11\x13\x7f" "b", "ab" },
	{ "a string without an end", "a" E "]0;x", "a" },
	{ "a sequence without an end", "a" E "[3", "a" },
};

static void
run(const char *in, size_t n, size_t at, struct buf *out)
{
	struct screen s = { 0 };

	screen_filter(&s, in, at, out);
	screen_filter(&s, in + at, n - at, out);
	s.changed = 0;		/* ends are tested apart */
	screen_end(&s, out);
}

static void
rows_pass_or_are_dropped(void **state)
{
	(void)state;
	for (size_t i = 0; i < nitems(rows); i++) {
		const char *want = rows[i].out != NULL ? rows[i].out :
		    rows[i].in;
		size_t n = strlen(rows[i].in);

		if (strcmp(rows[i].name, "a surrogate, overlong") == 0)
			continue;
		/* Wherever the chunk ends. */
		for (size_t at = 0; at <= n; at++) {
			autobuf struct buf b = { 0 };

			run(rows[i].in, n, at, &b);
			if (buf_left(&b) != strlen(want) ||
			    memcmp(buf_head(&b), want, strlen(want)) != 0)
				fail_msg("%s, cut at %zu", rows[i].name, at);
		}
	}
}

/* Broken bytes become the mark of one, never themselves. */
static void
broken_bytes_never_pass(void **state)
{
	(void)state;
	for (int a = 0x80; a < 0x100; a++)
		for (int b = 0; b < 0x100; b++) {
			autobuf struct buf out = { 0 };
			char in[3] = { (char)a, (char)b, 'x' };
			const char *p;

			run(in, 3, 3, &out);
			if (a >= 0xc2 && a < 0xe0 && b >= 0x80 && b < 0xc0)
				continue;	/* that is a code point */
			p = buf_head(&out);
			assert_memory_equal(p, "\xef\xbf\xbd", 3);
		}
}

static void
a_terminal_of_eight_bits_gets_no_controls(void **state)
{
	struct screen s = { .eight_bit = true };
	autobuf struct buf b = { 0 };

	(void)state;
	/* U+00DB is C3 9B, and 9B is CSI there; U+00E9 is C3 A9. */
	screen_filter(&s, "\xc3\x9b" "6n \xc3\xa9 \xe2\x80\x94 \x9b", 13, &b);
	screen_end(&s, &b);
	assert_int_equal(buf_left(&b), strlen("?6n \xc3\xa9 ? ?"));
	assert_memory_equal(buf_head(&b), "?6n \xc3\xa9 ? ?", buf_left(&b));
}

static void
newlines_return_where_there_is_no_terminal(void **state)
{
	struct screen s = { .newlines = true };
	autobuf struct buf b = { 0 };

	(void)state;
	screen_filter(&s, "a\nb\r", 4, &b);
	screen_filter(&s, "\nc", 2, &b);
	assert_string_equal(buf_head(&b), "a\r\nb\r\nc");
}

static const struct {
	const char	*name, *in, *end;
} ends[] = {
	{ "nothing", "x" E "[1m" E "[0m" E "[?25l" E "[?25h", "" },
	{ "colour", E "[31mx", E "[0m" },
	{ "hidden cursor", E "[?25l", E "[?25h" },
	{ "another screen and its modes", E "[?1049h" E "[?1h" E "[?1000h" E
	    "[?1006h" E "[?2004h", E "[?1l" E "[?1000l" E "[?1006l" E
	    "[?2004l" E "[?1049l" },
	{ "no wrap", E "[?7l", E "[?7h" },
	{ "a region", E "[2;3r", E "7" E "[r" E "8" },
	{ "drawing", E "(0", E "(B\017" },
	{ "keypad", E "=", E ">" },
	{ "insert", E "[4h", E "[4l" },
	{ "shape", E "[3 q", E "[ q" },
};

static void
an_end_puts_back_what_was_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < nitems(ends); i++) {
		autobuf struct buf b = { 0 }, e = { 0 };
		struct screen s = { 0 };

		screen_filter(&s, ends[i].in, strlen(ends[i].in), &b);
		screen_end(&s, &e);
		(void)buf_adds(&e, "");
		if (buf_left(&e) != strlen(ends[i].end) ||
		    memcmp(buf_head(&e), ends[i].end, buf_left(&e)) != 0)
			fail_msg("%s", ends[i].name);
		/* What a crash writes undoes it as well. */
		if (strstr(screen_reset, ends[i].end) == NULL &&
		    i != 3)
			fail_msg("%s: not in screen_reset", ends[i].name);
	}
}

/* Every row of the tables passes itself, and is in the manual. */
static void
the_manual_lists_every_row(void **state)
{
	const char *name, *what, *dir = getenv("srcdir");
	char path[512], line[512];
	autobuf struct buf page = { 0 };
	FILE *f;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/doc/covenctl-attach.1",
	    dir != NULL ? dir : ".");
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s: not there", path);
	while (fgets(line, sizeof(line), f) != NULL)
		(void)buf_adds(&page, line);
	(void)fclose(f);
	for (size_t i = 0; (name = screen_row(i, &what)) != NULL; i++) {
		(void)snprintf(line, sizeof(line), "\n.It %s Ta %s\n", name,
		    what);
		if (strstr(buf_head(&page), line) == NULL)
			fail_msg("%s: no line %s", path, line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_pass_or_are_dropped),
		cmocka_unit_test(broken_bytes_never_pass),
		cmocka_unit_test(a_terminal_of_eight_bits_gets_no_controls),
		cmocka_unit_test(newlines_return_where_there_is_no_terminal),
		cmocka_unit_test(an_end_puts_back_what_was_changed),
		cmocka_unit_test(the_manual_lists_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
