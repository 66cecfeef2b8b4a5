// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbind a memory-to-memory driver under its users.
 *
 * Usage: m2m_unbind DRIVER
 *
 * As video_unbind, for nodes whose files have queues of their own, and jobs. DRIVER
 * may have single-planar queues or multi-planar ones (the test module, which can
 * be told to fail and to be slow). In the environment: DEVICE, its name if it is
 * not the driver's; CTRL, the id of a control if not that of the brightness.
 */
#define _GNU_SOURCE
#include "video.h"

static int out = V4L2_BUF_TYPE_VIDEO_OUTPUT;
static int cap = V4L2_BUF_TYPE_VIDEO_CAPTURE;

/* === Streaming === */

/* @queued buffers of each queue are given to the driver. */
static bool start_both(int fd, int queued)
{
	return start_of(fd, out, queued) && start_of(fd, cap, queued);
}

/* One more frame through the device. */
static int frame(int fd)
{
	int src, dst;

	return dqbuf_of(fd, cap, &dst) ?: dqbuf_of(fd, out, &src) ?:
	       qbuf_of(fd, cap, dst) ?: qbuf_of(fd, out, src);
}

static int stream_until_error(int fd)
{
	while (!frame(fd))
		;
	return -1;
}

static unsigned int read_param(const char *name)
{
	char path[PATH_MAX], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", driver,
		 name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		fail("cannot read %s", name);
	close(fd);
	return atoi(text);
}

/* === Tests === */

/* It does work: what comes out is the inverse of what goes in. */
static bool test_inverts(void)
{
	unsigned char *in, *res;
	int fd = bind_and_open(0), dst;
	size_t size = 0, i;
	bool ok;

	if (!CHECK(fd >= 0) || !start_both(fd, 0))
		return false;
	in = map_of(fd, out, 0, &size);
	res = map_of(fd, cap, 0, &size);
	if (!CHECK(in != MAP_FAILED) || !CHECK(res != MAP_FAILED))
		return false;
	for (i = 0; i < size; i++)
		in[i] = i * 7;
	ok = CHECK(!qbuf_of(fd, out, 0)) && CHECK(!qbuf_of(fd, cap, 0)) &&
	     CHECK(!dqbuf_of(fd, cap, &dst));
	for (i = 0; ok && i < size; i++)
		ok = CHECK(res[i] == (unsigned char)~(i * 7));
	munmap(in, size);
	munmap(res, size);
	close(fd);
	return ok;
}

static bool test_late_calls(void)
{
	struct v4l2_requestbuffers req = { .count = 2, .type = out,
		.memory = V4L2_MEMORY_MMAP };
	struct v4l2_control ctrl = { .id = ctrl_id, .value = 1 };
	struct v4l2_format fmt = { .type = cap };
	int fd = bind_and_open(0), number, index;
	struct v4l2_capability caps;
	bool ok;

	if (!CHECK(fd >= 0) || !CHECK(find_node_after(-1, &number)))
		return false;
	ok = CHECK(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
	ok &= start_both(fd, BUFS);
	ok &= CHECK(do_unbind());
	ok &= enodev(fd, VIDIOC_QUERYCAP, &caps, "QUERYCAP");
	ok &= enodev(fd, VIDIOC_G_FMT, &fmt, "G_FMT");
	ok &= enodev(fd, VIDIOC_S_FMT, &fmt, "S_FMT");
	ok &= enodev(fd, VIDIOC_G_CTRL, &ctrl, "G_CTRL");
	ok &= enodev(fd, VIDIOC_S_CTRL, &ctrl, "S_CTRL");
	ok &= enodev(fd, VIDIOC_REQBUFS, &req, "REQBUFS");
	ok &= enodev(fd, VIDIOC_STREAMON, &out, "STREAMON");
	ok &= enodev(fd, VIDIOC_STREAMOFF, &cap, "STREAMOFF");
	ok &= CHECK(qbuf_of(fd, out, 0) == -1 && errno == ENODEV);
	ok &= CHECK(dqbuf_of(fd, cap, &index) == -1 && errno == ENODEV);
	ok &= CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
		    errno == ENODEV);
	ok &= CHECK(open_number(number, 0) == -1);
	close(fd);
	return ok;
}

static bool test_streaming(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && start_both(fd, BUFS) &&
		  unbind_under(stream_until_error, fd);

	close(fd);
	return ok;
}

