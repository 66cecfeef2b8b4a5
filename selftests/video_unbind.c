// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbind a video driver under its users.
 *
 * Usage: video_unbind DRIVER [SECONDS]
 *
 * DRIVER is a platform driver with one device of the same name. Each test binds
 * it, has an open file in some state, unbinds, and asks for -ENODEV, for memory
 * that stays valid, and for an end of whoever sleeps. The last one does all of it
 * at once for SECONDS. What the kernel has to say about it is for its log.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/userfaultfd.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "unbind.h"

#define BUFS	4

static int seconds = 5;

/* === The node === */

/* The lowest of its nodes whose number is above @above. */
static bool find_node_above(int above, int *number)
{
	int n, lowest = INT_MAX;
	struct dirent *entry;
	char dir[256];
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/platform/devices/%s/video4linux",
		 driver);
	d = opendir(dir);
	if (!d)
		return false;
	while ((entry = readdir(d)))
		if (sscanf(entry->d_name, "video%d", &n) == 1 && n > above &&
		    n < lowest)
			lowest = n;
	closedir(d);
	*number = lowest;
	return lowest < INT_MAX;
}

static int open_number(int number, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/video%d", number);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

static int open_video(int flags)
{
	int number;

	if (!find_node_above(-1, &number)) {
		errno = ENOENT;
		return -1;
	}
	return open_number(number, flags);
}

static int bind_and_open(int flags)
{
	return do_bind() ? open_video(flags) : -1;
}

/* === Streaming === */

static int reqbufs(int fd, int count)
{
	struct v4l2_requestbuffers req = {
		.count = count,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};

	return ioctl(fd, VIDIOC_REQBUFS, &req);
}

static int qbuf(int fd, int index)
{
	struct v4l2_buffer buf = {
		.index = index,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};

	return ioctl(fd, VIDIOC_QBUF, &buf);
}

static int dqbuf(int fd, int *index)
{
	struct v4l2_buffer buf = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	int ret = ioctl(fd, VIDIOC_DQBUF, &buf);

	*index = buf.index;
	return ret;
}

static int stream(int fd, bool on)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	return ioctl(fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

/* @queued of the buffers are given to the driver. */
static bool start(int fd, int queued)
{
	int i;

	if (!CHECK(!reqbufs(fd, BUFS)))
		return false;
	for (i = 0; i < queued; i++)
		if (!CHECK(!qbuf(fd, i)))
			return false;
	return CHECK(!stream(fd, true));
}

static void *map(int fd, int index, size_t *size)
{
	struct v4l2_buffer buf = {
		.index = index,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};

	if (ioctl(fd, VIDIOC_QUERYBUF, &buf))
		return MAP_FAILED;
	*size = buf.length;
	return mmap(NULL, buf.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    buf.m.offset);
}

/* === Tests === */

static bool enodev(int fd, unsigned long cmd, void *arg, const char *what)
{
	errno = 0;
	if (ioctl(fd, cmd, arg) == -1 && errno == ENODEV)
		return true;
	return fail("late %s: %s", what, strerror(errno));
}

static bool test_late_calls(void)
{
	struct v4l2_format fmt = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct v4l2_requestbuffers req = { .count = 2, .memory = V4L2_MEMORY_MMAP,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct v4l2_control ctrl = { .id = V4L2_CID_BRIGHTNESS, .value = 3 };
	struct v4l2_buffer buf = { .memory = V4L2_MEMORY_MMAP,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	int fd = bind_and_open(0), number;
	struct v4l2_capability cap;
	bool ok;
	char c;

	if (!CHECK(fd >= 0) || !CHECK(find_node_above(-1, &number)))
		return false;
	ok = CHECK(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
	ok &= start(fd, BUFS);
	ok &= CHECK(do_unbind());
	ok &= enodev(fd, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	ok &= enodev(fd, VIDIOC_G_FMT, &fmt, "G_FMT");
	ok &= enodev(fd, VIDIOC_S_FMT, &fmt, "S_FMT");
	ok &= enodev(fd, VIDIOC_G_CTRL, &ctrl, "G_CTRL");
	ok &= enodev(fd, VIDIOC_S_CTRL, &ctrl, "S_CTRL");
	ok &= enodev(fd, VIDIOC_REQBUFS, &req, "REQBUFS");
	ok &= enodev(fd, VIDIOC_QBUF, &buf, "QBUF");
	ok &= enodev(fd, VIDIOC_DQBUF, &buf, "DQBUF");
	ok &= enodev(fd, VIDIOC_STREAMON, &type, "STREAMON");
	ok &= enodev(fd, VIDIOC_STREAMOFF, &type, "STREAMOFF");
	ok &= enodev(fd, VIDIOC_LOG_STATUS, NULL, "LOG_STATUS");
	ok &= CHECK(read(fd, &c, 1) == -1 && errno == ENODEV);
	ok &= CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
		    errno == ENODEV);
	ok &= CHECK(open_number(number, 0) == -1);
	close(fd);
	return ok;
}

static int stream_until_error(int fd)
{
	int index;

	while (!dqbuf(fd, &index))
		if (qbuf(fd, index))
			return -1;
	return -1;
}

static bool test_streaming(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && start(fd, BUFS) &&
		  unbind_under(stream_until_error, fd);

	close(fd);
	return ok;
}

static int wait_for_buffer(int fd)
{
	int index;

	return dqbuf(fd, &index);
}

static bool test_blocked_dqbuf(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && start(fd, 0) &&
		  unbind_under(wait_for_buffer, fd);

	close(fd);
	return ok;
}

static int wait_for_event(int fd)
{
	struct v4l2_event event;

	return ioctl(fd, VIDIOC_DQEVENT, &event);
}

static bool test_blocked_dqevent(void)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = V4L2_CID_BRIGHTNESS,
	};
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) &&
		  CHECK(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub)) &&
		  unbind_under(wait_for_event, fd) &&
		  enodev(fd, VIDIOC_UNSUBSCRIBE_EVENT, &sub, "UNSUBSCRIBE_EVENT");

	close(fd);
	return ok;
}

static int read_until_error(int fd)
{
	static char buf[1 << 17];

	while (read(fd, buf, sizeof(buf)) >= 0)
		;
	return -1;
}

static bool test_read(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && unbind_under(read_until_error, fd);

	close(fd);
	return ok;
}

/* The event that another one waits for has to end this one, too. */
static int poll_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ret = poll(&pfd, 1, 2 * SOON_MS);

	if (ret != 1 || (pfd.revents & (POLLERR | POLLHUP)) != (POLLERR | POLLHUP)) {
		fail("poll %d, events %#x", ret, pfd.revents);
		return 0;
	}
	errno = ENODEV;
	return -1;
}

