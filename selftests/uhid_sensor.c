// SPDX-License-Identifier: GPL-2.0-only
/*
 * Take a HID sensor away from under its users.
 *
 * Usage: uhid_sensor DRIVER
 *
 * DRIVER is the platform driver that binds to "custom" sensors: the kernel's
 * hid_sensor_custom, or what scripts/convert makes of it. The sensor itself is
 * this program, by way of /dev/uhid: it describes itself, answers requests, sends
 * reports, and goes. Each test has a sensor of its own. Until it goes, what its
 * reports say arrives unchanged; then calls fail with ENODEV, and whoever sleeps
 * is woken. hidraw has the same sensor, without DRIVER: a control.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <glob.h>
#include <linux/hidraw.h>
#include <linux/uhid.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "unbind.h"

#define DEVICES		"/sys/bus/platform/devices/"
#define USAGE		0x2000e1	/* other: custom */
#define VENDOR		0x1209
#define PRODUCT		0x0001

/* What user space reads: this, and the report without its number. */
struct sample {
	__u32 usage_id;
	__u64 timestamp;
	__u32 raw_len;
	__u8 raw[];
} __attribute__((packed));

#define PATH_SIZE	256

#define RAW_SIZE	14
#define SAMPLE_SIZE	(sizeof(struct sample) + RAW_SIZE)
#define FIFO_SIZE	4096

/* === The sensor === */

/* A sensor with two settings and two values: one of 16 bits, three of 32. */
static const __u8 descriptor[] = {
	0x05, 0x20,			/* usage page: sensors */
	0x09, 0x01, 0xa1, 0x01,		/* a collection of sensors: */
	0x09, 0xe1, 0xa1, 0x00,		/* a custom one */
	0x85, 0x01,			/* report 1 */
	0x15, 0x01, 0x25, 0x06,		/* from 1 to 6 */
	0x75, 0x08, 0x95, 0x01,		/* in a byte */
	0x0a, 0x16, 0x03, 0xa1, 0x02,	/* reporting state: */
	0x0a, 0x40, 0x08,		/* no events */
	0x0a, 0x41, 0x08,		/* all events */
	0xb1, 0x00, 0xc0,
	0x0a, 0x19, 0x03, 0xa1, 0x02,	/* power state: */
	0x0a, 0x50, 0x08,		/* undefined */
	0x0a, 0x51, 0x08,		/* D0 */
	0x0a, 0x52, 0x08,
	0x0a, 0x53, 0x08,
	0x0a, 0x54, 0x08,
	0x0a, 0x55, 0x08,		/* D4 */
	0xb1, 0x00, 0xc0,
	0x16, 0x00, 0x80,		/* all of 16 bits */
	0x26, 0xff, 0x7f,
	0x75, 0x10, 0x95, 0x01,
	0x0a, 0x44, 0x05, 0x81, 0x02,	/* value 1 */
	0x17, 0x00, 0x00, 0x00, 0x80,	/* all of 32 bits */
	0x27, 0xff, 0xff, 0xff, 0x7f,
	0x75, 0x20, 0x95, 0x03,
	0x0a, 0x45, 0x05, 0x81, 0x02,	/* value 2, three of it */
};

/* And of one that the driver knows, a hinge, and hands on. */
static const __u8 known[] = {
	0x85, 0x02,			/* report 2, in UTF-16 */
	0x15, 0x00, 0x27, 0xff, 0xff, 0x00, 0x00,
	0x75, 0x10, 0x95, 21,
	0x0a, 0x07, 0x03, 0xb1, 0x02,	/* serial number */
	0x95, 5,
	0x0a, 0x05, 0x03, 0xb1, 0x02,	/* manufacturer */
};

static const char serial_and_maker[] = "LUID:020B000000000000INTEL";
static const __u8 end[] = { 0xc0, 0xc0 };

static struct {
	int fd;
	pthread_t thread;
	char name[64];		/* of the platform device */
	__u8 settings[3];	/* report 1: its number, reporting, power */
} sensor;

static bool send_event(const struct uhid_event *ev)
{
	return write(sensor.fd, ev, sizeof(*ev)) == sizeof(*ev);
}

/* Report @n after its number: each byte says whose it is. */
static void fill_raw(__u8 *raw, unsigned int n)
{
	int i;

	for (i = 0; i < RAW_SIZE; i++)
		raw[i] = n * 31 + n / 256 * 7 + i;
}

