// SPDX-License-Identifier: GPL-2.0-only
/*
 * Video nodes: registration, removal and file operations.
 *
 * Invariant: the first reference to a node's object belongs to the count in its
 * struct device, which every open file and mapping raises; the object keeps its
 * driver's allocation. So what the media core reaches from a file is valid until
 * after the last close, whenever that is.
 *
 *   node -> v4l2_device, and each of them -> the driver's allocation
 *
 * The node is unpublished while the gate is marked, and its queue is stopped
 * when no section runs any more.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <media/v4l2-event.h>
#include <media/v4l2-fh.h>

#include "video.h"

static struct workqueue_struct *kobjtree_video_wq;

/* Nothing to undo; the types are there for this module's exit to wait for. */
DEFINE_KOBJTREE_TYPE(kobjtree_v4l2_type, struct kobjtree_v4l2, tree);
DEFINE_KOBJTREE_TYPE(kobjtree_video_type, struct kobjtree_video, tree);

/* === Control handlers === */

static void kobjtree_ctrl_handler_end(void *data)
{
	v4l2_ctrl_handler_free(data);
}

/* The macro kobjtree_ctrl_handler_init() has the documentation. */
int __kobjtree_ctrl_handler_init(struct kobjtree *obj,
				 struct v4l2_ctrl_handler *hdl,
				 struct kobjtree_owner *owner)
{
	return __kobjtree_add_action_or_reset(obj, kobjtree_ctrl_handler_end,
					      hdl, owner);
}
EXPORT_SYMBOL_GPL(__kobjtree_ctrl_handler_init);

/* === v4l2_device === */

/* The core's last touch of @dev. */
static void kobjtree_v4l2_release(struct v4l2_device *dev)
{
	kobjtree_put(&container_of(dev, struct kobjtree_v4l2, dev)->tree);
}

static void kobjtree_v4l2_quiesce(struct kobjtree_watcher *watcher)
{
	struct kobjtree_v4l2 *v4l2 =
		container_of(watcher, struct kobjtree_v4l2, watcher);

	v4l2_device_unregister(&v4l2->dev);
	v4l2_device_put(&v4l2->dev);
}

/**
 * kobjtree_v4l2_register() - register a v4l2_device
 * @v4l2: in the memory of @bound, zeroed but for what the driver sets in its dev
 * @bound: the driver's object
 *
 * For a driver with several nodes or with subdevs, before their registration.
 * Unbind unregisters it and its subdevs, after all nodes.
 *
 * Context: process context, may sleep, in probe.
 * Return: 0, -ENOMEM or -ENODEV; there is nothing to undo.
 */
int kobjtree_v4l2_register(struct kobjtree_v4l2 *v4l2,
			   struct kobjtree_bound *bound)
{
	int ret;

	ret = v4l2_device_register(bound->dev, &v4l2->dev);
	if (ret)
		return ret;
	kobjtree_init_member(&v4l2->tree, &kobjtree_v4l2_type, &bound->tree);
	v4l2->dev.release = kobjtree_v4l2_release;
	v4l2->watcher.quiesce = kobjtree_v4l2_quiesce;
	ret = kobjtree_bound_watch(bound, &v4l2->watcher);
	if (ret)
		kobjtree_v4l2_quiesce(&v4l2->watcher);
	return ret;
}
EXPORT_SYMBOL_GPL(kobjtree_v4l2_register);

/* === File operations === */

static struct kobjtree_video *kobjtree_video_of(struct file *file)
{
	return to_kobjtree_video(video_devdata(file));
}

/* vb2 has its own names for a queue that was taken away. */
static ssize_t kobjtree_video_result(struct kobjtree_video *video, ssize_t ret)
{
	return ret < 0 && kobjtree_marked(video->gate) ? -ENODEV : ret;
}

static int kobjtree_video_open_gated(struct kobjtree_video *video,
				     struct file *file)
{
	CLASS(kobjtree_section, section)(video->gate);
	if (!section)
		return -ENODEV;
	return video->drv_fops->open(file);
}