static int poll_in(int fd)
{
	return poll_for(fd, POLLIN);
}

static int poll_pri(int fd)
{
	return poll_for(fd, POLLPRI);
}

/* The driver has no buffer that it could fill. */
static bool starve(int fd)
{
	int index;

	return start(fd, 1) && CHECK(!dqbuf(fd, &index));
}

static bool test_poll_in(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && starve(fd) && unbind_under(poll_in, fd);

	close(fd);
	return ok;
}

static bool test_poll_pri(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && unbind_under(poll_pri, fd);

	close(fd);
	return ok;
}

static int epoll_pri(int fd)
{
	struct epoll_event event = { .events = EPOLLPRI };
	int ep = epoll_create1(0), ret;

	ret = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) ?:
	      epoll_wait(ep, &event, 1, 2 * SOON_MS);
	close(ep);
	if (ret != 1 || !(event.events & EPOLLERR) || !(event.events & EPOLLHUP)) {
		fail("epoll %d, events %#x", ret, event.events);
		return 0;
	}
	errno = ENODEV;
	return -1;
}

static bool test_epoll(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && unbind_under(epoll_pri, fd);

	close(fd);
	return ok;
}

/*
 * A buffer mapped from the node and from its dma-buf, the node in a second file
 * descriptor: what is kept is valid, in whatever order it goes.
 */
