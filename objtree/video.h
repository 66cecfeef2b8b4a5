/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of kobjtree_video.ko.
 */
#ifndef _KOBJTREE_VIDEO_INTERNAL_H
#define _KOBJTREE_VIDEO_INTERNAL_H

#include <linux/container_of.h>
#include <linux/kconfig.h>
#include <media/kobjtree_m2m.h>
#include <media/kobjtree_video.h>

static inline struct kobjtree_video *to_kobjtree_video(struct video_device *vdev)
{
	return container_of(vdev, struct kobjtree_video, vdev);
}

/* video_ioctl.c */
void kobjtree_video_gate_ioctls(struct kobjtree_video *video);
int kobjtree_video_gate_ctrls(struct kobjtree *obj, struct kobjtree_gate *gate,
			      struct v4l2_ctrl_handler *hdl);

/* video_vb2.c */
int kobjtree_vb2_init(struct kobjtree_vb2 *v, struct vb2_queue *q,
		      struct kobjtree *obj, struct kobjtree_gate *gate);

/* For how many milliseconds a removal waits for locks in all. */
#define KOBJTREE_VB2_PATIENCE	1000

struct mutex *kobjtree_vb2_requests(struct video_device *vdev);
bool kobjtree_vb2_lock(struct mutex *lock, unsigned int *patience);
void kobjtree_vb2_unlock(struct mutex *lock);
bool kobjtree_vb2_quiesce(struct kobjtree_vb2 **queues, int n, bool requests,
			  unsigned int *patience);
void kobjtree_vb2_release(struct kobjtree_vb2 *v, struct mutex *requests);

/* video_m2m.c */
#if IS_ENABLED(CONFIG_V4L2_MEM2MEM_DEV)
void kobjtree_m2m_abort_open(struct kobjtree_video *video, struct file *file);
#else
static inline void kobjtree_m2m_abort_open(struct kobjtree_video *video,
					   struct file *file)
{
}
#endif

#endif /* _KOBJTREE_VIDEO_INTERNAL_H */