static size_t answer(const struct uhid_get_report_req *req, __u8 *data)
{
	size_t i;

	data[0] = req->rnum;
	if (req->rtype == UHID_INPUT_REPORT) {
		fill_raw(&data[1], 0);
		return 1 + RAW_SIZE;
	}
	if (req->rnum == 1) {
		memcpy(data, sensor.settings, sizeof(sensor.settings));
		return sizeof(sensor.settings);
	}
	for (i = 0; i < sizeof(serial_and_maker) - 1; i++) {
		data[1 + 2 * i] = serial_and_maker[i];
		data[2 + 2 * i] = 0;
	}
	return 1 + 2 * i;
}

static void answer_get(const struct uhid_get_report_req *req)
{
	struct uhid_event ev = { .type = UHID_GET_REPORT_REPLY };

	ev.u.get_report_reply.id = req->id;
	ev.u.get_report_reply.size = answer(req, ev.u.get_report_reply.data);
	send_event(&ev);
}

static void answer_set(const struct uhid_set_report_req *req)
{
	struct uhid_event ev = { .type = UHID_SET_REPORT_REPLY };

	ev.u.set_report_reply.id = req->id;
	if (req->rnum == 1 && req->size == sizeof(sensor.settings))
		memcpy(sensor.settings, req->data, req->size);
	else
		ev.u.set_report_reply.err = EIO;
	send_event(&ev);
}

static void *sensor_main(void *arg)
{
	struct uhid_event ev;

	while (read(sensor.fd, &ev, sizeof(ev)) > 0 && ev.type != UHID_STOP) {
		if (ev.type == UHID_GET_REPORT)
			answer_get(&ev.u.get_report);
		else if (ev.type == UHID_SET_REPORT)
			answer_set(&ev.u.set_report);
	}
	return arg;
}

/* The one path of @pattern, once it is there. */
static bool find(const char *pattern, char path[PATH_SIZE])
{
	long start = now_ms();
	glob_t found;
	int count;

	while (glob(pattern, 0, NULL, &found)) {
		if (now_ms() - start > SOON_MS)
			return fail("no %s", pattern);
		sleep_ms(5);
	}
	snprintf(path, PATH_SIZE, "%s", found.gl_pathv[0]);
	count = found.gl_pathc;
	globfree(&found);
	return count == 1 || fail("%d of %s", count, pattern);
}

static void describe(struct uhid_create2_req *req, const __u8 *data, size_t size)
{
	memcpy(&req->rd_data[req->rd_size], data, size);
	req->rd_size += size;
}

/*
 * The hub hears nothing until the end of its probe, in which the sensors come. One
 * more bind waits for that, and is refused.
 */
static bool hub_listens(const char *name)
{
	char path[PATH_SIZE], hub[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "%s/..", name);
	if (!CHECK(realpath(path, hub)))
		return false;
	snprintf(path, sizeof(path), DEVICES "%s/../driver", name);
	return CHECK(!sysfs_write(path, "bind", strrchr(hub, '/') + 1) &&
		     errno == EBUSY);
}

/*
 * When this returns, the sensor is there and no driver is bound to it: of two
 * that know it, any may have been first.
 */
static bool plug_in(bool hinge)
{
	struct uhid_event ev = { .type = UHID_CREATE2 };
	char path[PATH_SIZE];

	memset(&sensor, 0, sizeof(sensor));
	sensor.fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);
	if (!CHECK(sensor.fd >= 0))
		return false;
	memcpy(ev.u.create2.name, "sensor", sizeof("sensor"));
	ev.u.create2.bus = BUS_USB;
	ev.u.create2.vendor = VENDOR;
	ev.u.create2.product = PRODUCT;
	describe(&ev.u.create2, descriptor, sizeof(descriptor));
	if (hinge)
		describe(&ev.u.create2, known, sizeof(known));
	describe(&ev.u.create2, end, sizeof(end));
	if (!CHECK(send_event(&ev)) ||
	    !CHECK(!pthread_create(&sensor.thread, NULL, sensor_main, NULL)) ||
	    !find(DEVICES "HID-SENSOR-2000e1.*.auto/driver", path))
		return false;
	return CHECK(sscanf(path, DEVICES "%63[^/]", sensor.name) == 1) &&
	       hub_listens(sensor.name) && CHECK(sysfs_write(path, "unbind", sensor.name));
}

