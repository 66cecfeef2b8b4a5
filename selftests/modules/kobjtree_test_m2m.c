// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memory-to-memory driver that watches over its glue, for ../m2m_unbind.c.
 *
 * Multi-planar, with two planes. Each operation and the end of each job touches
 * the hardware, which devres frees at unbind, so that KASAN sees one that comes
 * too late. A queue that is stopped under a job warns, and so does the end of a
 * file that was not stopped, and that of the hardware with a job.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <media/kobjtree_m2m.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>
#include <media/v4l2-mem2mem.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#define TARGET_PLANES	2
#define TARGET_SIZE	4096

static unsigned int fail_after_ms;
module_param(fail_after_ms, uint, 0644);
MODULE_PARM_DESC(fail_after_ms, "fail the probe so long after publication");

static unsigned int fail_step;
module_param(fail_step, uint, 0644);
MODULE_PARM_DESC(fail_step, "fail the probe after that many steps");

static unsigned int slow_ms;
module_param(slow_ms, uint, 0644);
MODULE_PARM_DESC(slow_ms, "sleep so long in some operations, then touch the hardware");

static unsigned int job_ms = 1;
module_param(job_ms, uint, 0644);
MODULE_PARM_DESC(job_ms, "how long a job takes, unless it is aborted");

static bool abort_jobs = true;
module_param(abort_jobs, bool, 0644);
MODULE_PARM_DESC(abort_jobs, "a job can be aborted");

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "the driver can hold capture buffers");

static unsigned int aborts;
module_param(aborts, uint, 0444);
MODULE_PARM_DESC(aborts, "how many jobs were aborted");

static unsigned int runs;
module_param(runs, uint, 0444);
MODULE_PARM_DESC(runs, "how many jobs were begun");

struct target_hw {
	u32 ops;
	struct target_ctx *running;
};

struct target {
	struct kobjtree_bound bound;
	struct kobjtree_video video;
	struct kobjtree_m2m m2m;
	struct kobjtree_watcher watcher;
	struct mutex lock;		/* of the node */
	struct delayed_work done;
	struct target_hw *hw;
};

struct target_ctx {
	struct kobjtree_m2m_ctx m2m;
	struct target *target;
	struct v4l2_ctrl_handler hdl;
	struct mutex lock;		/* of the queues */
	struct kobjtree_action end;
	bool started[2];
};

static struct target_ctx *to_target_ctx(void *priv)
{
	return container_of(priv, struct target_ctx, m2m);
}

static void target_touch(struct target *target)
{
	WRITE_ONCE(target->hw->ops, READ_ONCE(target->hw->ops) + 1);
}

static bool *target_started(struct vb2_queue *q)
{
	struct target_ctx *ctx = to_target_ctx(vb2_get_drv_priv(q));

	return &ctx->started[V4L2_TYPE_IS_OUTPUT(q->type)];
}

/* === Jobs === */

static void target_device_run(void *priv)
{
	struct target_ctx *ctx = to_target_ctx(priv);
	struct target *target = ctx->target;

	target_touch(target);
	WARN_ON(target->hw->running);
	WARN_ON(!ctx->started[0] || !ctx->started[1]);
	target->hw->running = ctx;
	runs++;
	schedule_delayed_work(&target->done, msecs_to_jiffies(job_ms));
}

static int target_job_ready(void *priv)
{
	target_touch(to_target_ctx(priv)->target);
	return 1;
}

static void target_job_abort(void *priv)
{
	struct target *target = to_target_ctx(priv)->target;

	target_touch(target);
	aborts++;
	if (abort_jobs)
		mod_delayed_work(system_wq, &target->done, 0);
}

static void target_done(struct work_struct *work)
{
	struct target *target = container_of(work, struct target, done.work);
	struct v4l2_m2m_dev *dev = target->m2m.dev;
	struct v4l2_m2m_ctx *m2m_ctx;

	target_touch(target);
	/* aborted, and over already */
	if (!target->hw->running)
		return;
	WARN_ON(v4l2_m2m_get_curr_priv(dev) != &target->hw->running->m2m);
	m2m_ctx = target->hw->running->m2m.fh.m2m_ctx;
	target->hw->running = NULL;
	if (hold) {
		v4l2_m2m_buf_done_and_job_finish(dev, m2m_ctx,
						 VB2_BUF_STATE_DONE);
		return;
	}
	v4l2_m2m_buf_done(v4l2_m2m_src_buf_remove(m2m_ctx), VB2_BUF_STATE_DONE);
	v4l2_m2m_buf_done(v4l2_m2m_dst_buf_remove(m2m_ctx), VB2_BUF_STATE_DONE);
	v4l2_m2m_job_finish(dev, m2m_ctx);
}

static const struct v4l2_m2m_ops target_m2m_ops = {
	.device_run = target_device_run,
	.job_ready = target_job_ready,
	.job_abort = target_job_abort,
};

/* === Queues === */

static struct target *target_of(struct vb2_queue *q)
{
	return to_target_ctx(vb2_get_drv_priv(q))->target;
}

