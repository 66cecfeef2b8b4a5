// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other nodes of a media driver: unbind under media device nodes, subdevice
 * nodes and requests.
 *
 * usage: media_unbind DRIVER
 *
 * The device is DEVICE of the environment, or has the driver's name.
 */
#define _GNU_SOURCE
#include <linux/media.h>
#include <linux/v4l2-subdev.h>

#include "video.h"

/* === The nodes === */

/* A node of @class of the device, the @nth whose name begins with @prefix. */
static bool find_node(const char *class, const char *prefix, int nth, char *path,
		      size_t size)
{
	char dir[256];
	struct dirent *entry;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/platform/devices/%s%s", device(),
		 class);
	d = opendir(dir);
	if (!d)
		return false;
	while ((entry = readdir(d)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)) && !nth--)
			break;
	if (entry)
		snprintf(path, size, "/dev/%s", entry->d_name);
	closedir(d);
	return entry;
}

static int open_media(void)
{
	char path[512];

	if (!find_node("", "media", 0, path, sizeof(path))) {
		errno = ENOENT;
		return -1;
	}
	return open(path, O_RDWR | O_CLOEXEC);
}

static int bind_and_open_media(void)
{
	return do_bind() ? open_media() : -1;
}

static int alloc_request(int media)
{
	int fd = -1;

	return ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &fd) ? -1 : fd;
}

/*
 * A debug kernel lets each struct device of the driver go some time after its last
 * reference, and its driver's memory after the last of them.
 */
static void wait_for_memory(void)
{
	sleep_ms(1000);
}

/* === Requests === */

/* The one thing that still refers to the device. */
static bool request_closed_last(void)
{
	int media = bind_and_open_media(), request;
	bool ok;

	if (!CHECK(media >= 0))
		return false;
	request = alloc_request(media);
	ok = CHECK(request >= 0);
	close(media);
	ok &= CHECK(do_unbind());
	wait_for_memory();
	return ok & CHECK(!close(request));
}

static bool request_calls_fail(void)
{
	int media = bind_and_open_media(), request;
	struct pollfd pfd = { .events = POLLPRI };
	bool ok;

	if (!CHECK(media >= 0))
		return false;
	request = alloc_request(media);
	ok = CHECK(request >= 0) && CHECK(!ioctl(request, MEDIA_REQUEST_IOC_REINIT));
	close(media);
	ok &= CHECK(do_unbind());
	wait_for_memory();
	ok &= enodev(request, MEDIA_REQUEST_IOC_QUEUE, NULL, "QUEUE");
	ok &= enodev(request, MEDIA_REQUEST_IOC_REINIT, NULL, "REINIT");
	pfd.fd = request;
	ok &= CHECK(poll(&pfd, 1, 0) == 1) && CHECK(pfd.revents & POLLERR);
	return ok & CHECK(!close(request));
}

/* One of a device that is gone, for the one that has come in its place. */
static bool request_of_another(void)
{
	int media = bind_and_open_media(), request, video;
	struct v4l2_ext_controls ctrls = { .which = V4L2_CTRL_WHICH_REQUEST_VAL };
	bool ok;

	if (!CHECK(media >= 0))
		return false;
	request = alloc_request(media);
	ok = CHECK(request >= 0);
	close(media);
	ok &= CHECK(do_unbind());
	wait_for_memory();
	video = bind_and_open(0);
	ctrls.request_fd = request;
	ok &= CHECK(video >= 0) &&
	      CHECK(ioctl(video, VIDIOC_S_EXT_CTRLS, &ctrls) == -1) &&
	      CHECK(errno == EINVAL);
	close(video);
	return ok & CHECK(!close(request));
}

/* @request has a value for a control of @video. */
static bool add_ctrl(int request, int video)
{
	struct v4l2_ext_control ctrl = { .id = V4L2_CID_HFLIP, .value = 1 };
	struct v4l2_ext_controls ctrls = {
		.which = V4L2_CTRL_WHICH_REQUEST_VAL,
		.request_fd = request,
		.count = 1,
		.controls = &ctrl,
	};

	return CHECK(!ioctl(video, VIDIOC_S_EXT_CTRLS, &ctrls));
}

