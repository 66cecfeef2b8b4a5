// SPDX-License-Identifier: GPL-2.0-only
/*
 * A V4L2 capture device that frees its memory by hand, with the kref that
 * &struct v4l2_device has: each node holds it, and the binding does.
 *
 * It uses no memory that is freed, and no hardware that is gone. What it cannot do:
 * wake at its unbind who waits for an event, and keep its module until the last
 * cam_release() has run. The same device with less code: capture_kobjtree.c.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>
#include <media/v4l2-subdev.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#define CAM_WIDTH	320
#define CAM_HEIGHT	240
#define CAM_SIZE	(CAM_WIDTH * CAM_HEIGHT)
#define CAM_FRAME_MS	33

/* Stands for the device's registers, which devres maps until unbind. */
struct cam_regs {
	u32 enable;
	u32 brightness;
	u32 frames;
};

struct cam {
	struct v4l2_device v4l2;
	struct video_device vdev;
	struct v4l2_subdev sensor;
	struct v4l2_ctrl_handler hdl;
	struct vb2_queue queue;
	struct mutex lock;		/* of the node and of the queue */
	spinlock_t bufs_lock;
	struct list_head bufs;		/* queued, under @bufs_lock */
	struct delayed_work frame;	/* stands for the interrupt */
	struct cam_regs *regs;
	bool gone;			/* under @lock and @hdl's; no @regs any more */
};

struct cam_buf {
	struct vb2_v4l2_buffer vb;
	struct list_head node;
};

static struct cam_buf *cam_next_buf(struct cam *cam)
{
	struct cam_buf *buf;

	guard(spinlock_irqsave)(&cam->bufs_lock);
	buf = list_first_entry_or_null(&cam->bufs, struct cam_buf, node);
	if (buf)
		list_del(&buf->node);
	return buf;
}

static void cam_frame(struct work_struct *work)
{
	struct cam *cam = container_of(work, struct cam, frame.work);
	struct cam_buf *buf = cam_next_buf(cam);
	const struct v4l2_event event = {
		.type = V4L2_EVENT_FRAME_SYNC,
		.u.frame_sync.frame_sequence = cam->regs->frames,
	};

	v4l2_event_queue(&cam->vdev, &event);
	if (buf) {
		memset(vb2_plane_vaddr(&buf->vb.vb2_buf, 0),
		       cam->regs->brightness, CAM_SIZE);
		buf->vb.field = V4L2_FIELD_NONE;
		buf->vb.sequence = cam->regs->frames;
		buf->vb.vb2_buf.timestamp = ktime_get_ns();
		vb2_buffer_done(&buf->vb.vb2_buf, VB2_BUF_STATE_DONE);
	}
	cam->regs->frames++;
	schedule_delayed_work(&cam->frame, msecs_to_jiffies(CAM_FRAME_MS));
}

/* === Sensor === */

static int cam_sensor_s_stream(struct v4l2_subdev *sd, int enable)
{
	struct cam *cam = container_of(sd, struct cam, sensor);

	cam->regs->enable = enable;
	return 0;
}

static const struct v4l2_subdev_video_ops cam_sensor_video_ops = {
	.s_stream = cam_sensor_s_stream,
};

static int cam_sensor_enum_mbus_code(struct v4l2_subdev *sd,
				     struct v4l2_subdev_state *state,
				     struct v4l2_subdev_mbus_code_enum *code)
{
	if (code->index)
		return -EINVAL;
	code->code = MEDIA_BUS_FMT_Y8_1X8;
	return 0;
}

/* There is one, whatever is asked for. */
static int cam_sensor_fmt(struct v4l2_subdev *sd,
			  struct v4l2_subdev_state *state,
			  struct v4l2_subdev_format *format)
{
	format->format = (struct v4l2_mbus_framefmt) {
		.width = CAM_WIDTH,
		.height = CAM_HEIGHT,
		.code = MEDIA_BUS_FMT_Y8_1X8,
		.field = V4L2_FIELD_NONE,
		.colorspace = V4L2_COLORSPACE_SRGB,
	};
	return 0;
}