static int wait_for_result(int fd)
{
	int index;

	return dqbuf_of(fd, cap, &index);
}

static int wait_for_source(int fd)
{
	int index;

	return dqbuf_of(fd, out, &index);
}

/* With nothing to work on, and with nothing to put the result into. */
static bool test_blocked_dqbuf(void)
{
	int a = bind_and_open(0), b;
	bool ok = CHECK(a >= 0) && start_of(a, cap, BUFS) &&
		  start_of(a, out, 0) && unbind_under(wait_for_result, a);

	b = bind_and_open(0);
	ok &= CHECK(b >= 0) && start_of(b, out, BUFS) && start_of(b, cap, 0) &&
	      unbind_under(wait_for_source, b);
	close(a);
	close(b);
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

static bool test_poll(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && start_of(fd, cap, BUFS) &&
		  start_of(fd, out, 0) && unbind_under(poll_in, fd);

	close(fd);
	fd = bind_and_open(0);
	ok &= CHECK(fd >= 0) && unbind_under(poll_pri, fd);
	close(fd);
	fd = bind_and_open(0);
	ok &= CHECK(fd >= 0) && unbind_under(epoll_pri, fd);
	close(fd);
	return ok;
}

/* Files with queues of their own, all at work; they close in any order. */
static bool files_in_order(const int order[3])
{
	struct v4l2_capability caps;
	bool ok = CHECK(do_bind());
	int fds[3], i;

	for (i = 0; i < 3; i++) {
		fds[i] = open_video(0);
		ok &= CHECK(fds[i] >= 0) && start_both(fds[i], BUFS);
	}
	ok &= CHECK(!frame(fds[0])) && CHECK(!frame(fds[2]));
	ok &= unbind_under(stream_until_error, fds[1]);
	for (i = 0; i < 3; i++) {
		ok &= enodev(fds[order[i]], VIDIOC_QUERYCAP, &caps, "QUERYCAP");
		close(fds[order[i]]);
	}
	return ok;
}

static bool test_files(void)
{
	static const int orders[3][3] = { { 0, 1, 2 }, { 2, 0, 1 }, { 1, 2, 0 } };
	bool ok = true;
	int i;

	for (i = 0; i < 3; i++)
		ok &= files_in_order(orders[i]);
	return ok;
}

/* Buffers of both queues, mapped, and one of them as a dma-buf. */
static bool memory(bool close_first)
{
	struct v4l2_exportbuffer exp = { .type = cap, .flags = O_RDWR };
	unsigned char *p, *q, *r = MAP_FAILED;
	size_t size_p = 0, size_q = 0;
	int fd = bind_and_open(0);
	bool ok;

	if (!CHECK(fd >= 0) || !start_both(fd, BUFS))
		return false;
	p = map_of(fd, out, 0, &size_p);
	q = map_of(fd, cap, 0, &size_q);
	ok = CHECK(p != MAP_FAILED) && CHECK(q != MAP_FAILED) &&
	     CHECK(!ioctl(fd, VIDIOC_EXPBUF, &exp));
	if (!ok)
		return false;
	r = mmap(NULL, size_q, PROT_READ | PROT_WRITE, MAP_SHARED, exp.fd, 0);
	ok = CHECK(r != MAP_FAILED) & CHECK(do_unbind());
	if (close_first)
		close(fd);
	memset(p, 0x11, size_p);
	memset(q, 0x22, size_q);
	ok &= CHECK(p[size_p - 1] == 0x11) & CHECK(r[size_q - 1] == 0x22);
	munmap(p, size_p);
	munmap(q, size_q);
	memset(r, 0x33, size_q);
	ok &= CHECK(r[0] == 0x33);
	munmap(r, size_q);
	close(exp.fd);
	if (!close_first)
		close(fd);
	return ok;
}

static bool test_memory(void)
{
	return memory(true) & memory(false);
}

static bool test_rebind(void)
{
	int old = bind_and_open(0), new;
	struct v4l2_capability caps;
	bool ok;

	if (!CHECK(old >= 0))
		return false;
	ok = start_both(old, BUFS) && CHECK(do_unbind());
	new = bind_and_open(0);
	ok &= CHECK(new >= 0) && start_both(new, BUFS) && CHECK(!frame(new));
	ok &= enodev(old, VIDIOC_QUERYCAP, &caps, "QUERYCAP");
	close(old);
	ok &= CHECK(!frame(new));
	close(new);
	return ok;
}

static int qbuf_of_fault(int fd)
{
	struct v4l2_plane planes[PLANES] = {
		{ .m.userptr = (unsigned long)fault.page,
		  .length = fault.size / 2 },
		{ .m.userptr = (unsigned long)fault.page + fault.size / 2,
		  .length = fault.size / 2 },
	};
	struct v4l2_buffer buf = {
		.type = out,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (unsigned long)fault.page,
		.length = fault.size,
		.bytesused = 4096,
	};
	struct v4l2_requestbuffers req = {
		.count = 1,
		.type = out,
		.memory = V4L2_MEMORY_USERPTR,
	};

	if (is_mplane(out)) {
		buf.m.planes = planes;
		buf.length = PLANES;
	}
	return ioctl(fd, VIDIOC_REQBUFS, &req) ?: ioctl(fd, VIDIOC_QBUF, &buf);
}

static bool test_fault_in_qbuf(void)
{
	return unbind_under_fault(qbuf_of_fault);
}

/* The one in the fault has the lock that the one in DQBUF wakes up to. */
static bool test_fault_beside_dqbuf(void)
{
	struct sleeper *s = calloc(2, sizeof(*s));
	struct pollfd pfd = { .events = POLLIN };
	int fd = bind_and_open(0);
	bool ok;

	if (!CHECK(fd >= 0) || !start_of(fd, cap, BUFS) || !fault_setup())
		return false;
	s[0].fn = wait_for_result;
	s[0].fd = fd;
	s[1].fn = qbuf_of_fault;
	s[1].fd = fd;
	if (!sleeper_start(&s[0]) || !sleeper_start(&s[1]))
		return false;
	pfd.fd = fault.fd;
	ok = CHECK(poll(&pfd, 1, SOON_MS) == 1) & CHECK(do_unbind());
	ok &= CHECK(!sleeper_ended(&s[1])) & fault_resolve();
	if (!sleeper_join(&s[0]) || !sleeper_join(&s[1]))
		return false;
	ok &= CHECK(s[0].ret == -1) & CHECK(s[0].err == ENODEV);
	close(fd);
	close(fault.fd);
	munmap(fault.page, fault.size);
	free(s);
	return ok;
}

/* However many they are, the unbind waits no longer than for one. */
static bool test_faults_in_many(void)
{
	struct sleeper *s = calloc(8, sizeof(*s));
	bool ok = CHECK(do_bind()) && fault_setup();
	long start;
	int i;

	if (!ok)
		return false;
	for (i = 0; i < 8; i++) {
		s[i].fn = qbuf_of_fault;
		s[i].fd = open_video(0);
		if (!CHECK(s[i].fd >= 0) || !sleeper_start(&s[i]))
			return false;
	}
	start = now_ms();
	ok = CHECK(do_unbind()) & CHECK(now_ms() - start < SOON_MS);
	for (i = 0; i < 8; i++)
		ok &= CHECK(!sleeper_ended(&s[i]));
	ok &= fault_resolve();
	for (i = 0; i < 8; i++) {
		if (!sleeper_join(&s[i]))
			return false;
		close(s[i].fd);
	}
	close(fault.fd);
	munmap(fault.page, fault.size);
	free(s);
	return ok;
}

static bool test_module_busy(void)
{
	int fd = bind_and_open(0);
	bool ok = CHECK(fd >= 0) && CHECK(do_unbind()) &&
		  CHECK(syscall(SYS_delete_module, driver, O_NONBLOCK) == -1) &&
		  CHECK(errno == EWOULDBLOCK);

	close(fd);
	return ok;
}

/* === Jobs === */

/* A job runs, and that of a second file is queued behind it. */
static bool two_jobs(int fds[2])
{
	unsigned int begun = read_param("runs");
	int i;

	for (i = 0; i < 2; i++) {
		fds[i] = open_video(0);
		if (!CHECK(fds[i] >= 0) || !start_both(fds[i], BUFS))
			return false;
	}
	return CHECK(read_param("runs") == begun + 1);
}

/*
 * The removal aborts the job that runs, or waits for its end, and begins no other.
 */
static bool unbind_under_jobs(const char *abort, const char *hold, long least,
			      long most)
{
	unsigned int begun = read_param("runs"), ended = read_param("aborts");
	bool ok = CHECK(do_bind()) && CHECK(set_param("job_ms", "3000")) &&
		  CHECK(set_param("abort_jobs", abort)) &&
		  CHECK(set_param("hold", hold));
	struct sleeper *s = calloc(1, sizeof(*s));
	int fds[2];
	long start;

	if (!ok || !two_jobs(fds))
		return false;
	s->fn = wait_for_result;
	s->fd = fds[1];
	if (!sleeper_start(s))
		return false;
	start = now_ms();
	ok = CHECK(do_unbind());
	start = now_ms() - start;
	ok &= CHECK(start >= least) & CHECK(start <= most);
	ok &= CHECK(read_param("runs") == begun + 1);
	ok &= CHECK(read_param("aborts") == ended + 1);
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(s->ret == -1) & CHECK(s->err == ENODEV);
	close(fds[0]);
	close(fds[1]);
	free(s);
	return ok & set_param("job_ms", "1") & set_param("abort_jobs", "Y") &
	       set_param("hold", "N");
}

static bool test_job_aborted(void)
{
	return unbind_under_jobs("Y", "N", 0, 2000) &
	       unbind_under_jobs("Y", "Y", 0, 2000);
}

static bool test_job_waited_for(void)
{
	return unbind_under_jobs("N", "N", 2000, SOON_MS);
}

static int close_file(int fd)
{
	return close(fd);
}

static int slow_start(int fd)
{
	return stream_of(fd, out, true);
}

/*
 * A job that ends while the unbind waits for something else: the next one is not
 * begun.
 */
static bool refused_job(const char *hold)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	unsigned int begun = read_param("runs");
	bool ok = CHECK(do_bind()) && CHECK(set_param("job_ms", "2500")) &&
		  CHECK(set_param("hold", hold));
	int fds[2];

	if (!ok || !two_jobs(fds))
		return false;
	s->fn = slow_start;
	s->fd = open_video(0);
	if (!CHECK(s->fd >= 0) || !CHECK(!reqbufs_of(s->fd, out, BUFS)) ||
	    !set_param("slow_ms", "5000") || !sleeper_start(s))
		return false;
	ok = set_param("slow_ms", "0") & CHECK(do_unbind());
	ok &= CHECK(read_param("runs") == begun + 1);
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(s->ret == 0);
	close(fds[0]);
	close(fds[1]);
	close(s->fd);
	free(s);
	return ok & set_param("job_ms", "1") & set_param("hold", "N");
}