/* vim2m has requests for what goes in, vivid for what comes out. */
static int request_type(int video)
{
	struct v4l2_capability cap;

	if (ioctl(video, VIDIOC_QUERYCAP, &cap))
		return 0;
	return cap.device_caps & V4L2_CAP_VIDEO_M2M ?
	       V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

static int qbuf_request(int request, int video, int index)
{
	struct v4l2_buffer buf = {
		.index = index,
		.type = request_type(video),
		.memory = V4L2_MEMORY_MMAP,
		.flags = V4L2_BUF_FLAG_REQUEST_FD,
		.field = V4L2_FIELD_NONE,
		.request_fd = request,
	};

	return ioctl(video, VIDIOC_QBUF, &buf);
}

static bool add_buf(int request, int video)
{
	return CHECK(!reqbufs_of(video, request_type(video), BUFS)) &&
	       CHECK(!qbuf_request(request, video, 0));
}

/* What is in a request belongs to the device's queues and controls. */
static bool request_has(bool queue, bool request_first)
{
	int media = bind_and_open_media(), request, video;
	bool ok;

	if (!CHECK(media >= 0))
		return false;
	request = alloc_request(media);
	video = open_video(0);
	ok = CHECK(request >= 0) && CHECK(video >= 0) &&
	     add_ctrl(request, video) && add_buf(request, video);
	close(media);
	if (queue)
		ok &= CHECK(!ioctl(request, MEDIA_REQUEST_IOC_QUEUE));
	ok &= CHECK(do_unbind());
	if (request_first) {
		ok &= CHECK(!close(request));
		close(video);
		wait_for_memory();
	} else {
		close(video);
		wait_for_memory();
		ok &= CHECK(!close(request));
	}
	return ok;
}

static bool request_full(void)
{
	return request_has(false, false) & request_has(false, true);
}

static bool request_queued(void)
{
	return request_has(true, false) & request_has(true, true);
}

/* === Media device nodes === */

static int topology(int media, void *entities)
{
	struct media_v2_topology topo = {
		.num_entities = 64,
		.ptr_entities = (uintptr_t)entities,
	};

	return ioctl(media, MEDIA_IOC_G_TOPOLOGY, &topo);
}

static bool media_calls_fail(void)
{
	int media = bind_and_open_media(), request = -1;
	struct media_device_info info;
	bool ok;

	if (!CHECK(media >= 0))
		return false;
	ok = CHECK(!ioctl(media, MEDIA_IOC_DEVICE_INFO, &info)) &&
	     CHECK(!topology(media, NULL));
	ok &= CHECK(do_unbind());
	wait_for_memory();
	ok &= CHECK(ioctl(media, MEDIA_IOC_DEVICE_INFO, &info) == -1 && errno == EIO);
	ok &= CHECK(topology(media, NULL) == -1 && errno == EIO);
	ok &= CHECK(ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &request) == -1 &&
		    errno == EIO);
	return ok & CHECK(!close(media));
}

/* What comes back is what was there, also for memory that is not. */
static bool media_copies(void)
{
	struct media_v2_entity all[64] = {};
	struct media_v2_topology topo = {
		.num_entities = 64,
		.ptr_entities = (uintptr_t)all,
	};
	struct media_entity_desc entity = { .id = MEDIA_ENT_ID_FLAG_NEXT };
	int media = bind_and_open_media();
	unsigned int i;
	bool ok;

	if (!CHECK(media >= 0))
		return false;
	ok = CHECK(!ioctl(media, MEDIA_IOC_G_TOPOLOGY, &topo)) &&
	     CHECK(topo.num_entities > 0);
	for (i = 0; i < topo.num_entities; i++) {
		ok &= CHECK(!ioctl(media, MEDIA_IOC_ENUM_ENTITIES, &entity)) &&
		      CHECK(entity.id == all[i].id) &&
		      CHECK(!strcmp(entity.name, all[i].name));
		entity.id |= MEDIA_ENT_ID_FLAG_NEXT;
	}
	ok &= CHECK(topology(media, (void *)16) == -1 && errno == EFAULT);
	close(media);
	return ok;
}

