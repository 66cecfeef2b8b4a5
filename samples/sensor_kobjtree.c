// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sensor behind a character device, with kobjtree: /dev/sensor_kobjtree.
 *
 *	echo sensor_kobjtree > /sys/bus/platform/drivers/sensor_kobjtree/unbind
 *
 * while a file is open is safe: a read that sleeps is woken, what comes later
 * gets -ENODEV, and the memory goes with the last close. Compare with
 * sensor_devm.c.
 */
#include <linux/kobjtree_chrdev.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uio.h>

#include "sensor.h"

struct sensor {
	struct kobjtree_bound bound;
	struct kobjtree_chrdev chr;
	struct sensor_sim *hw;
	wait_queue_head_t wait;
	bool ready;
};

static void sensor_irq(void *data)
{
	struct sensor *s = data;

	WRITE_ONCE(s->ready, true);
	wake_up_interruptible(&s->wait);
	kobjtree_chrdev_kill_fasync(&s->chr, POLL_IN);
}

static int sensor_open(struct file *file)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);

	sensor_sim_write(s->hw, SENSOR_CTRL, 1);
	return 0;
}

/* The next measurement. */
static ssize_t sensor_read(struct file *file, struct iov_iter *to, loff_t pos)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);
	u32 val;
	int ret;

	if (file->f_flags & O_NONBLOCK && !READ_ONCE(s->ready))
		return -EAGAIN;
	ret = kobjtree_wait_event_interruptible(&s->bound.gate, s->wait,
						xchg(&s->ready, false));
	if (ret)
		return ret;
	val = sensor_sim_read(s->hw, SENSOR_DATA);
	return copy_to_iter(&val, sizeof(val), to);
}

static __poll_t sensor_poll(struct file *file, struct poll_table_struct *wait)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);

	poll_wait(file, &s->wait, wait);
	return READ_ONCE(s->ready) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long sensor_get_period(struct file *file, void *arg)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);

	*(u32 *)arg = sensor_sim_read(s->hw, SENSOR_PERIOD);
	return 0;
}

static long sensor_set_period(struct file *file, void *arg)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);

	sensor_sim_write(s->hw, SENSOR_PERIOD, *(u32 *)arg);
	return 0;
}

static const struct kobjtree_chrdev_ioctl sensor_ioctls[] = {
	{ SENSOR_GET_PERIOD, sensor_get_period },
	{ SENSOR_SET_PERIOD, sensor_set_period },
	{}
};

static int sensor_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff || vma_pages(vma) != 1)
		return -EINVAL;
	vm_flags_set(vma, VM_PFNMAP | VM_IO);
	return 0;
}

/* The registers. */
static vm_fault_t sensor_fault(struct file *file, struct vm_fault *vmf)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);

	return vmf_insert_pfn(vmf->vma, vmf->address, sensor_sim_pfn(s->hw));
}

static void sensor_stop(struct file *file)
{
	struct sensor *s = kobjtree_chrdev_data(file, struct sensor, chr);

	sensor_sim_write(s->hw, SENSOR_CTRL, 0);
}

static const struct kobjtree_chrdev_ops sensor_ops = {
	.open = sensor_open,
	.read = sensor_read,
	.poll = sensor_poll,
	.ioctls = sensor_ioctls,
	.mmap = sensor_mmap,
	.fault = sensor_fault,
	.stop = sensor_stop,
};

static int sensor_probe(struct platform_device *pdev)
{
	struct sensor *s;

	s = kobjtree_alloc_bound(&pdev->dev, struct sensor, bound);
	if (IS_ERR(s))
		return PTR_ERR(s);
	init_waitqueue_head(&s->wait);
	s->hw = devm_sensor_sim(&pdev->dev, sensor_irq, s);
	if (IS_ERR(s->hw))
		return PTR_ERR(s->hw);
	return kobjtree_chrdev_register(&s->chr, &s->bound, &sensor_ops,
					"sensor_kobjtree");
}

static struct platform_driver sensor_driver = {
	.probe = sensor_probe,
	.driver.name = "sensor_kobjtree",
};
module_kobjtree_driver(sensor_driver, platform_driver_register,
		       platform_driver_unregister);

MODULE_DESCRIPTION("Sample: a character device with kobjtree");
MODULE_LICENSE("GPL");
