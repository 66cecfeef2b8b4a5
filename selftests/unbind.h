/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of unbind share: reports, a platform driver whose one device has
 * its name, and threads that sleep in the kernel.
 */
#ifndef _SELFTESTS_KOBJTREE_UNBIND_H
#define _SELFTESTS_KOBJTREE_UNBIND_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* For a debug kernel, on a machine that is busy. */
#define SOON_MS		5000

static const char *driver;

/* === Reports === */

__printf(1, 2)
static inline bool fail(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	return false;
}

/* The same, to be found in the kernel's log, for the demo. */
__printf(1, 2)
static inline bool tell(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	FILE *kmsg = fopen("/dev/kmsg", "w");

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (kmsg) {
		fprintf(kmsg, "demo: seen: %s\n", text);
		fclose(kmsg);
	}
	return fail("%s", text);
}

#define CHECK(cond) ((cond) || fail("%s:%d: %s: %s", __func__, __LINE__, #cond, \
				    strerror(errno)))

struct test {
	const char *name;
	bool (*fn)(void);
};

/* Run the tests, or the one of the environment's TEST; return the exit code. */
static inline int run_tests(const struct test *tests, int count)
{
	const char *only = getenv("TEST");
	int i, number = 0, failures = 0;

	setlinebuf(stdout);
	printf("TAP version 13\n1..%d\n", only ? 1 : count);
	for (i = 0; i < count; i++) {
		bool ok;

		if (only && strcmp(only, tests[i].name))
			continue;
		ok = tests[i].fn();
		failures += !ok;
		printf("%sok %d %s.%s\n", ok ? "" : "not ", ++number, driver,
		       tests[i].name);
	}
	return failures || !number;
}

/* === Time === */

static inline long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* === The driver === */

static inline bool sysfs_write(const char *dir, const char *file,
			       const char *text)
{
	char path[PATH_MAX];
	ssize_t ret;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ret = write(fd, text, strlen(text));
	close(fd);
	return ret == (ssize_t)strlen(text);
}

/* Its one device has its name, but for what the environment says. */
static inline const char *device(void)
{
	return getenv("DEVICE") ?: driver;
}

static inline bool driver_write(const char *file)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/sys/bus/platform/drivers/%s", driver);
	return sysfs_write(dir, file, device());
}

static inline bool bound(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/platform/drivers/%s/%s", driver,
		 device());
	return !access(path, F_OK);
}

static inline bool do_bind(void)
{
	return bound() || driver_write("bind");
}

static inline bool do_unbind(void)
{
	return !bound() || driver_write("unbind");
}

/* The device node of the driver, with @suffix to its name. */
static inline int open_node(const char *suffix, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/dev/%s%s", driver, suffix);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

/* === One who sleeps === */

struct sleeper {
	int (*fn)(int fd);
	int fd;
	int ret;
	int err;
	long ended;
	pthread_t thread;
};

static inline void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;

	s->ret = s->fn(s->fd);
	s->err = errno;
	__atomic_store_n(&s->ended, now_ms(), __ATOMIC_RELEASE);
	return NULL;
}

static inline bool sleeper_ended(struct sleeper *s)
{
	return __atomic_load_n(&s->ended, __ATOMIC_ACQUIRE);
}

/* True if it does sleep. */
static inline bool sleeper_start(struct sleeper *s)
{
	if (!CHECK(!pthread_create(&s->thread, NULL, sleeper_main, s)))
		return false;
	sleep_ms(300);
	return CHECK(!sleeper_ended(s));
}

/* Ended in time; a thread that has not is left behind. */
static inline bool sleeper_join(struct sleeper *s)
{
	long start = now_ms();

	while (!sleeper_ended(s) && now_ms() - start < SOON_MS)
		sleep_ms(10);
	if (!sleeper_ended(s))
		return fail("sleeps on after the removal");
	return !pthread_join(s->thread, NULL);
}

/* @fn sleeps in @fd until the unbind, which ends it with -1 and ENODEV. */
static inline bool unbind_under(int (*fn)(int fd), int fd)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok;

	s->fn = fn;
	s->fd = fd;
	if (!sleeper_start(s))
		return false;
	ok = CHECK(do_unbind());
	if (!sleeper_join(s))
		return false;
	errno = s->err;
	ok &= CHECK(s->ret == -1) && CHECK(s->err == ENODEV);
	free(s);
	return ok;
}

#endif /* _SELFTESTS_KOBJTREE_UNBIND_H */
