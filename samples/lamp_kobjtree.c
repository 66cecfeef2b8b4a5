// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lamp behind a character device, with kobjtree: /dev/lamp_kobjtree.
 *
 * Its supply may be unbound while a file is open. A device link makes that the
 * end of the lamp, too; without one the lamp goes on in the dark: its calls to
 * the supply get -ENODEV, and it can tell. Compare with lamp_devm.c.
 */
#include <linux/kobjtree_chrdev.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "rail.h"
#include "sensor.h"

struct lamp {
	struct kobjtree_bound bound;
	struct kobjtree_chrdev chr;
	struct rail_use *rail;
	wait_queue_head_t wait;
};

static void lamp_lost(struct kobjtree_bound *bound)
{
	struct lamp *lamp = container_of(bound, struct lamp, bound);

	wake_up_all(&lamp->wait);
}

static int lamp_open(struct file *file)
{
	struct lamp *lamp = kobjtree_chrdev_data(file, struct lamp, chr);

	return rail_enable(lamp->rail);
}

static void lamp_stop(struct file *file)
{
	struct lamp *lamp = kobjtree_chrdev_data(file, struct lamp, chr);

	rail_disable(lamp->rail);
}

static __poll_t lamp_poll(struct file *file, struct poll_table_struct *wait)
{
	struct lamp *lamp = kobjtree_chrdev_data(file, struct lamp, chr);

	poll_wait(file, &lamp->wait, wait);
	return rail_lost(lamp->rail) ? EPOLLPRI : 0;
}

static long lamp_set(struct file *file, void *arg)
{
	struct lamp *lamp = kobjtree_chrdev_data(file, struct lamp, chr);

	return rail_set_mv(lamp->rail, *(u32 *)arg);
}

static long lamp_get(struct file *file, void *arg)
{
	struct lamp *lamp = kobjtree_chrdev_data(file, struct lamp, chr);
	int ret = rail_get_mv(lamp->rail);

	*(u32 *)arg = ret;
	return min(ret, 0);
}

static long lamp_has_lost(struct file *file, void *arg)
{
	struct lamp *lamp = kobjtree_chrdev_data(file, struct lamp, chr);

	*(u32 *)arg = rail_lost(lamp->rail);
	return 0;
}

static const struct kobjtree_chrdev_ioctl lamp_ioctls[] = {
	{ LAMP_SET, lamp_set },
	{ LAMP_GET, lamp_get },
	{ LAMP_LOST, lamp_has_lost },
	{}
};

static const struct kobjtree_chrdev_ops lamp_ops = {
	.open = lamp_open,
	.poll = lamp_poll,
	.ioctls = lamp_ioctls,
	.stop = lamp_stop,
};

static int lamp_probe(struct platform_device *pdev)
{
	struct lamp *lamp;

	lamp = kobjtree_alloc_bound(&pdev->dev, struct lamp, bound);
	if (IS_ERR(lamp))
		return PTR_ERR(lamp);
	init_waitqueue_head(&lamp->wait);
	lamp->rail = rail_get(&lamp->bound, "supply_kobjtree_sub", lamp_lost);
	if (IS_ERR(lamp->rail))
		return PTR_ERR(lamp->rail);
	return kobjtree_chrdev_register(&lamp->chr, &lamp->bound, &lamp_ops,
					"lamp_kobjtree");
}

static struct platform_driver lamp_driver = {
	.probe = lamp_probe,
	.driver.name = "lamp_kobjtree",
};
module_kobjtree_driver(lamp_driver, platform_driver_register,
		       platform_driver_unregister);

MODULE_DESCRIPTION("Sample: a user of a supply with kobjtree");
MODULE_LICENSE("GPL");
