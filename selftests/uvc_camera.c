// SPDX-License-Identifier: GPL-2.0-only
/*
 * Take a USB camera away from under its users.
 *
 * Usage: uvc_camera DRIVER [COMMAND...]
 *
 * DRIVER is the USB driver of cameras: the kernel's uvcvideo, or what
 * scripts/convert makes of it. The camera itself is this program, by way of
 * /dev/raw-gadget on an emulated bus: it describes itself, answers requests, sends
 * frames and status, and goes, as when its cable is pulled. Each test has a camera
 * of its own. With COMMAND there is one until it ends, $NODE its video node
 * and $INTF its interface of control.
 *
 * Its bus has no isochronous endpoints: the frames come through a bulk one.
 */
#define _GNU_SOURCE
#include <glob.h>
#include <linux/usb/raw_gadget.h>
#include <linux/usb/video.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

#include "video.h"

#define CAPTURE		V4L2_BUF_TYPE_VIDEO_CAPTURE
#define META		V4L2_BUF_TYPE_META_CAPTURE
#define PATH_SIZE	256

/* === What the camera says of itself === */

enum { INTF_CONTROL, INTF_STREAMING };		/* interfaces */
enum { UNIT_CAMERA = 1, UNIT_PROCESSING, UNIT_OUTPUT };	/* units */
#define EP_FRAMES	0x81
#define EP_STATUS	0x85
#define PACKET		512
#define INTERVAL	333333	/* of frames, in 100 ns */

#define LE16(x)	(__u8)(x), (__u8)((x) >> 8)
#define LE32(x)	LE16(x), LE16((x) >> 16)

static const struct size {
	int width, height;
} sizes[] = { { 160, 120 }, { 80, 60 } };

#define FRAME_SIZE(i)	(sizes[i].width * sizes[i].height * 2)
#define FRAME_MAX	(160 * 120 * 2)

static const __u8 device_desc[] = {
	18, USB_DT_DEVICE, LE16(0x0200), USB_CLASS_MISC, 2, 1, 64,
	LE16(0x1209), LE16(0x0001), LE16(0x0100), 0, 1, 0, 1,
};

static const __u8 qualifier_desc[] = {
	10, USB_DT_DEVICE_QUALIFIER, LE16(0x0200), USB_CLASS_MISC, 2, 1, 64, 1, 0,
};

#define FRAME_DESC(index, w, h)						\
	30, USB_DT_CS_INTERFACE, UVC_VS_FRAME_UNCOMPRESSED, index, 0,	\
	LE16(w), LE16(h), LE32(1000000), LE32(10000000),		\
	LE32((w) * (h) * 2), LE32(INTERVAL), 1, LE32(INTERVAL)

#define VC_SIZE	(13 + 18 + 12 + 9)
#define VS_SIZE	(14 + 27 + 30 + 30 + 6)
#define ALL	(9 + 8 + 9 + VC_SIZE + 7 + 5 + 9 + VS_SIZE + 7)

static const __u8 config_desc[] = {
	9, USB_DT_CONFIG, LE16(ALL), 2, 1, 0, 0x80, 50,
	8, USB_DT_INTERFACE_ASSOCIATION, INTF_CONTROL, 2,
	USB_CLASS_VIDEO, UVC_SC_VIDEO_INTERFACE_COLLECTION, 0, 1,

	9, USB_DT_INTERFACE, INTF_CONTROL, 0, 1,
	USB_CLASS_VIDEO, UVC_SC_VIDEOCONTROL, 0, 1,
	13, USB_DT_CS_INTERFACE, UVC_VC_HEADER,
	LE16(0x0110), LE16(VC_SIZE), LE32(48000000), 1, INTF_STREAMING,
	18, USB_DT_CS_INTERFACE, UVC_VC_INPUT_TERMINAL, UNIT_CAMERA,
	LE16(UVC_ITT_CAMERA), 0, 0, LE16(0), LE16(0), LE16(0),
	3, 1 << 5, 0, 0,		/* focus */
	12, USB_DT_CS_INTERFACE, UVC_VC_PROCESSING_UNIT, UNIT_PROCESSING,
	UNIT_CAMERA, LE16(0), 2, 3, 0, 0, 0,	/* brightness, contrast */
	9, USB_DT_CS_INTERFACE, UVC_VC_OUTPUT_TERMINAL, UNIT_OUTPUT,
	LE16(UVC_TT_STREAMING), 0, UNIT_PROCESSING, 0,
	7, USB_DT_ENDPOINT, EP_STATUS, USB_ENDPOINT_XFER_INT, LE16(16), 4,
	5, USB_DT_CS_ENDPOINT, UVC_EP_INTERRUPT, LE16(16),

	9, USB_DT_INTERFACE, INTF_STREAMING, 0, 1,
	USB_CLASS_VIDEO, UVC_SC_VIDEOSTREAMING, 0, 0,
	14, USB_DT_CS_INTERFACE, UVC_VS_INPUT_HEADER, 1, LE16(VS_SIZE),
	EP_FRAMES, 0, UNIT_OUTPUT, 0, 0, 0, 1, 0,
	27, USB_DT_CS_INTERFACE, UVC_VS_FORMAT_UNCOMPRESSED, 1, 2,
	'Y', 'U', 'Y', '2', 0, 0, 16, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
	16, 1, 0, 0, 0, 0,
	FRAME_DESC(1, 160, 120),
	FRAME_DESC(2, 80, 60),
	6, USB_DT_CS_INTERFACE, UVC_VS_COLORFORMAT, 1, 1, 4,
	7, USB_DT_ENDPOINT, EP_FRAMES, USB_ENDPOINT_XFER_BULK, LE16(PACKET), 0,
};

