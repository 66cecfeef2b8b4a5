/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of video nodes share: the nodes of the driver, and buffers of any
 * type.
 */
#ifndef _SELFTESTS_KOBJTREE_VIDEO_H
#define _SELFTESTS_KOBJTREE_VIDEO_H

#include <dirent.h>
#include <linux/userfaultfd.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "unbind.h"

#define BUFS	4
#define PLANES	2

#define __maybe_unused	__attribute__((unused))

/* === The nodes === */

/* The V4L2 core's count of the nodes of a device, -1 if @number has none. */
static inline int node_index(int number)
{
	char path[128];
	int index = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/video4linux/video%d/index",
		 number);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &index) != 1)
		index = -1;
	if (f)
		fclose(f);
	return index;
}

/*
 * The driver's video node that comes after that with @index, in the order in which
 * it registered them: a number that is freed meanwhile goes to a later one.
 */
static inline bool find_node_after(int index, int *number)
{
	int n, i, first = INT_MAX;
	struct dirent *entry;
	char dir[256];
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/%s/devices/%s/video4linux", bus,
		 device());
	*number = -1;
	d = opendir(dir);
	if (!d)
		return false;
	while ((entry = readdir(d))) {
		if (sscanf(entry->d_name, "video%d", &n) != 1)
			continue;
		i = node_index(n);
		if (i > index && i < first) {
			first = i;
			*number = n;
		}
	}
	closedir(d);
	return first < INT_MAX;
}

static inline int open_number(int number, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/video%d", number);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

static inline int open_video(int flags)
{
	int number;

	if (!find_node_after(-1, &number)) {
		errno = ENOENT;
		return -1;
	}
	return open_number(number, flags);
}

static inline int bind_and_open(int flags)
{
	return do_bind() ? open_video(flags) : -1;
}

/* A driver's parameter, if it has it: those of modules/kobjtree_test_*.c. */
static inline bool set_param(const char *name, const char *value)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/sys/module/%s/parameters", driver);
	return sysfs_write(dir, name, value);
}

/* A control that it has. */
static unsigned int ctrl_id __maybe_unused = V4L2_CID_BRIGHTNESS;

/* === Buffers === */

struct buf {
	struct v4l2_buffer v4l2;
	struct v4l2_plane planes[PLANES];
};

static inline bool is_mplane(int type)
{
	return type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE ||
	       type == V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
}

/* An ioctl on one buffer. */
static inline int buf_ioctl(int fd, unsigned long cmd, int type, int index,
			    struct buf *buf)
{
	*buf = (struct buf) {
		.v4l2.index = index,
		.v4l2.type = type,
		.v4l2.memory = V4L2_MEMORY_MMAP,
	};
	if (is_mplane(type)) {
		buf->v4l2.m.planes = buf->planes;
		buf->v4l2.length = PLANES;
	}
	return ioctl(fd, cmd, &buf->v4l2);
}

static inline int reqbufs_of(int fd, int type, int count)
{
	struct v4l2_requestbuffers req = {
		.count = count,
		.type = type,
		.memory = V4L2_MEMORY_MMAP,
	};

	return ioctl(fd, VIDIOC_REQBUFS, &req);
}

static inline int qbuf_of(int fd, int type, int index)
{
	struct buf buf;

	return buf_ioctl(fd, VIDIOC_QBUF, type, index, &buf);
}

static inline int dqbuf_of(int fd, int type, int *index)
{
	struct buf buf;
	int ret = buf_ioctl(fd, VIDIOC_DQBUF, type, 0, &buf);

	*index = buf.v4l2.index;
	return ret;
}

