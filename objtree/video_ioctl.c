// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctl and control operations of a driver, as sections.
 *
 * Invariant: the core calls the driver's operation only through one of these
 * wrappers, each in a section of its gate, unless the driver has sections of its
 * own. The core has copied its argument from user memory before, and copies it
 * back after.
 *
 * Five ioctls are left as they are. QBUF, PREPARE_BUF and DQBUF pin or fault in
 * user memory or wait for frames; they reach the hardware through vb2_ops alone,
 * which has sections of its own. SUBSCRIBE_EVENT and UNSUBSCRIBE_EVENT take the
 * locks of controls, over which the core copies to user memory elsewhere; they
 * reach no hardware.
 */
#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "video.h"

/* === Ioctls === */

/* Not inline: over a hundred operations call it. */
static noinline struct kobjtree_video *
kobjtree_video_enter(struct video_device *vdev)
{
	struct kobjtree_video *video = to_kobjtree_video(vdev);

	return kobjtree_enter(video->gate) ? NULL : video;
}

static noinline void kobjtree_video_exit(struct kobjtree_video *video)
{
	kobjtree_exit(video->gate);
}

DEFINE_CLASS(kobjtree_video_section, struct kobjtree_video *,
	     if (_T) kobjtree_video_exit(_T),
	     kobjtree_video_enter(vdev),
	     struct video_device *vdev)