/* As when a cable is pulled: when this returns, it is gone. */
static bool pull_out(void)
{
	const struct uhid_event ev = { .type = UHID_DESTROY };
	bool ok = CHECK(send_event(&ev)) &&
		  CHECK(!pthread_join(sensor.thread, NULL));

	close(sensor.fd);
	return ok;
}

static bool report(unsigned int n)
{
	struct uhid_event ev = { .type = UHID_INPUT2 };

	ev.u.input2.size = 1 + RAW_SIZE;
	ev.u.input2.data[0] = 1;
	fill_raw(&ev.u.input2.data[1], n);
	return CHECK(send_event(&ev));
}

/* === Its driver === */

static bool driver_do(const char *file)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/sys/bus/platform/drivers/%s", driver);
	return sysfs_write(dir, file, sensor.name);
}

static bool bind_sensor(void)
{
	return CHECK(driver_do("bind"));
}

static bool unbind_sensor(void)
{
	return CHECK(driver_do("unbind"));
}

static int open_sensor(int flags)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/dev/%s", sensor.name);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

/* A sensor, bound and open; -1 after a report. */
static int start(int flags)
{
	int fd;

	if (!plug_in(false) || !bind_sensor())
		return -1;
	fd = open_sensor(flags);
	return CHECK(fd >= 0) ? fd : -1;
}

static bool enable(const char *onoff)
{
	char dir[256];

	snprintf(dir, sizeof(dir), DEVICES "%s", sensor.name);
	return CHECK(sysfs_write(dir, "enable_sensor", onoff));
}

/* Whether attribute @name says @text, white space at its end left out. */
static bool says(const char *name, const char *text)
{
	char path[PATH_SIZE], buf[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), DEVICES "%s/%s", sensor.name, name);
	fd = open(path, O_RDONLY);
	if (!CHECK(fd >= 0))
		return false;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (!CHECK(len > 0))
		return false;
	while (len > 0 && isspace(buf[len - 1]))
		len--;
	buf[len] = 0;
	return !strcmp(buf, text) || fail("%s: %s", name, buf);
}

/* === Until it goes === */

static bool is_sample(const struct sample *s, unsigned int n)
{
	__u8 raw[RAW_SIZE];

	fill_raw(raw, n);
	return CHECK(s->usage_id == USAGE) && CHECK(s->raw_len == RAW_SIZE) &&
	       CHECK(!memcmp(s->raw, raw, RAW_SIZE));
}

static __u64 realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static bool test_attributes(void)
{
	__u8 raw[RAW_SIZE];
	char text[16];
	bool ok;

	if (!plug_in(false) || !bind_sensor())
		return false;
	ok = says("enable_sensor", "0") && enable("1");
	ok &= says("enable_sensor", "1");
	ok &= CHECK(!memcmp(sensor.settings, "\1\2\2", 3));
	ok &= says("feature-0-200316/feature-0-200316-name",
		   "property-reporting-state");
	ok &= says("feature-1-200319/feature-1-200319-value", "2");
	ok &= says("input-1-200545/input-1-200545-maximum", "2147483647");
	fill_raw(raw, 0);
	snprintf(text, sizeof(text), "%d", raw[0] | raw[1] << 8);
	ok &= says("input-0-200544/input-0-200544-value", text);
	ok &= enable("0") && says("enable_sensor", "0");
	ok &= CHECK(!memcmp(sensor.settings, "\1\1\6", 3));
	return pull_out() && ok;
}

/* A sensor that the driver passes on to another has a device, and no node. */
static bool test_known(void)
{
	char path[PATH_SIZE];
	bool ok;

	if (!plug_in(true) || !bind_sensor())
		return false;
	ok = find(DEVICES "HID-SENSOR-INT-020b.*.auto", path);
	ok &= CHECK(open_sensor(0) == -1 && errno == ENOENT);
	ok &= pull_out();
	return ok && CHECK(access(path, F_OK) == -1 && errno == ENOENT);
}