static int kobjtree_video_open(struct file *file)
{
	struct kobjtree_video *video = kobjtree_video_of(file);
	int ret = kobjtree_video_open_gated(video, file);

	/* It may wait for who holds the media graph: not in a section. */
	if (ret)
		kobjtree_m2m_abort_open(video, file);
	return ret;
}

static ssize_t kobjtree_video_read(struct file *file, char __user *buf,
				   size_t count, loff_t *pos)
{
	struct kobjtree_video *video = kobjtree_video_of(file);

	return kobjtree_video_result(video,
			video->drv_fops->read(file, buf, count, pos));
}

static ssize_t kobjtree_video_write(struct file *file, const char __user *buf,
				    size_t count, loff_t *pos)
{
	struct kobjtree_video *video = kobjtree_video_of(file);

	return kobjtree_video_result(video,
			video->drv_fops->write(file, buf, count, pos));
}

/* The core looks for the removal before it asks the driver, and not again. */
static __poll_t kobjtree_video_poll(struct file *file, poll_table *wait)
{
	struct kobjtree_video *video = kobjtree_video_of(file);
	__poll_t res;

	poll_wait(file, &video->gate->wait, wait);
	res = video->drv_fops->poll(file, wait);
	if (kobjtree_marked(video->gate))
		res = EPOLLERR | EPOLLHUP | EPOLLPRI;
	return res;
}

/* A section: the buffers of a driver may need it. It touches no user memory. */
static int kobjtree_video_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kobjtree_video *video = kobjtree_video_of(file);

	CLASS(kobjtree_section, section)(video->gate);
	if (!section)
		return -ENODEV;
	return video->drv_fops->mmap(file, vma);
}

/*
 * One who is in DQEVENT. The core sleeps there until there is an event, also
 * after the removal, so that the removal makes an event for each of them.
 */
struct kobjtree_video_waiter {
	struct list_head node;		/* of kobjtree_video.waiters */
	struct v4l2_fh *fh;
	struct v4l2_kevent event;	/* of @sub, which counts whether it is there */
	struct v4l2_subscribed_event sub;
};

/* Any of them may have taken another's. */
static void kobjtree_video_wake_waiters(struct kobjtree_video *video)
{
	struct kobjtree_video_waiter *w;

	lockdep_assert_held(&video->vdev.fh_lock);
	list_for_each_entry(w, &video->waiters, node) {
		if (w->sub.in_use)
			continue;
		w->sub.in_use = 1;
		list_add_tail(&w->event.list, &w->fh->available);
		w->fh->navailable++;
		wake_up_all(&w->fh->wait);
	}
}

static void kobjtree_video_waiter_del(struct kobjtree_video *video,
				      struct kobjtree_video_waiter *w)
{
	guard(spinlock_irqsave)(&video->vdev.fh_lock);
	list_del(&w->node);
	if (w->sub.in_use) {
		list_del(&w->event.list);
		w->fh->navailable--;
	}
	if (kobjtree_marked(video->gate))
		kobjtree_video_wake_waiters(video);
}

static bool kobjtree_video_waiter_add(struct kobjtree_video *video,
				      struct kobjtree_video_waiter *w)
{
	guard(spinlock_irqsave)(&video->vdev.fh_lock);
	if (kobjtree_marked(video->gate))
		return false;
	list_add(&w->node, &video->waiters);
	return true;
}

static long kobjtree_video_dqevent(struct kobjtree_video *video,
				   struct file *file, unsigned int cmd,
				   unsigned long arg)
{
	struct kobjtree_video_waiter w = {
		.fh = file_to_v4l2_fh(file),
		.event.sev = &w.sub,
		.sub.elems = 1,
	};
	long ret;

	if (!kobjtree_video_waiter_add(video, &w))
		return -ENODEV;
	ret = video->drv_fops->unlocked_ioctl(file, cmd, arg);
	kobjtree_video_waiter_del(video, &w);
	return kobjtree_marked(video->gate) ? -ENODEV : ret;
}

static long kobjtree_video_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	struct kobjtree_video *video = kobjtree_video_of(file);

	/* by number: an older user's struct has another size */
	if (_IOC_TYPE(cmd) == 'V' && _IOC_NR(cmd) == _IOC_NR(VIDIOC_DQEVENT))
		return kobjtree_video_dqevent(video, file, cmd, arg);
	return kobjtree_video_result(video,
			video->drv_fops->unlocked_ioctl(file, cmd, arg));
}