static int target_queue_setup(struct vb2_queue *q, unsigned int *num_buffers,
			      unsigned int *num_planes, unsigned int sizes[],
			      struct device *alloc_devs[])
{
	target_touch(target_of(q));
	if (*num_planes)
		return *num_planes != TARGET_PLANES || sizes[0] < TARGET_SIZE ||
		       sizes[1] < TARGET_SIZE ? -EINVAL : 0;
	*num_planes = TARGET_PLANES;
	sizes[0] = TARGET_SIZE;
	sizes[1] = TARGET_SIZE;
	return 0;
}

static int target_buf_prepare(struct vb2_buffer *vb)
{
	target_touch(target_of(vb->vb2_queue));
	if (vb2_plane_size(vb, 0) < TARGET_SIZE ||
	    vb2_plane_size(vb, 1) < TARGET_SIZE)
		return -EINVAL;
	vb2_set_plane_payload(vb, 0, TARGET_SIZE);
	vb2_set_plane_payload(vb, 1, TARGET_SIZE);
	return 0;
}

static void target_buf_queue(struct vb2_buffer *vb)
{
	struct target_ctx *ctx = to_target_ctx(vb2_get_drv_priv(vb->vb2_queue));

	msleep(slow_ms);
	target_touch(ctx->target);
	v4l2_m2m_buf_queue(ctx->m2m.fh.m2m_ctx, to_vb2_v4l2_buffer(vb));
}

static int target_start_streaming(struct vb2_queue *q, unsigned int count)
{
	bool *started = target_started(q);

	msleep(slow_ms);
	target_touch(target_of(q));
	WARN_ON(*started);
	*started = true;
	return 0;
}

