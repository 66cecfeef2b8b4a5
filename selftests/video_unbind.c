// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbind a video driver under its users.
 *
 * Usage: video_unbind DRIVER
 *
 * DRIVER is a platform driver with one device of the same name. Each test binds
 * it, has an open file in some state, unbinds, and asks for -ENODEV, for memory
 * that stays valid, and for an end of whoever sleeps. The last one does all of it
 * at once for SECONDS. What the kernel has to say about it is for its log.
 */
#define _GNU_SOURCE
#include "video.h"

#define CAPTURE	V4L2_BUF_TYPE_VIDEO_CAPTURE

/* === Streaming === */

static int reqbufs(int fd, int count)
{
	return reqbufs_of(fd, CAPTURE, count);
}

static int qbuf(int fd, int index)
{
	return qbuf_of(fd, CAPTURE, index);
}

static int dqbuf(int fd, int *index)
{
	return dqbuf_of(fd, CAPTURE, index);
}

static int stream(int fd, bool on)
{
	return stream_of(fd, CAPTURE, on);
}

static bool start(int fd, int queued)
{
	return start_of(fd, CAPTURE, queued);
}

static void *map(int fd, int index, size_t *size)
{
	return map_of(fd, CAPTURE, index, size);
}

/* === Tests === */

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

	if (!CHECK(fd >= 0) || !CHECK(find_node_after(-1, &number)))
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

static bool test_two_in_dqevent(void)
{
	return two_wait_for_events();
}

static bool test_three_in_dqevent(void)
{
	return three_wait_for_no_event();
}

static bool test_two_take_the_first_event(void)
{
	return two_take_the_first_event();
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

/* === Page faults === */

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

static bool test_fault_in_read(void)
{
	return unbind_under_fault(read_into_fault);
}

static bool test_fault_in_qbuf(void)
{
	return unbind_under_fault(qbuf_of_fault);
}

/* === The driver === */

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
	    !set_param("slow_ms", "1500") || !sleeper_start(s))
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

	if (!CHECK(do_bind()) || !CHECK(find_node_after(-1, &first)) ||
	    !CHECK(find_node_after(node_index(first), &second)))
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

/* === All kinds of nodes === */

#define KINDS	10

/* What a node has, by its file descriptor; 0 is a radio. */
static int type_of_fd[256];

static int type_of_caps(unsigned int caps)
{
	static const struct {
		unsigned int cap;
		int type;
	} types[] = {
		{ V4L2_CAP_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE },
		{ V4L2_CAP_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT },
		{ V4L2_CAP_VIDEO_CAPTURE_MPLANE,
		  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE },
		{ V4L2_CAP_VIDEO_OUTPUT_MPLANE,
		  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE },
		{ V4L2_CAP_META_CAPTURE, V4L2_BUF_TYPE_META_CAPTURE },
		{ V4L2_CAP_VBI_CAPTURE, V4L2_BUF_TYPE_VBI_CAPTURE },
		{ V4L2_CAP_SDR_CAPTURE, V4L2_BUF_TYPE_SDR_CAPTURE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (caps & types[i].cap)
			return types[i].type;
	return 0;
}

/* Streams, or waits for an event if there is nothing to stream. */
static int use_kind(int fd)
{
	int index, type = type_of_fd[fd];

	if (!type)
		return wait_for_event(fd);
	while (!dqbuf_of(fd, type, &index))
		if (qbuf_of(fd, type, index))
			return -1;
	return -1;
}

static bool start_kind(int fd)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = ctrl_id,
	};
	struct v4l2_capability caps;
	int type, index;

	if (!CHECK(!ioctl(fd, VIDIOC_QUERYCAP, &caps)))
		return false;
	type = type_of_caps(caps.device_caps);
	type_of_fd[fd] = type;
	if (!type)
		return CHECK(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub));
	return start_of(fd, type, BUFS) && CHECK(!dqbuf_of(fd, type, &index)) &&
	       CHECK(!qbuf_of(fd, type, index));
}

