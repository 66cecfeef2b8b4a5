// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbind a character device under its users.
 *
 * Usage: chrdev_unbind DRIVER
 *
 * DRIVER is a platform driver as samples/sensor_kobjtree.c: one device of the
 * same name, one device node of the same name. Each test binds it, has an open
 * file in some state, unbinds, and asks for -ENODEV and for an end of whoever
 * sleeps. The last one does all of it at once for SECONDS. What the kernel has
 * to say about it is for its log.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sensor.h"
#include "fault.h"
#include "unbind.h"

static int bind_and_open(int flags)
{
	return do_bind() ? open_node("", flags) : -1;
}

static bool enodev(int ret, const char *what)
{
	if (ret == -1 && errno == ENODEV)
		return true;
	return fail("late %s: %d, %s", what, ret, strerror(errno));
}

static int read_once(int fd)
{
	__u32 val;

	return read(fd, &val, sizeof(val));
}

static int set_period(int fd, __u32 ms)
{
	return ioctl(fd, SENSOR_SET_PERIOD, &ms);
}

/* No measurement is there, and none will be for a while. */
static bool make_quiet(int fd)
{
	int fl = fcntl(fd, F_GETFL);
	bool ok = CHECK(!set_period(fd, 100000));

	fcntl(fd, F_SETFL, fl | O_NONBLOCK);
	while (read_once(fd) > 0)
		;
	ok &= CHECK(errno == EAGAIN);
	fcntl(fd, F_SETFL, fl);
	return ok;
}

/* === One file === */

static bool test_calls(void)
{
	static char big[100000];
	int fd = bind_and_open(0);
	__u32 period = 0;
	void *bad;
	bool ok;

	if (!CHECK(fd >= 0))
		return false;
	ok = CHECK(!set_period(fd, 30));
	ok &= CHECK(!ioctl(fd, SENSOR_GET_PERIOD, &period));
	ok &= CHECK(period == 30);
	ok &= CHECK(ioctl(fd, _IO('s', 0x7f), 0) == -1 && errno == ENOTTY);
	ok &= CHECK(read(fd, big, sizeof(big)) == sizeof(__u32));
	ok &= CHECK(read(fd, big, 2) == 2);
	ok &= CHECK(write(fd, big, 1) == -1 && errno == EINVAL);
	bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok &= CHECK(read(fd, bad, 4) == -1 && errno == EFAULT);
	ok &= CHECK(ioctl(fd, SENSOR_GET_PERIOD, bad) == -1 && errno == EFAULT);
	ok &= CHECK(ioctl(fd, SENSOR_SET_PERIOD, bad) == -1 && errno == EFAULT);
	munmap(bad, 4096);
	ok &= CHECK(lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE);
	close(fd);
	return ok;
}

/* A command is its type, number and direction; its size may be an older one. */
static bool test_ioctl_sizes(void)
{
	__u16 word[2] = { 40, 0xffff };
	int fd = bind_and_open(0);
	__u32 period = 0;
	bool ok;

	if (!CHECK(fd >= 0))
		return false;
	ok = CHECK(!ioctl(fd, _IOW('s', 0x41, __u16), word));
	ok &= CHECK(!ioctl(fd, SENSOR_GET_PERIOD, &period) && period == 40);
	word[0] = 0;
	ok &= CHECK(!ioctl(fd, _IOR('s', 0x40, __u16), word));
	ok &= CHECK(word[0] == 40 && word[1] == 0xffff);
	errno = 0;
	ok &= CHECK(ioctl(fd, _IOR('s', 0x40, __u64), NULL) == -1);
	ok &= CHECK(errno == EINVAL);
	ok &= CHECK(ioctl(fd, _IOC(_IOC_READ, 's', 0x40, 16383), NULL) == -1);
	ok &= CHECK(errno == EINVAL);
	ok &= CHECK(ioctl(fd, _IOW('s', 0x40, __u32), NULL) == -1);
	ok &= CHECK(errno == ENOTTY);
	ok &= CHECK(ioctl(fd, _IOC(_IOC_READ, 's', 0x7f, 16383), NULL) == -1);
	ok &= CHECK(errno == ENOTTY);
	close(fd);
	return ok;
}