static bool memory_in_order(const int order[3])
{
	struct v4l2_exportbuffer exp = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.flags = O_RDWR };
	unsigned char *p, *q = MAP_FAILED;
	int fd = bind_and_open(0), fd2, i;
	size_t size = 0;
	bool ok;

	if (!CHECK(fd >= 0))
		return false;
	fd2 = dup(fd);
	ok = start(fd, BUFS);
	p = map(fd, 0, &size);
	ok &= CHECK(p != MAP_FAILED);
	ok &= CHECK(!ioctl(fd, VIDIOC_EXPBUF, &exp));
	if (!ok)
		return false;
	q = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, exp.fd, 0);
	ok &= CHECK(q != MAP_FAILED);
	ok &= CHECK(do_unbind());
	close(fd);
	for (i = 0; i < 3; i++) {
		if (p != MAP_FAILED) {
			memset(p, 0x5a + i, size);
			ok &= CHECK(p[size - 1] == 0x5a + i);
		}
		if (p != MAP_FAILED && q != MAP_FAILED)
			ok &= CHECK(q[size - 1] == 0x5a + i);
		if (q != MAP_FAILED)
			memset(q, 0xa5, size);
		switch (order[i]) {
		case 0:
			close(fd2);
			break;
		case 1:
			munmap(p, size);
			p = MAP_FAILED;
			break;
		case 2:
			munmap(q, size);
			close(exp.fd);
			q = MAP_FAILED;
			break;
		}
	}
	return ok;
}

static bool test_memory(void)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	bool ok = true;
	int i;

	for (i = 0; i < 6; i++)
		ok &= memory_in_order(orders[i]);
	return ok;
}

/* A new binding is a new node: the old file stays dead. */
static bool test_rebind(void)
{
	int old = bind_and_open(0), new, index;
	struct v4l2_capability cap;
	bool ok;

	if (!CHECK(old >= 0))
		return false;
	ok = start(old, BUFS) && CHECK(do_unbind());
	new = bind_and_open(0);
	ok &= CHECK(new >= 0) && start(new, BUFS) && CHECK(!dqbuf(new, &index));
	ok &= enodev(old, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	close(old);
	ok &= CHECK(!dqbuf(new, &index));
	close(new);
	return ok;
}

/*
 * One who reads into a page that nobody provides sleeps with the lock of the
 * queue. It must not hold up the unbind.
 */
struct fault {
	int fd;
	char *page;
	size_t size;
};

static struct fault fault;

static int read_into_fault(int fd)
{
	return read(fd, fault.page, fault.size) < 0 ? -1 : 0;
}

static int qbuf_of_fault(int fd)
{
	struct v4l2_buffer buf = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (unsigned long)fault.page,
		.length = fault.size,
	};
	struct v4l2_requestbuffers req = {
		.count = 1,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_USERPTR,
	};

	return ioctl(fd, VIDIOC_REQBUFS, &req) ?: ioctl(fd, VIDIOC_QBUF, &buf);
}

static bool fault_setup(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	fault.size = 32 * sysconf(_SC_PAGESIZE);
	fault.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (!CHECK(fault.fd >= 0) || !CHECK(!ioctl(fault.fd, UFFDIO_API, &api)))
		return false;
	fault.page = mmap(NULL, fault.size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)fault.page;
	reg.range.len = fault.size;
	return CHECK(!ioctl(fault.fd, UFFDIO_REGISTER, &reg));
}

static bool fault_resolve(void)
{
	struct uffdio_zeropage zero = {
		.range.start = (unsigned long)fault.page,
		.range.len = fault.size,
	};

	return CHECK(!ioctl(fault.fd, UFFDIO_ZEROPAGE, &zero));
}

