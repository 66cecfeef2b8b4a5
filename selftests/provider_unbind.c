// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbind a supply under its users, and unload it.
 *
 * Usage: provider_unbind WAY
 *
 * WAY is that of the samples: the user is lamp_WAY with its device node, its
 * supply supply_WAY_sub, which is supplied by supply_WAY. isp_WAY and
 * isp_WAY_sensor use each other. The way "devm" has the lamp and supply_devm
 * alone, for the test "lost".
 */
#define _GNU_SOURCE
#include <linux/types.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/syscall.h>

#include "sensor.h"
#include "unbind.h"

/* === Devices === */

struct dev {
	char name[32];
	char driver[32];
};

static struct dev lamp, sub, raw, isp, sensor;

static bool is_bound(const struct dev *dev)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/platform/drivers/%s/%s",
		 dev->driver, dev->name);
	return !access(path, F_OK);
}

static bool dev_write(const struct dev *dev, const char *file)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/sys/bus/platform/drivers/%s", dev->driver);
	return sysfs_write(dir, file, dev->name);
}

/* A probe that was put off may be quicker. */
static bool bind(const struct dev *dev)
{
	return is_bound(dev) || dev_write(dev, "bind") || is_bound(dev);
}

/* A removal that runs may be quicker. */
static bool unbind(const struct dev *dev)
{
	return !is_bound(dev) || dev_write(dev, "unbind") || !is_bound(dev);
}

static bool has_sub(void)
{
	return strcmp(sub.name, raw.name);
}

/* All bound, in that order, with or without device links between them. */
static bool bind_all(bool links)
{
	bool ok = CHECK(unbind(&lamp)) & CHECK(unbind(&sub)) &
		  CHECK(unbind(&raw));

	if (has_sub())
		ok &= CHECK(sysfs_write("/sys/module/rail_kobjtree/parameters",
					"links", links ? "Y" : "N"));
	return ok & CHECK(bind(&raw)) & CHECK(bind(&sub)) & CHECK(bind(&lamp));
}

/* The node that a device has, which udev or devtmpfs may still be about. */
static int open_dev(const struct dev *dev)
{
	driver = dev->name;
	return open_node("", 0);
}

static int set_mv(int fd, __u32 mv)
{
	return ioctl(fd, LAMP_SET, &mv);
}

/* -1, or the voltage */
static int get_mv(int fd)
{
	__u32 mv;

	return ioctl(fd, LAMP_GET, &mv) ? -1 : (int)mv;
}

static int has_lost(int fd)
{
	__u32 lost;

	return ioctl(fd, LAMP_LOST, &lost) ? -1 : (int)lost;
}

static bool enodev(int ret, const char *what)
{
	if (ret == -1 && errno == ENODEV)
		return true;
	return fail("%s: %d, %s", what, ret, strerror(errno));
}

#define ENODEV_FROM(call)	enodev(call, #call)

/* === What the kernel said === */

/* The lines with "gone under" since the last call: NAME, COUNT, and if it was on. */
static const char *gone_under(void)
{
	static char text[1 << 20], said[1024];
	static int seen;
	int number = 0, len;
	char *line, *at, *end;

	len = klogctl(3, text, sizeof(text) - 1);	/* all of it */
	if (len < 0)
		return "no kernel log";
	text[len] = 0;
	said[0] = 0;
	for (line = strtok_r(text, "\n", &end); line;
	     line = strtok_r(NULL, "\n", &end)) {
		at = strstr(line, ": gone under ");
		if (!at || number++ < seen)
			continue;
		*at = 0;
		snprintf(said + strlen(said), sizeof(said) - strlen(said),
			 "%s %d%s; ", strrchr(line, ' ') + 1,
			 atoi(at + strlen(": gone under ")),
			 strstr(at + 1, "switched off") ? " on" : "");
	}
	seen = number;
	return said;
}

static bool said(const char *expected)
{
	const char *is = gone_under();

	return !strcmp(is, expected) ||
	       fail("the log says \"%s\", not \"%s\"", is, expected);
}

/* === One user === */

static bool test_calls(void)
{
	bool ok = bind_all(true);
	int fd = open_dev(&lamp), fd2 = open_dev(&lamp);

	if (!CHECK(fd >= 0) || !CHECK(fd2 >= 0))
		return false;
	ok &= CHECK(get_mv(fd) == 0);
	ok &= CHECK(!set_mv(fd, 7));
	ok &= CHECK(get_mv(fd2) == 7);
	close(fd);
	ok &= CHECK(get_mv(fd2) == 7);		/* one of two is left on */
	ok &= CHECK(has_lost(fd2) == 0);
	close(fd2);
	return ok;
}