static void target_stop_streaming(struct vb2_queue *q)
{
	struct target_ctx *ctx = to_target_ctx(vb2_get_drv_priv(q));
	struct v4l2_m2m_ctx *m2m_ctx = ctx->m2m.fh.m2m_ctx;
	bool *started = target_started(q);
	struct vb2_v4l2_buffer *buf;

	msleep(slow_ms);
	target_touch(ctx->target);
	WARN_ON(!*started);
	*started = false;
	WARN_ON(READ_ONCE(ctx->target->hw->running) == ctx);
	flush_work(&ctx->target->done.work);
	while ((buf = V4L2_TYPE_IS_OUTPUT(q->type) ?
		      v4l2_m2m_src_buf_remove(m2m_ctx) :
		      v4l2_m2m_dst_buf_remove(m2m_ctx)))
		v4l2_m2m_buf_done(buf, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops target_vb2_ops = {
	.queue_setup = target_queue_setup,
	.buf_prepare = target_buf_prepare,
	.buf_queue = target_buf_queue,
	.start_streaming = target_start_streaming,
	.stop_streaming = target_stop_streaming,
};

static int target_queue_init_one(struct target_ctx *ctx, struct vb2_queue *q,
				 enum v4l2_buf_type type)
{
	q->type = type;
	q->io_modes = VB2_MMAP | VB2_DMABUF | VB2_USERPTR;
	q->dev = ctx->target->bound.dev;
	q->lock = &ctx->lock;
	q->ops = &target_vb2_ops;
	q->mem_ops = &vb2_vmalloc_memops;
	q->drv_priv = &ctx->m2m;
	q->buf_struct_size = sizeof(struct v4l2_m2m_buffer);
	q->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	if (hold && V4L2_TYPE_IS_OUTPUT(type))
		q->subsystem_flags |= VB2_V4L2_FL_SUPPORTS_M2M_HOLD_CAPTURE_BUF;
	return vb2_queue_init(q);
}

static int target_queue_init(void *priv, struct vb2_queue *src,
			     struct vb2_queue *dst)
{
	struct target_ctx *ctx = to_target_ctx(priv);

	return target_queue_init_one(ctx, src,
				     V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE) ?:
	       target_queue_init_one(ctx, dst,
				     V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE);
}

/* === Controls === */

static int target_s_ctrl(struct v4l2_ctrl *ctrl)
{
	struct target_ctx *ctx = container_of(ctrl->handler, struct target_ctx,
					      hdl);

	msleep(slow_ms);
	target_touch(ctx->target);
	return 0;
}

static const struct v4l2_ctrl_ops target_ctrl_ops = {
	.s_ctrl = target_s_ctrl,
};

/* === Ioctls === */

static int target_querycap(struct file *file, void *priv,
			   struct v4l2_capability *cap)
{
	target_touch(video_drvdata(file));
	strscpy(cap->driver, KBUILD_MODNAME);
	strscpy(cap->card, "Target");
	return 0;
}

static int target_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	target_touch(video_drvdata(file));
	f->fmt.pix_mp = (struct v4l2_pix_format_mplane) {
		.width = 64,
		.height = 64,
		.pixelformat = V4L2_PIX_FMT_NV12M,
		.field = V4L2_FIELD_NONE,
		.num_planes = TARGET_PLANES,
		.plane_fmt = {
			{ .sizeimage = TARGET_SIZE, .bytesperline = 64 },
			{ .sizeimage = TARGET_SIZE, .bytesperline = 64 },
		},
	};
	return 0;
}

static const struct v4l2_ioctl_ops target_ioctl_ops = {
	.vidioc_querycap = target_querycap,
	.vidioc_g_fmt_vid_cap_mplane = target_fmt,
	.vidioc_g_fmt_vid_out_mplane = target_fmt,
	.vidioc_try_fmt_vid_cap_mplane = target_fmt,
	.vidioc_try_fmt_vid_out_mplane = target_fmt,
	.vidioc_s_fmt_vid_cap_mplane = target_fmt,
	.vidioc_s_fmt_vid_out_mplane = target_fmt,
	.vidioc_reqbufs = v4l2_m2m_ioctl_reqbufs,
	.vidioc_create_bufs = v4l2_m2m_ioctl_create_bufs,
	.vidioc_prepare_buf = v4l2_m2m_ioctl_prepare_buf,
	.vidioc_querybuf = v4l2_m2m_ioctl_querybuf,
	.vidioc_qbuf = v4l2_m2m_ioctl_qbuf,
	.vidioc_dqbuf = v4l2_m2m_ioctl_dqbuf,
	.vidioc_expbuf = v4l2_m2m_ioctl_expbuf,
	.vidioc_streamon = v4l2_m2m_ioctl_streamon,
	.vidioc_streamoff = v4l2_m2m_ioctl_streamoff,
	.vidioc_subscribe_event = v4l2_ctrl_subscribe_event,
	.vidioc_unsubscribe_event = v4l2_event_unsubscribe,
};

/* === Files === */

static void target_ctx_end(void *data)
{
	struct target_ctx *ctx = data;

	WARN_ON(ctx->started[0] || ctx->started[1]);
}

static int target_open(struct file *file)
{
	struct target *target = video_drvdata(file);
	struct target_ctx *ctx;
	int ret;

	msleep(slow_ms);
	target_touch(target);
	ctx = kobjtree_m2m_alloc_ctx(file, struct target_ctx, m2m);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	ctx->target = target;
	mutex_init(&ctx->lock);
	kobjtree_embed_action(&ctx->m2m.tree, &ctx->end, target_ctx_end, ctx);
	ret = kobjtree_ctrl_handler_init(&ctx->m2m.tree, &ctx->hdl, 1);
	if (ret)
		return ret;
	v4l2_ctrl_new_std(&ctx->hdl, &target_ctrl_ops, V4L2_CID_BRIGHTNESS,
			  0, 255, 1, 0);
	if (ctx->hdl.error)
		return ctx->hdl.error;
	ctx->m2m.fh.ctrl_handler = &ctx->hdl;
	return kobjtree_m2m_open(&ctx->m2m, file, &target->m2m,
				 target_queue_init);
}

static const struct v4l2_file_operations target_fops = {
	.owner = THIS_MODULE,
	.open = target_open,
	.release = kobjtree_m2m_fop_release,
	.poll = v4l2_m2m_fop_poll,
	.mmap = v4l2_m2m_fop_mmap,
	.unlocked_ioctl = video_ioctl2,
};

/* === Driver === */

/* Older than that of the glue, so that it runs after it. */
static void target_quiesce(struct kobjtree_watcher *watcher)
{
	struct target *target = container_of(watcher, struct target, watcher);

	target_touch(target);
	WARN_ON(target->hw->running);
	/* aborted, and over already */
	cancel_delayed_work_sync(&target->done);
}

static int target_probe(struct platform_device *pdev)
{
	struct video_device *vdev;
	struct target *target;
	int ret;

	target = kobjtree_alloc_bound(&pdev->dev, struct target, bound);
	if (IS_ERR(target))
		return PTR_ERR(target);
	target->hw = devm_kzalloc(&pdev->dev, sizeof(*target->hw), GFP_KERNEL);
	if (!target->hw)
		return -ENOMEM;
	mutex_init(&target->lock);
	INIT_DELAYED_WORK(&target->done, target_done);
	if (fail_step == 1)
		return -EIO;
	target->watcher.quiesce = target_quiesce;
	ret = kobjtree_bound_watch(&target->bound, &target->watcher);
	if (ret || fail_step == 2)
		return ret ?: -EIO;
	ret = kobjtree_m2m_init(&target->m2m, &target->bound, &target_m2m_ops);
	if (ret || fail_step == 3)
		return ret ?: -EIO;

	vdev = &target->video.vdev;
	strscpy(vdev->name, KBUILD_MODNAME);
	vdev->vfl_dir = VFL_DIR_M2M;
	vdev->fops = &target_fops;
	vdev->ioctl_ops = &target_ioctl_ops;
	vdev->lock = &target->lock;
	vdev->device_caps = V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING;
	video_set_drvdata(vdev, target);
	ret = kobjtree_video_register(&target->video, &target->bound, NULL,
				      VFL_TYPE_VIDEO, -1);
	if (ret || fail_step == 4)
		return ret ?: -EIO;
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

MODULE_DESCRIPTION("Watches over the glue for memory-to-memory nodes");
MODULE_LICENSE("GPL");
