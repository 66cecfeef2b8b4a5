// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that watches over its glue, for ../video_unbind.c.
 *
 * Two capture nodes, or one of each kind, with one v4l2_device and one control
 * handler, and all of vb2's operations. Each operation touches the hardware, which
 * devres frees at unbind, so that KASAN sees one that comes too late. Each that
 * undoes warns unless what it undoes was done, and the end of the object warns
 * unless all was undone.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <media/kobjtree_video.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#define TARGET_SIZE	4096

static unsigned int fail_after_ms;
module_param(fail_after_ms, uint, 0644);
MODULE_PARM_DESC(fail_after_ms, "fail the probe so long after publication");

static unsigned int fail_step;
module_param(fail_step, uint, 0644);
MODULE_PARM_DESC(fail_step, "fail the probe after that many steps");

static unsigned int nodes = 2;
module_param(nodes, uint, 0644);
MODULE_PARM_DESC(nodes, "how many of the kinds of nodes to register");

static unsigned int slow_ms;
module_param(slow_ms, uint, 0644);
MODULE_PARM_DESC(slow_ms, "sleep so long in some operations, then touch the hardware");

struct target_hw {
	u32 ops;
};

/* Whatever can be registered as a video node; type 0 has no queue. */
static const struct target_kind {
	enum vfl_devnode_type vfl;
	enum v4l2_buf_type type;
	u32 caps;
} target_kinds[] = {
	{ VFL_TYPE_VIDEO, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE },
	{ VFL_TYPE_VIDEO, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE },
	{ VFL_TYPE_VIDEO, V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_CAP_VIDEO_OUTPUT },
	{ VFL_TYPE_VIDEO, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
	  V4L2_CAP_VIDEO_CAPTURE_MPLANE },
	{ VFL_TYPE_VIDEO, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
	  V4L2_CAP_VIDEO_OUTPUT_MPLANE },
	{ VFL_TYPE_VIDEO, V4L2_BUF_TYPE_META_CAPTURE, V4L2_CAP_META_CAPTURE },
	{ VFL_TYPE_VBI, V4L2_BUF_TYPE_VBI_CAPTURE, V4L2_CAP_VBI_CAPTURE },
	{ VFL_TYPE_SDR, V4L2_BUF_TYPE_SDR_CAPTURE, V4L2_CAP_SDR_CAPTURE },
	{ VFL_TYPE_TOUCH, V4L2_BUF_TYPE_VIDEO_CAPTURE,
	  V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_TOUCH },
	{ VFL_TYPE_RADIO, 0, V4L2_CAP_RADIO },
};

struct target_node {
	struct kobjtree_video video;
	const struct target_kind *kind;
	struct vb2_queue queue;
	struct mutex lock;		/* of the node and of the queue */
	spinlock_t bufs_lock;		/* of @bufs */
	struct list_head bufs;
	struct delayed_work frame;
	struct target *target;
	bool prepared;
	bool started;
	atomic_t inits;
	atomic_t readies;
};

struct target {
	struct kobjtree_bound bound;
	struct kobjtree_v4l2 v4l2;
	struct v4l2_ctrl_handler hdl;	/* of the v4l2_device, for the first node */
	struct v4l2_ctrl_handler hdl2;	/* of the second node */
	struct v4l2_ctrl *sharpness;	/* in @hdl2 */
	struct kobjtree_watcher watcher;
	struct target_node node[ARRAY_SIZE(target_kinds)];
	struct target_hw *hw;
};

struct target_buf {
	struct vb2_v4l2_buffer vb;
	struct list_head entry;
	bool init;
	bool ready;
};

static void target_release(struct kobjtree *obj)
{
	struct target *target = container_of(obj, struct target, bound.tree);
	struct target_node *node;

	for (node = target->node;
	     node < target->node + ARRAY_SIZE(target->node); node++) {
		WARN_ON(node->prepared);
		WARN_ON(node->started);
		WARN_ON(atomic_read(&node->inits));
		WARN_ON(atomic_read(&node->readies));
		WARN_ON(delayed_work_pending(&node->frame));
	}
}

DEFINE_KOBJTREE_TYPE(target_type, struct target, bound.tree,
		     .release = target_release);