static bool unbind_under_fault(int (*fn)(int fd))
{
	struct sleeper *s = calloc(1, sizeof(*s));
	struct pollfd pfd = { .events = POLLIN };
	bool ok;
	long start;

	s->fn = fn;
	s->fd = bind_and_open(0);
	if (!CHECK(s->fd >= 0) || !fault_setup() || !sleeper_start(s))
		return false;
	pfd.fd = fault.fd;
	ok = CHECK(poll(&pfd, 1, SOON_MS) == 1);	/* it is in the fault */
	start = now_ms();
	ok &= CHECK(do_unbind());
	ok &= CHECK(now_ms() - start < SOON_MS);
	ok &= CHECK(!sleeper_ended(s));
	ok &= fault_resolve();
	if (!sleeper_join(s))
		return false;
	/* What was read before the removal may be had. */
	errno = s->err;
	ok &= CHECK(s->ret == 0 || s->err == ENODEV);
	ok &= CHECK(fn(s->fd) == -1 && errno == ENODEV);
	close(s->fd);
	close(fault.fd);
	munmap(fault.page, fault.size);
	free(s);
	return ok;
}

static bool test_fault_in_read(void)
{
	return unbind_under_fault(read_into_fault);
}

static bool test_fault_in_qbuf(void)
{
	return unbind_under_fault(qbuf_of_fault);
}

/* === The driver === */

/* A driver's parameter, if it has it: those of modules/kobjtree_test_video.c. */
static bool set_param(const char *name, const char *value)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/sys/module/%s/parameters", driver);
	return sysfs_write(dir, name, value);
}

static int bind_device(int fd)
{
	(void)fd;
	return driver_write("bind") ? 0 : -1;
}

/* The node is there already when the probe fails. */
static bool test_failing_probe(void)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	struct v4l2_capability cap;
	bool ok;
	int fd;

	s->fn = bind_device;
	ok = CHECK(do_unbind()) && CHECK(set_param("fail_after_ms", "2000"));
	if (!sleeper_start(s))
		return false;
	while ((fd = open_video(0)) < 0 && !sleeper_ended(s))
		sleep_ms(10);
	ok &= CHECK(fd >= 0) && start(fd, BUFS);
	ok &= CHECK(stream_until_error(fd) == -1 && errno == ENODEV);
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(s->ret == -1) && CHECK(!bound());
	ok &= enodev(fd, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	close(fd);
	free(s);
	return set_param("fail_after_ms", "0") && ok;
}

static int slow_ctrl(int fd)
{
	struct v4l2_control ctrl = { .id = V4L2_CID_CONTRAST, .value = 3 };

	return ioctl(fd, VIDIOC_S_CTRL, &ctrl);
}

static int slow_input(int fd)
{
	int input = 0;

	return ioctl(fd, VIDIOC_S_INPUT, &input);
}

static int slow_open(int fd)
{
	(void)fd;
	return open_video(0);
}

static int slow_start(int fd)
{
	return stream(fd, true);
}

/* The unbind waits for the driver's operation, which succeeds. */
static bool unbind_waits_for(int (*fn)(int fd))
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok;

	s->fn = fn;
	s->fd = bind_and_open(0);
	if (!CHECK(s->fd >= 0) || !CHECK(!reqbufs(s->fd, BUFS)) ||
	    !set_param("slow_ms", "4000") || !sleeper_start(s))
		return false;
	ok = CHECK(do_unbind());
	ok &= set_param("slow_ms", "0");
	if (!sleeper_join(s))
		return false;
	errno = s->err;
	ok &= CHECK(s->ret >= 0);
	if (fn == slow_open)
		close(s->ret);
	close(s->fd);
	free(s);
	return ok;
}

/* The removal comes between the driver's buf_queue and its start_streaming. */
static bool test_refused_start(void)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok = true;
	int i;

	s->fn = slow_start;
	s->fd = bind_and_open(0);
	if (!CHECK(s->fd >= 0) || !CHECK(!reqbufs(s->fd, BUFS)))
		return false;
	for (i = 0; i < BUFS; i++)
		ok &= CHECK(!qbuf(s->fd, i));
	if (!set_param("slow_ms", "3000") || !sleeper_start(s))
		return false;
	ok &= CHECK(do_unbind());
	ok &= set_param("slow_ms", "0");
	if (!sleeper_join(s))
		return false;
	errno = s->err;
	ok &= CHECK(s->ret == -1) && CHECK(s->err == ENODEV);
	close(s->fd);
	free(s);
	return ok;
}

