// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sensor behind a character device, the usual cure: /dev/sensor_rwsem.
 *
 * A kref keeps the memory, and a semaphore and a flag the hardware. No operation
 * uses freed memory, but
 *
 *	echo sensor_rwsem > /sys/bus/platform/drivers/sensor_rwsem/unbind
 *
 * waits for whoever holds the semaphore, and that is for as long as user space
 * likes: it serves the page faults of copy_from_user(). Compare with
 * sensor_kobjtree.c.
 */
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "sensor.h"

struct sensor {
	struct kref ref;
	struct rw_semaphore lock;
	bool gone;
	struct miscdevice misc;
	struct sensor_sim *hw;
	wait_queue_head_t wait;
	bool ready;
};

static void sensor_free(struct kref *ref)
{
	kfree(container_of(ref, struct sensor, ref));
}

static void sensor_put(void *data)
{
	struct sensor *s = data;

	kref_put(&s->ref, sensor_free);
}

static void sensor_irq(void *data)
{
	struct sensor *s = data;

	WRITE_ONCE(s->ready, true);
	wake_up_interruptible(&s->wait);
}

static int sensor_open(struct inode *inode, struct file *file)
{
	struct sensor *s = container_of(file->private_data, struct sensor, misc);

	guard(rwsem_read)(&s->lock);
	if (s->gone)
		return -ENODEV;
	kref_get(&s->ref);
	file->private_data = s;
	sensor_sim_write(s->hw, SENSOR_CTRL, 1);
	return stream_open(inode, file);
}

/* The next measurement. */
static ssize_t sensor_read(struct file *file, char __user *buf, size_t count,
			   loff_t *pos)
{
	struct sensor *s = file->private_data;
	u32 val;
	int ret;

	if (file->f_flags & O_NONBLOCK && !READ_ONCE(s->ready))
		return -EAGAIN;
	ret = wait_event_interruptible(s->wait,
				       READ_ONCE(s->gone) ||
				       xchg(&s->ready, false));
	if (ret)
		return ret;
	guard(rwsem_read)(&s->lock);
	if (s->gone)
		return -ENODEV;
	val = sensor_sim_read(s->hw, SENSOR_DATA);
	count = min(count, sizeof(val));
	return copy_to_user(buf, &val, count) ? -EFAULT : count;
}

static __poll_t sensor_poll(struct file *file, struct poll_table_struct *wait)
{
	struct sensor *s = file->private_data;

	poll_wait(file, &s->wait, wait);
	if (READ_ONCE(s->gone))
		return EPOLLHUP | EPOLLERR;
	return READ_ONCE(s->ready) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long sensor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sensor *s = file->private_data;
	u32 period;

	guard(rwsem_read)(&s->lock);
	if (s->gone)
		return -ENODEV;
	switch (cmd) {
	case SENSOR_GET_PERIOD:
		period = sensor_sim_read(s->hw, SENSOR_PERIOD);
		return put_user(period, (u32 __user *)arg);
	case SENSOR_SET_PERIOD:
		if (get_user(period, (u32 __user *)arg))
			return -EFAULT;
		sensor_sim_write(s->hw, SENSOR_PERIOD, period);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int sensor_release(struct inode *inode, struct file *file)
{
	struct sensor *s = file->private_data;

	scoped_guard(rwsem_read, &s->lock)
		if (!s->gone)
			sensor_sim_write(s->hw, SENSOR_CTRL, 0);
	sensor_put(s);
	return 0;
}

static const struct file_operations sensor_fops = {
	.owner = THIS_MODULE,
	.open = sensor_open,
	.read = sensor_read,
	.poll = sensor_poll,
	.unlocked_ioctl = sensor_ioctl,
	.release = sensor_release,
};

static int sensor_probe(struct platform_device *pdev)
{
	struct sensor *s;
	int ret;

	s = kzalloc_obj(*s);
	if (!s)
		return -ENOMEM;
	kref_init(&s->ref);
	ret = devm_add_action_or_reset(&pdev->dev, sensor_put, s);
	if (ret)
		return ret;
	platform_set_drvdata(pdev, s);
	init_rwsem(&s->lock);
	init_waitqueue_head(&s->wait);
	s->hw = devm_sensor_sim(&pdev->dev, sensor_irq, s);
	if (IS_ERR(s->hw))
		return PTR_ERR(s->hw);
	s->misc.minor = MISC_DYNAMIC_MINOR;
	s->misc.name = "sensor_rwsem";
	s->misc.fops = &sensor_fops;
	s->misc.parent = &pdev->dev;
	return misc_register(&s->misc);
}

static void sensor_remove(struct platform_device *pdev)
{
	struct sensor *s = platform_get_drvdata(pdev);

	misc_deregister(&s->misc);
	scoped_guard(rwsem_write, &s->lock)
		WRITE_ONCE(s->gone, true);
	wake_up_all(&s->wait);
}

static struct platform_driver sensor_driver = {
	.probe = sensor_probe,
	.remove = sensor_remove,
	.driver.name = "sensor_rwsem",
};
module_platform_driver(sensor_driver);

MODULE_DESCRIPTION("Sample: a character device with a kref and a semaphore");
MODULE_LICENSE("GPL");