_Static_assert(sizeof(config_desc) == ALL, "a length is wrong");

static const struct usb_endpoint_descriptor frames_desc = {
	.bLength = USB_DT_ENDPOINT_SIZE,
	.bDescriptorType = USB_DT_ENDPOINT,
	.bEndpointAddress = EP_FRAMES,
	.bmAttributes = USB_ENDPOINT_XFER_BULK,
	.wMaxPacketSize = PACKET,
};

static const struct usb_endpoint_descriptor status_desc = {
	.bLength = USB_DT_ENDPOINT_SIZE,
	.bDescriptorType = USB_DT_ENDPOINT,
	.bEndpointAddress = EP_STATUS,
	.bmAttributes = USB_ENDPOINT_XFER_INT,
	.wMaxPacketSize = 16,
	.bInterval = 4,
};

/* === The camera === */

#define INFO_GET_SET	0x03
#define INFO_ASYNC	0x10

static struct control {
	__u8 unit, selector, info;
	__u16 min, max, def, cur;
} controls[] = {
	{ UNIT_PROCESSING, UVC_PU_BRIGHTNESS_CONTROL, INFO_GET_SET, 0, 255, 128 },
	{ UNIT_PROCESSING, UVC_PU_CONTRAST_CONTROL, INFO_GET_SET, 0, 100, 50 },
	{ UNIT_CAMERA, UVC_CT_FOCUS_ABSOLUTE_CONTROL, INFO_GET_SET | INFO_ASYNC,
	  0, 1000, 10 },
};

/*
 * Whether it says by its status that it has focused. Then, unless it streams, the
 * drivers deadlock now and then: the work that hears it and whoever switches the
 * status off wait for each other.
 */
static bool async_focus;

#define BRIGHTNESS	(&controls[0])
#define FOCUS		(&controls[2])

static struct {
	int fd;
	pthread_t ep0, frames, status;
	bool configured, stop;
	bool paused;		/* sends no frames */
	bool slow_focus;	/* never says that it has focused */
	int turn;		/* odd while it may not send */
	int seen;		/* the last odd one that the sender knows of */
	int size;		/* of its frames: which of sizes[] */
	int ep_frames, ep_status;
	sem_t changed;		/* a control, in to_tell */
	struct control *to_tell;
} camera;