static bool test_job_refused(void)
{
	return refused_job("N") & refused_job("Y");
}

/* A close that waits for the end of its job: the unbind waits for it. */
static bool test_close_under_job(void)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok = CHECK(do_bind()) && CHECK(set_param("job_ms", "3000")) &&
		  CHECK(set_param("abort_jobs", "N"));
	int fds[2];

	if (!ok || !two_jobs(fds))
		return false;
	/* The only one that is left: the unbind waits for nothing else. */
	close(fds[1]);
	s->fn = close_file;
	s->fd = fds[0];
	if (!set_param("slow_ms", "500") || !sleeper_start(s))
		return false;
	ok = CHECK(do_unbind()) & set_param("slow_ms", "0");
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(s->ret == 0);
	free(s);
	return ok & set_param("job_ms", "1") & set_param("abort_jobs", "Y");
}

/* === The driver === */

static int bind_device(int fd)
{
	(void)fd;
	return driver_write("bind") ? 0 : -1;
}

static bool test_failing_probe(void)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	struct v4l2_capability caps;
	bool ok;
	int fd;

	s->fn = bind_device;
	ok = CHECK(do_unbind()) && CHECK(set_param("fail_after_ms", "2000"));
	if (!sleeper_start(s))
		return false;
	while ((fd = open_video(0)) < 0 && !sleeper_ended(s))
		sleep_ms(10);
	ok &= CHECK(fd >= 0) && start_both(fd, BUFS);
	ok &= CHECK(stream_until_error(fd) == -1 && errno == ENODEV);
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(s->ret == -1) && nothing_published();
	ok &= enodev(fd, VIDIOC_QUERYCAP, &caps, "QUERYCAP");
	close(fd);
	free(s);
	return set_param("fail_after_ms", "0") && ok;
}