static bool test_calls(void)
{
	struct pollfd pfd = { .events = POLLIN | POLLRDNORM };
	char buf[FIFO_SIZE];
	int fd = start(O_NONBLOCK);
	void *bad;
	bool ok;

	if (fd < 0)
		return false;
	pfd.fd = fd;
	ok = CHECK(open_sensor(0) == -1 && errno == EBUSY);
	ok &= CHECK(read(fd, buf, 15) == -1 && errno == EINVAL);
	ok &= CHECK(read(fd, buf, sizeof(buf)) == -1 && errno == EAGAIN);
	ok &= CHECK(write(fd, buf, 1) == -1 && errno == EINVAL);
	ok &= CHECK(lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE);
	ok &= CHECK(ioctl(fd, _IO('s', 0x7f), 0) == -1 && errno == ENOTTY);
	ok &= CHECK(poll(&pfd, 1, 0) == 0);
	ok &= report(1);
	ok &= CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents == pfd.events);
	bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok &= CHECK(read(fd, bad, 4096) == -1 && errno == EFAULT);
	munmap(bad, 4096);
	close(fd);
	fd = open_sensor(0);
	ok &= CHECK(fd >= 0);
	close(fd);
	return pull_out() && ok;
}

static bool test_samples(void)
{
	enum { COUNT = FIFO_SIZE / SAMPLE_SIZE };
	__u64 before = realtime_ns(), last = before;
	char buf[2 * FIFO_SIZE];
	struct sample *s = (void *)buf;
	int fd = start(O_NONBLOCK);
	unsigned int n;
	bool ok;

	if (fd < 0)
		return false;
	ok = enable("1");
	/* What user space reads is a stream of bytes. */
	ok &= report(0) && report(1);
	ok &= CHECK(read(fd, buf, 20) == 20);
	ok &= CHECK(read(fd, buf + 20, 40) == 2 * SAMPLE_SIZE - 20);
	ok &= is_sample(s, 0) && is_sample((void *)(buf + SAMPLE_SIZE), 1);
	/* More than the driver has room for; what follows is whole again. */
	for (n = 2; n < 2 + COUNT + 3; n++)
		ok &= report(n);
	ok &= CHECK(read(fd, buf, COUNT * SAMPLE_SIZE) == COUNT * SAMPLE_SIZE);
	for (n = 0; ok && n < COUNT; n++) {
		s = (void *)(buf + n * SAMPLE_SIZE);
		ok &= is_sample(s, 2 + n);
		ok &= CHECK(s->timestamp >= last);
		last = s->timestamp;
	}
	ok &= CHECK(last <= realtime_ns());
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	ok &= CHECK(errno == EAGAIN) && report(1000);
	ok &= CHECK(read(fd, buf, sizeof(buf)) == SAMPLE_SIZE);
	ok &= is_sample((void *)buf, 1000);
	close(fd);
	return pull_out() && ok;
}

/* === When it goes === */

static bool enodev(int ret, const char *what)
{
	if (ret == -1 && errno == ENODEV)
		return true;
	return fail("late %s: %d, %s", what, ret, strerror(errno));
}

static int read_any(int fd)
{
	char buf[FIFO_SIZE];

	return read(fd, buf, sizeof(buf));
}

static bool gone(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[15];
	bool ok;

	ok = enodev(read_any(fd), "read");
	ok &= enodev(read(fd, buf, sizeof(buf)), "short read");
	ok &= enodev(ioctl(fd, _IO('s', 0x7f), 0), "ioctl");
	ok &= CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents == (POLLERR | POLLHUP));
	ok &= CHECK(open_sensor(0) == -1 && errno == ENOENT);
	return ok;
}

static bool test_late_close(void)
{
	int fd = start(0);

	return fd >= 0 && pull_out() && CHECK(!close(fd));
}

static bool test_late_calls(void)
{
	int fd = start(O_NONBLOCK);
	bool ok;

	if (fd < 0)
		return false;
	/* What it sent and nobody has read goes with it. */
	ok = enable("1") && report(0);
	ok &= pull_out() && gone(fd);
	return CHECK(!close(fd)) && ok;
}