static bool is_set(bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag, bool value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static void interrupt(int sig)
{
}

/* A transfer; short where a page is too small for more. */
struct io {
	struct usb_raw_ep_io head;
	__u8 data[4096];
};

static int transfer(unsigned long cmd, int ep, const void *data, size_t size)
{
	struct io io = { .head.ep = ep, .head.length = size };

	if (data)
		memcpy(io.data, data, size);
	return ioctl(camera.fd, cmd, &io);
}

static int answer(const void *data, size_t size, size_t wanted)
{
	return transfer(USB_RAW_IOCTL_EP0_WRITE, 0, data, size < wanted ? size : wanted);
}

/* The data of a request to set something, or the end of one without data. */
static int receive(void *data, size_t size)
{
	struct io io = { .head.length = size };
	int ret = ioctl(camera.fd, USB_RAW_IOCTL_EP0_READ, &io);

	if (ret > 0)
		memcpy(data, io.data, ret);
	return ret;
}

static void stall(void)
{
	ioctl(camera.fd, USB_RAW_IOCTL_EP0_STALL, 0);
}

static void answer_string(int index, size_t wanted)
{
	static const char text[] = "camera";
	__u8 buf[2 + 2 * sizeof(text)] = { 4, USB_DT_STRING, LE16(0x0409) };
	size_t i;

	if (index) {
		buf[0] = 2 * sizeof(text);
		for (i = 0; i < sizeof(text) - 1; i++) {
			buf[2 + 2 * i] = text[i];
			buf[3 + 2 * i] = 0;
		}
	}
	answer(buf, buf[0], wanted);
}

static void answer_descriptor(const struct usb_ctrlrequest *req)
{
	switch (req->wValue >> 8) {
	case USB_DT_DEVICE:
		answer(device_desc, sizeof(device_desc), req->wLength);
		break;
	case USB_DT_DEVICE_QUALIFIER:
		answer(qualifier_desc, sizeof(qualifier_desc), req->wLength);
		break;
	case USB_DT_CONFIG:
		answer(config_desc, sizeof(config_desc), req->wLength);
		break;
	case USB_DT_STRING:
		answer_string(req->wValue & 0xff, req->wLength);
		break;
	default:
		stall();
	}
}

static void configure(void)
{
	if (!is_set(&camera.configured)) {
		camera.ep_frames = ioctl(camera.fd, USB_RAW_IOCTL_EP_ENABLE,
					 &frames_desc);
		camera.ep_status = ioctl(camera.fd, USB_RAW_IOCTL_EP_ENABLE,
					 &status_desc);
		ioctl(camera.fd, USB_RAW_IOCTL_VBUS_DRAW, 50);
		ioctl(camera.fd, USB_RAW_IOCTL_CONFIGURE, 0);
		set(&camera.configured, true);
	}
	receive(NULL, 0);
}

static void answer_standard(const struct usb_ctrlrequest *req)
{
	switch (req->bRequest) {
	case USB_REQ_GET_DESCRIPTOR:
		answer_descriptor(req);
		break;
	case USB_REQ_SET_CONFIGURATION:
		configure();
		break;
	case USB_REQ_SET_INTERFACE:
		receive(NULL, 0);
		break;
	default:
		stall();
	}
}

/* The sender is at rest: what it was sending nobody has asked for. */
static void stop_frames(void)
{
	int turn = camera.turn | 1;

	__atomic_store_n(&camera.turn, turn, __ATOMIC_RELEASE);
	while (!is_set(&camera.stop) &&
	       __atomic_load_n(&camera.seen, __ATOMIC_ACQUIRE) != turn) {
		pthread_kill(camera.frames, SIGUSR1);
		sleep_ms(1);
	}
}

static void start_frames(void)
{
	__atomic_store_n(&camera.turn, camera.turn + 1, __ATOMIC_RELEASE);
}

static void answer_streaming(const struct usb_ctrlrequest *req)
{
	enum { SIZE = 34 };	/* as of version 1.1 */
	union {
		struct uvc_streaming_control ctrl;
		__u8 bytes[SIZE];
	} u = { 0 };

	if (req->bRequest == UVC_GET_INFO || req->bRequest == UVC_GET_LEN) {
		u.bytes[0] = req->bRequest == UVC_GET_LEN ? SIZE : INFO_GET_SET;
		answer(u.bytes, req->bRequest == UVC_GET_LEN ? 2 : 1, req->wLength);
		return;
	}
	if (req->bRequest == UVC_SET_CUR) {
		bool commit = req->wValue >> 8 == UVC_VS_COMMIT_CONTROL;

		if (commit)
			stop_frames();
		if (receive(u.bytes, SIZE) < 0)
			return;
		camera.size = u.ctrl.bFrameIndex == 2;
		if (commit)
			start_frames();
		return;
	}
	u.ctrl.bmHint = 1;
	u.ctrl.bFormatIndex = 1;
	u.ctrl.bFrameIndex = 1 + camera.size;
	u.ctrl.dwFrameInterval = INTERVAL;
	u.ctrl.dwMaxVideoFrameSize = FRAME_SIZE(camera.size);
	u.ctrl.dwMaxPayloadTransferSize = 2 + FRAME_SIZE(camera.size);
	answer(u.bytes, SIZE, req->wLength);
}

static void say_changed(struct control *c);

static void set_control(struct control *c)
{
	__u8 data[2];

	if (receive(data, sizeof(data)) != sizeof(data))
		return;
	__atomic_store_n(&c->cur, data[0] | data[1] << 8, __ATOMIC_RELEASE);
	if (c->info & INFO_ASYNC && async_focus && !is_set(&camera.slow_focus))
		say_changed(c);
}

static void answer_control(const struct usb_ctrlrequest *req)
{
	struct control *c;
	__u16 value;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		c = &controls[i];
		if (c->unit == req->wIndex >> 8 && c->selector == req->wValue >> 8)
			break;
	}
	if (i == ARRAY_SIZE(controls))
		return stall();
	switch (req->bRequest) {
	case UVC_SET_CUR:
		return set_control(c);
	case UVC_GET_INFO:
		value = async_focus ? c->info : c->info & ~INFO_ASYNC;
		break;
	case UVC_GET_LEN:
		value = 2;
		break;
	case UVC_GET_CUR:
		value = c->cur;
		break;
	case UVC_GET_MIN:
		value = c->min;
		break;
	case UVC_GET_MAX:
		value = c->max;
		break;
	case UVC_GET_DEF:
		value = c->def;
		break;
	default:
		value = 1;
	}
	answer(&value, sizeof(value), req->wLength);
}