/* All that take one argument: X(name, its type). */
#define KOBJTREE_VIDEO_OPS(X)						\
	X(vidioc_querycap, struct v4l2_capability *)			\
	X(vidioc_enum_fmt_vid_cap, struct v4l2_fmtdesc *)		\
	X(vidioc_enum_fmt_vid_overlay, struct v4l2_fmtdesc *)		\
	X(vidioc_enum_fmt_vid_out, struct v4l2_fmtdesc *)		\
	X(vidioc_enum_fmt_sdr_cap, struct v4l2_fmtdesc *)		\
	X(vidioc_enum_fmt_sdr_out, struct v4l2_fmtdesc *)		\
	X(vidioc_enum_fmt_meta_cap, struct v4l2_fmtdesc *)		\
	X(vidioc_enum_fmt_meta_out, struct v4l2_fmtdesc *)		\
	X(vidioc_g_fmt_vid_cap, struct v4l2_format *)			\
	X(vidioc_g_fmt_vid_overlay, struct v4l2_format *)		\
	X(vidioc_g_fmt_vid_out, struct v4l2_format *)			\
	X(vidioc_g_fmt_vid_out_overlay, struct v4l2_format *)		\
	X(vidioc_g_fmt_vbi_cap, struct v4l2_format *)			\
	X(vidioc_g_fmt_vbi_out, struct v4l2_format *)			\
	X(vidioc_g_fmt_sliced_vbi_cap, struct v4l2_format *)		\
	X(vidioc_g_fmt_sliced_vbi_out, struct v4l2_format *)		\
	X(vidioc_g_fmt_vid_cap_mplane, struct v4l2_format *)		\
	X(vidioc_g_fmt_vid_out_mplane, struct v4l2_format *)		\
	X(vidioc_g_fmt_sdr_cap, struct v4l2_format *)			\
	X(vidioc_g_fmt_sdr_out, struct v4l2_format *)			\
	X(vidioc_g_fmt_meta_cap, struct v4l2_format *)			\
	X(vidioc_g_fmt_meta_out, struct v4l2_format *)			\
	X(vidioc_s_fmt_vid_cap, struct v4l2_format *)			\
	X(vidioc_s_fmt_vid_overlay, struct v4l2_format *)		\
	X(vidioc_s_fmt_vid_out, struct v4l2_format *)			\
	X(vidioc_s_fmt_vid_out_overlay, struct v4l2_format *)		\
	X(vidioc_s_fmt_vbi_cap, struct v4l2_format *)			\
	X(vidioc_s_fmt_vbi_out, struct v4l2_format *)			\
	X(vidioc_s_fmt_sliced_vbi_cap, struct v4l2_format *)		\
	X(vidioc_s_fmt_sliced_vbi_out, struct v4l2_format *)		\
	X(vidioc_s_fmt_vid_cap_mplane, struct v4l2_format *)		\
	X(vidioc_s_fmt_vid_out_mplane, struct v4l2_format *)		\
	X(vidioc_s_fmt_sdr_cap, struct v4l2_format *)			\
	X(vidioc_s_fmt_sdr_out, struct v4l2_format *)			\
	X(vidioc_s_fmt_meta_cap, struct v4l2_format *)			\
	X(vidioc_s_fmt_meta_out, struct v4l2_format *)			\
	X(vidioc_try_fmt_vid_cap, struct v4l2_format *)			\
	X(vidioc_try_fmt_vid_overlay, struct v4l2_format *)		\
	X(vidioc_try_fmt_vid_out, struct v4l2_format *)			\
	X(vidioc_try_fmt_vid_out_overlay, struct v4l2_format *)		\
	X(vidioc_try_fmt_vbi_cap, struct v4l2_format *)			\
	X(vidioc_try_fmt_vbi_out, struct v4l2_format *)			\
	X(vidioc_try_fmt_sliced_vbi_cap, struct v4l2_format *)		\
	X(vidioc_try_fmt_sliced_vbi_out, struct v4l2_format *)		\
	X(vidioc_try_fmt_vid_cap_mplane, struct v4l2_format *)		\
	X(vidioc_try_fmt_vid_out_mplane, struct v4l2_format *)		\
	X(vidioc_try_fmt_sdr_cap, struct v4l2_format *)			\
	X(vidioc_try_fmt_sdr_out, struct v4l2_format *)			\
	X(vidioc_try_fmt_meta_cap, struct v4l2_format *)		\
	X(vidioc_try_fmt_meta_out, struct v4l2_format *)		\
	X(vidioc_reqbufs, struct v4l2_requestbuffers *)			\
	X(vidioc_querybuf, struct v4l2_buffer *)			\
	X(vidioc_expbuf, struct v4l2_exportbuffer *)			\
	X(vidioc_create_bufs, struct v4l2_create_buffers *)		\
	X(vidioc_remove_bufs, struct v4l2_remove_buffers *)		\
	X(vidioc_overlay, unsigned int)					\
	X(vidioc_g_fbuf, struct v4l2_framebuffer *)			\
	X(vidioc_s_fbuf, const struct v4l2_framebuffer *)		\
	X(vidioc_streamon, enum v4l2_buf_type)				\
	X(vidioc_streamoff, enum v4l2_buf_type)				\
	X(vidioc_g_std, v4l2_std_id *)					\
	X(vidioc_s_std, v4l2_std_id)					\
	X(vidioc_querystd, v4l2_std_id *)				\
	X(vidioc_enum_input, struct v4l2_input *)			\
	X(vidioc_g_input, unsigned int *)				\
	X(vidioc_s_input, unsigned int)					\
	X(vidioc_enum_output, struct v4l2_output *)			\
	X(vidioc_g_output, unsigned int *)				\
	X(vidioc_s_output, unsigned int)				\
	KOBJTREE_VIDEO_CTRL_OPS(X)					\
	X(vidioc_query_ext_ctrl, struct v4l2_query_ext_ctrl *)		\
	X(vidioc_g_ext_ctrls, struct v4l2_ext_controls *)		\
	X(vidioc_s_ext_ctrls, struct v4l2_ext_controls *)		\
	X(vidioc_try_ext_ctrls, struct v4l2_ext_controls *)		\
	X(vidioc_querymenu, struct v4l2_querymenu *)			\
	X(vidioc_enumaudio, struct v4l2_audio *)			\
	X(vidioc_g_audio, struct v4l2_audio *)				\
	X(vidioc_s_audio, const struct v4l2_audio *)			\
	X(vidioc_enumaudout, struct v4l2_audioout *)			\
	X(vidioc_g_audout, struct v4l2_audioout *)			\
	X(vidioc_s_audout, const struct v4l2_audioout *)		\
	X(vidioc_g_modulator, struct v4l2_modulator *)			\
	X(vidioc_s_modulator, const struct v4l2_modulator *)		\
	X(vidioc_g_selection, struct v4l2_selection *)			\
	X(vidioc_s_selection, struct v4l2_selection *)			\
	X(vidioc_g_jpegcomp, struct v4l2_jpegcompression *)		\
	X(vidioc_s_jpegcomp, const struct v4l2_jpegcompression *)	\
	X(vidioc_g_enc_index, struct v4l2_enc_idx *)			\
	X(vidioc_encoder_cmd, struct v4l2_encoder_cmd *)		\
	X(vidioc_try_encoder_cmd, struct v4l2_encoder_cmd *)		\
	X(vidioc_decoder_cmd, struct v4l2_decoder_cmd *)		\
	X(vidioc_try_decoder_cmd, struct v4l2_decoder_cmd *)		\
	X(vidioc_g_parm, struct v4l2_streamparm *)			\
	X(vidioc_s_parm, struct v4l2_streamparm *)			\
	X(vidioc_g_tuner, struct v4l2_tuner *)				\
	X(vidioc_s_tuner, const struct v4l2_tuner *)			\
	X(vidioc_g_frequency, struct v4l2_frequency *)			\
	X(vidioc_s_frequency, const struct v4l2_frequency *)		\
	X(vidioc_enum_freq_bands, struct v4l2_frequency_band *)		\
	X(vidioc_g_sliced_vbi_cap, struct v4l2_sliced_vbi_cap *)	\
	X(vidioc_s_hw_freq_seek, const struct v4l2_hw_freq_seek *)	\
	KOBJTREE_VIDEO_DEBUG_OPS(X)					\
	X(vidioc_enum_framesizes, struct v4l2_frmsizeenum *)		\
	X(vidioc_enum_frameintervals, struct v4l2_frmivalenum *)	\
	X(vidioc_s_dv_timings, struct v4l2_dv_timings *)		\
	X(vidioc_g_dv_timings, struct v4l2_dv_timings *)		\
	X(vidioc_query_dv_timings, struct v4l2_dv_timings *)		\
	X(vidioc_enum_dv_timings, struct v4l2_enum_dv_timings *)	\
	X(vidioc_dv_timings_cap, struct v4l2_dv_timings_cap *)		\
	X(vidioc_g_edid, struct v4l2_edid *)				\
	X(vidioc_s_edid, struct v4l2_edid *)

