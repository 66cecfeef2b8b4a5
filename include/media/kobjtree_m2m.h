/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory-to-memory video nodes whose open files may outlive the hardware.
 *
 * Each open file is an object with its own pair of queues. It keeps the driver's
 * allocation, and the file keeps it: what a driver puts into it or adds to it as
 * an action goes after the file is closed.
 *
 *	probe	kobjtree_m2m_init(), then kobjtree_video_register()
 *	open	kobjtree_m2m_alloc_ctx(), the driver's own, kobjtree_m2m_open()
 *	close	kobjtree_m2m_fop_release()
 *
 * device_run and job_ready are sections. The removal starts no further job,
 * aborts the one that runs and waits for its end, and stops the queues of all
 * files, while the hardware is there. Everything else is as for other nodes:
 * media/kobjtree_video.h.
 *
 * Concepts and rules: Documentation/driver-api/media/kobjtree-v4l2.rst
 */
#ifndef _MEDIA_KOBJTREE_M2M_H
#define _MEDIA_KOBJTREE_M2M_H

#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/stddef.h>
#include <media/kobjtree_video.h>
#include <media/v4l2-fh.h>
#include <media/v4l2-mem2mem.h>

/**
 * struct kobjtree_m2m - the hardware that runs jobs, a member of its driver's
 * @dev: for the driver's calls of the m2m core
 * @ops: what the core calls
 * @drv: what that calls
 * @bound: the driver's object
 * @end: frees @dev with the driver's object
 * @watcher: stops the hardware
 * @lock: of @files; a file is closed under it, so that none is half stopped when
 *	the hardware goes
 * @files: the open ones
 * @vdev: the node, if it was ever opened
 *
 * No member but @dev is for drivers.
 */
struct kobjtree_m2m {
	struct v4l2_m2m_dev *dev;
	struct v4l2_m2m_ops ops;
	const struct v4l2_m2m_ops *drv;
	struct kobjtree_bound *bound;
	struct kobjtree_action end;
	struct kobjtree_watcher watcher;
	struct mutex lock;
	struct list_head files;
	struct video_device *vdev;
};

/**
 * struct kobjtree_m2m_ctx - an open file of a m2m node, a member of the driver's
 *	context
 * @fh: the file handle, for the driver: its ctrl_handler and its m2m_ctx
 * @tree: the object; its first reference belongs to the file
 * @m2m: the hardware
 * @queue_init: of the driver
 * @src: the queue of buffers to work on
 * @dst: the queue of results
 * @node: of &kobjtree_m2m.files
 *
 * No member but @fh and @tree is for drivers.
 */
struct kobjtree_m2m_ctx {
	struct v4l2_fh fh;
	struct kobjtree tree;
	struct kobjtree_m2m *m2m;
	int (*queue_init)(void *priv, struct vb2_queue *src,
			  struct vb2_queue *dst);
	struct kobjtree_vb2 src;
	struct kobjtree_vb2 dst;
	struct list_head node;
};

int __must_check __kobjtree_m2m_init(struct kobjtree_m2m *m2m,
				     struct kobjtree_bound *bound,
				     const struct v4l2_m2m_ops *ops,
				     struct kobjtree_owner *owner);
void *__kobjtree_m2m_alloc_ctx(struct file *file, size_t size, size_t offset,
			       const char *name);
int __must_check kobjtree_m2m_open(struct kobjtree_m2m_ctx *ctx,
				   struct file *file, struct kobjtree_m2m *m2m,
				   int (*queue_init)(void *priv,
						     struct vb2_queue *src,
						     struct vb2_queue *dst));
int kobjtree_m2m_fop_release(struct file *file);

/**
 * kobjtree_m2m_init() - initialise what runs the jobs, in probe
 * @m2m: in the memory of @bound, zeroed
 * @bound: the driver's object
 * @ops: the driver's operations, which are given the &struct kobjtree_m2m_ctx;
 *	they stay as long as the driver's module
 *
 * As v4l2_m2m_init(), with nothing to undo. Before kobjtree_video_register().
 *
 * Context: process context, may sleep, in probe.
 * Return: 0, -EINVAL, -ENOMEM, or -ENODEV if @bound is unplugged.
 */
#define kobjtree_m2m_init(m2m, bound, ops) \
	__kobjtree_m2m_init((m2m), (bound), (ops), &__kobjtree_owner)

/**
 * kobjtree_m2m_alloc_ctx() - allocate the context of a file, in open
 * @_file: the file
 * @_struct: the type of the container, as ``struct scaler_ctx``
 * @_member: the &struct kobjtree_m2m_ctx in it
 *
 * The file owns the object's one reference, also where open fails after this:
 * there is nothing to undo. The node's release operation has to be
 * kobjtree_m2m_fop_release().
 *
 * Context: process context, may sleep.
 * Return: the zeroed struct, or an ERR_PTR(): -ENOMEM.
 */
#define kobjtree_m2m_alloc_ctx(_file, _struct, _member) ({		\
	static_assert(__same_type(((_struct *)NULL)->_member,		\
				  struct kobjtree_m2m_ctx));		\
	static_assert(offsetof(_struct, _member.tree) <= U16_MAX);	\
	(_struct *)__kobjtree_m2m_alloc_ctx((_file), sizeof(_struct),	\
					    offsetof(_struct, _member),	\
					    #_struct);			\
})

#endif /* _MEDIA_KOBJTREE_M2M_H */
