/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of kobjtree_video.ko.
 */
#ifndef _KOBJTREE_VIDEO_INTERNAL_H
#define _KOBJTREE_VIDEO_INTERNAL_H

#include <linux/container_of.h>
#include <media/kobjtree_video.h>

static inline struct kobjtree_video *to_kobjtree_video(struct video_device *vdev)
{
	return container_of(vdev, struct kobjtree_video, vdev);
}

/* video_ioctl.c */
void kobjtree_video_gate_ioctls(struct kobjtree_video *video);
int kobjtree_video_gate_ctrls(struct kobjtree_bound *bound,
			      struct v4l2_ctrl_handler *hdl);

/* video_vb2.c */
int kobjtree_vb2_init(struct kobjtree_vb2 *v, struct vb2_queue *q,
		      struct kobjtree_bound *bound);
bool kobjtree_vb2_quiesce(struct kobjtree_vb2 *v);
void kobjtree_vb2_release(struct kobjtree_vb2 *v);

#endif /* _KOBJTREE_VIDEO_INTERNAL_H */