static inline int stream_of(int fd, int type, bool on)
{
	return ioctl(fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

/* @queued of the buffers are given to the driver. */
static inline bool start_of(int fd, int type, int queued)
{
	int i;

	if (!CHECK(!reqbufs_of(fd, type, BUFS)))
		return false;
	for (i = 0; i < queued; i++)
		if (!CHECK(!qbuf_of(fd, type, i)))
			return false;
	return CHECK(!stream_of(fd, type, true));
}

static inline void *map_of(int fd, int type, int index, size_t *size)
{
	struct buf buf;
	bool planes = is_mplane(type);

	if (buf_ioctl(fd, VIDIOC_QUERYBUF, type, index, &buf))
		return MAP_FAILED;
	*size = planes ? buf.planes[0].length : buf.v4l2.length;
	return mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    planes ? buf.planes[0].m.mem_offset : buf.v4l2.m.offset);
}

/* === Results === */

static inline bool enodev(int fd, unsigned long cmd, void *arg, const char *what)
{
	errno = 0;
	if (ioctl(fd, cmd, arg) == -1 && errno == ENODEV)
		return true;
	return fail("late %s: %s", what, strerror(errno));
}

/* === Who sleeps === */

static inline int wait_for_event(int fd)
{
	struct v4l2_event event;

	return ioctl(fd, VIDIOC_DQEVENT, &event);
}

/* The event that another one waits for has to end this one, too. */
static inline int poll_for(int fd, short events)
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

static inline int poll_in(int fd)
{
	return poll_for(fd, POLLIN);
}

static inline int poll_pri(int fd)
{
	return poll_for(fd, POLLPRI);
}

static inline int epoll_pri(int fd)
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

/* Two of them, on one file: an event ends one, the unbind the other. */
static inline bool two_wait_for_events(void)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = ctrl_id,
		/* or the control's own file is not told */
		.flags = V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK,
	};
	struct v4l2_control ctrl = { .id = ctrl_id, .value = 7 };
	struct sleeper *s = calloc(2, sizeof(*s));
	bool ok;
	int i;

	s[0].fn = wait_for_event;
	s[0].fd = bind_and_open(0);
	s[1] = s[0];
	if (!CHECK(s->fd >= 0) || !CHECK(!ioctl(s->fd, VIDIOC_SUBSCRIBE_EVENT, &sub)))
		return false;
	if (!sleeper_start(&s[0]) || !sleeper_start(&s[1]))
		return false;
	ok = CHECK(!ioctl(s->fd, VIDIOC_S_CTRL, &ctrl));
	sleep_ms(300);
	ok &= CHECK(sleeper_ended(&s[0]) != sleeper_ended(&s[1]));
	ok &= CHECK(do_unbind());
	for (i = 0; i < 2; i++)
		if (!sleeper_join(&s[i]))
			return false;
	ok &= CHECK((s[0].ret == 0) != (s[1].ret == 0));
	for (i = 0; i < 2; i++)
		ok &= CHECK(s[i].ret == 0 || s[i].err == ENODEV);
	close(s->fd);
	free(s);
	return ok;
}

/* Several, and no event for any. */
static inline bool three_wait_for_no_event(void)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = ctrl_id,
	};
	struct sleeper *s = calloc(3, sizeof(*s));
	int fd = bind_and_open(0), i;
	bool ok;

	if (!CHECK(fd >= 0) || !CHECK(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub)))
		return false;
	for (i = 0; i < 3; i++) {
		s[i].fn = wait_for_event;
		s[i].fd = fd;
		if (!sleeper_start(&s[i]))
			return false;
	}
	/* What they wait for can not come any more. */
	ok = CHECK(!ioctl(fd, VIDIOC_UNSUBSCRIBE_EVENT, &sub));
	ok &= CHECK(do_unbind());
	for (i = 0; i < 3; i++) {
		if (!sleeper_join(&s[i]))
			return false;
		ok &= CHECK(s[i].ret == -1) && CHECK(s[i].err == ENODEV);
	}
	close(fd);
	free(s);
	return ok;
}

/* In this thread; the one of higher priority runs until it sleeps or ends. */
static inline bool run_alone(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return CHECK(!sched_setaffinity(0, sizeof(cpus), &cpus)) &&
	       CHECK(!sched_setscheduler(0, SCHED_FIFO, &param));
}

static inline int wait_for_event_first(int fd)
{
	return run_alone(2) ? wait_for_event(fd) : 0;
}

static inline int wait_for_event_second(int fd)
{
	return run_alone(1) ? wait_for_event(fd) : 0;
}

/*
 * The unbind has an event for each of two. The one who came first takes the
 * other's, and is gone with its own before the other looks.
 */