/* The file knows its own sensor, not the one that comes after it. */
static bool test_rebind(void)
{
	int old = start(O_NONBLOCK), new;
	char buf[SAMPLE_SIZE];
	bool ok;

	if (old < 0)
		return false;
	ok = unbind_sensor() && report(0) && gone(old);
	ok &= bind_sensor();
	new = open_sensor(O_NONBLOCK);
	ok &= CHECK(new >= 0) && report(1);
	ok &= enodev(read_any(old), "read");
	ok &= CHECK(!close(old));
	ok &= CHECK(open_sensor(0) == -1 && errno == EBUSY);
	ok &= CHECK(read(new, buf, sizeof(buf)) == sizeof(buf));
	ok &= is_sample((void *)buf, 1);
	close(new);
	return pull_out() && ok;
}

/* @fn sleeps in a file until the sensor goes. */
static bool pull_out_under(int (*fn)(int fd))
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok;

	s->fn = fn;
	s->fd = start(0);
	if (s->fd < 0 || !sleeper_start(s))
		return false;
	ok = pull_out();
	if (!sleeper_join(s))
		return false;
	errno = s->err;
	ok &= enodev(s->ret, "wake");
	close(s->fd);
	free(s);
	return ok;
}

static bool test_blocked_read(void)
{
	return pull_out_under(read_any);
}

static int poll_in(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret = poll(&pfd, 1, 2 * SOON_MS);

	if (ret != 1 || pfd.revents != (POLLERR | POLLHUP)) {
		fail("poll: %d, events %#x", ret, pfd.revents);
		return 0;
	}
	errno = ENODEV;
	return -1;
}

static bool test_poll(void)
{
	return pull_out_under(poll_in);
}

static int epoll_in(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(0);
	int ret;

	ret = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) ?:
	      epoll_wait(ep, &event, 1, 2 * SOON_MS);
	close(ep);
	if (ret != 1 || event.events != (EPOLLERR | EPOLLHUP)) {
		fail("epoll: %d, events %#x", ret, event.events);
		return 0;
	}
	errno = ENODEV;
	return -1;
}

static bool test_epoll(void)
{
	return pull_out_under(epoll_in);
}

static bool test_fasync(void)
{
	const struct timespec soon = { SOON_MS / 1000 }, now = { 0 };
	struct f_owner_ex self = { F_OWNER_TID, gettid() };
	siginfo_t info = { 0 };
	int fd = start(0);
	sigset_t set;
	bool ok;

	if (fd < 0)
		return false;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ok = CHECK(!fcntl(fd, F_SETOWN_EX, &self)) &&
	     CHECK(!fcntl(fd, F_SETSIG, SIGRTMIN)) &&
	     CHECK(!fcntl(fd, F_SETFL, O_ASYNC));
	ok &= pull_out();
	ok &= CHECK(sigtimedwait(&set, &info, &soon) == SIGRTMIN);
	ok &= CHECK(info.si_code == POLL_HUP) && CHECK(info.si_fd == fd);
	close(fd);
	return CHECK(sigtimedwait(&set, &info, &now) == -1) && ok;
}

/* The last close is another process's, and comes after the sensor's end. */
static bool test_passed_on(void)
{
	int fd = start(0);
	int status = -1;
	bool ok;
	pid_t pid;

	if (fd < 0)
		return false;
	pid = fork();
	if (!pid) {
		close(sensor.fd);
		sleep_ms(500);
		_exit(read_any(fd) == -1 && errno == ENODEV ? 0 : 1);
	}
	ok = pull_out();
	close(fd);
	ok &= CHECK(waitpid(pid, &status, 0) == pid);
	return ok && CHECK(status == 0);
}

/* An open file pins the module, before and after the sensor's end. */
static bool test_module_in_use(void)
{
	int fd = start(0);
	bool ok;

	if (fd < 0)
		return false;
	ok = CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1);
	ok &= CHECK(errno == EAGAIN);
	ok &= pull_out();
	ok &= CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1);
	ok &= CHECK(errno == EAGAIN);
	close(fd);
	return ok;
}

/* === Without the driver: hidraw, which was sound before === */

static int open_hidraw(int flags)
{
	char path[PATH_SIZE], node[PATH_SIZE];

	if (!find("/sys/bus/hid/devices/0003:1209:0001.*/hidraw/hidraw*", path))
		return -1;
	snprintf(node, sizeof(node), "/dev/%s", strrchr(path, '/') + 1);
	return open(node, O_RDWR | O_CLOEXEC | flags);
}

