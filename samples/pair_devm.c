// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two device nodes in one allocation, the usual way: /dev/pair_devm.left and
 * .right.
 *
 * WRONG, as many drivers are: the struct belongs to the binding, not to those
 * who use it. Whichever file is closed after an unbind is closed with a struct
 * that is gone. Compare with pair_kobjtree.c.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

#include "sensor.h"

struct pair;

struct channel {
	struct miscdevice misc;
	struct pair *pair;
	enum sensor_sim_reg reg;
};

struct pair {
	struct channel left;
	struct channel right;
	struct sensor_sim *hw;
	atomic_t users;
};

static void pair_irq(void *data)
{
}

static struct channel *channel_of(struct file *file)
{
	return container_of(file->private_data, struct channel, misc);
}

static int channel_open(struct inode *inode, struct file *file)
{
	struct channel *c = channel_of(file);

	if (atomic_inc_return(&c->pair->users) == 1)
		sensor_sim_write(c->pair->hw, SENSOR_CTRL, 1);
	return stream_open(inode, file);
}

static ssize_t channel_read(struct file *file, char __user *buf, size_t count,
			    loff_t *pos)
{
	struct channel *c = channel_of(file);
	u32 val = sensor_sim_read(c->pair->hw, c->reg);

	count = min(count, sizeof(val));
	return copy_to_user(buf, &val, count) ? -EFAULT : count;
}

static int channel_release(struct inode *inode, struct file *file)
{
	struct channel *c = channel_of(file);

	if (atomic_dec_and_test(&c->pair->users))
		sensor_sim_write(c->pair->hw, SENSOR_CTRL, 0);
	return 0;
}

static const struct file_operations channel_fops = {
	.owner = THIS_MODULE,
	.open = channel_open,
	.read = channel_read,
	.release = channel_release,
};

static int channel_register(struct channel *c, struct pair *pair,
			    struct device *parent, enum sensor_sim_reg reg,
			    const char *name)
{
	c->pair = pair;
	c->reg = reg;
	c->misc.minor = MISC_DYNAMIC_MINOR;
	c->misc.name = name;
	c->misc.fops = &channel_fops;
	c->misc.parent = parent;
	return misc_register(&c->misc);
}

static int pair_probe(struct platform_device *pdev)
{
	struct pair *pair;
	int ret;

	pair = devm_kzalloc(&pdev->dev, sizeof(*pair), GFP_KERNEL);
	if (!pair)
		return -ENOMEM;
	platform_set_drvdata(pdev, pair);
	pair->hw = devm_sensor_sim(&pdev->dev, pair_irq, pair);
	if (IS_ERR(pair->hw))
		return PTR_ERR(pair->hw);
	ret = channel_register(&pair->left, pair, &pdev->dev, SENSOR_DATA,
			       "pair_devm.left");
	if (ret)
		return ret;
	ret = channel_register(&pair->right, pair, &pdev->dev, SENSOR_DATA1,
			       "pair_devm.right");
	if (ret)
		misc_deregister(&pair->left.misc);
	return ret;
}

static void pair_remove(struct platform_device *pdev)
{
	struct pair *pair = platform_get_drvdata(pdev);

	misc_deregister(&pair->right.misc);
	misc_deregister(&pair->left.misc);
}

static struct platform_driver pair_driver = {
	.probe = pair_probe,
	.remove = pair_remove,
	.driver.name = "pair_devm",
};
module_platform_driver(pair_driver);

MODULE_DESCRIPTION("Sample: two nodes in one allocation the usual, wrong way");
MODULE_LICENSE("GPL");
