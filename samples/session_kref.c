// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that outlive their file, with a kref: /dev/session_kref.
 *
 * WRONG: a timer holds a session, too. If the file was closed by then, the last
 * reference goes in the timer, where the release must not sleep; and it does.
 * session_work.c cures that, and is wrong otherwise; session_kobjtree.c is not.
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

#include "sensor.h"

static DEFINE_MUTEX(session_lock);
static LIST_HEAD(sessions);

struct session {
	struct kref ref;
	struct list_head node;
	struct timer_list timer;
};

static void session_release(struct kref *ref)
{
	struct session *s = container_of(ref, struct session, ref);

	scoped_guard(mutex, &session_lock)
		list_del(&s->node);
	kfree(s);
}

static void session_end(struct timer_list *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	kref_put(&s->ref, session_release);
}

static int session_open(struct inode *inode, struct file *file)
{
	struct session *s;

	s = kzalloc_obj(*s);
	if (!s)
		return -ENOMEM;
	kref_init(&s->ref);
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
	.name = "session_kref",
	.fops = &session_fops,
};
module_misc_device(session_misc);

MODULE_DESCRIPTION("Sample: a last put where sleeping is illegal");
MODULE_LICENSE("GPL");
