// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two device nodes in one allocation, with kobjtree: /dev/pair_kobjtree.left
 * and .right.
 *
 * Either file may be closed first, before or after the driver is unbound: each
 * holds the one struct, which goes with the last. Compare with pair_devm.c.
 */
#include <linux/kobjtree_chrdev.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uio.h>

#include "sensor.h"

struct pair;

struct channel {
	struct kobjtree_chrdev chr;
	struct pair *pair;
	enum sensor_sim_reg reg;
};

struct pair {
	struct kobjtree_bound bound;
	struct channel left;
	struct channel right;
	struct sensor_sim *hw;
	atomic_t users;
};

static void pair_irq(void *data)
{
}

static int channel_open(struct file *file)
{
	struct channel *c = kobjtree_chrdev_data(file, struct channel, chr);

	if (atomic_inc_return(&c->pair->users) == 1)
		sensor_sim_write(c->pair->hw, SENSOR_CTRL, 1);
	return 0;
}

static ssize_t channel_read(struct file *file, struct iov_iter *to, loff_t pos)
{
	struct channel *c = kobjtree_chrdev_data(file, struct channel, chr);
	u32 val = sensor_sim_read(c->pair->hw, c->reg);

	return copy_to_iter(&val, sizeof(val), to);
}

static void channel_stop(struct file *file)
{
	struct channel *c = kobjtree_chrdev_data(file, struct channel, chr);

	if (atomic_dec_and_test(&c->pair->users))
		sensor_sim_write(c->pair->hw, SENSOR_CTRL, 0);
}

static const struct kobjtree_chrdev_ops channel_ops = {
	.open = channel_open,
	.read = channel_read,
	.stop = channel_stop,
};

static int channel_register(struct channel *c, struct pair *pair,
			    enum sensor_sim_reg reg, const char *name)
{
	c->pair = pair;
	c->reg = reg;
	return kobjtree_chrdev_register_misc(&c->chr, &pair->bound, &channel_ops,
					     MISC_DYNAMIC_MINOR,
					     "pair_kobjtree.%s", name);
}

static int pair_probe(struct platform_device *pdev)
{
	struct pair *pair;
	int ret;

	pair = kobjtree_alloc_bound(&pdev->dev, struct pair, bound);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	pair->hw = devm_sensor_sim(&pdev->dev, pair_irq, pair);
	if (IS_ERR(pair->hw))
		return PTR_ERR(pair->hw);
	ret = channel_register(&pair->left, pair, SENSOR_DATA, "left");
	if (ret)
		return ret;
	return channel_register(&pair->right, pair, SENSOR_DATA1, "right");
}

static struct platform_driver pair_driver = {
	.probe = pair_probe,
	.driver.name = "pair_kobjtree",
};
module_kobjtree_driver(pair_driver, platform_driver_register,
		       platform_driver_unregister);

MODULE_DESCRIPTION("Sample: two nodes in one allocation with kobjtree");
MODULE_LICENSE("GPL");