#ifdef COMPAT_V4L2_CTRL_OPS
#define KOBJTREE_VIDEO_CTRL_OPS(X)					\
	X(vidioc_queryctrl, struct v4l2_queryctrl *)			\
	X(vidioc_g_ctrl, struct v4l2_control *)				\
	X(vidioc_s_ctrl, struct v4l2_control *)
#else
#define KOBJTREE_VIDEO_CTRL_OPS(X)
#endif

#ifdef CONFIG_VIDEO_ADV_DEBUG
#define KOBJTREE_VIDEO_DEBUG_OPS(X)					\
	X(vidioc_g_register, struct v4l2_dbg_register *)		\
	X(vidioc_s_register, const struct v4l2_dbg_register *)		\
	X(vidioc_g_chip_info, struct v4l2_dbg_chip_info *)
#else
#define KOBJTREE_VIDEO_DEBUG_OPS(X)
#endif

/* Those below, and the five that are no sections. */
#define KOBJTREE_VIDEO_OTHER_OPS	(3 + 5)
#define KOBJTREE_VIDEO_COUNT(_op, _arg)	+ 1

/* An operation that a newer kernel has added would not be gated. */
static_assert(sizeof(struct v4l2_ioctl_ops) / sizeof(void (*)(void)) ==
	      KOBJTREE_VIDEO_OTHER_OPS KOBJTREE_VIDEO_OPS(KOBJTREE_VIDEO_COUNT));

#define KOBJTREE_VIDEO_OP(_op, _arg)					\
static int kobjtree_##_op(struct file *file, void *priv, _arg arg)	\
{									\
	CLASS(kobjtree_video_section, video)(video_devdata(file));	\
									\
	if (!video)							\
		return -ENODEV;						\
	return video->drv_ioctl_ops->_op(file, priv, arg);		\
}

KOBJTREE_VIDEO_OPS(KOBJTREE_VIDEO_OP)

static int kobjtree_vidioc_g_pixelaspect(struct file *file, void *priv,
					 int type, struct v4l2_fract *aspect)
{
	CLASS(kobjtree_video_section, video)(video_devdata(file));

	if (!video)
		return -ENODEV;
	return video->drv_ioctl_ops->vidioc_g_pixelaspect(file, priv, type,
							  aspect);
}

static int kobjtree_vidioc_log_status(struct file *file, void *priv)
{
	CLASS(kobjtree_video_section, video)(video_devdata(file));

	if (!video)
		return -ENODEV;
	return video->drv_ioctl_ops->vidioc_log_status(file, priv);
}

static long kobjtree_vidioc_default(struct file *file, void *priv,
				    bool valid_prio, unsigned int cmd, void *arg)
{
	CLASS(kobjtree_video_section, video)(video_devdata(file));

	if (!video)
		return -ENODEV;
	return video->drv_ioctl_ops->vidioc_default(file, priv, valid_prio, cmd,
						    arg);
}

/* The core looks at which operations there are: add none. */
#define KOBJTREE_VIDEO_GATE(_op, ...)					\
	{								\
		if (ops->_op)						\
			ops->_op = kobjtree_##_op;			\
	}