static void target_touch(struct target_node *node)
{
	WRITE_ONCE(node->target->hw->ops, READ_ONCE(node->target->hw->ops) + 1);
}

static struct target_buf *to_target_buf(struct vb2_buffer *vb)
{
	return container_of(vb, struct target_buf, vb.vb2_buf);
}

static struct target_buf *target_next_buf(struct target_node *node)
{
	struct target_buf *buf;

	guard(spinlock_irqsave)(&node->bufs_lock);
	buf = list_first_entry_or_null(&node->bufs, struct target_buf, entry);
	if (buf)
		list_del(&buf->entry);
	return buf;
}

static void target_frame(struct work_struct *work)
{
	struct target_node *node =
		container_of(work, struct target_node, frame.work);
	struct target_buf *buf = target_next_buf(node);

	target_touch(node);
	if (buf)
		vb2_buffer_done(&buf->vb.vb2_buf, VB2_BUF_STATE_DONE);
	schedule_delayed_work(&node->frame, 1);
}

/* === Queue === */

static int target_queue_setup(struct vb2_queue *q, unsigned int *num_buffers,
			      unsigned int *num_planes, unsigned int sizes[],
			      struct device *alloc_devs[])
{
	target_touch(vb2_get_drv_priv(q));
	if (*num_planes)
		return sizes[0] < TARGET_SIZE ? -EINVAL : 0;
	*num_planes = q->is_multiplanar ? 2 : 1;
	sizes[0] = TARGET_SIZE;
	sizes[1] = TARGET_SIZE;
	return 0;
}

static int target_buf_init(struct vb2_buffer *vb)
{
	struct target_node *node = vb2_get_drv_priv(vb->vb2_queue);

	target_touch(node);
	WARN_ON(to_target_buf(vb)->init);
	to_target_buf(vb)->init = true;
	atomic_inc(&node->inits);
	return 0;
}

static void target_buf_cleanup(struct vb2_buffer *vb)
{
	struct target_node *node = vb2_get_drv_priv(vb->vb2_queue);

	target_touch(node);
	WARN_ON(!to_target_buf(vb)->init || to_target_buf(vb)->ready);
	to_target_buf(vb)->init = false;
	atomic_dec(&node->inits);
}

static int target_buf_prepare(struct vb2_buffer *vb)
{
	struct target_node *node = vb2_get_drv_priv(vb->vb2_queue);

	target_touch(node);
	if (vb2_plane_size(vb, 0) < TARGET_SIZE)
		return -EINVAL;
	vb2_set_plane_payload(vb, 0, TARGET_SIZE);
	WARN_ON(!to_target_buf(vb)->init || to_target_buf(vb)->ready);
	to_target_buf(vb)->ready = true;
	atomic_inc(&node->readies);
	return 0;
}

static void target_buf_finish(struct vb2_buffer *vb)
{
	struct target_node *node = vb2_get_drv_priv(vb->vb2_queue);

	target_touch(node);
	WARN_ON(!to_target_buf(vb)->ready);
	to_target_buf(vb)->ready = false;
	atomic_dec(&node->readies);
}

static void target_buf_queue(struct vb2_buffer *vb)
{
	struct target_node *node = vb2_get_drv_priv(vb->vb2_queue);

	msleep(slow_ms);
	target_touch(node);
	guard(spinlock_irqsave)(&node->bufs_lock);
	list_add_tail(&to_target_buf(vb)->entry, &node->bufs);
}

static int target_prepare_streaming(struct vb2_queue *q)
{
	struct target_node *node = vb2_get_drv_priv(q);

	target_touch(node);
	WARN_ON(node->prepared);
	node->prepared = true;
	return 0;
}

static int target_start_streaming(struct vb2_queue *q, unsigned int count)
{
	struct target_node *node = vb2_get_drv_priv(q);

	msleep(slow_ms);
	target_touch(node);
	WARN_ON(!node->prepared || node->started);
	node->started = true;
	schedule_delayed_work(&node->frame, 1);
	return 0;
}