static int topology_in_fault(int media)
{
	return topology(media, fault.page);
}

/* One who sleeps in a page fault holds up nobody. */
static bool media_page_fault(void)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	struct pollfd pfd = { .events = POLLIN };
	long start;
	bool ok;

	s->fn = topology_in_fault;
	s->fd = bind_and_open_media();
	if (!CHECK(s->fd >= 0) || !fault_setup() || !sleeper_start(s))
		return false;
	pfd.fd = fault.fd;
	ok = CHECK(poll(&pfd, 1, SOON_MS) == 1);	/* it is in the fault */
	start = now_ms();
	ok &= CHECK(do_unbind());
	ok &= CHECK(now_ms() - start < SOON_MS) && CHECK(!sleeper_ended(s));
	ok &= fault_resolve();
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(!s->ret);	/* it had been done before */
	close(s->fd);
	close(fault.fd);
	munmap(fault.page, fault.size);
	free(s);
	return ok;
}

/* === Subdevice nodes === */

static bool has_format(int subdev)
{
	struct v4l2_subdev_format fmt = { .which = V4L2_SUBDEV_FORMAT_ACTIVE };

	return !ioctl(subdev, VIDIOC_SUBDEV_G_FMT, &fmt);
}

/* One with a format and controls: a sensor. */
static int open_subdev(void)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };
	char path[512];
	int i, fd;

	for (i = 0; find_node("/video4linux", "v4l-subdev", i, path, sizeof(path)); i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -1;
		if (has_format(fd) && !ioctl(fd, VIDIOC_QUERYCTRL, &query))
			return fd;
		close(fd);
	}
	errno = ENOENT;
	return -1;
}

static bool subscribe(int subdev)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };
	struct v4l2_event_subscription sub = { .type = V4L2_EVENT_CTRL };

	/* the first may be the name of a class, and then has no events */
	do {
		if (ioctl(subdev, VIDIOC_QUERYCTRL, &query))
			return false;
		sub.id = query.id;
		query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
	} while (query.type == V4L2_CTRL_TYPE_CTRL_CLASS);
	return !ioctl(subdev, VIDIOC_SUBSCRIBE_EVENT, &sub);
}

static bool subdev_calls_fail(void)
{
	struct v4l2_subdev_capability cap;
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };
	struct v4l2_subdev_format fmt = { .which = V4L2_SUBDEV_FORMAT_ACTIVE };
	int subdev;
	bool ok;

	subdev = do_bind() ? open_subdev() : -1;
	if (!CHECK(subdev >= 0))
		return false;
	ok = CHECK(!ioctl(subdev, VIDIOC_SUBDEV_QUERYCAP, &cap)) &&
	     CHECK(!ioctl(subdev, VIDIOC_SUBDEV_G_FMT, &fmt)) &&
	     CHECK(subscribe(subdev));
	ok &= CHECK(do_unbind());
	wait_for_memory();
	ok &= enodev(subdev, VIDIOC_SUBDEV_QUERYCAP, &cap, "QUERYCAP");
	ok &= enodev(subdev, VIDIOC_SUBDEV_G_FMT, &fmt, "G_FMT");
	ok &= enodev(subdev, VIDIOC_QUERYCTRL, &query, "QUERYCTRL");
	return ok & CHECK(!close(subdev));
}

static bool subdev_event(void)
{
	int subdev = do_bind() ? open_subdev() : -1;
	bool ok;

	ok = CHECK(subdev >= 0) && CHECK(subscribe(subdev)) &&
	     unbind_under(wait_for_event, subdev);
	return ok & CHECK(!close(subdev));
}

static bool subdev_poll(void)
{
	int subdev = do_bind() ? open_subdev() : -1;
	bool ok;

	ok = CHECK(subdev >= 0) && CHECK(subscribe(subdev)) &&
	     unbind_under(poll_pri, subdev);
	return ok & CHECK(!close(subdev));
}