static void *ep0_main(void *arg)
{
	struct {
		struct usb_raw_event head;
		struct usb_ctrlrequest req;
	} ev;

	while (!is_set(&camera.stop)) {
		ev.head.type = 0;
		ev.head.length = sizeof(ev.req);
		if (ioctl(camera.fd, USB_RAW_IOCTL_EVENT_FETCH, &ev) ||
		    ev.head.type != USB_RAW_EVENT_CONTROL)
			continue;
		if ((ev.req.bRequestType & USB_TYPE_MASK) == USB_TYPE_STANDARD)
			answer_standard(&ev.req);
		else if ((ev.req.wIndex & 0xff) == INTF_STREAMING)
			answer_streaming(&ev.req);
		else
			answer_control(&ev.req);
	}
	return arg;
}

/* Frame @n: its number, and bytes that say whose they are. */
static void fill_frame(__u8 *data, __u32 n, size_t size)
{
	size_t i;

	memcpy(data, &n, sizeof(n));
	for (i = sizeof(n); i < size; i++)
		data[i] = n * 31 + i * 7 + i / 256;
}

/* A header of two bytes, and the frame; what is shorter than a packet ends it. */
static bool send_frame(__u32 n)
{
	static __u8 buf[2 + FRAME_MAX];
	size_t size = 2 + FRAME_SIZE(camera.size), at, len;

	buf[0] = 2;
	buf[1] = UVC_STREAM_EOH | UVC_STREAM_EOF | (n & 1 ? UVC_STREAM_FID : 0);
	fill_frame(&buf[2], n, size - 2);
	for (at = 0; at < size; at += len) {
		len = size - at < 4096 ? size - at : 4096;
		if (transfer(USB_RAW_IOCTL_EP_WRITE, camera.ep_frames, &buf[at],
			     len) < 0)
			return false;
	}
	return true;
}

static void *frames_main(void *arg)
{
	__u32 n = 0;
	int turn;

	while (!is_set(&camera.stop)) {
		turn = __atomic_load_n(&camera.turn, __ATOMIC_ACQUIRE);
		if (turn & 1)
			__atomic_store_n(&camera.seen, turn, __ATOMIC_RELEASE);
		else if (!is_set(&camera.paused))
			n += send_frame(n);
		sleep_ms(turn & 1 ? 1 : 5);
	}
	return arg;
}

static void *status_main(void *arg)
{
	struct control *c;

	while (!is_set(&camera.stop)) {
		if (sem_wait(&camera.changed))
			continue;
		c = __atomic_exchange_n(&camera.to_tell, NULL, __ATOMIC_ACQ_REL);
		if (c) {
			const __u8 status[] = {
				1, c->unit, 0, c->selector, 0, LE16(c->cur),
			};

			transfer(USB_RAW_IOCTL_EP_WRITE, camera.ep_status, status,
				 sizeof(status));
		}
	}
	return arg;
}

/* That @c has another value. */
static void say_changed(struct control *c)
{
	__atomic_store_n(&camera.to_tell, c, __ATOMIC_RELEASE);
	sem_post(&camera.changed);
}

/* === Its cable === */

#define DEVICES	"/sys/bus/usb/devices/"

static char intf[32];		/* of control, as 1-1:1.0 */

static bool there(const char *pattern)
{
	glob_t found;
	int ret = glob(pattern, GLOB_BRACE, NULL, &found);

	if (!ret)
		globfree(&found);
	return !ret;
}

static bool there_is_one(void)
{
	return there(DEVICES "*-1:1.0");
}