/* Two nodes in one allocation, both streaming, closed in both orders. */
static bool two_nodes(bool second_first)
{
	struct v4l2_capability cap;
	int first, second, a, b;
	bool ok;

	if (!CHECK(do_bind()) || !CHECK(find_node_above(-1, &first)) ||
	    !CHECK(find_node_above(first, &second)))
		return false;
	a = open_number(first, 0);
	b = open_number(second, 0);
	ok = CHECK(a >= 0) && CHECK(b >= 0) && start(a, BUFS) &&
	     start(b, BUFS) && unbind_under(stream_until_error, a) &&
	     enodev(b, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	close(second_first ? b : a);
	ok &= enodev(second_first ? a : b, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	close(second_first ? a : b);
	return ok;
}

static bool test_two_nodes(void)
{
	return two_nodes(false) & two_nodes(true);
}

static bool test_slow_calls(void)
{
	return unbind_waits_for(slow_ctrl) & unbind_waits_for(slow_input) &
	       unbind_waits_for(slow_open) & unbind_waits_for(slow_start);
}

/* An open file reaches the driver's text, also after the unbind. */
static bool test_module_busy(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && CHECK(do_unbind()) &&
		  CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1) &&
		  CHECK(errno == EWOULDBLOCK);

	close(fd);
	return ok;
}

/* === Failing allocations in probe === */

static bool test_fail_nth(void)
{
	int fail_fd, n, failed = 0;
	char text[16];
	bool ok = true;

	sysfs_write("/sys/kernel/debug/failslab", "ignore-gfp-wait", "N");
	sysfs_write("/sys/kernel/debug/failslab", "verbose", "0");
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	ok &= CHECK(fail_fd >= 0) && CHECK(do_unbind());
	for (n = 1; ok; n++) {
		bool injected;

		snprintf(text, sizeof(text), "%d", n);
		ok &= CHECK(write(fail_fd, text, strlen(text)) > 0);
		failed += !driver_write("bind");
		memset(text, 0, sizeof(text));
		ok &= CHECK(pread(fail_fd, text, sizeof(text) - 1, 0) > 0);
		injected = atoi(text) == 0;
		ok &= CHECK(write(fail_fd, "0", 1) == 1);
		if (!injected)
			break;
		ok &= CHECK(do_unbind());
	}
	printf("# %d allocations, %d failed probes\n", n - 1, failed);
	close(fail_fd);
	return ok && CHECK(bound()) && CHECK(failed > 0);
}

/* === All at once === */

static bool storm_over;
static unsigned long storm_good, storm_gone, storm_busy, storm_other;

/*
 * EBUSY: another file has the queue. What that makes of a queue that was not
 * set up is EINVAL.
 */
static void storm_count(bool good)
{
	unsigned long *n = good ? &storm_good :
			   errno == ENODEV ? &storm_gone :
			   errno == EBUSY || errno == EINVAL ? &storm_busy :
			   &storm_other;

	if (n == &storm_other)
		printf("# error %d\n", errno);
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static void storm_stream(int fd)
{
	int i, index;
	size_t size;
	void *p;

	if (reqbufs(fd, BUFS))
		return storm_count(false);
	p = map(fd, 0, &size);
	for (i = 0; i < BUFS; i++)
		qbuf(fd, i);
	if (stream(fd, true))
		storm_count(false);
	for (i = 0; i < 8; i++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		poll(&pfd, 1, 100);
		if (dqbuf(fd, &index)) {
			storm_count(false);
			break;
		}
		storm_count(true);
		qbuf(fd, index);
	}
	if (p != MAP_FAILED) {
		memset(p, 1, size);
		munmap(p, size);
	}
}

static void storm_read(int fd)
{
	static char buf[1 << 17];
	int i;

	for (i = 0; i < 4; i++)
		storm_count(read(fd, buf, sizeof(buf)) >= 0);
}

static void storm_ctrl(int fd)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = V4L2_CID_BRIGHTNESS,
	};
	struct v4l2_control ctrl = { .id = V4L2_CID_BRIGHTNESS };
	struct pollfd pfd = { .fd = fd, .events = POLLPRI };
	int i;

	storm_count(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub));
	for (i = 0; i < 16; i++) {
		ctrl.value = i;
		storm_count(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
		storm_count(!ioctl(fd, VIDIOC_G_CTRL, &ctrl));
		poll(&pfd, 1, 1);
	}
}

