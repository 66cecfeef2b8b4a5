/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a request is, for mc-request.c.
 */
#ifndef _MEDIA_REQUEST_TYPE_H
#define _MEDIA_REQUEST_TYPE_H

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <media/media-request.h>

/* Of what is in requests that are not being queued. */
DEFINE_MUTEX(media_request_objects_mutex);
EXPORT_SYMBOL_GPL(media_request_objects_mutex);

static void media_request_release(struct kobjtree *obj);

/* The driver's memory around it is the driver's to free. */
static void media_request_free(struct kobjtree *obj)
{
	struct media_request *req = container_of(obj, struct media_request, tree);
	struct module *owner = req->owner;

	if (req->free)
		req->free(req);
	else
		kfree(req);
	module_put(owner);
}

DEFINE_KOBJTREE_TYPE(media_request_type, struct media_request, tree,
	.release = media_request_release,
	.free = media_request_free,
);

/* In a section of the node's gate. */
static void media_request_begin(struct media_request *req)
{
	struct media_device *mdev = req->mdev;

	req->devnode = mdev->devnode;
	req->free = mdev->ops->req_free;
	req->owner = req->free ? req->devnode->cdev.owner : NULL;
	__module_get(req->owner);
	kobjtree_init(&req->tree, &media_request_type);
	kobjtree_hold(&req->tree, &req->devnode->tree);
	atomic_inc(&req->devnode->num_requests);
}

static long media_request_ioctl(struct file *filp, unsigned int cmd,
				unsigned long arg);

/* Not seen by lockdep: to queue may be to pin user memory, and is waited for. */
static long media_request_ioctl_gated(struct file *filp, unsigned int cmd,
				      unsigned long arg)
{
	struct media_request *req = filp->private_data;
	long ret;

	if (kobjtree_enter_non_owner(&req->devnode->gate))
		return -ENODEV;
	ret = media_request_ioctl(filp, cmd, arg);
	kobjtree_exit_non_owner(&req->devnode->gate);
	return ret;
}

#endif /* _MEDIA_REQUEST_TYPE_H */