static void target_stop_streaming(struct vb2_queue *q)
{
	struct target_node *node = vb2_get_drv_priv(q);
	struct target_buf *buf;

	msleep(slow_ms);
	target_touch(node);
	WARN_ON(!node->started);
	node->started = false;
	cancel_delayed_work_sync(&node->frame);
	while ((buf = target_next_buf(node)))
		vb2_buffer_done(&buf->vb.vb2_buf, VB2_BUF_STATE_ERROR);
}

static void target_unprepare_streaming(struct vb2_queue *q)
{
	struct target_node *node = vb2_get_drv_priv(q);

	target_touch(node);
	WARN_ON(!node->prepared || node->started);
	node->prepared = false;
}

static const struct vb2_ops target_vb2_ops = {
	.queue_setup = target_queue_setup,
	.buf_init = target_buf_init,
	.buf_cleanup = target_buf_cleanup,
	.buf_prepare = target_buf_prepare,
	.buf_finish = target_buf_finish,
	.buf_queue = target_buf_queue,
	.prepare_streaming = target_prepare_streaming,
	.start_streaming = target_start_streaming,
	.stop_streaming = target_stop_streaming,
	.unprepare_streaming = target_unprepare_streaming,
};

static int target_queue_init(struct target_node *node, struct device *dev)
{
	struct vb2_queue *q = &node->queue;

	q->type = node->kind->type;
	q->io_modes = VB2_MMAP | VB2_DMABUF | VB2_USERPTR;
	q->io_modes |= V4L2_TYPE_IS_OUTPUT(q->type) ? VB2_WRITE : VB2_READ;
	q->dev = dev;
	q->lock = &node->lock;
	q->ops = &target_vb2_ops;
	q->mem_ops = &vb2_vmalloc_memops;
	q->drv_priv = node;
	q->buf_struct_size = sizeof(struct target_buf);
	q->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	return vb2_queue_init(q);
}

/* === Controls === */

static int target_s_ctrl(struct v4l2_ctrl *ctrl)
{
	struct target *target = ctrl->priv;

	msleep(slow_ms);
	target_touch(target->node);
	return 0;
}

static int target_touch_ctrl(struct v4l2_ctrl *ctrl)
{
	struct target *target = ctrl->priv;

	target_touch(target->node);
	return 0;
}

static const struct v4l2_ctrl_ops target_ctrl_ops = {
	.s_ctrl = target_touch_ctrl,
	.try_ctrl = target_touch_ctrl,
	.g_volatile_ctrl = target_touch_ctrl,
};

static const struct v4l2_ctrl_ops target_slow_ops = {
	.s_ctrl = target_s_ctrl,
};

static struct v4l2_ctrl *target_ctrl_new(struct target *target,
					 struct v4l2_ctrl_handler *hdl,
					 const struct v4l2_ctrl_ops *ops, u32 id)
{
	const struct v4l2_ctrl_config config = {
		.ops = ops,
		.id = id,
		.type = V4L2_CTRL_TYPE_INTEGER,
		.name = v4l2_ctrl_get_name(id),
		.max = 255,
		.step = 1,
	};

	return v4l2_ctrl_new_custom(hdl, &config, target);
}

static int target_ctrls_init(struct target *target)
{
	struct v4l2_ctrl_handler *hdl = &target->hdl;
	struct v4l2_ctrl *gain;
	int ret;

	ret = kobjtree_ctrl_handler_init(&target->bound.tree, hdl, 3);
	if (ret)
		return ret;
	ret = kobjtree_ctrl_handler_init(&target->bound.tree, &target->hdl2,
					 1);
	if (ret)
		return ret;
	target_ctrl_new(target, hdl, &target_ctrl_ops, V4L2_CID_BRIGHTNESS);
	target_ctrl_new(target, hdl, &target_slow_ops, V4L2_CID_CONTRAST);
	gain = target_ctrl_new(target, hdl, &target_ctrl_ops, V4L2_CID_GAIN);
	target->sharpness = target_ctrl_new(target, &target->hdl2,
					    &target_ctrl_ops,
					    V4L2_CID_SHARPNESS);
	if (hdl->error || target->hdl2.error)
		return hdl->error ?: target->hdl2.error;
	gain->flags |= V4L2_CTRL_FLAG_VOLATILE;
	target->node[1].video.vdev.ctrl_handler = &target->hdl2;
	return v4l2_ctrl_handler_setup(hdl);
}

