// SPDX-License-Identifier: GPL-2.0-only
/*
 * A V4L2 memory-to-memory device in the usual way, as many drivers are.
 *
 * It is wrong: an open file reaches &struct inv after unbind has freed it, and
 * its queues are stopped at close, when the hardware is gone. The same device
 * without the errors, and with less code: m2m_kobjtree.c.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-event.h>
#include <media/v4l2-fh.h>
#include <media/v4l2-ioctl.h>
#include <media/v4l2-mem2mem.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#define INV_WIDTH	320
#define INV_HEIGHT	240
#define INV_SIZE	(INV_WIDTH * INV_HEIGHT)
#define INV_JOB_MS	10

/* Stands for the device's registers, which devres maps until unbind. */
struct inv_regs {
	u8 mask;
	u32 busy;
};

struct inv {
	struct v4l2_device v4l2;
	struct video_device vdev;
	struct v4l2_m2m_dev *m2m_dev;
	struct mutex lock;		/* of the node */
	struct delayed_work done;	/* stands for the interrupt */
	struct inv_regs *regs;
};

/* An open file. */
struct inv_ctx {
	struct v4l2_fh fh;
	struct inv *inv;
	struct v4l2_ctrl_handler hdl;
	struct mutex lock;		/* of the queues */
	struct v4l2_pix_format pix;
	u32 sequence;
	u8 mask;
};

static struct inv_ctx *inv_file_ctx(struct file *file)
{
	return container_of(file_to_v4l2_fh(file), struct inv_ctx, fh);
}

/* === Jobs === */

static void inv_device_run(void *priv)
{
	struct inv_ctx *ctx = priv;
	struct inv *inv = ctx->inv;

	inv->regs->mask = ctx->mask;
	inv->regs->busy = 1;
	schedule_delayed_work(&inv->done, msecs_to_jiffies(INV_JOB_MS));
}

static void inv_done(struct work_struct *work)
{
	struct inv *inv = container_of(work, struct inv, done.work);
	struct inv_ctx *ctx = v4l2_m2m_get_curr_priv(inv->m2m_dev);
	struct vb2_v4l2_buffer *src = v4l2_m2m_src_buf_remove(ctx->fh.m2m_ctx);
	struct vb2_v4l2_buffer *dst = v4l2_m2m_dst_buf_remove(ctx->fh.m2m_ctx);
	u8 *in = vb2_plane_vaddr(&src->vb2_buf, 0);
	u8 *out = vb2_plane_vaddr(&dst->vb2_buf, 0);
	unsigned int i;

	for (i = 0; i < INV_SIZE; i++)
		out[i] = in[i] ^ inv->regs->mask;
	inv->regs->busy = 0;

	v4l2_m2m_buf_copy_metadata(src, dst);
	src->sequence = ctx->sequence;
	dst->sequence = ctx->sequence++;
	vb2_set_plane_payload(&dst->vb2_buf, 0, INV_SIZE);
	v4l2_m2m_buf_done(src, VB2_BUF_STATE_DONE);
	v4l2_m2m_buf_done(dst, VB2_BUF_STATE_DONE);
	v4l2_m2m_job_finish(inv->m2m_dev, ctx->fh.m2m_ctx);
}

static const struct v4l2_m2m_ops inv_m2m_ops = {
	.device_run = inv_device_run,
};

/* === Queues === */

static int inv_queue_setup(struct vb2_queue *q, unsigned int *num_buffers,
			   unsigned int *num_planes, unsigned int sizes[],
			   struct device *alloc_devs[])
{
	if (*num_planes)
		return sizes[0] < INV_SIZE ? -EINVAL : 0;
	*num_planes = 1;
	sizes[0] = INV_SIZE;
	return 0;
}

static int inv_buf_out_validate(struct vb2_buffer *vb)
{
	to_vb2_v4l2_buffer(vb)->field = V4L2_FIELD_NONE;
	return 0;
}