/* A control whose payload is in user memory, or one without an id */
static struct v4l2_query_ext_ctrl compound(int subdev)
{
	struct v4l2_query_ext_ctrl query = { .id = V4L2_CTRL_FLAG_NEXT_COMPOUND };

	if (ioctl(subdev, VIDIOC_QUERY_EXT_CTRL, &query))
		query.id = 0;
	return query;
}

static int payload(int subdev, unsigned long cmd, void *data)
{
	struct v4l2_query_ext_ctrl query = compound(subdev);
	struct v4l2_ext_control ctrl = {
		.id = query.id,
		.size = query.elem_size * query.elems,
		.ptr = data,
	};
	struct v4l2_ext_controls ctrls = { .count = 1, .controls = &ctrl };
	int ret = ioctl(subdev, cmd, &ctrls);

	return ret ?: -ctrl.reserved2[0];
}

/* What comes back is what was set, also for memory that is not. */
static bool subdev_copies(void)
{
	const size_t size = 2 * sysconf(_SC_PAGESIZE);
	int subdev = do_bind() ? open_subdev() : -1;
	size_t i, len, at;
	char *set, *get;
	bool ok;

	if (!CHECK(subdev >= 0))
		return false;
	len = compound(subdev).elem_size * compound(subdev).elems;
	/* from one page into the next, neither of which is there */
	at = size / 2 - len / 2;
	set = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	get = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok = CHECK(len > 1) &&
	     CHECK(!payload(subdev, VIDIOC_G_EXT_CTRLS, get + at)) &&
	     CHECK(!memcmp(get + at, set + at, len));
	for (i = 0; i < len; i++)
		set[at + i] = i + 1;
	ok &= CHECK(!payload(subdev, VIDIOC_S_EXT_CTRLS, set + at));
	madvise(get, size, MADV_DONTNEED);
	ok &= CHECK(!payload(subdev, VIDIOC_G_EXT_CTRLS, get + at)) &&
	      CHECK(!memcmp(get + at, set + at, len));
	/* to set is to write back */
	madvise(get, size, MADV_DONTNEED);
	ok &= CHECK(!payload(subdev, VIDIOC_S_EXT_CTRLS, get + at)) &&
	      CHECK(!payload(subdev, VIDIOC_G_EXT_CTRLS, set + at)) &&
	      CHECK(!memcmp(get + at, set + at, len));
	ok &= CHECK(!mprotect(get, size, PROT_READ)) &&
	      CHECK(payload(subdev, VIDIOC_G_EXT_CTRLS, get + at) == -1 &&
		    errno == EFAULT) &&
	      CHECK(payload(subdev, VIDIOC_S_EXT_CTRLS, get + at) == -1 &&
		    errno == EFAULT);
	ok &= CHECK(payload(subdev, VIDIOC_TRY_EXT_CTRLS, (void *)16) == -1 &&
		    errno == EFAULT);
	munmap(set, size);
	munmap(get, size);
	close(subdev);
	return ok;
}

static int get_in_fault(int subdev)
{
	return payload(subdev, VIDIOC_G_EXT_CTRLS, fault.page);
}

static int set_in_fault(int subdev)
{
	return payload(subdev, VIDIOC_S_EXT_CTRLS, fault.page);
}

/* One who sleeps in a page fault holds up neither who wants the control nor unbind. */
static bool subdev_page_fault(int (*fn)(int subdev))
{
	struct sleeper *s = calloc(1, sizeof(*s));
	struct pollfd pfd = { .events = POLLIN };
	long start;
	bool ok;

	s->fn = fn;
	s->fd = do_bind() ? open_subdev() : -1;
	if (!CHECK(s->fd >= 0) || !fault_setup() || !sleeper_start(s))
		return false;
	pfd.fd = fault.fd;
	ok = CHECK(poll(&pfd, 1, SOON_MS) == 1);	/* it is in the fault */
	start = now_ms();
	ok &= CHECK(subscribe(s->fd));
	ok &= CHECK(do_unbind());
	ok &= CHECK(now_ms() - start < SOON_MS) && CHECK(!sleeper_ended(s));
	ok &= fault_resolve();
	if (!sleeper_join(s))
		return false;
	ok &= CHECK(s->ret == -1 && s->err == ENODEV);
	close(s->fd);
	close(fault.fd);
	munmap(fault.page, fault.size);
	free(s);
	return ok;
}