/* A callback of the gate may still set a control. */
static void target_quiesce(struct kobjtree_watcher *watcher)
{
	struct target *target =
		container_of(watcher, struct target, watcher);

	WARN_ON(v4l2_ctrl_s_ctrl(target->sharpness,
				 !target->sharpness->val));
}

/* === Ioctls === */

static int target_querycap(struct file *file, void *priv,
			   struct v4l2_capability *cap)
{
	target_touch(video_drvdata(file));
	strscpy(cap->driver, KBUILD_MODNAME);
	strscpy(cap->card, "Target");
	return 0;
}

static int target_enum_input(struct file *file, void *priv,
			     struct v4l2_input *inp)
{
	target_touch(video_drvdata(file));
	if (inp->index)
		return -EINVAL;
	inp->type = V4L2_INPUT_TYPE_CAMERA;
	strscpy(inp->name, "Camera");
	return 0;
}

static int target_g_input(struct file *file, void *priv, unsigned int *i)
{
	target_touch(video_drvdata(file));
	*i = 0;
	return 0;
}

static int target_s_input(struct file *file, void *priv, unsigned int i)
{
	msleep(slow_ms);
	target_touch(video_drvdata(file));
	return i ? -EINVAL : 0;
}

static int target_enum_fmt(struct file *file, void *priv,
			   struct v4l2_fmtdesc *f)
{
	target_touch(video_drvdata(file));
	if (f->index)
		return -EINVAL;
	f->pixelformat = V4L2_PIX_FMT_GREY;
	return 0;
}

static int target_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	target_touch(video_drvdata(file));
	f->fmt.pix = (struct v4l2_pix_format) {
		.width = 64,
		.height = 64,
		.pixelformat = V4L2_PIX_FMT_GREY,
		.field = V4L2_FIELD_NONE,
		.bytesperline = 64,
		.sizeimage = TARGET_SIZE,
		.colorspace = V4L2_COLORSPACE_SRGB,
	};
	return 0;
}

/* For those that no test asks about. */
static int target_no_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	target_touch(video_drvdata(file));
	return 0;
}

static int target_open(struct file *file)
{
	msleep(slow_ms);
	target_touch(video_drvdata(file));
	return v4l2_fh_open(file);
}

static const struct v4l2_ioctl_ops target_ioctl_ops = {
	.vidioc_querycap = target_querycap,
	.vidioc_enum_input = target_enum_input,
	.vidioc_g_input = target_g_input,
	.vidioc_s_input = target_s_input,
	.vidioc_enum_fmt_vid_cap = target_enum_fmt,
	.vidioc_g_fmt_vid_cap = target_fmt,
	.vidioc_try_fmt_vid_cap = target_fmt,
	.vidioc_s_fmt_vid_cap = target_fmt,
	.vidioc_g_fmt_vid_out = target_fmt,
	.vidioc_g_fmt_vid_cap_mplane = target_no_fmt,
	.vidioc_g_fmt_vid_out_mplane = target_no_fmt,
	.vidioc_g_fmt_meta_cap = target_no_fmt,
	.vidioc_g_fmt_vbi_cap = target_no_fmt,
	.vidioc_g_fmt_sdr_cap = target_no_fmt,
	.vidioc_reqbufs = vb2_ioctl_reqbufs,
	.vidioc_create_bufs = vb2_ioctl_create_bufs,
	.vidioc_prepare_buf = vb2_ioctl_prepare_buf,
	.vidioc_querybuf = vb2_ioctl_querybuf,
	.vidioc_qbuf = vb2_ioctl_qbuf,
	.vidioc_dqbuf = vb2_ioctl_dqbuf,
	.vidioc_expbuf = vb2_ioctl_expbuf,
	.vidioc_streamon = vb2_ioctl_streamon,
	.vidioc_streamoff = vb2_ioctl_streamoff,
	.vidioc_log_status = v4l2_ctrl_log_status,
	.vidioc_subscribe_event = v4l2_ctrl_subscribe_event,
	.vidioc_unsubscribe_event = v4l2_event_unsubscribe,
};