static bool test_hidraw(void)
{
	struct pollfd pfd = { .events = POLLIN };
	struct sleeper s = { .fn = read_any };
	struct hidraw_devinfo info = { 0 };
	__u8 buf[64], raw[RAW_SIZE];
	unsigned int n;
	bool ok = true;

	if (!plug_in(false) || !bind_sensor())
		return false;
	s.fd = open_hidraw(0);
	if (!CHECK(s.fd >= 0))
		return false;
	for (n = 0; n < 10; n++)
		ok &= report(n);
	for (n = 0; n < 10; n++) {
		fill_raw(raw, n);
		ok &= CHECK(read(s.fd, buf, sizeof(buf)) == 1 + RAW_SIZE);
		ok &= CHECK(buf[0] == 1 && !memcmp(&buf[1], raw, RAW_SIZE));
	}
	ok &= CHECK(!ioctl(s.fd, HIDIOCGRAWINFO, &info));
	ok &= CHECK(info.vendor == VENDOR && info.product == PRODUCT);
	if (!sleeper_start(&s))
		return false;
	ok &= pull_out();
	if (!sleeper_join(&s))
		return false;
	ok &= CHECK(s.ret == -1 && s.err == EIO);
	ok &= CHECK(read_any(s.fd) == -1 && errno == EIO);
	ok &= enodev(write(s.fd, "\1", 1), "write");
	ok &= enodev(ioctl(s.fd, HIDIOCGRAWINFO, &info), "HIDIOCGRAWINFO");
	pfd.fd = s.fd;
	ok &= CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents == (POLLERR | POLLHUP));
	return CHECK(!close(s.fd)) && ok;
}

/* === Probe === */

static bool try_bind(void *unused)
{
	return driver_do("bind");
}

static bool undo_bind(void *unused)
{
	return unbind_sensor();
}

static bool test_fail_nth(void)
{
	int failed;
	bool ok;

	if (!plug_in(false))
		return false;
	/* All that is done once is done. */
	ok = bind_sensor() && unbind_sensor() &&
	     fail_each("probe", try_bind, undo_bind, NULL, &failed) &&
	     CHECK(failed > 0);
	return pull_out() && ok;
}

/* === All at once === */

/* Reads until the sensor is gone, in one way or the other. */
static void storm_file(int fd, bool polls)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret;

	fcntl(fd, F_SETFL, polls ? O_NONBLOCK : 0);
	do {
		if (polls)
			poll(&pfd, 1, 1000);
		ret = read_any(fd);
		/* EAGAIN: there is no sample yet */
		storm_count(ret > 0 || errno == EAGAIN);
	} while (ret > 0 || errno == EAGAIN);
}

static void storm_read(int fd)
{
	storm_file(fd, false);
}

static void storm_poll(int fd)
{
	storm_file(fd, true);
}

static int storm_open(void)
{
	char path[PATH_SIZE];
	glob_t found;

	if (glob("/dev/HID-SENSOR-2000e1.*.auto", 0, NULL, &found)) {
		errno = ENOENT;
		return -1;
	}
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	return open(path, O_RDWR | O_CLOEXEC);
}

static bool storm_come(int round)
{
	bool ok = plug_in(false) && bind_sensor();
	int n;

	for (n = 0; n < round % 7 * 20; n++)
		ok = ok && report(n);
	return ok;
}

static bool storm_go(int round)
{
	return pull_out();
}

static bool test_storm(void)
{
	void (*const fns[])(int fd) = { storm_read, storm_poll, storm_read };
	const struct storm s = {
		.open = storm_open,
		.come = storm_come,
		.go = storm_go,
	};

	return storm(&s, fns, ARRAY_SIZE(fns));
}

static const struct test tests[] = {
	{ "attributes", test_attributes },
	{ "known", test_known },
	{ "calls", test_calls },
	{ "samples", test_samples },
	{ "hidraw", test_hidraw },
	{ "late_close", test_late_close },
	{ "late_calls", test_late_calls },
	{ "rebind", test_rebind },
	{ "blocked_read", test_blocked_read },
	{ "poll", test_poll },
	{ "epoll", test_epoll },
	{ "fasync", test_fasync },
	{ "passed_on", test_passed_on },
	{ "module_in_use", test_module_in_use },
	{ "fail_nth", test_fail_nth },
	{ "storm", test_storm },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	return run_tests(tests, ARRAY_SIZE(tests));
}