static void kobjtree_video_gate_fops(struct kobjtree_video *video)
{
	struct v4l2_file_operations *fops = &video->fops;

	video->drv_fops = video->vdev.fops;
	*fops = *video->drv_fops;
	if (fops->open)
		fops->open = kobjtree_video_open;
	if (fops->read)
		fops->read = kobjtree_video_read;
	if (fops->write)
		fops->write = kobjtree_video_write;
	if (fops->poll)
		fops->poll = kobjtree_video_poll;
	if (fops->mmap)
		fops->mmap = kobjtree_video_mmap;
	if (fops->unlocked_ioctl)
		fops->unlocked_ioctl = kobjtree_video_ioctl;
	video->vdev.fops = fops;
}

/* === Removal === */

static void kobjtree_video_wake(struct kobjtree_watcher *watcher)
{
	struct kobjtree_video *video =
		container_of(watcher, struct kobjtree_video, watcher);

	guard(mutex)(&video->publish);
	if (!video_is_registered(&video->vdev))
		return;
	video_unregister_device(&video->vdev);

	guard(spinlock_irq)(&video->vdev.fh_lock);
	kobjtree_video_wake_waiters(video);
}

static void kobjtree_video_release_work(struct work_struct *work)
{
	struct kobjtree_video *video =
		container_of(work, struct kobjtree_video, release);

	kobjtree_vb2_release(&video->vb2, kobjtree_vb2_requests(&video->vdev));
	kobjtree_put(&video->tree);
}

static bool kobjtree_video_quiesce_queue(struct kobjtree_video *video)
{
	struct mutex *requests = kobjtree_vb2_requests(&video->vdev);
	unsigned int patience = KOBJTREE_VB2_PATIENCE;
	struct kobjtree_vb2 *vb2 = &video->vb2;
	bool locked = kobjtree_vb2_lock(requests, &patience);
	bool done = kobjtree_vb2_quiesce(&vb2, 1, locked, &patience);

	if (locked)
		kobjtree_vb2_unlock(requests);
	return done;
}

/* Has the reference that the registration took. */
static void kobjtree_video_quiesce(struct kobjtree_watcher *watcher)
{
	struct kobjtree_video *video =
		container_of(watcher, struct kobjtree_video, watcher);

	if (video->vb2.queue && !kobjtree_video_quiesce_queue(video))
		queue_work(kobjtree_video_wq, &video->release);
	else
		kobjtree_put(&video->tree);
}

/* === Registration === */

/* The core's last touch of @vdev. */
static void kobjtree_video_release(struct video_device *vdev)
{
	kobjtree_put(&to_kobjtree_video(vdev)->tree);
}

/* The same where the core has failed to register @dev. */
static void kobjtree_video_dev_release(struct device *dev)
{
	kobjtree_video_release(to_video_device(dev));
}

static void kobjtree_video_put_parent(void *data)
{
	put_device(data);
}

static void kobjtree_video_init(struct kobjtree_video *video,
				struct kobjtree_bound *bound,
				struct kobjtree_v4l2 *v4l2,
				struct kobjtree_owner *owner)
{
	struct video_device *vdev = &video->vdev;

	kobjtree_init_member(&video->tree, &kobjtree_video_type, &bound->tree);
	kobjtree_hold_edge(&video->tree, &video->v4l2_edge, &v4l2->tree);
	__kobjtree_embed_action(&bound->tree, &video->parent,
				kobjtree_video_put_parent,
				get_device(bound->dev), owner);
	INIT_WORK(&video->release, kobjtree_video_release_work);
	mutex_init(&video->publish);
	INIT_LIST_HEAD(&video->waiters);
	video->gate = &bound->gate;
	video->watcher.wake = kobjtree_video_wake;
	video->watcher.quiesce = kobjtree_video_quiesce;

	vdev->v4l2_dev = &v4l2->dev;
	vdev->release = kobjtree_video_release;
	vdev->dev.release = kobjtree_video_dev_release;
}