static int slow_open(int fd)
{
	(void)fd;
	return open_video(0);
}

static int slow_ctrl(int fd)
{
	struct v4l2_control ctrl = { .id = ctrl_id, .value = 5 };

	return ioctl(fd, VIDIOC_S_CTRL, &ctrl);
}

/* The unbind waits for the driver's operation, which succeeds. */
static bool unbind_waits_for(int (*fn)(int fd))
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok;

	s->fn = fn;
	s->fd = bind_and_open(0);
	if (!CHECK(s->fd >= 0) || !CHECK(!reqbufs_of(s->fd, out, BUFS)) ||
	    !set_param("slow_ms", "3000") || !sleeper_start(s))
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

static bool test_slow_calls(void)
{
	return unbind_waits_for(slow_open) & unbind_waits_for(slow_start) &
	       unbind_waits_for(slow_ctrl);
}

/* === Failures === */

static bool test_fail_nth(void)
{
	return fail_each_of_video_probe();
}

static int opened;

static bool try_open(void *unused)
{
	opened = open_video(0);
	return opened >= 0;
}

static bool undo_open(void *unused)
{
	return !close(opened);
}

static bool test_fail_nth_open(void)
{
	int failed;
	bool ok = CHECK(do_bind()) &&
		  fail_each("open", try_open, undo_open, NULL, &failed) &&
		  CHECK(failed > 0);

	close(opened);
	return ok;
}

