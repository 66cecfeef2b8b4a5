/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A node as an object, for v4l2-dev.c.
 *
 *	release		container	its memory
 *	set		any		the driver's: release() is called, as ever
 *	NULL		set		the container's, which the node holds
 *	NULL		NULL		the core's, of video_device_alloc(); else the
 *					driver's, who has to know when it may go
 */
#ifndef _V4L2_DEV_OBJECT_H
#define _V4L2_DEV_OBJECT_H

#include <linux/kobjtree.h>
#include <media/v4l2-dev.h>
#include <media/v4l2-device.h>

DEFINE_KOBJTREE_TYPE(video_device_type, struct video_device, tree);

static bool video_device_is_object(struct video_device *vdev)
{
	return !vdev->release &&
	       (vdev->container || test_bit(V4L2_FL_ALLOCATED, &vdev->flags));
}

/* Its first reference belongs to the count of its struct device. */
static void video_device_begin(struct video_device *vdev)
{
	struct v4l2_device *v4l2_dev = vdev->v4l2_dev;
	bool allocated = test_bit(V4L2_FL_ALLOCATED, &vdev->flags);

	if (!vdev->container && !allocated)
		vdev->container = v4l2_dev->container;
	if (!video_device_is_object(vdev)) {
		v4l2_device_get(v4l2_dev);
		return;
	}
	if (allocated)
		kobjtree_init(&vdev->tree, &video_device_type);
	else
		kobjtree_init_member(&vdev->tree, &video_device_type,
				     vdev->container);
	if (v4l2_dev->container)
		kobjtree_hold_edge(&vdev->tree, &vdev->v4l2_edge,
				   &v4l2_dev->tree);
	else
		v4l2_device_get(v4l2_dev);
}

/*
 * The core's last touch of @vdev. A v4l2_device without a release and a container
 * may go with the driver's release.
 */
static void video_device_end(struct video_device *vdev,
			     struct v4l2_device *v4l2_dev)
{
	bool object = video_device_is_object(vdev);
	bool counted = v4l2_dev && (v4l2_dev->container ? !object :
						      !!v4l2_dev->release);

	if (object)
		kobjtree_put(&vdev->tree);
	else if (vdev->release)
		vdev->release(vdev);
	if (counted)
		v4l2_device_put(v4l2_dev);
}

#endif /* _V4L2_DEV_OBJECT_H */