static const struct v4l2_subdev_pad_ops cam_sensor_pad_ops = {
	.enum_mbus_code = cam_sensor_enum_mbus_code,
	.get_fmt = cam_sensor_fmt,
	.set_fmt = cam_sensor_fmt,
};

static const struct v4l2_subdev_core_ops cam_sensor_core_ops = {
	.log_status = v4l2_ctrl_subdev_log_status,
};

static const struct v4l2_subdev_ops cam_sensor_ops = {
	.core = &cam_sensor_core_ops,
	.video = &cam_sensor_video_ops,
	.pad = &cam_sensor_pad_ops,
};

/* === Queue === */

static int cam_queue_setup(struct vb2_queue *q, unsigned int *num_buffers,
			   unsigned int *num_planes, unsigned int sizes[],
			   struct device *alloc_devs[])
{
	if (*num_planes)
		return sizes[0] < CAM_SIZE ? -EINVAL : 0;
	*num_planes = 1;
	sizes[0] = CAM_SIZE;
	return 0;
}

static int cam_buf_prepare(struct vb2_buffer *vb)
{
	if (vb2_plane_size(vb, 0) < CAM_SIZE)
		return -EINVAL;
	vb2_set_plane_payload(vb, 0, CAM_SIZE);
	return 0;
}

static void cam_buf_queue(struct vb2_buffer *vb)
{
	struct cam *cam = vb2_get_drv_priv(vb->vb2_queue);
	struct cam_buf *buf = container_of(vb, struct cam_buf, vb.vb2_buf);

	guard(spinlock_irqsave)(&cam->bufs_lock);
	list_add_tail(&buf->node, &cam->bufs);
}

static int cam_start_streaming(struct vb2_queue *q, unsigned int count)
{
	struct cam *cam = vb2_get_drv_priv(q);
	struct cam_buf *buf;

	/* A read() may have waited for @lock in the meantime. */
	if (cam->gone) {
		while ((buf = cam_next_buf(cam)))
			vb2_buffer_done(&buf->vb.vb2_buf,
					VB2_BUF_STATE_QUEUED);
		return -ENODEV;
	}
	cam->regs->frames = 0;
	v4l2_subdev_call(&cam->sensor, video, s_stream, 1);
	schedule_delayed_work(&cam->frame, msecs_to_jiffies(CAM_FRAME_MS));
	return 0;
}

static void cam_stop_streaming(struct vb2_queue *q)
{
	struct cam *cam = vb2_get_drv_priv(q);
	struct cam_buf *buf;

	cancel_delayed_work_sync(&cam->frame);
	v4l2_subdev_call(&cam->sensor, video, s_stream, 0);
	while ((buf = cam_next_buf(cam)))
		vb2_buffer_done(&buf->vb.vb2_buf, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops cam_vb2_ops = {
	.queue_setup = cam_queue_setup,
	.buf_prepare = cam_buf_prepare,
	.buf_queue = cam_buf_queue,
	.start_streaming = cam_start_streaming,
	.stop_streaming = cam_stop_streaming,
#ifdef COMPAT_VB2_WAIT_OPS
	.wait_prepare = vb2_ops_wait_prepare,
	.wait_finish = vb2_ops_wait_finish,
#endif
};

static int cam_queue_init(struct cam *cam, struct device *dev)
{
	struct vb2_queue *q = &cam->queue;

	q->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	q->io_modes = VB2_MMAP | VB2_DMABUF | VB2_USERPTR | VB2_READ;
	q->dev = dev;
	q->lock = &cam->lock;
	q->ops = &cam_vb2_ops;
	q->mem_ops = &vb2_vmalloc_memops;
	q->drv_priv = cam;
	q->buf_struct_size = sizeof(struct cam_buf);
	q->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	return vb2_queue_init(q);
}

/* === Controls === */

static int cam_s_ctrl(struct v4l2_ctrl *ctrl)
{
	struct cam *cam = container_of(ctrl->handler, struct cam, hdl);

	/* The node of the subdev does not take @lock. */
	if (cam->gone)
		return -ENODEV;
	cam->regs->brightness = ctrl->val;
	return 0;
}

static const struct v4l2_ctrl_ops cam_ctrl_ops = {
	.s_ctrl = cam_s_ctrl,
};

/* === Ioctls === */

static int cam_querycap(struct file *file, void *priv,
			struct v4l2_capability *cap)
{
	strscpy(cap->driver, KBUILD_MODNAME);
	strscpy(cap->card, "Sample camera");
	return 0;
}

static int cam_enum_input(struct file *file, void *priv, struct v4l2_input *inp)
{
	if (inp->index)
		return -EINVAL;
	inp->type = V4L2_INPUT_TYPE_CAMERA;
	strscpy(inp->name, "Camera");
	return 0;
}

static int cam_g_input(struct file *file, void *priv, unsigned int *i)
{
	*i = 0;
	return 0;
}

static int cam_s_input(struct file *file, void *priv, unsigned int i)
{
	return i ? -EINVAL : 0;
}

static int cam_enum_fmt(struct file *file, void *priv, struct v4l2_fmtdesc *f)
{
	if (f->index)
		return -EINVAL;
	f->pixelformat = V4L2_PIX_FMT_GREY;
	return 0;
}

/* There is one, whatever is asked for. */
static int cam_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	f->fmt.pix = (struct v4l2_pix_format) {
		.width = CAM_WIDTH,
		.height = CAM_HEIGHT,
		.pixelformat = V4L2_PIX_FMT_GREY,
		.field = V4L2_FIELD_NONE,
		.bytesperline = CAM_WIDTH,
		.sizeimage = CAM_SIZE,
		.colorspace = V4L2_COLORSPACE_SRGB,
	};
	return 0;
}

static int cam_s_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct cam *cam = video_drvdata(file);

	if (vb2_is_busy(&cam->queue))
		return -EBUSY;
	return cam_fmt(file, priv, f);
}