/* Its name, once it is there: of a port of a root hub, 1-1:1.0. */
static bool find_intf(void)
{
	long start = now_ms();
	glob_t found;

	while (glob(DEVICES "*-1:1.0", 0, NULL, &found)) {
		if (now_ms() - start > 2 * SOON_MS)
			return fail("no camera");
		sleep_ms(5);
	}
	snprintf(intf, sizeof(intf), "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return true;
}

/* The bus holds the lock that a reader of this one needs until the probe is over. */
static bool wait_bound(void)
{
	char path[PATH_SIZE], buf[16];
	int fd;

	snprintf(path, sizeof(path), DEVICES "%.*s/bConfigurationValue",
		 (int)strcspn(intf, ":"), intf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!CHECK(fd >= 0) || !CHECK(read(fd, buf, sizeof(buf)) > 0))
		return false;
	close(fd);
	return bound() || fail("%s is not bound to %s", driver, intf);
}

static bool start_threads(void)
{
	return CHECK(!pthread_create(&camera.ep0, NULL, ep0_main, NULL)) &&
	       CHECK(!pthread_create(&camera.frames, NULL, frames_main, NULL)) &&
	       CHECK(!pthread_create(&camera.status, NULL, status_main, NULL));
}

/* When this returns, the camera is there and the driver is bound to it. */
static bool plug_in(void)
{
	struct usb_raw_init init = {
		.driver_name = "dummy_udc",
		.device_name = "dummy_udc.0",
		.speed = USB_SPEED_HIGH,
	};
	size_t i;

	memset(&camera, 0, sizeof(camera));
	camera.turn = 1;
	sem_init(&camera.changed, 0, 0);
	for (i = 0; i < ARRAY_SIZE(controls); i++)
		controls[i].cur = controls[i].def;
	camera.fd = open("/dev/raw-gadget", O_RDWR | O_CLOEXEC);
	if (!CHECK(camera.fd >= 0) ||
	    !CHECK(!ioctl(camera.fd, USB_RAW_IOCTL_INIT, &init)) ||
	    !CHECK(!ioctl(camera.fd, USB_RAW_IOCTL_RUN, 0)) ||
	    !start_threads())
		return false;
	return find_intf() && wait_bound();
}

static void end_thread(pthread_t thread)
{
	while (pthread_tryjoin_np(thread, NULL)) {
		sem_post(&camera.changed);
		pthread_kill(thread, SIGUSR1);
		sleep_ms(1);
	}
}

/* Also the driver of the gadget, whose name the next one has. */
static bool wait_gone(void)
{
	char pattern[PATH_SIZE];
	long start = now_ms();

	snprintf(pattern, sizeof(pattern), "{" DEVICES "%s,%s}", intf,
		 "/sys/bus/gadget/drivers/raw-gadget.*");
	while (there(pattern)) {
		if (now_ms() - start > 2 * SOON_MS)
			return fail("%s does not go", intf);
		sleep_ms(2);
	}
	return true;
}

/* When this returns, it is gone, and so is what its driver made of it. */
static bool pull_out(void)
{
	set(&camera.stop, true);
	end_thread(camera.frames);
	end_thread(camera.status);
	end_thread(camera.ep0);
	close(camera.fd);
	return wait_gone();
}

/* === Its users === */

/* Of its two nodes one is for frames, the next for what the driver tells of them. */
static int open_meta(void)
{
	int frames, number;

	if (!find_node_after(-1, &frames) ||
	    !find_node_after(node_index(frames), &number)) {
		errno = ENOENT;
		return -1;
	}
	return open_number(number, 0);
}

static int open_camera(void)
{
	return open_video(0);
}

/* A camera, bound and open; -1 after a report. */
static int start(void)
{
	int fd = plug_in() ? open_camera() : -1;

	return CHECK(fd >= 0) ? fd : -1;
}

static bool stream(int fd)
{
	return start_of(fd, CAPTURE, BUFS);
}

static bool set_size(int fd, int i)
{
	struct v4l2_format fmt = {
		.type = CAPTURE,
		.fmt.pix.width = sizes[i].width,
		.fmt.pix.height = sizes[i].height,
		.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV,
	};

	return CHECK(!ioctl(fd, VIDIOC_S_FMT, &fmt)) &&
	       CHECK((int)fmt.fmt.pix.width == sizes[i].width) &&
	       CHECK((int)fmt.fmt.pix.sizeimage == FRAME_SIZE(i));
}

/* Until there is none any more. */
static int dqbuf_all(int fd)
{
	int index;

	while (!dqbuf_of(fd, CAPTURE, &index))
		qbuf_of(fd, CAPTURE, index);
	return -1;
}

/* With the kernel's driver the core may say so, in words of its own. */
static bool is_converted(void)
{
	return strcmp(driver, "uvcvideo");
}

static bool is_gone(int err)
{
	return err == ENODEV ||
	       (!is_converted() && (err == EINVAL || err == EIO));
}

/* === Until it goes === */

static bool whole(const __u8 *got, size_t size)
{
	static __u8 frame[FRAME_MAX];
	__u32 n;

	memcpy(&n, got, sizeof(n));
	fill_frame(frame, n, size);
	return CHECK(!memcmp(got, frame, size));
}

/* Ten frames, each whole and after the last. */
static bool frames_of_size(int fd, int i)
{
	struct v4l2_requestbuffers req = { .type = CAPTURE,
		.memory = V4L2_MEMORY_MMAP };
	size_t size = 0;
	__u32 last = 0, n;
	bool ok = true;
	int k, index;
	void *p[BUFS];

	if (!set_size(fd, i) || !stream(fd))
		return false;
	for (k = 0; k < BUFS; k++) {
		p[k] = map_of(fd, CAPTURE, k, &size);
		ok &= CHECK(p[k] != MAP_FAILED);
	}
	for (k = 0; ok && k < 10; k++) {
		ok = CHECK(!dqbuf_of(fd, CAPTURE, &index));
		if (!ok)
			break;
		ok = whole(p[index], FRAME_SIZE(i));
		memcpy(&n, p[index], sizeof(n));
		ok &= CHECK(!k || n > last);
		last = n;
		ok &= CHECK(!qbuf_of(fd, CAPTURE, index));
	}
	for (k = 0; k < BUFS; k++)
		munmap(p[k], size);
	return CHECK(!stream_of(fd, CAPTURE, false)) &&
	       CHECK(!ioctl(fd, VIDIOC_REQBUFS, &req)) && ok;
}

static bool test_frames(void)
{
	int fd = start();
	bool ok;

	if (fd < 0)
		return false;
	ok = frames_of_size(fd, 0) && frames_of_size(fd, 1) &&
	     frames_of_size(fd, 0);
	close(fd);
	return pull_out() && ok;
}

static bool subscribe(int fd, __u32 id)
{
	struct v4l2_event_subscription sub = {
		.type = V4L2_EVENT_CTRL,
		.id = id,
		.flags = V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK,
	};

	return CHECK(!ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &sub));
}

