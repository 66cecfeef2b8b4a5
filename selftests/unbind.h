/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of unbind share: reports, a driver with one device, on the platform
 * bus and of its name unless the test says otherwise, and threads that sleep in
 * the kernel.
 */
#ifndef _SELFTESTS_KOBJTREE_UNBIND_H
#define _SELFTESTS_KOBJTREE_UNBIND_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
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

/* Why this kernel cannot run the test that returns true now. */
static const char *skip_reason;

static inline bool skip(const char *reason)
{
	skip_reason = reason;
	return true;
}

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
		skip_reason = NULL;
		ok = tests[i].fn();
		failures += !ok;
		printf("%sok %d %s.%s%s%s\n", ok ? "" : "not ", ++number,
		       driver, tests[i].name, skip_reason ? " # SKIP " : "",
		       skip_reason ?: "");
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

static const char *bus = "platform";
static const char *device_name;

/* Its one device has its name, but for what the test or the environment says. */
static inline const char *device(void)
{
	return device_name ?: getenv("DEVICE") ?: driver;
}

static inline bool driver_write(const char *file)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/sys/bus/%s/drivers/%s", bus, driver);
	return sysfs_write(dir, file, device());
}

static inline bool bound(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/%s/%s", bus, driver,
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

/* === Each allocation fails once === */

static inline bool cannot_fail(void)
{
	return access("/proc/self/fail-nth", F_OK) &&
	       skip("no CONFIG_FAULT_INJECTION");
}

/*
 * @fn with its first allocation failing, with its second, and so on until there
 * are no more, when it has to succeed; @undo after each success but the last.
 * @failed: how often @fn did.
 */
static inline bool fail_each(const char *what, bool (*fn)(void *arg),
			     bool (*undo)(void *arg), void *arg, int *failed)
{
	int control = open("/proc/thread-self/fail-nth", O_RDWR), n;
	bool ok = CHECK(control >= 0), injected = true, done;
	char text[16];

	sysfs_write("/sys/kernel/debug/failslab", "ignore-gfp-wait", "N");
	sysfs_write("/sys/kernel/debug/failslab", "verbose", "0");
	*failed = 0;
	for (n = 1; ok && injected; n++) {
		snprintf(text, sizeof(text), "%d", n);
		ok &= CHECK(write(control, text, strlen(text)) > 0);
		done = fn(arg);
		memset(text, 0, sizeof(text));
		ok &= CHECK(pread(control, text, sizeof(text) - 1, 0) > 0);
		injected = atoi(text) == 0;
		ok &= CHECK(write(control, "0", 1) == 1);
		*failed += !done;
		if (injected && done)
			ok &= CHECK(undo(arg));
		ok &= CHECK(injected || done);
	}
	printf("# %s: %d allocations, %d failed\n", what, n - 2, *failed);
	close(control);
	return ok;
}

static inline bool fail_bind(void *unused)
{
	(void)unused;
	return driver_write("bind");
}

static inline bool fail_unbind(void *unused)
{
	(void)unused;
	return do_unbind();
}

/* The probe of the driver, which is left bound. */
static inline bool fail_each_of_probe(void)
{
	int failed;

	if (cannot_fail())
		return true;
	return CHECK(do_unbind()) &&
	       fail_each("probe", fail_bind, fail_unbind, NULL, &failed) &&
	       CHECK(bound()) && CHECK(failed > 0);
}

/* === All at once === */

/* As long as the environment says; there is time for more in make storm. */
static inline int storm_seconds(void)
{
	int seconds = atoi(getenv("STORM") ?: "");

	return seconds > 0 ? seconds : 3;
}

/* A short one goes on until @all was seen, if that comes. */
static inline bool storm_goes_on(long start, bool all)
{
	long ms = now_ms() - start;

	return ms < storm_seconds() * 1000L || (!all && ms < 6 * SOON_MS);
}

/**
 * struct storm - a device that comes and goes under its users
 * @open: a file for one of them; -1 while there is no device
 * @come: makes the device come, NULL to bind it
 * @go: makes it go, NULL to unbind it
 */
struct storm {
	int (*open)(void);
	bool (*come)(int round);
	bool (*go)(int round);
};

struct storm_user {
	const struct storm *storm;
	void (*fn)(int fd);
	pthread_t thread;
};

/* What a call may also fail with when the device goes. */
static bool (*storm_cut)(int err);

static bool storm_is_over;
static unsigned long storm_good, storm_gone, storm_other;

static inline bool storm_over(void)
{
	return __atomic_load_n(&storm_is_over, __ATOMIC_RELAXED);
}

/* A call was right, or failed as it has to when the device is gone. */
static inline void storm_count(bool good)
{
	unsigned long *n = good ? &storm_good :
			   errno == ENODEV || (storm_cut && storm_cut(errno)) ?
			   &storm_gone : &storm_other;

	if (n == &storm_other)
		printf("# %s\n", strerror(errno));
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static inline void *storm_main(void *arg)
{
	const struct storm_user *user = arg;
	int fd;

	while (!storm_over()) {
		fd = user->storm->open();
		if (fd >= 0) {
			user->fn(fd);
			close(fd);
			continue;
		}
		/*
		 * No node; or one still, and no cdev; or one that another has
		 * for itself.
		 */
		if (errno != ENOENT && errno != ENXIO && errno != EBUSY)
			storm_count(false);
		sched_yield();
	}
	return NULL;
}

static inline bool storm_round(const struct storm *s, int round, long *longest)
{
	bool ok = CHECK(s->come ? s->come(round) : do_bind());
	long t;

	sleep_ms(20 + round * 37 % 200);
	t = now_ms();
	ok &= CHECK(s->go ? s->go(round) : do_unbind());
	t = now_ms() - t;
	if (t > *longest)
		*longest = t;
	return ok;
}

/* @fns, each on files of its own, and removals beside them. */
static inline bool storm(const struct storm *s, void (*const fns[])(int fd),
			 int count)
{
	struct storm_user *users = calloc(count, sizeof(*users));
	long start = now_ms(), longest = 0;
	int i, rounds = 0;
	bool ok = true;

	for (i = 0; i < count; i++) {
		users[i].storm = s;
		users[i].fn = fns[i];
		pthread_create(&users[i].thread, NULL, storm_main, &users[i]);
	}
	while (ok && storm_goes_on(start, storm_good && storm_gone))
		ok &= storm_round(s, rounds++, &longest);
	__atomic_store_n(&storm_is_over, true, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++)
		pthread_join(users[i].thread, NULL);
	free(users);
	printf("# %d removals in %ld ms, longest %ld ms\n", rounds,
	       now_ms() - start, longest);
	printf("# calls: %lu good, %lu ENODEV, %lu other\n", storm_good,
	       storm_gone, storm_other);
	return ok && CHECK(storm_good) && CHECK(storm_gone) &&
	       CHECK(!storm_other) && CHECK(longest < SOON_MS);
}

#endif /* _SELFTESTS_KOBJTREE_UNBIND_H */