static bool test_late_calls(void)
{
	struct pollfd pfd = { .events = POLLIN };
	__u32 period = 0;
	bool ok;

	pfd.fd = bind_and_open(O_NONBLOCK);
	if (!CHECK(pfd.fd >= 0))
		return false;
	ok = CHECK(do_unbind());
	ok &= enodev(read_once(pfd.fd), "read");
	ok &= enodev(set_period(pfd.fd, 1), "SET_PERIOD");
	ok &= enodev(ioctl(pfd.fd, SENSOR_GET_PERIOD, &period), "GET_PERIOD");
	ok &= enodev(ioctl(pfd.fd, _IO('s', 0x7f), 0), "unknown ioctl");
	ok &= enodev(ioctl(pfd.fd, _IOR('s', 0x40, __u64), NULL), "large ioctl");
	ok &= enodev(syscall(SYS_read, pfd.fd, NULL, 4), "read to nowhere");
	ok &= CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents == (POLLERR | POLLHUP));
	ok &= CHECK(open_node("", 0) == -1 && errno == ENOENT);
	close(pfd.fd);
	return ok;
}

static bool test_blocked_read(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && make_quiet(fd) &&
		  unbind_under(read_once, fd);

	close(fd);
	return ok;
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
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && make_quiet(fd) && unbind_under(poll_in, fd);

	close(fd);
	return ok;
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
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && make_quiet(fd) && unbind_under(epoll_in, fd);

	close(fd);
	return ok;
}

/* The event of the next signal within @ms, 0 without one. */
static int next_signal(int fd, int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (sigtimedwait(&set, &info, &ts) < 0)
		return 0;
	return CHECK(info.si_fd == fd) ? info.si_code : -1;
}

static bool want_signals(int fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return CHECK(!fcntl(fd, F_SETOWN, getpid())) &&
	       CHECK(!fcntl(fd, F_SETSIG, SIGRTMIN)) &&
	       CHECK(!fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
}

/* A signal for each measurement, one for the removal, and none after it. */
static bool test_fasync(void)
{
	int fd = bind_and_open(0), other = open_node("", 0);
	bool ok = CHECK(fd >= 0) && CHECK(other >= 0) && want_signals(fd) &&
		  CHECK(next_signal(fd, SOON_MS) == POLL_IN) && make_quiet(fd);

	if (!ok)
		return false;
	while (next_signal(fd, 0))
		;
	ok = CHECK(do_unbind());
	ok &= CHECK(next_signal(fd, SOON_MS) == POLL_HUP);
	ok &= CHECK(next_signal(fd, 100) == 0);
	ok &= enodev(fcntl(other, F_SETFL, O_ASYNC), "O_ASYNC");
	ok &= CHECK(!fcntl(fd, F_SETFL, 0));
	close(fd);
	close(other);
	return ok;
}

/* The last close is another process's. */
static bool test_passed_on(void)
{
	int fd = bind_and_open(0);
	int fd2 = dup(fd);
	int status = -1;
	bool ok;
	pid_t pid;

	if (!CHECK(fd >= 0) || !CHECK(fd2 >= 0))
		return false;
	pid = fork();
	if (!pid) {
		sleep_ms(500);
		_exit(read_once(fd2) == -1 && errno == ENODEV ? 0 : 1);
	}
	ok = CHECK(do_unbind());
	close(fd);
	close(fd2);
	ok &= CHECK(waitpid(pid, &status, 0) == pid);
	return ok && CHECK(status == 0);
}

/* A new binding is a new device: the old file stays dead. */
static bool test_rebind(void)
{
	int old = bind_and_open(0);
	bool ok;
	int new;

	if (!CHECK(old >= 0))
		return false;
	ok = CHECK(do_unbind());
	new = bind_and_open(0);
	ok &= CHECK(new >= 0) && CHECK(read_once(new) == 4);
	ok &= enodev(read_once(old), "read");
	close(old);
	ok &= CHECK(read_once(new) == 4);
	close(new);
	return ok;
}

/* An open file pins the module, and nothing else does. */
static bool test_module_in_use(void)
{
	int fd = bind_and_open(0);
	bool ok;

	if (!CHECK(fd >= 0))
		return false;
	errno = 0;
	ok = CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1);
	ok &= CHECK(errno == EAGAIN);
	ok &= CHECK(do_unbind());
	ok &= CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1);
	ok &= CHECK(errno == EAGAIN);
	close(fd);
	return ok;
}

/* === A page fault that nobody serves must not hold up the unbind === */

static int read_into_fault(int fd)
{
	return read(fd, fault.page, 4) < 0 ? -1 : 0;
}

static int ioctl_out_of_fault(int fd)
{
	return ioctl(fd, SENSOR_SET_PERIOD, fault.page);
}

static int unbind_fn(int fd)
{
	return do_unbind() ? 0 : -1;
}

