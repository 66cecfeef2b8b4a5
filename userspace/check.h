/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For programs of one thread with a test for each rule: what was first not true, and
 * what was warned and said. Included once, by such a program.
 */
#ifndef _KOBJTREE_CHECK_H
#define _KOBJTREE_CHECK_H

static char warned[200], said[200];
static int warnings, says;

void shim_warn(const char *format, ...)
{
	va_list args;

	warnings++;
	va_start(args, format);
	vsnprintf(warned, sizeof(warned), format, args);
	va_end(args);
}

void shim_say(const char *format, ...)
{
	va_list args;

	says++;
	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
}

static const char *broken;

static void fail(const char *what)
{
	if (!broken)
		broken = what;
}

#define CHECK(c) ({ if (!(c)) fail(#c); })

/* So many warnings since the last look, and this in the last one */
static void expect_warnings(int n, const char *text)
{
	if (warnings != n || (n && !strstr(warned, text)))
		fail(*text ? text : "no warning");
	warnings = 0;
}

#endif /* _KOBJTREE_CHECK_H */
