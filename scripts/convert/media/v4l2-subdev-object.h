/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the node of a subdev begins and ends, for v4l2-device.c.
 */
#ifndef _V4L2_SUBDEV_OBJECT_H
#define _V4L2_SUBDEV_OBJECT_H

#include "v4l2-subdev-node.h"

static void v4l2_subdev_node_end(struct kobjtree *obj)
{
	struct v4l2_subdev_node *node =
		container_of(obj, struct v4l2_subdev_node, tree);
	struct v4l2_subdev *sd = video_get_drvdata(&node->vdev);
	struct v4l2_device *v4l2_dev = node->vdev.v4l2_dev;
	bool counted = v4l2_dev && (v4l2_dev->container || v4l2_dev->release);

	if (sd)
		v4l2_subdev_release(sd);
	if (counted)
		v4l2_device_put(v4l2_dev);
}

DEFINE_KOBJTREE_TYPE(v4l2_subdev_node_type, struct v4l2_subdev_node, tree,
	.release = v4l2_subdev_node_end,
);

static struct video_device *v4l2_subdev_node_alloc(struct v4l2_device *v4l2_dev)
{
	struct v4l2_subdev_node *node =
		kobjtree_alloc(struct v4l2_subdev_node, tree,
			       &v4l2_subdev_node_type, GFP_KERNEL);

	if (!node)
		return NULL;
	mutex_init(&node->lock);
	kobjtree_gate_init(&node->gate, &node->tree);
	if (kobjtree_gate_live(&node->gate)) {
		kobjtree_put(&node->tree);
		return NULL;
	}
	v4l2_device_get(v4l2_dev);
	node->vdev.v4l2_dev = v4l2_dev;
	node->vdev.container = &node->tree;
	return &node->vdev;
}

/* What is registered has a reference of its own. */
static void v4l2_subdev_node_put(struct video_device *vdev)
{
	kobjtree_put(&to_subdev_node(vdev)->tree);
}

/* What is not leaves its subdev alone. */
static void v4l2_subdev_node_abort(struct video_device *vdev)
{
	video_set_drvdata(vdev, NULL);
	v4l2_subdev_node_put(vdev);
}

/* From here on no section runs, and the subdev can go. */
static void v4l2_subdev_node_unplug(struct video_device *vdev)
{
	if (vdev)
		kobjtree_unplug(&to_subdev_node(vdev)->gate);
}

/* What a file has of the subdev, or of what may go with it. */
static void v4l2_subdev_end_file(struct v4l2_subdev *sd, struct v4l2_fh *fh)
{
	if (sd->internal_ops && sd->internal_ops->close)
		sd->internal_ops->close(sd, to_v4l2_subdev_fh(fh));
	v4l2_event_unsubscribe_all(fh);
	fh->ctrl_handler = NULL;
	v4l2_prio_close(fh->vdev->prio, fh->prio);
	fh->prio = V4L2_PRIORITY_UNSET;
}

/* No open adds to the list any more, and no close takes from it meanwhile. */
static void v4l2_subdev_node_detach(struct v4l2_subdev *sd)
{
	struct video_device *vdev = sd->devnode;
	struct v4l2_device *v4l2_dev = vdev->v4l2_dev;
	struct v4l2_fh *fh;

	guard(mutex)(&to_subdev_node(vdev)->lock);
	list_for_each_entry(fh, &vdev->fh_list, list)
		v4l2_subdev_end_file(sd, fh);
#if defined(CONFIG_MEDIA_CONTROLLER)
	if (v4l2_dev->mdev) {
		media_devnode_remove(vdev->intf_devnode);
		vdev->intf_devnode = NULL;
	}
#endif
	vdev->ctrl_handler = NULL;
	if (!v4l2_dev->container && !v4l2_dev->release)
		vdev->v4l2_dev = NULL;
	video_set_drvdata(vdev, NULL);
	sd->devnode = NULL;
}

/* The node of a subdev that stays. */
static void v4l2_subdev_node_remove(struct v4l2_subdev *sd)
{
	struct video_device *vdev = sd->devnode;

	v4l2_subdev_node_unplug(vdev);
	v4l2_subdev_node_detach(sd);
	video_unregister_device(vdev);
}

static void v4l2_subdev_node_unregister(struct v4l2_subdev *sd)
{
	struct video_device *vdev = sd->devnode;

	if (!v4l2_subdev_is_kept(sd, vdev->v4l2_dev)) {
		v4l2_subdev_node_detach(sd);
		v4l2_subdev_release(sd);
	}
	video_unregister_device(vdev);
}

#endif /* _V4L2_SUBDEV_OBJECT_H */
