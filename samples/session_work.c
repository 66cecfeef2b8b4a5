// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that outlive their file, with a kref and work: /dev/session_work.
 *
 * WRONG: the release of session_kref.c runs in a worker here, where it may
 * sleep. But nothing makes the module wait for the worker, nor for the timer:
 *
 *	rmmod session_work
 *
 * destroys the cache that sessions are still in, and frees the text that they
 * are about to run. session_kobjtree.c waits.
 */
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "sensor.h"

static struct kmem_cache *session_cache;
static DEFINE_MUTEX(session_lock);
static LIST_HEAD(sessions);

struct session {
	struct kref ref;
	struct work_struct free;
	struct list_head node;
	struct timer_list timer;
};

static void session_free(struct work_struct *work)
{
	struct session *s = container_of(work, struct session, free);

	timer_shutdown_sync(&s->timer);
	scoped_guard(mutex, &session_lock)
		list_del(&s->node);
	kmem_cache_free(session_cache, s);
}

static void session_release(struct kref *ref)
{
	struct session *s = container_of(ref, struct session, ref);

	schedule_work(&s->free);
}

static void session_end(struct timer_list *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	kref_put(&s->ref, session_release);
}

static int session_open(struct inode *inode, struct file *file)
{
	struct session *s;

	s = kmem_cache_zalloc(session_cache, GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	kref_init(&s->ref);
	INIT_WORK(&s->free, session_free);
	timer_setup(&s->timer, session_end, 0);
	scoped_guard(mutex, &session_lock)
		list_add(&s->node, &sessions);
	file->private_data = s;
	return stream_open(inode, file);
}

static void session_start(struct session *s, u32 ms)
{
	kref_get(&s->ref);
	if (mod_timer(&s->timer, jiffies + msecs_to_jiffies(ms)))
		kref_put(&s->ref, session_release);
}

static long session_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	u32 val;

	switch (cmd) {
	case SESSION_START:
		if (get_user(val, (u32 __user *)arg))
			return -EFAULT;
		session_start(file->private_data, val);
		return 0;
	case SESSION_COUNT:
		scoped_guard(mutex, &session_lock)
			val = list_count_nodes(&sessions);
		return put_user(val, (u32 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int session_close(struct inode *inode, struct file *file)
{
	struct session *s = file->private_data;

	kref_put(&s->ref, session_release);
	return 0;
}

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.open = session_open,
	.unlocked_ioctl = session_ioctl,
	.release = session_close,
};

static struct miscdevice session_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "session_work",
	.fops = &session_fops,
};

static int __init session_init(void)
{
	int ret;

	session_cache = KMEM_CACHE(session, 0);
	if (!session_cache)
		return -ENOMEM;
	ret = misc_register(&session_misc);
	if (ret)
		kmem_cache_destroy(session_cache);
	return ret;
}
module_init(session_init);

static void __exit session_exit(void)
{
	misc_deregister(&session_misc);
	kmem_cache_destroy(session_cache);
}
module_exit(session_exit);

MODULE_DESCRIPTION("Sample: an unload while a release is still to come");
MODULE_LICENSE("GPL");
