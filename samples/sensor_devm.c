// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sensor behind a character device, the usual way: /dev/sensor_devm.
 *
 * WRONG, as many drivers are: devm_kzalloc() frees at unbind what an open file
 * still leads to. After
 *
 *	echo sensor_devm > /sys/bus/platform/drivers/sensor_devm/unbind
 *
 * each operation on an open file uses freed memory, close included. Compare
 * with sensor_kobjtree.c.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "sensor.h"

struct sensor {
	struct miscdevice misc;
	struct sensor_sim *hw;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	bool ready;
};

static void sensor_irq(void *data)
{
	struct sensor *s = data;

	WRITE_ONCE(s->ready, true);
	wake_up_interruptible(&s->wait);
	kill_fasync(&s->fasync, SIGIO, POLL_IN);
}

static int sensor_open(struct inode *inode, struct file *file)
{
	struct sensor *s = container_of(file->private_data, struct sensor, misc);

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
	ret = wait_event_interruptible(s->wait, xchg(&s->ready, false));
	if (ret)
		return ret;
	val = sensor_sim_read(s->hw, SENSOR_DATA);
	count = min(count, sizeof(val));
	return copy_to_user(buf, &val, count) ? -EFAULT : count;
}

static __poll_t sensor_poll(struct file *file, struct poll_table_struct *wait)
{
	struct sensor *s = file->private_data;

	poll_wait(file, &s->wait, wait);
	return READ_ONCE(s->ready) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int sensor_fasync(int fd, struct file *file, int on)
{
	struct sensor *s = file->private_data;

	return fasync_helper(fd, file, on, &s->fasync);
}

static long sensor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sensor *s = file->private_data;
	u32 period;

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

/* The registers. */
static int sensor_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct sensor *s = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) != 1)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start, sensor_sim_pfn(s->hw),
			       PAGE_SIZE, vma->vm_page_prot);
}

static int sensor_release(struct inode *inode, struct file *file)
{
	struct sensor *s = file->private_data;

	sensor_sim_write(s->hw, SENSOR_CTRL, 0);
	return 0;
}

static const struct file_operations sensor_fops = {
	.owner = THIS_MODULE,
	.open = sensor_open,
	.read = sensor_read,
	.poll = sensor_poll,
	.fasync = sensor_fasync,
	.unlocked_ioctl = sensor_ioctl,
	.mmap = sensor_mmap,
	.release = sensor_release,
};

static int sensor_probe(struct platform_device *pdev)
{
	struct sensor *s;

	s = devm_kzalloc(&pdev->dev, sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	platform_set_drvdata(pdev, s);
	init_waitqueue_head(&s->wait);
	s->hw = devm_sensor_sim(&pdev->dev, sensor_irq, s);
	if (IS_ERR(s->hw))
		return PTR_ERR(s->hw);
	s->misc.minor = MISC_DYNAMIC_MINOR;
	s->misc.name = "sensor_devm";
	s->misc.fops = &sensor_fops;
	s->misc.parent = &pdev->dev;
	return misc_register(&s->misc);
}

static void sensor_remove(struct platform_device *pdev)
{
	struct sensor *s = platform_get_drvdata(pdev);

	misc_deregister(&s->misc);
}

static struct platform_driver sensor_driver = {
	.probe = sensor_probe,
	.remove = sensor_remove,
	.driver.name = "sensor_devm",
};
module_platform_driver(sensor_driver);

MODULE_DESCRIPTION("Sample: a character device the usual way, which is wrong");
MODULE_LICENSE("GPL");
