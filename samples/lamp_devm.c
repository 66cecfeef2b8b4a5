// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lamp behind a character device, the usual way: /dev/lamp_devm.
 *
 * The lamp itself is not unbound here, so that the binding may own its memory.
 * What is wrong is in rail_devm.c: it has a pointer to a supply that can go.
 * Compare with lamp_kobjtree.c.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "rail_devm.h"
#include "sensor.h"

struct lamp {
	struct miscdevice misc;
	struct rail *rail;
};

static struct lamp *lamp_of(struct file *file)
{
	return container_of(file->private_data, struct lamp, misc);
}

static int lamp_open(struct inode *inode, struct file *file)
{
	return rail_devm_enable(lamp_of(file)->rail) ?: stream_open(inode, file);
}

static int lamp_release(struct inode *inode, struct file *file)
{
	rail_devm_disable(lamp_of(file)->rail);
	return 0;
}

static long lamp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct lamp *lamp = lamp_of(file);
	u32 val;
	int ret;

	switch (cmd) {
	case LAMP_SET:
		if (get_user(val, (u32 __user *)arg))
			return -EFAULT;
		return rail_devm_set_mv(lamp->rail, val);
	case LAMP_GET:
		ret = rail_devm_get_mv(lamp->rail);
		return ret < 0 ? ret : put_user(ret, (u32 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations lamp_fops = {
	.owner = THIS_MODULE,
	.open = lamp_open,
	.unlocked_ioctl = lamp_ioctl,
	.release = lamp_release,
};

static int lamp_probe(struct platform_device *pdev)
{
	struct lamp *lamp;
	int ret;

	lamp = devm_kzalloc(&pdev->dev, sizeof(*lamp), GFP_KERNEL);
	if (!lamp)
		return -ENOMEM;
	platform_set_drvdata(pdev, lamp);
	lamp->rail = rail_devm_get("supply_devm");
	if (IS_ERR(lamp->rail))
		return PTR_ERR(lamp->rail);
	lamp->misc.minor = MISC_DYNAMIC_MINOR;
	lamp->misc.name = "lamp_devm";
	lamp->misc.fops = &lamp_fops;
	lamp->misc.parent = &pdev->dev;
	ret = misc_register(&lamp->misc);
	if (ret)
		rail_devm_put(lamp->rail);
	return ret;
}

static void lamp_remove(struct platform_device *pdev)
{
	struct lamp *lamp = platform_get_drvdata(pdev);

	misc_deregister(&lamp->misc);
	rail_devm_put(lamp->rail);
}

static struct platform_driver lamp_driver = {
	.probe = lamp_probe,
	.remove = lamp_remove,
	.driver.name = "lamp_devm",
};
module_platform_driver(lamp_driver);

MODULE_DESCRIPTION("Sample: a user of a supply the usual, wrong way");
MODULE_LICENSE("GPL");