static int inv_buf_prepare(struct vb2_buffer *vb)
{
	if (vb2_plane_size(vb, 0) < INV_SIZE)
		return -EINVAL;
	if (V4L2_TYPE_IS_CAPTURE(vb->type))
		vb2_set_plane_payload(vb, 0, INV_SIZE);
	return 0;
}

static void inv_buf_queue(struct vb2_buffer *vb)
{
	struct inv_ctx *ctx = vb2_get_drv_priv(vb->vb2_queue);

	v4l2_m2m_buf_queue(ctx->fh.m2m_ctx, to_vb2_v4l2_buffer(vb));
}

static int inv_start_streaming(struct vb2_queue *q, unsigned int count)
{
	struct inv_ctx *ctx = vb2_get_drv_priv(q);

	ctx->sequence = 0;
	return 0;
}

/* No job runs; but the end of the last may, as with synchronize_irq(). */
static void inv_stop_streaming(struct vb2_queue *q)
{
	struct inv_ctx *ctx = vb2_get_drv_priv(q);
	struct vb2_v4l2_buffer *buf;

	flush_work(&ctx->inv->done.work);
	while ((buf = V4L2_TYPE_IS_OUTPUT(q->type) ?
		      v4l2_m2m_src_buf_remove(ctx->fh.m2m_ctx) :
		      v4l2_m2m_dst_buf_remove(ctx->fh.m2m_ctx)))
		v4l2_m2m_buf_done(buf, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops inv_vb2_ops = {
	.queue_setup = inv_queue_setup,
	.buf_out_validate = inv_buf_out_validate,
	.buf_prepare = inv_buf_prepare,
	.buf_queue = inv_buf_queue,
	.start_streaming = inv_start_streaming,
	.stop_streaming = inv_stop_streaming,
#ifdef COMPAT_VB2_WAIT_OPS
	.wait_prepare = vb2_ops_wait_prepare,
	.wait_finish = vb2_ops_wait_finish,
#endif
};

static int inv_queue_init_one(struct inv_ctx *ctx, struct vb2_queue *q,
			      enum v4l2_buf_type type)
{
	q->type = type;
	q->io_modes = VB2_MMAP | VB2_DMABUF | VB2_USERPTR;
	q->dev = ctx->inv->v4l2.dev;
	q->lock = &ctx->lock;
	q->ops = &inv_vb2_ops;
	q->mem_ops = &vb2_vmalloc_memops;
	q->drv_priv = ctx;
	q->buf_struct_size = sizeof(struct v4l2_m2m_buffer);
	q->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	return vb2_queue_init(q);
}

static int inv_queue_init(void *priv, struct vb2_queue *src,
			  struct vb2_queue *dst)
{
	struct inv_ctx *ctx = priv;

	return inv_queue_init_one(ctx, src, V4L2_BUF_TYPE_VIDEO_OUTPUT) ?:
	       inv_queue_init_one(ctx, dst, V4L2_BUF_TYPE_VIDEO_CAPTURE);
}

/* === Controls === */

static int inv_s_ctrl(struct v4l2_ctrl *ctrl)
{
	struct inv_ctx *ctx = container_of(ctrl->handler, struct inv_ctx, hdl);

	ctx->mask = ctrl->val;
	return 0;
}

static const struct v4l2_ctrl_ops inv_ctrl_ops = {
	.s_ctrl = inv_s_ctrl,
};

/* === Ioctls === */

static int inv_querycap(struct file *file, void *priv,
			struct v4l2_capability *cap)
{
	strscpy(cap->driver, KBUILD_MODNAME);
	strscpy(cap->card, "Sample inverter");
	return 0;
}

static int inv_enum_fmt(struct file *file, void *priv, struct v4l2_fmtdesc *f)
{
	if (f->index)
		return -EINVAL;
	f->pixelformat = V4L2_PIX_FMT_GREY;
	return 0;
}

static int inv_g_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	f->fmt.pix = inv_file_ctx(file)->pix;
	return 0;
}

/* There is one size; the colours are what the buffers to work on have. */
static int inv_try_fmt_out(struct file *file, void *priv, struct v4l2_format *f)
{
	struct v4l2_pix_format pix = inv_file_ctx(file)->pix;

	pix.colorspace = f->fmt.pix.colorspace ?: V4L2_COLORSPACE_SRGB;
	pix.ycbcr_enc = f->fmt.pix.ycbcr_enc;
	pix.quantization = f->fmt.pix.quantization;
	pix.xfer_func = f->fmt.pix.xfer_func;
	f->fmt.pix = pix;
	return 0;
}

static int inv_s_fmt_cap(struct file *file, void *priv, struct v4l2_format *f)
{
	struct inv_ctx *ctx = inv_file_ctx(file);

	if (vb2_is_busy(v4l2_m2m_get_vq(ctx->fh.m2m_ctx, f->type)))
		return -EBUSY;
	return inv_g_fmt(file, priv, f);
}

static int inv_s_fmt_out(struct file *file, void *priv, struct v4l2_format *f)
{
	struct inv_ctx *ctx = inv_file_ctx(file);

	if (vb2_is_busy(v4l2_m2m_get_vq(ctx->fh.m2m_ctx, f->type)))
		return -EBUSY;
	inv_try_fmt_out(file, priv, f);
	ctx->pix = f->fmt.pix;
	return 0;
}

static const struct v4l2_ioctl_ops inv_ioctl_ops = {
	.vidioc_querycap = inv_querycap,
	.vidioc_enum_fmt_vid_cap = inv_enum_fmt,
	.vidioc_enum_fmt_vid_out = inv_enum_fmt,
	.vidioc_g_fmt_vid_cap = inv_g_fmt,
	.vidioc_g_fmt_vid_out = inv_g_fmt,
	.vidioc_try_fmt_vid_cap = inv_g_fmt,
	.vidioc_try_fmt_vid_out = inv_try_fmt_out,
	.vidioc_s_fmt_vid_cap = inv_s_fmt_cap,
	.vidioc_s_fmt_vid_out = inv_s_fmt_out,
	.vidioc_reqbufs = v4l2_m2m_ioctl_reqbufs,
	.vidioc_create_bufs = v4l2_m2m_ioctl_create_bufs,
	.vidioc_remove_bufs = v4l2_m2m_ioctl_remove_bufs,
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

static void inv_ctx_init(struct inv_ctx *ctx, struct inv *inv)
{
	ctx->inv = inv;
	mutex_init(&ctx->lock);
	ctx->pix = (struct v4l2_pix_format) {
		.width = INV_WIDTH,
		.height = INV_HEIGHT,
		.pixelformat = V4L2_PIX_FMT_GREY,
		.field = V4L2_FIELD_NONE,
		.bytesperline = INV_WIDTH,
		.sizeimage = INV_SIZE,
		.colorspace = V4L2_COLORSPACE_SRGB,
	};
}

static int inv_open(struct file *file)
{
	struct inv *inv = video_drvdata(file);
	struct inv_ctx *ctx;
	int ret;

	ctx = kzalloc_obj(*ctx);
	if (!ctx)
		return -ENOMEM;
	inv_ctx_init(ctx, inv);
	v4l2_fh_init(&ctx->fh, video_devdata(file));
	v4l2_ctrl_handler_init(&ctx->hdl, 1);
	v4l2_ctrl_new_std(&ctx->hdl, &inv_ctrl_ops, V4L2_CID_BRIGHTNESS,
			  0, 255, 1, 255);
	ret = ctx->hdl.error ?: v4l2_ctrl_handler_setup(&ctx->hdl);
	if (ret)
		goto free_handler;
	ctx->fh.ctrl_handler = &ctx->hdl;
	ctx->fh.m2m_ctx = v4l2_m2m_ctx_init(inv->m2m_dev, ctx, inv_queue_init);
	if (IS_ERR(ctx->fh.m2m_ctx)) {
		ret = PTR_ERR(ctx->fh.m2m_ctx);
		goto free_handler;
	}
	v4l2_fh_add(&ctx->fh, file);
	return 0;

free_handler:
	v4l2_ctrl_handler_free(&ctx->hdl);
	v4l2_fh_exit(&ctx->fh);
	kfree(ctx);
	return ret;
}

static int inv_close(struct file *file)
{
	struct inv_ctx *ctx = inv_file_ctx(file);

	v4l2_fh_del(&ctx->fh, file);
	v4l2_fh_exit(&ctx->fh);
	v4l2_ctrl_handler_free(&ctx->hdl);
	v4l2_m2m_ctx_release(ctx->fh.m2m_ctx);
	kfree(ctx);
	return 0;
}

static const struct v4l2_file_operations inv_fops = {
	.owner = THIS_MODULE,
	.open = inv_open,
	.release = inv_close,
	.poll = v4l2_m2m_fop_poll,
	.mmap = v4l2_m2m_fop_mmap,
	.unlocked_ioctl = video_ioctl2,
};

/* === Driver === */

static int inv_probe(struct platform_device *pdev)
{
	struct video_device *vdev;
	struct inv *inv;
	int ret;

	inv = devm_kzalloc(&pdev->dev, sizeof(*inv), GFP_KERNEL);
	if (!inv)
		return -ENOMEM;
	inv->regs = devm_kzalloc(&pdev->dev, sizeof(*inv->regs), GFP_KERNEL);
	if (!inv->regs)
		return -ENOMEM;
	mutex_init(&inv->lock);
	INIT_DELAYED_WORK(&inv->done, inv_done);
	platform_set_drvdata(pdev, inv);

	ret = v4l2_device_register(&pdev->dev, &inv->v4l2);
	if (ret)
		return ret;

	inv->m2m_dev = v4l2_m2m_init(&inv_m2m_ops);
	if (IS_ERR(inv->m2m_dev)) {
		ret = PTR_ERR(inv->m2m_dev);
		goto unregister_v4l2;
	}

	vdev = &inv->vdev;
	strscpy(vdev->name, KBUILD_MODNAME);
	vdev->v4l2_dev = &inv->v4l2;
	vdev->vfl_dir = VFL_DIR_M2M;
	vdev->fops = &inv_fops;
	vdev->ioctl_ops = &inv_ioctl_ops;
	vdev->lock = &inv->lock;
	vdev->device_caps = V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING;
	vdev->release = video_device_release_empty;
	video_set_drvdata(vdev, inv);
	ret = video_register_device(vdev, VFL_TYPE_VIDEO, -1);
	if (ret)
		goto release_m2m;
	return 0;

release_m2m:
	v4l2_m2m_release(inv->m2m_dev);
unregister_v4l2:
	v4l2_device_unregister(&inv->v4l2);
	return ret;
}

static void inv_remove(struct platform_device *pdev)
{
	struct inv *inv = platform_get_drvdata(pdev);

	video_unregister_device(&inv->vdev);
	v4l2_m2m_release(inv->m2m_dev);
	v4l2_device_unregister(&inv->v4l2);
}

static struct platform_driver inv_driver = {
	.probe = inv_probe,
	.remove = inv_remove,
	.driver.name = KBUILD_MODNAME,
};

static struct platform_device *inv_pdev;

static int __init inv_init(void)
{
	int ret;

	inv_pdev = platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	if (IS_ERR(inv_pdev))
		return PTR_ERR(inv_pdev);
	ret = platform_driver_register(&inv_driver);
	if (ret)
		platform_device_unregister(inv_pdev);
	return ret;
}
module_init(inv_init);

static void __exit inv_exit(void)
{
	platform_driver_unregister(&inv_driver);
	platform_device_unregister(inv_pdev);
}
module_exit(inv_exit);

MODULE_DESCRIPTION("Sample V4L2 memory-to-memory device, the usual way");
MODULE_LICENSE("GPL");