/* The unbind is over in @fn, which returns @ret when the fault is served. */
static bool page_fault_in(int (*fn)(int fd), int ret)
{
	struct sleeper s = { .fn = fn }, unbind = { .fn = unbind_fn };
	long start;
	bool ok;

	s.fd = bind_and_open(0);
	if (!CHECK(s.fd >= 0) || !fault_setup() || !sleeper_start(&s))
		return false;
	ok = fault_pending() && CHECK(!pthread_create(&unbind.thread, NULL,
						      sleeper_main, &unbind));
	start = now_ms();
	while (!sleeper_ended(&unbind) && now_ms() - start < SOON_MS)
		sleep_ms(10);
	if (!sleeper_ended(&unbind))
		ok = tell("unbind blocked for %d s, until the fault is served",
			  SOON_MS / 1000);
	ok &= CHECK(!sleeper_ended(&s));
	ok &= fault_resolve();
	ok &= sleeper_join(&s) & sleeper_join(&unbind);
	ok &= CHECK(s.ret == ret) && CHECK(!ret || s.err == ENODEV);
	close(s.fd);
	fault_end();
	return ok;
}

/* What was read before the removal may be had. */
static bool test_page_fault(void)
{
	return page_fault_in(ioctl_out_of_fault, -1) &&
	       page_fault_in(read_into_fault, 0);
}

/* === A mapping ends with the hardware === */

static sigjmp_buf on_sigbus;

static void sigbus(int sig)
{
	siglongjmp(on_sigbus, 1);
}

static bool readable(volatile __u32 *p)
{
	if (sigsetjmp(on_sigbus, 1))
		return false;
	(void)*p;
	return true;
}

static bool test_mmap(void)
{
	int fd = bind_and_open(0);
	__u32 *regs;
	bool ok;

	signal(SIGBUS, sigbus);
	regs = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	close(fd);
	ok = CHECK(regs != MAP_FAILED) && CHECK(readable(regs)) &&
	     CHECK(do_unbind());
	if (ok && readable(regs))
		ok = tell("a page that is free is still mapped by user space");
	munmap(regs, sysconf(_SC_PAGESIZE));
	return ok;
}

/* === ioctls without an end, on one file === */

static int ioctl_loop(int fd)
{
	long start = now_ms();
	__u32 period;
	int ret;

	do
		ret = ioctl(fd, SENSOR_GET_PERIOD, &period);
	while (!ret && now_ms() - start < SOON_MS);
	return ret;
}

static bool test_ioctl_storm(void)
{
	struct sleeper s[4] = {};
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(s); i++) {
		s[i].fn = ioctl_loop;
		s[i].fd = fd;
		ok &= CHECK(!pthread_create(&s[i].thread, NULL, sleeper_main,
					    &s[i]));
	}
	sleep_ms(300);
	ok &= CHECK(do_unbind());
	for (i = 0; i < ARRAY_SIZE(s); i++) {
		ok &= CHECK(!pthread_join(s[i].thread, NULL));
		ok &= CHECK(s[i].ret == -1) && CHECK(s[i].err == ENODEV);
	}
	close(fd);
	return ok;
}

/* === Probe === */

static bool test_fail_nth(void)
{
	return fail_each_of_probe();
}

/* === All at once === */

/* EAGAIN: nothing was measured yet. */
static void storm_read_once(int fd)
{
	storm_count(read_once(fd) == 4 || errno == EAGAIN);
}

static void storm_read(int fd)
{
	int i;

	for (i = 0; i < 10; i++)
		storm_read_once(fd);
}

static void storm_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int i;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (i = 0; i < 10; i++) {
		poll(&pfd, 1, 100);
		storm_read_once(fd);
	}
}

static void storm_ioctl(int fd)
{
	__u32 period;
	int i;

	for (i = 0; i < 100; i++) {
		storm_count(!set_period(fd, 10 + i));
		storm_count(!ioctl(fd, SENSOR_GET_PERIOD, &period));
	}
}

static void storm_open(int fd)
{
	storm_count(fd >= 0);
}

static int storm_open_node(void)
{
	return open_node("", 0);
}

static bool test_storm(void)
{
	void (*const fns[])(int fd) = { storm_read, storm_poll, storm_ioctl,
					storm_open };
	const struct storm s = { .open = storm_open_node };

	return storm(&s, fns, ARRAY_SIZE(fns));
}

static const struct test tests[] = {
	{ "calls", test_calls },
	{ "ioctl_sizes", test_ioctl_sizes },
	{ "late_calls", test_late_calls },
	{ "blocked_read", test_blocked_read },
	{ "poll", test_poll },
	{ "epoll", test_epoll },
	{ "fasync", test_fasync },
	{ "passed_on", test_passed_on },
	{ "rebind", test_rebind },
	{ "module_in_use", test_module_in_use },
	{ "page_fault", test_page_fault },
	{ "mmap", test_mmap },
	{ "ioctl_storm", test_ioctl_storm },
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
