/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file operations of a subdev's node, gated; for v4l2-subdev.c.
 */
#ifndef _V4L2_SUBDEV_FOPS_H
#define _V4L2_SUBDEV_FOPS_H

#include <linux/poll.h>
#include <linux/videodev2.h>

#include "v4l2-ctrls-fault.h"
#include "v4l2-subdev-node.h"

static int subdev_open(struct file *file);
static int subdev_close(struct file *file);
static __poll_t subdev_poll(struct file *file, poll_table *wait);
static long subdev_do_ioctl_lock(struct file *file, unsigned int cmd, void *arg);

static int subdev_open_gated(struct file *file)
{
	struct v4l2_subdev_node *node = to_subdev_node(video_devdata(file));

	CLASS(kobjtree_section, section)(&node->gate);
	if (!section)
		return -ENODEV;
	return subdev_open(file);
}

static int subdev_close_locked(struct file *file)
{
	struct v4l2_subdev_node *node = to_subdev_node(video_devdata(file));

	guard(mutex)(&node->lock);
	return subdev_close(file);
}

static __poll_t subdev_poll_gated(struct file *file, poll_table *wait)
{
	struct v4l2_subdev_node *node = to_subdev_node(video_devdata(file));

	CLASS(kobjtree_section, section)(&node->gate);
	if (!section)
		return EPOLLERR | EPOLLHUP;
	return subdev_poll(file, wait);
}

/* Sleeps, with what belongs to the file. */
static long subdev_dqevent(struct v4l2_subdev_node *node, struct file *file,
			   void *arg)
{
	bool has_events;

	if (kobjtree_enter(&node->gate))
		return -ENODEV;
	has_events = vdev_to_v4l2_subdev(&node->vdev)->flags &
		     V4L2_SUBDEV_FL_HAS_EVENTS;
	kobjtree_exit(&node->gate);
	if (!has_events)
		return -ENOIOCTLCMD;
	return v4l2_event_dequeue(file_to_v4l2_fh(file), arg,
				  file->f_flags & O_NONBLOCK);
}

static long subdev_section(struct v4l2_subdev_node *node, struct file *file,
			   unsigned int cmd, void *arg)
{
	CLASS(kobjtree_section, section)(&node->gate);
	if (!section)
		return -ENODEV;
	return subdev_do_ioctl_lock(file, cmd, arg);
}

/* The argument is copied before and after this. */
static long subdev_do_ioctl_gated(struct file *file, unsigned int cmd, void *arg)
{
	struct v4l2_subdev_node *node = to_subdev_node(video_devdata(file));

	switch (cmd) {
	case VIDIOC_DQEVENT:
		return subdev_dqevent(node, file, arg);
	case VIDIOC_G_EXT_CTRLS:
	case VIDIOC_S_EXT_CTRLS:
	case VIDIOC_TRY_EXT_CTRLS:
		return ext_ctrls_nofault(arg, subdev_section(node, file, cmd, arg));
	default:
		return subdev_section(node, file, cmd, arg);
	}
}

#endif /* _V4L2_SUBDEV_FOPS_H */