static int cam_subscribe_event(struct v4l2_fh *fh,
			       const struct v4l2_event_subscription *sub)
{
	if (sub->type == V4L2_EVENT_FRAME_SYNC)
		return v4l2_event_subscribe(fh, sub, 4, NULL);
	return v4l2_ctrl_subscribe_event(fh, sub);
}

static const struct v4l2_ioctl_ops cam_ioctl_ops = {
	.vidioc_querycap = cam_querycap,
	.vidioc_enum_input = cam_enum_input,
	.vidioc_g_input = cam_g_input,
	.vidioc_s_input = cam_s_input,
	.vidioc_enum_fmt_vid_cap = cam_enum_fmt,
	.vidioc_g_fmt_vid_cap = cam_fmt,
	.vidioc_try_fmt_vid_cap = cam_fmt,
	.vidioc_s_fmt_vid_cap = cam_s_fmt,
	.vidioc_reqbufs = vb2_ioctl_reqbufs,
	.vidioc_create_bufs = vb2_ioctl_create_bufs,
	.vidioc_remove_bufs = vb2_ioctl_remove_bufs,
	.vidioc_prepare_buf = vb2_ioctl_prepare_buf,
	.vidioc_querybuf = vb2_ioctl_querybuf,
	.vidioc_qbuf = vb2_ioctl_qbuf,
	.vidioc_dqbuf = vb2_ioctl_dqbuf,
	.vidioc_expbuf = vb2_ioctl_expbuf,
	.vidioc_streamon = vb2_ioctl_streamon,
	.vidioc_streamoff = vb2_ioctl_streamoff,
	.vidioc_log_status = v4l2_ctrl_log_status,
	.vidioc_subscribe_event = cam_subscribe_event,
	.vidioc_unsubscribe_event = v4l2_event_unsubscribe,
};

static const struct v4l2_file_operations cam_fops = {
	.owner = THIS_MODULE,
	.open = v4l2_fh_open,
	.release = vb2_fop_release,
	.read = vb2_fop_read,
	.poll = vb2_fop_poll,
	.mmap = vb2_fop_mmap,
	.unlocked_ioctl = video_ioctl2,
};

/* === Driver === */

static void cam_release(struct v4l2_device *v4l2)
{
	struct cam *cam = container_of(v4l2, struct cam, v4l2);

	v4l2_ctrl_handler_free(&cam->hdl);
	kfree(cam);
}

