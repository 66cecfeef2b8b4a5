/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Video nodes whose open files may outlive the hardware.
 *
 * A video node is an object in its driver's allocation, which it keeps for as
 * long as somebody has it open or mapped. The driver has no release callback,
 * unregisters nothing, and its error path is ``return ret``.
 *
 * The driver's code is gated where the media core calls it, behind the copies
 * from and to user memory:
 *
 *	v4l2_ioctl_ops	sections, but for the three that reach the driver through
 *			vb2_ops and touch user memory or wait for frames:
 *			QBUF, PREPARE_BUF and DQBUF; none, if the driver's own
 *			touch user memory
 *	v4l2_ctrl_ops	sections
 *	vb2_ops		those that do are sections. Those that undo (finish,
 *			cleanup, stop, unprepare) run once for each success of
 *			what they undo: by vb2 as ever, or at the removal, while
 *			the hardware is there. Never after it.
 *	file operations	open and mmap are sections. The rest is vb2's or looks
 *			after itself: its memory is valid, its hardware may be
 *			gone.
 *
 * After the removal every operation but close fails with -ENODEV, and mapped or
 * exported buffers stay valid.
 *
 * Concepts and rules: Documentation/driver-api/media/kobjtree-v4l2.rst
 */
#ifndef _MEDIA_KOBJTREE_VIDEO_H
#define _MEDIA_KOBJTREE_VIDEO_H

#include <linux/kobjtree.h>
#include <linux/kobjtree_bind.h>
#include <linux/kobjtree_gate.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-dev.h>
#include <media/v4l2-device.h>
#include <media/v4l2-ioctl.h>
#include <media/videobuf2-core.h>

/**
 * struct kobjtree_v4l2 - a v4l2_device as an object, a member of its driver's
 * @dev: for the driver
 * @tree: the object; its first reference belongs to @dev's own count
 * @watcher: unregisters @dev when the hardware goes
 *
 * For a driver with several nodes or with subdevs; a node that is given none
 * has one of its own. No member but @dev is for drivers.
 */
struct kobjtree_v4l2 {
	struct v4l2_device dev;
	struct kobjtree tree;
	struct kobjtree_watcher watcher;
};

/**
 * struct kobjtree_vb2 - a vb2 queue whose driver may lose its hardware
 * @ops: what vb2 calls
 * @drv: what that calls
 * @queue: the queue
 * @gate: of the driver's object
 * @undo: one at a time, vb2 or the removal, undoes what @drv has done
 * @prepared: prepare_streaming was called, and nobody has undone it
 * @started: the same of start_streaming
 * @init: the same of buf_init, a bit for each buffer
 * @ready: the same of buf_prepare
 *
 * No member is for drivers.
 */
struct kobjtree_vb2 {
	struct vb2_ops ops;
	const struct vb2_ops *drv;
	struct vb2_queue *queue;
	struct kobjtree_gate *gate;
	struct mutex undo;
	bool prepared;
	bool started;
	unsigned long *init;
	unsigned long *ready;
};

/**
 * struct kobjtree_video - a video node as an object, a member of its driver's
 * @vdev: for the driver, who sets in it what it would for
 *	video_register_device(), but for v4l2_dev and release
 * @own_sections: for the driver, if its ioctl operations touch user memory by
 *	themselves: they are called as they are, and begin sections where they
 *	need the hardware
 * @tree: the object; its first reference belongs to @vdev's own count
 * @v4l2_edge: to the object of the &struct v4l2_device
 * @v4l2: that, if the driver gave none
 * @watcher: takes the node away when the hardware goes
 * @gate: of the driver's object
 * @parent: keeps the device, which answers a late QUERYCAP
 * @publish: the registration, or the removal
 * @fops: what the core calls
 * @ioctl_ops: the same
 * @drv_fops: what those call
 * @drv_ioctl_ops: the same
 * @vb2: the queue
 * @waiters: who is in DQEVENT, under the fh_lock of @vdev
 * @release: frees the buffers, if somebody held the queue's lock at the removal
 *
 * No member but the first two is for drivers.
 */