/* The driver core unbinds the users first, and their users before. */
static bool test_linked(void)
{
	bool ok = bind_all(true);
	int fd = open_dev(&lamp);

	if (!CHECK(fd >= 0))
		return false;
	gone_under();
	ok &= CHECK(!set_mv(fd, 1));
	ok &= CHECK(unbind(&raw));
	ok &= CHECK(!is_bound(&raw));
	ok &= CHECK(!is_bound(&sub));
	ok &= CHECK(!is_bound(&lamp));
	ok &= said("");
	ok &= ENODEV_FROM(set_mv(fd, 1));
	ok &= ENODEV_FROM(has_lost(fd));
	ok &= CHECK(open_dev(&lamp) == -1 && errno == ENOENT);
	close(fd);
	return ok;
}

/* The lamp outlives its supply, and says so. */
static bool test_lost(void)
{
	struct pollfd pfd = { .events = POLLPRI };
	bool ok = bind_all(false);

	pfd.fd = open_dev(&lamp);
	if (!CHECK(pfd.fd >= 0))
		return false;
	gone_under();
	ok &= CHECK(!set_mv(pfd.fd, 1));
	ok &= CHECK(get_mv(pfd.fd) == 1);
	ok &= CHECK(unbind(&sub));
	ok &= CHECK(is_bound(&lamp));
	ok &= ENODEV_FROM(set_mv(pfd.fd, 2));
	ok &= ENODEV_FROM(get_mv(pfd.fd));
	ok &= CHECK(has_lost(pfd.fd) == 1);
	ok &= CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents == POLLPRI);
	ok &= ENODEV_FROM(open_dev(&lamp));
	ok &= said("supply_kobjtree_sub 1 on; ");
	ok &= CHECK(unbind(&raw));
	ok &= said("");				/* the sub has given it back */
	close(pfd.fd);				/* a disable, which only counts */
	return ok & CHECK(unbind(&lamp));
}

static int poll_pri(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLPRI };

	if (poll(&pfd, 1, 2 * SOON_MS) != 1 || pfd.revents != POLLPRI)
		return fail("poll: events %#x", pfd.revents);
	errno = ENODEV;
	return -1;
}

/* Who sleeps is told. */
static bool test_told(void)
{
	struct sleeper s = { .fn = poll_pri };
	bool ok = bind_all(false);

	s.fd = open_dev(&lamp);
	if (!CHECK(s.fd >= 0) || !sleeper_start(&s))
		return false;
	ok &= CHECK(unbind(&sub));
	if (!sleeper_join(&s))
		return false;
	ok &= CHECK(s.ret == -1) & CHECK(s.err == ENODEV);
	close(s.fd);
	return ok;
}

/* What a lost provider supplies ends before it; a new one is another one. */
static bool test_lost_chain(void)
{
	bool ok = bind_all(false);
	int fd = open_dev(&lamp), fd2;

	if (!CHECK(fd >= 0))
		return false;
	gone_under();
	ok &= CHECK(unbind(&raw));
	ok &= said("supply_kobjtree_sub 1 on; supply_kobjtree 1 on; ");
	ok &= CHECK(is_bound(&sub)) & CHECK(is_bound(&lamp));
	ok &= ENODEV_FROM(set_mv(fd, 1));
	ok &= CHECK(has_lost(fd) == 1);

	ok &= CHECK(bind(&raw));
	ok &= ENODEV_FROM(set_mv(fd, 1));
	ok &= CHECK(unbind(&sub)) & CHECK(bind(&sub));
	ok &= ENODEV_FROM(set_mv(fd, 1));
	ok &= said("");
	ok &= CHECK(unbind(&lamp)) & CHECK(bind(&lamp));
	fd2 = open_dev(&lamp);
	ok &= CHECK(fd2 >= 0) & CHECK(!set_mv(fd2, 3)) & CHECK(get_mv(fd2) == 3);
	ok &= ENODEV_FROM(set_mv(fd, 1));
	close(fd);
	ok &= CHECK(get_mv(fd2) == 3);
	close(fd2);
	return ok;
}

/* === One who is inside === */

static int set_slowly(int fd)
{
	return set_mv(fd, 2000);
}

/* With @first the supply is unbound under it; its user, if there are links. */
static bool unbind_under_set(bool links, const struct dev *first, int err)
{
	struct sleeper s = { .fn = set_slowly };
	bool ok = bind_all(links);
	long start;

	s.fd = open_dev(&lamp);
	if (!CHECK(s.fd >= 0) || !sleeper_start(&s))
		return false;
	start = now_ms();
	ok &= CHECK(unbind(first));
	/* The driver core waits for a user's calls, the gate ends them. */
	ok &= CHECK((now_ms() - start > 1000) == !err);
	if (!sleeper_join(&s))
		return false;
	ok &= CHECK(s.ret == (err ? -1 : 0));
	ok &= CHECK(!err || s.err == err);
	close(s.fd);
	return ok;
}