static void storm_open(int fd)
{
	struct v4l2_capability cap;

	storm_count(!ioctl(fd, VIDIOC_QUERYCAP, &cap));
}

static void *storm_main(void *arg)
{
	void (*fn)(int fd) = arg;
	int fd;

	while (!__atomic_load_n(&storm_over, __ATOMIC_RELAXED)) {
		/* Who waits for a buffer that another streams gets EBUSY. */
		fd = open_video(0);
		if (fd < 0) {
			sched_yield();
			continue;
		}
		fn(fd);
		close(fd);
	}
	return NULL;
}

static bool test_storm(void)
{
	void (*const fns[])(int fd) = { storm_stream, storm_stream, storm_read,
					storm_ctrl, storm_open };
	pthread_t threads[5];
	long start = now_ms(), longest = 0, t;
	int i, unbinds = 0;
	bool ok = true;

	set_param("slow_ms", "10");
	for (i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, storm_main, fns[i]);
	while (now_ms() - start < seconds * 1000L) {
		ok &= CHECK(do_bind());
		sleep_ms(20 + unbinds * 37 % 300);
		t = now_ms();
		ok &= CHECK(do_unbind());
		t = now_ms() - t;
		if (t > longest)
			longest = t;
		unbinds++;
	}
	__atomic_store_n(&storm_over, true, __ATOMIC_RELAXED);
	for (i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	printf("# %d unbinds, longest %ld ms; calls: %lu good, %lu ENODEV, %lu busy\n",
	       unbinds, longest, storm_good, storm_gone, storm_busy);
	return ok && CHECK(storm_good) && CHECK(storm_gone) &&
	       CHECK(!storm_other) && CHECK(longest < SOON_MS);
}

static bool always(void)
{
	return true;
}

static bool is_test_driver(void)
{
	return set_param("slow_ms", "0");
}

static bool has_fault_injection(void)
{
	return !access("/proc/thread-self/fail-nth", W_OK);
}

static const struct {
	struct test test;
	bool (*available)(void);
} tests[] = {
	{ { "late_calls", test_late_calls }, always },
	{ { "streaming", test_streaming }, always },
	{ { "blocked_dqbuf", test_blocked_dqbuf }, always },
	{ { "blocked_dqevent", test_blocked_dqevent }, always },
	{ { "read", test_read }, always },
	{ { "poll_in", test_poll_in }, always },
	{ { "poll_pri", test_poll_pri }, always },
	{ { "epoll", test_epoll }, always },
	{ { "memory", test_memory }, always },
	{ { "rebind", test_rebind }, always },
	{ { "fault_in_read", test_fault_in_read }, always },
	{ { "fault_in_qbuf", test_fault_in_qbuf }, always },
	{ { "module_busy", test_module_busy }, always },
	{ { "failing_probe", test_failing_probe }, is_test_driver },
	{ { "refused_start", test_refused_start }, is_test_driver },
	{ { "two_nodes", test_two_nodes }, is_test_driver },
	{ { "slow_calls", test_slow_calls }, is_test_driver },
	{ { "fail_nth", test_fail_nth }, has_fault_injection },
	{ { "storm", test_storm }, always },
};

int main(int argc, char **argv)
{
	struct test run[ARRAY_SIZE(tests)];
	size_t i;
	int n = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER [SECONDS]\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	if (argc > 2)
		seconds = atoi(argv[2]);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		if (tests[i].available())
			run[n++] = tests[i].test;
	return run_tests(run, n);
}