static int kobjtree_video_gate(struct kobjtree_video *video,
			       struct kobjtree_bound *bound)
{
	struct video_device *vdev = &video->vdev;
	int ret;

	kobjtree_video_gate_fops(video);
	if (!video->own_sections)
		kobjtree_video_gate_ioctls(video);
	ret = kobjtree_video_gate_ctrls(&bound->tree, &bound->gate,
					vdev->ctrl_handler ?:
					vdev->v4l2_dev->ctrl_handler);
	if (!ret && vdev->queue)
		ret = kobjtree_vb2_init(&video->vb2, vdev->queue, &bound->tree,
					&bound->gate);
	return ret;
}

static int kobjtree_video_publish(struct kobjtree_video *video,
				  enum vfl_devnode_type type, int nr)
{
	guard(mutex)(&video->publish);
	if (kobjtree_marked(video->gate))
		return -ENODEV;
	return video_register_device(&video->vdev, type, nr);
}

/* Ends the first reference where the core does not: it forgets the device. */
static void kobjtree_video_abort(struct kobjtree_video *video)
{
	if (!video->vdev.dev.kobj.state_initialized) {
		kobjtree_put(&video->tree);
		return;
	}
#ifdef COMPAT_V4L2_MAY_PUT_DEVICE
	/* The watcher has a reference to the memory. */
	if (!kref_read(&video->vdev.dev.kobj.kref))
		return;
#endif
	put_device(&video->vdev.dev);
}

/*
 * The core says nothing of an entity that it could not register, and its release
 * would undo it all the same, but for a node whose entities are another's.
 */
static int kobjtree_video_want_entity(struct kobjtree_video *video)
{
#ifdef CONFIG_MEDIA_CONTROLLER
	struct video_device *vdev = &video->vdev;

	if (vdev->v4l2_dev->mdev && !vdev->entity.graph_obj.mdev &&
	    vdev->entity.function != MEDIA_ENT_F_UNKNOWN) {
		vdev->vfl_dir = VFL_DIR_M2M;
		kobjtree_video_wake(&video->watcher);
		return -ENOMEM;
	}
#endif
	return 0;
}

static int kobjtree_video_watch(struct kobjtree_video *video,
				struct kobjtree_bound *bound)
{
	int ret;

	kobjtree_get(&video->tree);	/* put by kobjtree_video_quiesce() */
	ret = kobjtree_bound_watch(bound, &video->watcher);
	if (ret)
		kobjtree_put(&video->tree);
	return ret;
}

/* The macro kobjtree_video_register() has the documentation. */
int __kobjtree_video_register(struct kobjtree_video *video,
			      struct kobjtree_bound *bound,
			      struct kobjtree_v4l2 *v4l2,
			      enum vfl_devnode_type type, int nr,
			      struct kobjtree_owner *owner)
{
	int ret;

	if (!v4l2) {
		v4l2 = &video->v4l2;
		ret = kobjtree_v4l2_register(v4l2, bound);
		if (ret)
			return ret;
	}
	kobjtree_video_init(video, bound, v4l2, owner);
	ret = kobjtree_video_gate(video, bound) ?:
	      kobjtree_video_watch(video, bound) ?:
	      kobjtree_publish(bound) ?:
	      kobjtree_video_publish(video, type, nr);
	if (ret)
		kobjtree_video_abort(video);
	return ret ?: kobjtree_video_want_entity(video);
}
EXPORT_SYMBOL_GPL(__kobjtree_video_register);

/* === Module === */

static int __init kobjtree_video_module_init(void)
{
	kobjtree_video_wq = alloc_workqueue("kobjtree_video", WQ_UNBOUND, 0);
	return kobjtree_video_wq ? 0 : -ENOMEM;
}
module_init(kobjtree_video_module_init);

static void __exit kobjtree_video_module_exit(void)
{
	kobjtree_owner_barrier();
	destroy_workqueue(kobjtree_video_wq);
}
module_exit(kobjtree_video_module_exit);

MODULE_DESCRIPTION("Video nodes that survive their hardware");
MODULE_LICENSE("GPL");