static bool test_set_is_ended(void)
{
	return unbind_under_set(false, &sub, ENODEV) &
	       unbind_under_set(false, &raw, ENODEV);
}

static bool test_set_is_waited_for(void)
{
	return unbind_under_set(true, &sub, 0) & unbind_under_set(true, &raw, 0) &
	       unbind_under_set(false, &lamp, 0);
}

/* === Every order === */

/* "l" the lamp, "s" its supply, "r" the supply's supply, "c" closes. */
static bool unbind_order(const char *order, bool links)
{
	bool ok = bind_all(links);
	int fd = open_dev(&lamp);

	if (!CHECK(fd >= 0))
		return false;
	ok &= CHECK(!set_mv(fd, 1));
	for (; *order; order++) {
		ok &= *order == 'l' ? CHECK(unbind(&lamp)) :
		      *order == 's' ? CHECK(unbind(&sub)) :
		      *order == 'r' ? CHECK(unbind(&raw)) : CHECK(!close(fd));
		if (*order == 'c')
			fd = -1;
		else if (fd >= 0)
			ok &= ENODEV_FROM(set_mv(fd, 1));
	}
	return ok;
}

static bool test_orders(void)
{
	static const char * const orders[] = {
		"lsrc", "lrsc", "slrc", "srlc", "rlsc", "rslc",
		"lcsr", "scrl", "rcsl", "lscr", "slcr", "rscl",
	};
	bool ok = true;
	size_t i;

	for (i = 0; i < 2 * ARRAY_SIZE(orders); i++) {
		if (!unbind_order(orders[i / 2], i % 2))
			ok = fail("order %s, links %zu", orders[i / 2], i % 2);
	}
	return ok;
}

/* === Two that use each other === */

static int read_pixel(int fd)
{
	__u32 val;

	return read(fd, &val, sizeof(val)) == sizeof(val) ? (int)val : -1;
}

static int open_isp(bool links)
{
	bool ok = CHECK(unbind(&sensor)) & CHECK(unbind(&isp)) &
		  CHECK(sysfs_write("/sys/module/rail_kobjtree/parameters",
				    "links", links ? "Y" : "N")) &
		  CHECK(bind(&isp)) & CHECK(bind(&sensor));
	int fd = ok ? open_dev(&isp) : -1;

	return CHECK(fd >= 0) ? fd : -1;
}

/* The weak side goes on, and finds the next sensor. */
static bool test_circle_sensor_first(void)
{
	int fd = open_isp(true);
	bool ok;

	if (fd < 0)
		return false;
	gone_under();
	ok = CHECK(read_pixel(fd) == 42);
	ok &= CHECK(unbind(&sensor));
	ok &= ENODEV_FROM(read_pixel(fd));
	ok &= CHECK(bind(&sensor));
	ok &= CHECK(read_pixel(fd) == 42);
	ok &= CHECK(unbind(&sensor)) & CHECK(unbind(&isp));
	ok &= ENODEV_FROM(read_pixel(fd));
	close(fd);
	return ok & said("");
}

static bool circle_isp_first(bool links, const char *expected)
{
	int fd = open_isp(links);
	bool ok;

	if (fd < 0)
		return false;
	gone_under();
	ok = CHECK(read_pixel(fd) == 42);
	ok &= CHECK(unbind(&isp));
	ok &= CHECK(is_bound(&sensor) == !links);
	ok &= ENODEV_FROM(read_pixel(fd));
	ok &= said(expected);
	ok &= CHECK(bind(&isp));
	ok &= ENODEV_FROM(read_pixel(fd));
	close(fd);

	/* The sensor has put its clock, and finds the new one when it is bound. */
	fd = open_dev(&isp);
	ok &= CHECK(fd >= 0) & ENODEV_FROM(read_pixel(fd));
	ok &= CHECK(unbind(&sensor)) & CHECK(bind(&sensor));
	ok &= CHECK(read_pixel(fd) == 42);
	close(fd);
	return ok;
}

static bool test_circle_isp_first(void)
{
	return circle_isp_first(true, "") &
	       circle_isp_first(false, "isp_kobjtree 1; ");
}

/* === Probe === */

static bool probe_dev(void *dev)
{
	return dev_write(dev, "bind");
}

static bool unbind_dev(void *dev)
{
	return unbind(dev);
}

