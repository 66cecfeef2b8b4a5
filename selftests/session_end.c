// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let a session end after its file is closed, and after its module is unloaded.
 *
 * Usage: session_end DRIVER [MS]
 *
 * DRIVER is a module as samples/session_kobjtree.c, whose device node has the
 * same name. The last test unloads it, MS before a session ends.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "sensor.h"
#include "unbind.h"

static int unload_ms = 3000;

static bool start_and_close(__u32 ms)
{
	int fd = open_node("", 0);
	bool ok = CHECK(fd >= 0) && CHECK(!ioctl(fd, SESSION_START, &ms));

	close(fd);
	return ok;
}

static long count_sessions(void)
{
	int fd = open_node("", 0);
	__u32 count = 0;
	bool ok = CHECK(fd >= 0) && CHECK(!ioctl(fd, SESSION_COUNT, &count));

	close(fd);
	/* The file that asks has one, too. */
	return ok ? (long)count - 1 : -1;
}

/* Where releases are delayed, each takes a moment to go. */
static bool has_sessions(long expected)
{
	long end = now_ms() + 2000;
	long count;

	while ((count = count_sessions()) > expected && now_ms() < end)
		sleep_ms(50);
	return count == expected || fail("%ld sessions, not %ld", count, expected);
}

/* The timer has the last reference. */
static bool test_timer_last(void)
{
	bool ok = start_and_close(500) && has_sessions(1);

	sleep_ms(1000);
	return ok && has_sessions(0);
}

/* The file has it. */
static bool test_file_last(void)
{
	__u32 ms = 1;
	int fd = open_node("", 0);
	bool ok = CHECK(fd >= 0) && CHECK(!ioctl(fd, SESSION_START, &ms));

	sleep_ms(500);
	close(fd);
	return ok && has_sessions(0);
}

static bool test_module_in_use(void)
{
	int fd = open_node("", 0);
	bool ok = CHECK(fd >= 0);

	errno = 0;
	ok &= CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1);
	ok &= CHECK(errno == EAGAIN);
	close(fd);
	return ok;
}

/* The timer is still to fire when the module goes. */
static bool test_unload(void)
{
	long start = now_ms();
	bool ok = start_and_close(unload_ms);

	ok &= CHECK(!syscall(SYS_delete_module, driver, O_NONBLOCK));
	return ok && CHECK(now_ms() - start >= unload_ms);
}

static const struct test tests[] = {
	{ "timer_last", test_timer_last },
	{ "file_last", test_file_last },
	{ "module_in_use", test_module_in_use },
	{ "unload", test_unload },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER [MS]\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	if (argc > 2)
		unload_ms = atoi(argv[2]);
	return run_tests(tests, ARRAY_SIZE(tests));
}