static inline bool two_take_the_first_event(void)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = ctrl_id,
	};
	struct sleeper *s = calloc(2, sizeof(*s));
	int fd = bind_and_open(0), i;
	bool ok;

	s[0].fn = wait_for_event_first;
	s[1].fn = wait_for_event_second;
	ok = CHECK(fd >= 0) && CHECK(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub));
	for (i = 0; ok && i < 2; i++) {
		s[i].fd = fd;
		ok = sleeper_start(&s[i]);
	}
	ok = ok && CHECK(do_unbind());
	for (i = 0; ok && i < 2; i++)
		ok = sleeper_join(&s[i]) && CHECK(s[i].ret == -1) &&
		     CHECK(s[i].err == ENODEV);
	if (!ok)
		return false;
	close(fd);
	free(s);
	return true;
}

/* === Page faults that last === */

struct fault {
	int fd;
	char *page;
	size_t size;
};

static struct fault fault __maybe_unused;

static inline bool fault_setup(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	/* as much as any of the drivers wants for a buffer */
	fault.size = 160 * sysconf(_SC_PAGESIZE);
	fault.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (!CHECK(fault.fd >= 0) || !CHECK(!ioctl(fault.fd, UFFDIO_API, &api)))
		return false;
	fault.page = mmap(NULL, fault.size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)fault.page;
	reg.range.len = fault.size;
	return CHECK(!ioctl(fault.fd, UFFDIO_REGISTER, &reg));
}

static inline bool fault_resolve(void)
{
	struct uffdio_zeropage zero = {
		.range.start = (unsigned long)fault.page,
		.range.len = fault.size,
	};

	return CHECK(!ioctl(fault.fd, UFFDIO_ZEROPAGE, &zero));
}

/*
 * One who sleeps in a page fault with the lock of the queue must not hold up the
 * unbind.
 */
static inline bool unbind_under_fault(int (*fn)(int fd))
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

/* === Failures === */

static inline bool has_fault_injection(void)
{
	return !access("/proc/thread-self/fail-nth", W_OK);
}

/* No node is left behind. */
static inline bool nothing_published(void)
{
	int number;

	return CHECK(!bound()) && CHECK(!find_node_after(-1, &number));
}

/* What fails has to leave nothing. */
static inline bool try_bind(void *unused)
{
	(void)unused;
	return driver_write("bind") || !nothing_published();
}

static inline bool fail_each_of_video_probe(void)
{
	int failed;

	return CHECK(do_unbind()) &&
	       fail_each("probe", try_bind, fail_unbind, NULL, &failed) &&
	       CHECK(bound()) && CHECK(failed > 0);
}

/* The steps of the driver's probe, each of which is undone when the next fails. */
static inline bool fail_each_step(int steps)
{
	char text[16];
	bool ok = CHECK(do_unbind());
	int i;

	for (i = 1; i <= steps; i++) {
		snprintf(text, sizeof(text), "%d", i);
		ok &= CHECK(set_param("fail_step", text));
		ok &= CHECK(!driver_write("bind")) && nothing_published();
	}
	ok &= CHECK(set_param("fail_step", "0"));
	return ok & CHECK(do_bind()) & CHECK(do_unbind());
}

/* === All at once === */

static unsigned long storm_busy;

/*
 * EBUSY: another file has the queue. What that makes of a queue that was not
 * set up is EINVAL.
 */
static inline void storm_call(bool good)
{
	if (!good && (errno == EBUSY || errno == EINVAL))
		__atomic_fetch_add(&storm_busy, 1, __ATOMIC_RELAXED);
	else
		storm_count(good);
}

static inline void storm_ctrl(int fd)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = ctrl_id,
	};
	struct v4l2_control ctrl = { .id = ctrl_id };
	struct pollfd pfd = { .fd = fd, .events = POLLPRI };
	int i;

	storm_call(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub));
	for (i = 0; i < 16; i++) {
		ctrl.value = i;
		storm_call(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
		storm_call(!ioctl(fd, VIDIOC_G_CTRL, &ctrl));
		poll(&pfd, 1, 1);
	}
}

static inline void storm_open(int fd)
{
	struct v4l2_capability cap;

	storm_call(!ioctl(fd, VIDIOC_QUERYCAP, &cap));
}

static inline int storm_open_video(void)
{
	return open_video(0);
}

static inline bool storm_video(void (*const fns[])(int fd), int count)
{
	const struct storm s = { .open = storm_open_video };
	bool ok = storm(&s, fns, count);

	printf("# %lu busy\n", storm_busy);
	return ok;
}

#endif /* _SELFTESTS_KOBJTREE_VIDEO_H */