static bool subdev_get_page_fault(void)
{
	return subdev_page_fault(get_in_fault);
}

static bool subdev_set_page_fault(void)
{
	return subdev_page_fault(set_in_fault);
}

/* === All at once === */

/* @fd is that of a media device; the others are found beside it. */
static int open_storm(void)
{
	return open_media();
}

/* The media core says EIO where others say ENODEV. */
static void storm_media_call(bool good)
{
	if (!good && errno == EIO)
		errno = ENODEV;
	storm_call(good);
}

static void storm_topology(int media)
{
	struct media_v2_entity all[64];
	struct media_device_info info;
	int i;

	for (i = 0; i < 8; i++) {
		storm_media_call(!topology(media, all));
		storm_media_call(!ioctl(media, MEDIA_IOC_DEVICE_INFO, &info));
	}
}

static void storm_requests(int media)
{
	int request = -1, video = open_video(O_NONBLOCK);
	bool good = !ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &request);

	if (!good && errno == ENOTTY) {		/* it has none */
		sched_yield();
	} else {
		storm_media_call(good);
	}
	if (good && video >= 0 &&
	    !reqbufs_of(video, request_type(video), BUFS) &&
	    !qbuf_request(request, video, 0))
		storm_call(!ioctl(request, MEDIA_REQUEST_IOC_QUEUE));
	if (good)
		storm_call(!ioctl(request, MEDIA_REQUEST_IOC_REINIT));
	if (video >= 0)
		close(video);
	if (good)
		close(request);
}

/* The end of a request meets that of the controls that it has values for. */
static void storm_request_ctrls(int media)
{
	struct v4l2_ext_control ctrl = { .id = V4L2_CID_HFLIP };
	struct v4l2_ext_controls ctrls = {
		.which = V4L2_CTRL_WHICH_REQUEST_VAL,
		.count = 1,
		.controls = &ctrl,
	};
	int video = open_video(O_NONBLOCK);

	if (video >= 0 && !ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &ctrls.request_fd)) {
		ioctl(video, VIDIOC_S_EXT_CTRLS, &ctrls);
		close(ctrls.request_fd);
	}
	if (video >= 0)
		close(video);
}

static void storm_subdev(int media)
{
	struct v4l2_subdev_capability cap;
	int subdev = open_subdev(), i;

	(void)media;
	for (i = 0; subdev >= 0 && i < 8; i++) {
		storm_call(!ioctl(subdev, VIDIOC_SUBDEV_QUERYCAP, &cap));
		storm_call(has_format(subdev));
	}
	if (subdev >= 0)
		close(subdev);
}

static bool media_storm(void)
{
	void (*const fns[])(int fd) = {
		storm_topology, storm_requests, storm_request_ctrls, storm_subdev,
	};
	const struct storm s = { .open = open_storm };
	bool ok = storm(&s, fns, ARRAY_SIZE(fns));

	printf("# %lu busy\n", storm_busy);
	return ok;
}

static const struct test tests[] = {
	{ "request_closed_last", request_closed_last },
	{ "request_calls_fail", request_calls_fail },
	{ "request_of_another", request_of_another },
	{ "request_full", request_full },
	{ "request_queued", request_queued },
	{ "media_calls_fail", media_calls_fail },
	{ "media_copies", media_copies },
	{ "media_page_fault", media_page_fault },
	{ "subdev_calls_fail", subdev_calls_fail },
	{ "subdev_event", subdev_event },
	{ "subdev_poll", subdev_poll },
	{ "subdev_copies", subdev_copies },
	{ "subdev_get_page_fault", subdev_get_page_fault },
	{ "subdev_set_page_fault", subdev_set_page_fault },
	{ "storm", media_storm },
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DRIVER\n", argv[0]);
		return 1;
	}
	driver = argv[1];
	return run_tests(tests, ARRAY_SIZE(tests));
}