static bool test_fail_steps(void)
{
	return fail_each_step(4);
}

/* === All at once === */

static void storm_stream(int fd)
{
	size_t size = 0;
	void *p;
	int i;

	if (reqbufs_of(fd, out, BUFS) || reqbufs_of(fd, cap, BUFS))
		return storm_call(false);
	p = map_of(fd, cap, 0, &size);
	for (i = 0; i < BUFS; i++) {
		qbuf_of(fd, out, i);
		qbuf_of(fd, cap, i);
	}
	if (stream_of(fd, out, true) || stream_of(fd, cap, true))
		storm_call(false);
	for (i = 0; i < 8; i++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };

		poll(&pfd, 1, 100);
		if (frame(fd)) {
			storm_call(false);
			break;
		}
		storm_call(true);
	}
	if (i % 2)
		stream_of(fd, cap, false);
	if (p != MAP_FAILED) {
		memset(p, 1, size);
		munmap(p, size);
	}
}

static bool test_storm(void)
{
	void (*const fns[])(int fd) = { storm_stream, storm_stream, storm_stream,
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

static bool is_sample(void)
{
	return !strcmp(driver, "m2m_kobjtree");
}

/*
 * The core leaks a name when it fails to register the media controller of a
 * memory-to-memory device, which the kernel's own drivers have.
 */
static bool can_fail_probe(void)
{
	return has_fault_injection() && !getenv("DEVICE");
}

static const struct {
	struct test test;
	bool (*available)(void);
} tests[] = {
	{ { "inverts", test_inverts }, is_sample },
	{ { "late_calls", test_late_calls }, always },
	{ { "streaming", test_streaming }, always },
	{ { "blocked_dqbuf", test_blocked_dqbuf }, always },
	{ { "two_in_dqevent", test_two_in_dqevent }, always },
	{ { "three_in_dqevent", test_three_in_dqevent }, always },
	{ { "two_take_the_first_event", test_two_take_the_first_event }, always },
	{ { "poll", test_poll }, always },
	{ { "files", test_files }, always },
	{ { "memory", test_memory }, always },
	{ { "rebind", test_rebind }, always },
	{ { "fault_in_qbuf", test_fault_in_qbuf }, always },
	{ { "fault_beside_dqbuf", test_fault_beside_dqbuf }, always },
	{ { "faults_in_many", test_faults_in_many }, always },
	{ { "module_busy", test_module_busy }, always },
	{ { "job_aborted", test_job_aborted }, is_test_driver },
	{ { "job_waited_for", test_job_waited_for }, is_test_driver },
	{ { "job_refused", test_job_refused }, is_test_driver },
	{ { "close_under_job", test_close_under_job }, is_test_driver },
	{ { "failing_probe", test_failing_probe }, is_test_driver },
	{ { "slow_calls", test_slow_calls }, is_test_driver },
	{ { "fail_steps", test_fail_steps }, is_test_driver },
	{ { "fail_nth", test_fail_nth }, can_fail_probe },
	{ { "fail_nth_open", test_fail_nth_open }, has_fault_injection },
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
	if (getenv("CTRL"))
		ctrl_id = strtoul(getenv("CTRL"), NULL, 0);
	if (is_test_driver()) {
		out = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
		cap = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
	}
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		if (tests[i].available())
			run[n++] = tests[i].test;
	return run_tests(run, n);
}
