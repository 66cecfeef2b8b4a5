// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who binds, unbinds and pulls a device meets whoever opens it.
 *
 * Usage: bind_storm
 *
 * With kobjtree_test_bind and kobjtree_test_plug. What the kernel has to say
 * about it is for its log.
 */
#define _GNU_SOURCE
#include <poll.h>

#include "unbind.h"

#define OPENERS	3
#define PLUG	"/sys/module/kobjtree_test_plug/parameters"

static bool over;
static unsigned long opened, refused;

/*
 * Nobody binds by hand while the device comes: it is not ready to be probed
 * then, and the driver core never frees what it notes about that. The unbinds
 * and the end of the device are as they come.
 */
static pthread_mutex_t coming = PTHREAD_MUTEX_INITIALIZER;

static bool plug(bool in)
{
	return sysfs_write(PLUG, "plug", in ? "1" : "0");
}

static bool is_over(void)
{
	return __atomic_load_n(&over, __ATOMIC_RELAXED);
}

static bool poll_hup(int fd)
{
	struct pollfd pollfd = { .fd = fd };

	return poll(&pollfd, 1, 0) == 1 &&
	       pollfd.revents == (POLLHUP | POLLERR);
}

/* === Tests === */

static bool test_unbind_and_bind(void)
{
	bool ok = CHECK(plug(true));
	int i, fd;

	for (i = 0; ok && i < 10; i++) {
		ok &= CHECK(bound());
		fd = open_node("", O_NONBLOCK);
		ok &= CHECK(fd >= 0) && CHECK(!poll_hup(fd));
		ok &= CHECK(do_unbind()) && CHECK(!bound());
		ok &= CHECK(poll_hup(fd));
		ok &= CHECK(open_node("", O_NONBLOCK) < 0);
		ok &= CHECK(do_bind());
		ok &= CHECK(poll_hup(fd));
		close(fd);
	}
	return ok;
}

static bool test_pull_and_plug(void)
{
	bool ok = CHECK(plug(true));
	int i, fd;

	for (i = 0; ok && i < 5; i++) {
		fd = open_node("", O_NONBLOCK);
		ok &= CHECK(fd >= 0);
		ok &= CHECK(plug(false)) && CHECK(!bound());
		ok &= CHECK(poll_hup(fd));
		ok &= CHECK(plug(true)) && CHECK(bound());
		close(fd);
	}
	return ok;
}

static void *opener(void *arg)
{
	bool *ok = arg;
	int fd, n = 0;

	while (!is_over() && *ok) {
		fd = open_node("", n++ % 4 ? 0 : O_NONBLOCK);
		if (fd >= 0) {
			__atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED);
			close(fd);
		} else if (errno == ENODEV || errno == ENXIO || errno == ENOENT) {
			__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		} else {
			*ok = fail("open: %s", strerror(errno));
		}
	}
	return NULL;
}

/* Errors are to be expected: the device may not be there. */
static void *binder(void *arg)
{
	unsigned long *n = arg;

	while (!is_over()) {
		*n += driver_write("unbind");
		pthread_mutex_lock(&coming);
		driver_write("bind");
		pthread_mutex_unlock(&coming);
	}
	return NULL;
}

static void *puller(void *arg)
{
	unsigned long *n = arg;

	while (!is_over()) {
		*n += plug(false);
		pthread_mutex_lock(&coming);
		plug(true);
		pthread_mutex_unlock(&coming);
		sleep_ms(7);
	}
	return NULL;
}

static bool test_all_at_once(void)
{
	unsigned long unbinds[2] = { }, pulls = 0;
	bool ok[OPENERS] = { true, true, true };
	pthread_t threads[OPENERS + 3];
	int i, n = 0, fd;

	for (i = 0; i < OPENERS; i++)
		pthread_create(&threads[n++], NULL, opener, &ok[i]);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[n++], NULL, binder, &unbinds[i]);
	pthread_create(&threads[n++], NULL, puller, &pulls);
	sleep_ms(storm_seconds() * 1000L);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	while (n)
		pthread_join(threads[--n], NULL);
	printf("# %lu opens, %lu refused, %lu unbinds, %lu pulls\n", opened,
	       refused, unbinds[0] + unbinds[1], pulls);

	plug(true);
	do_bind();
	fd = open_node("", O_NONBLOCK);
	close(fd);
	return ok[0] && ok[1] && ok[2] && CHECK(fd >= 0) && CHECK(opened) &&
	       CHECK(refused) && CHECK(unbinds[0] && unbinds[1]) &&
	       CHECK(pulls);
}

static const struct test tests[] = {
	{ "unbind_and_bind", test_unbind_and_bind },
	{ "pull_and_plug", test_pull_and_plug },
	{ "all_at_once", test_all_at_once },
};

int main(void)
{
	driver = "kobjtree_test_bind";
	return run_tests(tests, ARRAY_SIZE(tests));
}