/* Opens all of them; returns how many. */
static int open_kinds(struct sleeper s[KINDS])
{
	struct dirent *entry;
	char path[PATH_MAX];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/video4linux",
		 device());
	d = opendir(path);
	while (d && n < KINDS && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		s[n].fn = use_kind;
		s[n].fd = open(path, O_RDWR | O_CLOEXEC);
		n += CHECK(s[n].fd >= 0);
	}
	if (d)
		closedir(d);
	return n;
}

static bool kinds(bool backwards)
{
	struct sleeper *s = calloc(KINDS, sizeof(*s));
	struct v4l2_capability caps;
	bool ok = CHECK(do_bind());
	int i;

	if (!ok || !CHECK(open_kinds(s) == KINDS))
		return false;
	for (i = 0; i < KINDS; i++)
		if (!start_kind(s[i].fd) || !sleeper_start(&s[i]))
			return fail("type %d", type_of_fd[s[i].fd]);
	ok = CHECK(do_unbind());
	for (i = 0; i < KINDS; i++) {
		if (!sleeper_join(&s[i]))
			return fail("type %d", type_of_fd[s[i].fd]);
		ok &= CHECK(s[i].ret == -1) & CHECK(s[i].err == ENODEV);
	}
	for (i = 0; i < KINDS; i++) {
		int fd = s[backwards ? KINDS - 1 - i : i].fd;

		ok &= enodev(fd, VIDIOC_QUERYCAP, &caps, "QUERYCAP");
		close(fd);
	}
	free(s);
	return ok;
}

static bool test_kinds(void)
{
	bool ok = CHECK(do_unbind()) && CHECK(set_param("nodes", "10")) &&
		  (kinds(false) & kinds(true));

	return set_param("nodes", "2") && ok;
}

static bool test_fail_steps(void)
{
	return fail_each_step(6);
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

static bool test_fail_nth(void)
{
	return fail_each_of_video_probe();
}

/* === All at once === */

static void storm_stream(int fd)
{
	int i, index;
	size_t size = 0;
	void *p;

	if (reqbufs(fd, BUFS))
		return storm_call(false);
	p = map(fd, 0, &size);
	for (i = 0; i < BUFS; i++)
		qbuf(fd, i);
	if (stream(fd, true))
		storm_call(false);
	for (i = 0; i < 8; i++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		poll(&pfd, 1, 100);
		if (dqbuf(fd, &index)) {
			storm_call(false);
			break;
		}
		storm_call(true);
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
		storm_call(read(fd, buf, sizeof(buf)) >= 0);
}

static bool test_storm(void)
{
	/* Who waits for a buffer that another streams gets EBUSY. */
	void (*const fns[])(int fd) = { storm_stream, storm_stream, storm_read,
					storm_ctrl, storm_open };

	set_param("slow_ms", "10");
	return storm_video(fns, ARRAY_SIZE(fns));
}

static bool always(void)
{
	return true;
}

static bool is_test_driver(void)
{
	return set_param("slow_ms", "0");
}

static const struct {
	struct test test;
	bool (*available)(void);
} tests[] = {
	{ { "late_calls", test_late_calls }, always },
	{ { "streaming", test_streaming }, always },
	{ { "blocked_dqbuf", test_blocked_dqbuf }, always },
	{ { "blocked_dqevent", test_blocked_dqevent }, always },
	{ { "two_in_dqevent", test_two_in_dqevent }, always },
	{ { "three_in_dqevent", test_three_in_dqevent }, always },
	{ { "two_take_the_first_event", test_two_take_the_first_event }, always },
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
	{ { "kinds", test_kinds }, is_test_driver },
	{ { "fail_steps", test_fail_steps }, is_test_driver },
	{ { "fail_nth", test_fail_nth }, has_fault_injection },
	{ { "storm", test_storm }, always },
};

int main(int argc, char **argv)
{
	struct test run[ARRAY_SIZE(tests)];
	size_t i;
	int n = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		if (tests[i].available())
			run[n++] = tests[i].test;
	return run_tests(run, n);
}