void kobjtree_video_gate_ioctls(struct kobjtree_video *video)
{
	struct v4l2_ioctl_ops *ops = &video->ioctl_ops;

	video->drv_ioctl_ops = video->vdev.ioctl_ops;
	if (!video->drv_ioctl_ops)
		return;
	*ops = *video->drv_ioctl_ops;
	KOBJTREE_VIDEO_OPS(KOBJTREE_VIDEO_GATE)
	KOBJTREE_VIDEO_GATE(vidioc_g_pixelaspect)
	KOBJTREE_VIDEO_GATE(vidioc_log_status)
	KOBJTREE_VIDEO_GATE(vidioc_default)
	video->vdev.ioctl_ops = ops;
}

/* === Controls === */

/* One for each table of operations that a handler's controls have. */
struct kobjtree_ctrl_ops {
	struct v4l2_ctrl_ops ops;
	const struct v4l2_ctrl_ops *drv;
	struct kobjtree_gate *gate;
};

/* A control that a callback of the gate sets to stop the hardware is no entry. */
static bool kobjtree_ctrl_enter(struct kobjtree_gate *gate, bool *section)
{
	*section = !kobjtree_enter(gate);
	return *section || kobjtree_in_callback(gate);
}

#define KOBJTREE_CTRL_OP(_op)						\
static int kobjtree_##_op(struct v4l2_ctrl *ctrl)			\
{									\
	const struct kobjtree_ctrl_ops *o =				\
		container_of(ctrl->ops, struct kobjtree_ctrl_ops, ops);	\
	bool section;							\
	int ret;							\
									\
	if (!kobjtree_ctrl_enter(o->gate, &section))			\
		return -ENODEV;						\
	ret = o->drv->_op(ctrl);					\
	if (section)							\
		kobjtree_exit(o->gate);					\
	return ret;							\
}

KOBJTREE_CTRL_OP(g_volatile_ctrl)
KOBJTREE_CTRL_OP(try_ctrl)
KOBJTREE_CTRL_OP(s_ctrl)

static_assert(sizeof(struct v4l2_ctrl_ops) == 3 * sizeof(void (*)(void)));

/* That of @ops, if they are ours. */
static struct kobjtree_ctrl_ops *
to_kobjtree_ctrl_ops(const struct v4l2_ctrl_ops *ops)
{
	if (ops->g_volatile_ctrl != kobjtree_g_volatile_ctrl &&
	    ops->try_ctrl != kobjtree_try_ctrl &&
	    ops->s_ctrl != kobjtree_s_ctrl)
		return NULL;
	return (void *)container_of(ops, struct kobjtree_ctrl_ops, ops);
}

/* What an earlier control with the same operations was given. */
static struct kobjtree_ctrl_ops *
kobjtree_ctrl_ops_find(struct v4l2_ctrl_handler *hdl,
		       const struct v4l2_ctrl_ops *drv)
{
	struct kobjtree_ctrl_ops *o;
	struct v4l2_ctrl *ctrl;

	list_for_each_entry(ctrl, &hdl->ctrls, node) {
		o = ctrl->ops ? to_kobjtree_ctrl_ops(ctrl->ops) : NULL;
		if (o && o->drv == drv)
			return o;
	}
	return NULL;
}

static struct kobjtree_ctrl_ops *
kobjtree_ctrl_ops_alloc(struct kobjtree *obj, struct kobjtree_gate *gate,
			const struct v4l2_ctrl_ops *drv)
{
	struct kobjtree_ctrl_ops *o;

	o = kobjtree_kzalloc(obj, sizeof(*o), GFP_KERNEL);
	if (!o)
		return NULL;
	o->drv = drv;
	o->gate = gate;
	if (drv->g_volatile_ctrl)
		o->ops.g_volatile_ctrl = kobjtree_g_volatile_ctrl;
	if (drv->try_ctrl)
		o->ops.try_ctrl = kobjtree_try_ctrl;
	if (drv->s_ctrl)
		o->ops.s_ctrl = kobjtree_s_ctrl;
	return o;
}

/*
 * For each node or file that has @hdl, which goes before @obj: what is gated
 * already stays as it is.
 */
int kobjtree_video_gate_ctrls(struct kobjtree *obj, struct kobjtree_gate *gate,
			      struct v4l2_ctrl_handler *hdl)
{
	struct kobjtree_ctrl_ops *o;
	struct v4l2_ctrl *ctrl;

	if (!hdl || !hdl->buckets)
		return 0;

	guard(mutex)(hdl->lock);
	list_for_each_entry(ctrl, &hdl->ctrls, node) {
		if (!ctrl->ops || to_kobjtree_ctrl_ops(ctrl->ops))
			continue;
		o = kobjtree_ctrl_ops_find(hdl, ctrl->ops) ?:
		    kobjtree_ctrl_ops_alloc(obj, gate, ctrl->ops);
		if (!o)
			return -ENOMEM;
		ctrl->ops = &o->ops;
	}
	return 0;
}