static const struct v4l2_file_operations target_fops = {
	.owner = THIS_MODULE,
	.open = target_open,
	.release = vb2_fop_release,
	.read = vb2_fop_read,
	.write = vb2_fop_write,
	.poll = vb2_fop_poll,
	.mmap = vb2_fop_mmap,
	.unlocked_ioctl = video_ioctl2,
};

static const struct v4l2_file_operations target_radio_fops = {
	.owner = THIS_MODULE,
	.open = target_open,
	.release = v4l2_fh_release,
	.poll = v4l2_ctrl_poll,
	.unlocked_ioctl = video_ioctl2,
};

/* === Driver === */

static int target_node_init(struct target *target, int i)
{
	const struct target_kind *kind = &target_kinds[i];
	struct target_node *node = &target->node[i];
	struct video_device *vdev = &node->video.vdev;
	int ret;

	node->target = target;
	node->kind = kind;
	mutex_init(&node->lock);
	spin_lock_init(&node->bufs_lock);
	INIT_LIST_HEAD(&node->bufs);
	INIT_DELAYED_WORK(&node->frame, target_frame);
	if (kind->type) {
		ret = target_queue_init(node, target->bound.dev);
		if (ret)
			return ret;
		vdev->queue = &node->queue;
		vdev->device_caps = V4L2_CAP_STREAMING | V4L2_CAP_READWRITE;
	}

	strscpy(vdev->name, KBUILD_MODNAME);
	vdev->vfl_dir = V4L2_TYPE_IS_OUTPUT(kind->type) ? VFL_DIR_TX :
							  VFL_DIR_RX;
	vdev->fops = kind->type ? &target_fops : &target_radio_fops;
	vdev->ioctl_ops = &target_ioctl_ops;
	vdev->lock = &node->lock;
	vdev->device_caps |= kind->caps;
	video_set_drvdata(vdev, node);
	return kobjtree_video_register(&node->video, &target->bound,
				       &target->v4l2, kind->vfl, -1);
}

static int target_probe(struct platform_device *pdev)
{
	struct target *target;
	unsigned int i;
	int ret;

	target = kobjtree_alloc_bound(&pdev->dev, struct target, bound,
				      &target_type);
	if (IS_ERR(target))
		return PTR_ERR(target);
	target->hw = devm_kzalloc(&pdev->dev, sizeof(*target->hw), GFP_KERNEL);
	if (!target->hw)
		return -ENOMEM;
	target->node[0].target = target;
	if (fail_step == 1)
		return -EIO;
	ret = target_ctrls_init(target);
	if (ret || fail_step == 2)
		return ret ?: -EIO;
	target->watcher.quiesce = target_quiesce;
	ret = kobjtree_bound_watch(&target->bound, &target->watcher);
	if (ret || fail_step == 3)
		return ret ?: -EIO;
	target->v4l2.dev.ctrl_handler = &target->hdl;
	ret = kobjtree_v4l2_register(&target->v4l2, &target->bound);
	if (ret || fail_step == 4)
		return ret ?: -EIO;
	for (i = 0; i < nodes && i < ARRAY_SIZE(target_kinds); i++) {
		ret = target_node_init(target, i);
		if (ret || fail_step == 5 + i)
			return ret ?: -EIO;
	}
	if (!fail_after_ms)
		return 0;
	msleep(fail_after_ms);
	return -EIO;
}

static struct platform_driver target_driver = {
	.probe = target_probe,
	.driver.name = KBUILD_MODNAME,
};

static struct platform_device *target_pdev;

static int __init target_init(void)
{
	int ret;

	target_pdev = platform_device_register_simple(KBUILD_MODNAME, -1, NULL,
						      0);
	if (IS_ERR(target_pdev))
		return PTR_ERR(target_pdev);
	ret = platform_driver_register(&target_driver);
	if (ret)
		platform_device_unregister(target_pdev);
	return ret;
}
module_init(target_init);

static void __exit target_exit(void)
{
	platform_driver_unregister(&target_driver);
	platform_device_unregister(target_pdev);
	kobjtree_owner_barrier();
}
module_exit(target_exit);

MODULE_DESCRIPTION("Watches over the glue for video nodes");
MODULE_LICENSE("GPL");
