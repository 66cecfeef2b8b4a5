/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The node of a subdev, for v4l2-device.c and v4l2-subdev.c.
 *
 * Invariant: the subdev is there in sections of the node's gate. Unregistering the
 * subdev closes it. After that a file has the subdev only where something keeps the
 * subdev's memory: its v4l2_device, which the node holds, or its own release.
 * Otherwise the end of the subdev is the end of all that files have of it.
 */
#ifndef _V4L2_SUBDEV_NODE_H
#define _V4L2_SUBDEV_NODE_H

#include <linux/err.h>
#include <linux/kobjtree.h>
#include <linux/kobjtree_gate.h>
#include <linux/mutex.h>
#include <media/v4l2-dev.h>
#include <media/v4l2-device.h>
#include <media/v4l2-event.h>
#include <media/v4l2-fh.h>
#include <media/v4l2-subdev.h>

void v4l2_subdev_release(struct v4l2_subdev *sd);

/**
 * struct v4l2_subdev_node - a subdev's node
 * @vdev: the node, whose drvdata is the subdev, or NULL when it is gone
 * @tree: the object
 * @gate: open as long as the subdev is registered
 * @lock: of what files have of the subdev
 */
struct v4l2_subdev_node {
	struct video_device vdev;
	struct kobjtree tree;
	struct kobjtree_gate gate;
	struct mutex lock;	/* a close, or the end of the subdev */
};

static inline struct v4l2_subdev_node *to_subdev_node(struct video_device *vdev)
{
	return container_of(vdev, struct v4l2_subdev_node, vdev);
}

/* Has somebody promised that the subdev stays until the last close? */
static inline bool v4l2_subdev_is_kept(struct v4l2_subdev *sd,
				       struct v4l2_device *v4l2_dev)
{
	return v4l2_dev->release || v4l2_dev->container ||
	       (sd->internal_ops && sd->internal_ops->release);
}

#endif /* _V4L2_SUBDEV_NODE_H */
