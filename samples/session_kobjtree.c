// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that outlive their file, with kobjtree: /dev/session_kobjtree.
 *
 * The timer may put last: the release runs in a worker then, and may sleep. The
 * module waits in its exit for the sessions that are left. Of kobjtree, this
 * uses objects alone. Compare with session_kref.c and session_work.c.
 */
#include <linux/fs.h>
#include <linux/kobjtree.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "sensor.h"

static struct kmem_cache *session_cache;
static DEFINE_MUTEX(session_lock);
static LIST_HEAD(sessions);

struct session {
	struct kobjtree tree;
	struct list_head node;
	struct timer_list timer;
};

static void session_release(struct kobjtree *tree)
{
	struct session *s = container_of(tree, struct session, tree);

	timer_shutdown_sync(&s->timer);
	guard(mutex)(&session_lock);
	list_del(&s->node);
}

DEFINE_KOBJTREE_TYPE(session_type, struct session, tree,
		     .release = session_release, .cache = &session_cache);

static void session_end(struct timer_list *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	kobjtree_put_async(&s->tree);
}

static int session_open(struct inode *inode, struct file *file)
{
	struct session *s;

	s = kobjtree_alloc(struct session, tree, &session_type, GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	timer_setup(&s->timer, session_end, 0);
	scoped_guard(mutex, &session_lock)
		list_add(&s->node, &sessions);
	file->private_data = s;
	return stream_open(inode, file);
}

static void session_start(struct session *s, u32 ms)
{
	kobjtree_get(&s->tree);
	if (mod_timer(&s->timer, jiffies + msecs_to_jiffies(ms)))
		kobjtree_put(&s->tree);
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

	kobjtree_put(&s->tree);
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
	.name = "session_kobjtree",
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
	kobjtree_owner_barrier();
	kmem_cache_destroy(session_cache);
}
module_exit(session_exit);

MODULE_DESCRIPTION("Sample: deferred release and module unload with kobjtree");
MODULE_LICENSE("GPL");