struct kobjtree_video {
	struct video_device vdev;
	bool own_sections;
	struct kobjtree tree;
	struct kobjtree_edge v4l2_edge;
	struct kobjtree_v4l2 v4l2;
	struct kobjtree_watcher watcher;
	struct kobjtree_gate *gate;
	struct kobjtree_action parent;
	struct mutex publish;
	struct v4l2_file_operations fops;
	struct v4l2_ioctl_ops ioctl_ops;
	const struct v4l2_file_operations *drv_fops;
	const struct v4l2_ioctl_ops *drv_ioctl_ops;
	struct kobjtree_vb2 vb2;
	struct list_head waiters;
	struct work_struct release;
};

int __must_check kobjtree_v4l2_register(struct kobjtree_v4l2 *v4l2,
					struct kobjtree_bound *bound);
/**
 * kobjtree_v4l2_register_subdev_nodes() - register the nodes of subdevs
 * @v4l2: registered, and so are its subdevs
 *
 * On a core whose subdev nodes are objects, as scripts/convert/media makes it, their
 * operations are sections of a gate of their own, and unbind unregisters them. The
 * kernel's own core cannot make them safe: there, no subdev has a node.
 *
 * Context: process context, may sleep, in probe.
 * Return: 0 or an error, with nothing to undo: those of
 * v4l2_device_register_subdev_nodes().
 */
static inline int __must_check
kobjtree_v4l2_register_subdev_nodes(struct kobjtree_v4l2 *v4l2)
{
#ifdef V4L2_SUBDEV_NODES_ARE_OBJECTS
	return v4l2_device_register_subdev_nodes(&v4l2->dev);
#else
	return 0;
#endif
}

int __must_check __kobjtree_video_register(struct kobjtree_video *video,
					   struct kobjtree_bound *bound,
					   struct kobjtree_v4l2 *v4l2,
					   enum vfl_devnode_type type, int nr,
					   struct kobjtree_owner *owner);
int __kobjtree_ctrl_handler_init(struct kobjtree *obj,
				 struct v4l2_ctrl_handler *hdl,
				 struct kobjtree_owner *owner);

/**
 * kobjtree_video_register() - register a video node, as the last step of probe
 * @video: in the memory of @bound, zeroed but for what the driver sets in it;
 *	the queue initialised and all controls added
 * @bound: the driver's object
 * @v4l2: the v4l2_device, or NULL for one of the node's own
 * @type: of the node
 * @nr: its number, -1 for the first that is free
 *
 * Opens the gate. From then on open files keep @bound, and unbind takes the node
 * away, ends those who sleep in it, and stops the queue while the hardware is
 * there. The queue's stop_streaming and what else undoes may then run without
 * the queue's lock, but with no other operation of the driver beside it.
 *
 * An open file pins the driver's module, as ever. The driver's module exit waits
 * for @bound's end in kobjtree_owner_barrier().
 *
 * Context: process context, may sleep, in probe.
 * Return: 0 or an error, with nothing to undo: -ENOMEM, also if the media
 * controller has none for the node's entity, of which the core says nothing;
 * -ENODEV if @bound is unplugged; and those of video_register_device().
 */
#define kobjtree_video_register(video, bound, v4l2, type, nr)		\
	__kobjtree_video_register((video), (bound), (v4l2), (type), (nr), \
				  &__kobjtree_owner)

/**
 * kobjtree_ctrl_handler_init() - initialise a control handler that lives as long
 *	as an object
 * @obj: the object: the driver's, or an open file's
 * @hdl: the handler, in its memory
 * @n: about how many controls it will have
 *
 * As v4l2_ctrl_handler_init(), with nothing to undo: an open file may have
 * subscribed to its events, so that it is freed only with @obj. The operations
 * of its controls are sections once a node or a file with it is registered, for
 * those controls that it has by then.
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
#define kobjtree_ctrl_handler_init(obj, hdl, n) ({			\
	struct v4l2_ctrl_handler *__kobjtree_hdl = (hdl);		\
	int __kobjtree_err = v4l2_ctrl_handler_init(__kobjtree_hdl, (n)); \
									\
	__kobjtree_err ?:						\
		__kobjtree_ctrl_handler_init((obj), __kobjtree_hdl,	\
					     &__kobjtree_owner);	\
})

#endif /* _MEDIA_KOBJTREE_VIDEO_H */