static int cam_probe(struct platform_device *pdev)
{
	struct video_device *vdev;
	struct cam *cam;
	int ret;

	cam = kzalloc_obj(*cam);
	if (!cam)
		return -ENOMEM;
	cam->regs = devm_kzalloc(&pdev->dev, sizeof(*cam->regs), GFP_KERNEL);
	if (!cam->regs) {
		ret = -ENOMEM;
		goto free_cam;
	}
	mutex_init(&cam->lock);
	spin_lock_init(&cam->bufs_lock);
	INIT_LIST_HEAD(&cam->bufs);
	INIT_DELAYED_WORK(&cam->frame, cam_frame);
	platform_set_drvdata(pdev, cam);

	cam->v4l2.release = cam_release;
	ret = v4l2_device_register(&pdev->dev, &cam->v4l2);
	if (ret)
		goto free_cam;

	v4l2_ctrl_handler_init(&cam->hdl, 1);
	v4l2_ctrl_new_std(&cam->hdl, &cam_ctrl_ops, V4L2_CID_BRIGHTNESS,
			  0, 255, 1, 128);
	ret = cam->hdl.error ?: v4l2_ctrl_handler_setup(&cam->hdl);
	if (ret)
		goto put;

	ret = cam_queue_init(cam, &pdev->dev);
	if (ret)
		goto put;

	v4l2_subdev_init(&cam->sensor, &cam_sensor_ops);
	strscpy(cam->sensor.name, "sensor");
	cam->sensor.flags |= V4L2_SUBDEV_FL_HAS_DEVNODE |
			     V4L2_SUBDEV_FL_HAS_EVENTS;
	cam->sensor.ctrl_handler = &cam->hdl;
	ret = v4l2_device_register_subdev(&cam->v4l2, &cam->sensor) ?:
	      v4l2_device_register_subdev_nodes(&cam->v4l2);
	if (ret)
		goto put;

	vdev = &cam->vdev;
	strscpy(vdev->name, KBUILD_MODNAME);
	vdev->v4l2_dev = &cam->v4l2;
	vdev->ctrl_handler = &cam->hdl;
	vdev->fops = &cam_fops;
	vdev->ioctl_ops = &cam_ioctl_ops;
	vdev->queue = &cam->queue;
	vdev->lock = &cam->lock;
	vdev->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING |
			    V4L2_CAP_READWRITE;
	vdev->release = video_device_release_empty;
	video_set_drvdata(vdev, cam);
	ret = video_register_device(vdev, VFL_TYPE_VIDEO, -1);
	if (ret)
		goto put;
	return 0;

put:
	v4l2_device_unregister(&cam->v4l2);
	v4l2_device_put(&cam->v4l2);
	return ret;

free_cam:
	kfree(cam);
	return ret;
}

static void cam_remove(struct platform_device *pdev)
{
	struct cam *cam = platform_get_drvdata(pdev);

	mutex_lock(&cam->lock);
	mutex_lock(cam->hdl.lock);
	cam->gone = true;
	mutex_unlock(cam->hdl.lock);
	mutex_unlock(&cam->lock);
	vb2_video_unregister_device(&cam->vdev);
	v4l2_device_unregister(&cam->v4l2);
	v4l2_device_put(&cam->v4l2);
}

static struct platform_driver cam_driver = {
	.probe = cam_probe,
	.remove = cam_remove,
	.driver.name = KBUILD_MODNAME,
};

static struct platform_device *cam_pdev;

static int __init cam_init(void)
{
	int ret;

	cam_pdev = platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	if (IS_ERR(cam_pdev))
		return PTR_ERR(cam_pdev);
	ret = platform_driver_register(&cam_driver);
	if (ret)
		platform_device_unregister(cam_pdev);
	return ret;
}
module_init(cam_init);

static void __exit cam_exit(void)
{
	platform_driver_unregister(&cam_driver);
	platform_device_unregister(cam_pdev);
}
module_exit(cam_exit);

MODULE_DESCRIPTION("Sample V4L2 capture device, by hand");
MODULE_LICENSE("GPL");