static bool has_event(int fd, __u32 id, int value)
{
	struct pollfd pfd = { .fd = fd, .events = POLLPRI };
	struct v4l2_event ev = { 0 };

	return CHECK(poll(&pfd, 1, SOON_MS) == 1) &&
	       CHECK(!ioctl(fd, VIDIOC_DQEVENT, &ev)) && CHECK(ev.id == id) &&
	       CHECK(ev.u.ctrl.value == value);
}

/* The request is over before the camera has looked at its data. */
static bool becomes(struct control *c, int value)
{
	long start = now_ms();

	while (__atomic_load_n(&c->cur, __ATOMIC_ACQUIRE) != value)
		if (now_ms() - start > SOON_MS)
			return fail("control %d is %d", c->selector, c->cur);
	return true;
}

/* What a user sets arrives in the camera, and another user is told. */
static bool test_controls(void)
{
	struct v4l2_control ctrl = { .id = V4L2_CID_BRIGHTNESS, .value = 77 };
	int fd = start(), other;
	bool ok;

	if (fd < 0)
		return false;
	other = open_camera();
	ok = CHECK(other >= 0) && subscribe(other, ctrl.id);
	ok &= CHECK(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
	ok &= becomes(BRIGHTNESS, 77);
	ok &= has_event(other, ctrl.id, 77);
	ctrl.value = 0;
	ok &= CHECK(!ioctl(other, VIDIOC_G_CTRL, &ctrl)) && CHECK(ctrl.value == 77);
	close(other);
	close(fd);
	return pull_out() && ok;
}

/* While it streams, the driver listens to its status. */
static bool test_status(void)
{
	struct v4l2_control ctrl = { .id = V4L2_CID_FOCUS_ABSOLUTE, .value = 300 };
	bool ok;
	int fd;

	async_focus = true;
	fd = start();
	if (fd < 0)
		return false;
	ok = subscribe(fd, V4L2_CID_BRIGHTNESS) && stream(fd);
	BRIGHTNESS->cur = 42;
	say_changed(BRIGHTNESS);
	ok &= has_event(fd, V4L2_CID_BRIGHTNESS, 42);
	/* It takes the value at once, and says later that it has focused. */
	ok &= subscribe(fd, ctrl.id) && CHECK(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
	ok &= has_event(fd, ctrl.id, 300);
	close(fd);
	ok &= pull_out();
	async_focus = false;
	return ok;
}

/* === When it goes === */

static bool gone(int fd, unsigned long cmd, void *arg, const char *what)
{
	errno = 0;
	if (ioctl(fd, cmd, arg) == -1 && is_gone(errno))
		return true;
	return fail("late %s: %s", what, strerror(errno));
}

static bool test_late_calls(void)
{
	struct v4l2_exportbuffer exp = { .type = CAPTURE, .index = 1 };
	struct v4l2_control ctrl = { .id = V4L2_CID_BRIGHTNESS };
	struct v4l2_format fmt = { .type = CAPTURE };
	struct pollfd pfd = { .events = POLLIN };
	struct v4l2_capability cap;
	int type = CAPTURE, fd = start(), late;
	size_t size = 0;
	char *p, *q;
	bool ok;

	if (fd < 0)
		return false;
	ok = stream(fd) && CHECK(!ioctl(fd, VIDIOC_EXPBUF, &exp));
	p = map_of(fd, CAPTURE, 0, &size);
	q = mmap(NULL, size, PROT_READ, MAP_SHARED, exp.fd, 0);
	ok &= CHECK(p != MAP_FAILED) && CHECK(q != MAP_FAILED);
	if (!ok)
		return false;
	ok &= pull_out();
	ok &= gone(fd, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	ok &= gone(fd, VIDIOC_G_FMT, &fmt, "G_FMT");
	ok &= gone(fd, VIDIOC_S_CTRL, &ctrl, "S_CTRL");
	ok &= gone(fd, VIDIOC_STREAMON, &type, "STREAMON");
	pfd.fd = fd;
	ok &= CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents & POLLERR);
	late = open_camera();
	ok &= CHECK(late < 0);
	/* What was mapped or exported is the user's. */
	memset(p, 1, size);
	ok &= CHECK(q[size - 1] == q[size - 1]);
	close(fd);
	memset(p, 2, size);
	munmap(p, size);
	close(exp.fd);
	munmap(q, size);
	return ok;
}

/* @fn sleeps in a file of a camera that sends nothing, until it goes. */
static bool pull_out_under(int (*fn)(int fd), int fd)
{
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok;

	s->fn = fn;
	s->fd = fd;
	if (!sleeper_start(s))
		return false;
	ok = pull_out();
	if (!sleeper_join(s))
		return false;
	errno = s->err;
	ok &= CHECK(s->ret == -1) && CHECK(is_gone(s->err));
	close(fd);
	free(s);
	return ok;
}

static int start_silent(void)
{
	int fd = start();

	set(&camera.paused, true);
	return fd >= 0 && stream(fd) ? fd : -1;
}

static bool test_blocked_dqbuf(void)
{
	int fd = start_silent();

	return fd >= 0 && pull_out_under(dqbuf_all, fd);
}

static bool test_poll(void)
{
	int fd = start();

	/* no buffers, no events */
	return fd >= 0 && subscribe(fd, V4L2_CID_BRIGHTNESS) &&
	       pull_out_under(poll_pri, fd);
}

static bool test_blocked_dqevent(void)
{
	int fd = start();

	return fd >= 0 && subscribe(fd, V4L2_CID_BRIGHTNESS) &&
	       pull_out_under(wait_for_event, fd);
}

/* Both nodes stream, and are closed in each order. */
static bool both_nodes(bool backwards)
{
	int fd = start(), meta, index;
	bool ok;

	if (fd < 0)
		return false;
	meta = open_meta();
	ok = CHECK(meta >= 0) && start_of(meta, META, BUFS) && stream(fd) &&
	     CHECK(!dqbuf_of(fd, CAPTURE, &index)) &&
	     CHECK(!dqbuf_of(meta, META, &index));
	ok &= pull_out();
	close(backwards ? meta : fd);
	close(backwards ? fd : meta);
	return ok;
}

static bool test_both_nodes(void)
{
	return both_nodes(false) & both_nodes(true);
}

/* Its driver still waits for word from it. */
static bool test_pending_control(void)
{
	struct v4l2_control ctrl = { .id = V4L2_CID_FOCUS_ABSOLUTE, .value = 300 };
	bool ok;
	int fd;

	async_focus = true;
	fd = start();
	if (fd < 0)
		return false;
	set(&camera.slow_focus, true);
	ok = CHECK(!ioctl(fd, VIDIOC_S_CTRL, &ctrl));
	ok &= pull_out();
	close(fd);
	async_focus = false;
	return ok;
}

/* An open file pins the module, before and after. */
static bool test_module_in_use(void)
{
	int fd = start();
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

/* The cable stays in, and the driver goes while it streams. */
static bool test_unbind(void)
{
	struct v4l2_capability cap;
	int fd = start(), index;
	bool ok;

	if (fd < 0)
		return false;
	ok = stream(fd) && CHECK(!dqbuf_of(fd, CAPTURE, &index));
	ok &= CHECK(driver_write("unbind"));
	ok &= CHECK(dqbuf_all(fd) == -1 && is_gone(errno));
	ok &= gone(fd, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	close(fd);
	return pull_out() && ok;
}

/*
 * The driver comes again while the file of before is still open, which is no user
 * of the new. The kernel's driver then keeps the stream from itself.
 */
static bool test_rebind(void)
{
	struct v4l2_capability cap;
	int old = start(), new;
	bool ok;

	if (old < 0)
		return false;
	ok = stream(old) && CHECK(driver_write("unbind")) &&
	     CHECK(driver_write("bind"));
	new = open_camera();
	if (is_converted())
		ok &= CHECK(new >= 0) && frames_of_size(new, 1);
	else
		ok &= CHECK(new == -1 && errno == ENOENT);
	ok &= gone(old, VIDIOC_QUERYCAP, &cap, "QUERYCAP");
	close(old);
	if (is_converted())
		ok &= frames_of_size(new, 0);
	close(new);
	return pull_out() && ok;
}

/* === Probe === */

static bool bind_camera(void *unused)
{
	bool done = driver_write("bind");
	int number;

	if (done)
		return true;
	if (find_node_after(-1, &number))
		fail("video%d is left", number);
	return false;
}

static bool unbind_camera(void *unused)
{
	return driver_write("unbind");
}

static bool test_fail_nth(void)
{
	int failed;
	bool ok;

	if (!plug_in())
		return false;
	ok = CHECK(driver_write("unbind")) &&
	     fail_each("probe", bind_camera, unbind_camera, NULL, &failed) &&
	     CHECK(failed > 0);
	return pull_out() && ok;
}

/* === All at once === */

static void storm_stream(int fd)
{
	int i, index;

	if (reqbufs_of(fd, CAPTURE, BUFS))
		return storm_call(false);
	for (i = 0; i < BUFS; i++)
		qbuf_of(fd, CAPTURE, i);
	if (stream_of(fd, CAPTURE, true))
		return storm_call(false);
	for (i = 0; i < 8; i++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		poll(&pfd, 1, 100);
		if (dqbuf_of(fd, CAPTURE, &index))
			return storm_call(false);
		storm_call(true);
		qbuf_of(fd, CAPTURE, index);
	}
}

static void (*const storm_users[])(int fd) = { storm_stream, storm_ctrl, storm_open };

static bool is_long_run(void)
{
	return getenv("STORM") && *getenv("STORM");
}

/* Its cable is pulled so often while it streams; a hundred times in a long run. */
static bool test_pulls(void)
{
	int rounds = is_long_run() ? 100 : 5, i, fd, index;
	struct sleeper *s = calloc(1, sizeof(*s));
	bool ok = true;

	s->fn = dqbuf_all;
	for (i = 0; ok && i < rounds; i++) {
		fd = start();
		if (fd < 0 || !stream(fd) || !CHECK(!dqbuf_of(fd, CAPTURE, &index)))
			return false;
		s->fd = fd;
		s->ended = 0;
		ok = CHECK(!pthread_create(&s->thread, NULL, sleeper_main, s));
		sleep_ms(i * 37 % 100);
		ok = ok && pull_out() && sleeper_join(s) && CHECK(is_gone(s->err));
		close(fd);
	}
	printf("# pulled out %d times while it streamed\n", i);
	free(s);
	return ok;
}

/*
 * And the driver has not heard: no answer, half of one, or none any more, or there is
 * no endpoint to ask.
 */
static bool cable_is_out(int err)
{
	return err == EPROTO || err == EIO || err == EPIPE || err == ENOENT;
}

/* In turns its driver goes, and then the camera. */
static bool storm_come(int round)
{
	return round % 2 ? driver_write("bind") : plug_in();
}

static bool storm_go(int round)
{
	return round % 2 ? pull_out() : driver_write("unbind");
}

static bool test_storm(void)
{
	const struct storm s = {
		.open = open_camera,
		.come = storm_come,
		.go = storm_go,
	};
	bool ok;

	storm_cut = cable_is_out;
	ok = storm(&s, storm_users, ARRAY_SIZE(storm_users));
	return (!there_is_one() || pull_out()) && ok;
}

static bool always(void)
{
	return true;
}

/* A minute. */
static bool takes_long(void)
{
	return is_converted() && is_long_run();
}

/* It is right today: what it has in common with any driver is for a long run. */
static bool is_asked_all(void)
{
	return is_converted() || is_long_run();
}

/*
 * What the kernel's driver is not asked: to wake who sleeps in DQEVENT, which its
 * core does not do, and to be opened while it probes, before it has initialised
 * what an ioctl uses.
 */
static const struct {
	struct test test;
	bool (*available)(void);
} tests[] = {
	{ { "frames", test_frames }, always },
	{ { "controls", test_controls }, always },
	{ { "status", test_status }, is_asked_all },
	{ { "late_calls", test_late_calls }, always },
	{ { "blocked_dqbuf", test_blocked_dqbuf }, is_asked_all },
	{ { "poll", test_poll }, is_asked_all },
	{ { "blocked_dqevent", test_blocked_dqevent }, is_converted },
	{ { "both_nodes", test_both_nodes }, is_asked_all },
	{ { "pending_control", test_pending_control }, is_asked_all },
	{ { "module_in_use", test_module_in_use }, is_asked_all },
	{ { "unbind", test_unbind }, is_asked_all },
	{ { "rebind", test_rebind }, always },
	{ { "fail_nth", test_fail_nth }, takes_long },
	{ { "pulls", test_pulls }, always },
	{ { "storm", test_storm }, is_converted },
};

/* A camera while @command runs. */
static int run_command(char **command)
{
	int status = 1, number;
	char node[32];
	pid_t pid;

	if (!plug_in() || !CHECK(find_node_after(-1, &number)))
		return 1;
	snprintf(node, sizeof(node), "/dev/video%d", number);
	setenv("NODE", node, true);
	setenv("INTF", intf, true);
	pid = fork();
	if (!pid) {
		execvp(command[0], command);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return pull_out() && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	const struct sigaction sa = { .sa_handler = interrupt };
	struct test run[ARRAY_SIZE(tests)];
	size_t i;
	int n = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER [COMMAND...]\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	bus = "usb";
	device_name = intf;
	sigaction(SIGUSR1, &sa, NULL);
	if (argc > 2)
		return run_command(&argv[2]);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		if (tests[i].available())
			run[n++] = tests[i].test;
	return run_tests(run, n);
}