/* @dev is bound in the end, after a probe for each allocation that may fail. */
static bool fail_nth(struct dev *dev)
{
	int failed;

	if (cannot_fail())
		return true;
	return CHECK(unbind(dev)) &&
	       fail_each(dev->name, probe_dev, unbind_dev, dev, &failed) &&
	       CHECK(is_bound(dev)) && CHECK(failed > 0);
}

static bool test_fail_nth(void)
{
	return bind_all(true) && CHECK(unbind(&lamp)) && CHECK(unbind(&sub)) &&
	       fail_nth(&raw) && fail_nth(&sub) && fail_nth(&lamp) &&
	       CHECK(unbind(&sensor)) && fail_nth(&isp) && fail_nth(&sensor);
}

/* === All at once === */

static int storm_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", lamp.name);
	return open(path, O_RDWR);
}

static void storm_calls(int fd)
{
	int i;

	for (i = 0; i < 20; i++) {
		storm_count(!set_mv(fd, i % 2));
		storm_count(get_mv(fd) >= 0);
		storm_count(has_lost(fd) >= 0);
	}
}

/* The lamp and its supply come and go at any time beside the removals. */
static void *storm_bind(void *arg)
{
	int i;

	for (i = 0; !storm_over(); i++) {
		dev_write(&sub, "bind");
		dev_write(&lamp, "bind");
		if (i % 5 == 4)
			dev_write(i % 2 ? &sub : &lamp, "unbind");
		sleep_ms(7);
	}
	return NULL;
}

static bool storm_come(int round)
{
	return bind(&raw);
}

static bool storm_go(int round)
{
	return unbind(round % 3 ? &raw : &sub);
}

/*
 * Without links, so that the gate has to do it all. And where the driver core
 * refuses a bind by sysfs for a link's sake, it leaks the reason that it noted.
 */
static bool test_storm(void)
{
	void (*const fns[])(int fd) = { storm_calls, storm_calls, storm_calls };
	const struct storm s = {
		.open = storm_open,
		.come = storm_come,
		.go = storm_go,
	};
	pthread_t binder;
	bool ok;

	ok = bind_all(false);
	pthread_create(&binder, NULL, storm_bind, NULL);
	ok &= storm(&s, fns, ARRAY_SIZE(fns));
	pthread_join(binder, NULL);
	return ok;
}

/* === Modules === */

static bool rmmod(const char *module)
{
	return !syscall(SYS_delete_module, module, O_NONBLOCK);
}

/* The last: a user does not pin its provider's module, and survives its end. */
static bool test_rmmod(void)
{
	bool ok = bind_all(false);
	int fd = open_dev(&lamp);

	if (!CHECK(fd >= 0))
		return false;
	ok &= CHECK(!set_mv(fd, 1));
	errno = 0;
	ok &= CHECK(!rmmod(lamp.driver) && errno == EAGAIN);	/* the file */
	errno = 0;
	ok &= CHECK(!rmmod("rail_kobjtree") && errno == EAGAIN);	/* its symbols */
	ok &= CHECK(rmmod(sub.driver));
	ok &= ENODEV_FROM(set_mv(fd, 1));
	ok &= CHECK(has_lost(fd) == 1);
	close(fd);
	return ok & CHECK(rmmod(lamp.driver));
}

static const struct test tests[] = {
	{ "calls", test_calls },
	{ "linked", test_linked },
	{ "lost", test_lost },
	{ "told", test_told },
	{ "lost_chain", test_lost_chain },
	{ "set_is_ended", test_set_is_ended },
	{ "set_is_waited_for", test_set_is_waited_for },
	{ "orders", test_orders },
	{ "circle_sensor_first", test_circle_sensor_first },
	{ "circle_isp_first", test_circle_isp_first },
	{ "fail_nth", test_fail_nth },
	{ "storm", test_storm },
	{ "rmmod", test_rmmod },
};

static void name_dev(struct dev *dev, const char *what, const char *way,
		     const char *suffix)
{
	snprintf(dev->name, sizeof(dev->name), "%s_%s%s", what, way, suffix);
	snprintf(dev->driver, sizeof(dev->driver), "%s", dev->name);
}

int main(int argc, char **argv)
{
	const char *way = argv[1];

	if (argc < 2) {
		fprintf(stderr, "usage: %s WAY\n", argv[0]);
		return 4;
	}
	name_dev(&lamp, "lamp", way, "");
	name_dev(&raw, "supply", way, "");
	name_dev(&sub, "supply", way, strcmp(way, "devm") ? "_sub" : "");
	snprintf(sub.driver, sizeof(sub.driver), "%s", raw.driver);
	name_dev(&isp, "isp", way, "");
	name_dev(&sensor, "isp", way, "_sensor");
	driver = lamp.name;
	return run_tests(tests, ARRAY_SIZE(tests));
}
