// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver whose one operation is open: it reads a register that goes with the
 * binding, and sleeps a little in between unless it was told not to.
 */
#include <linux/kobjtree_chrdev.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/wait.h>

#define READY	0x5a5a

struct test_bind {
	struct kobjtree_bound bound;
	struct kobjtree_chrdev chr;
	wait_queue_head_t wait;
	u32 *regs;
};

static int test_bind_open(struct file *file)
{
	struct test_bind *t = kobjtree_chrdev_data(file, struct test_bind, chr);
	long ret;

	if (WARN_ON(READ_ONCE(*t->regs) != READY))
		return -EIO;
	if (file->f_flags & O_NONBLOCK)
		return 0;
	ret = kobjtree_wait_event_interruptible_timeout(&t->bound.gate, t->wait,
							false, 2);
	if (WARN_ON(READ_ONCE(*t->regs) != READY))
		return -EIO;
	return ret;
}

static const struct kobjtree_chrdev_ops test_bind_ops = {
	.open = test_bind_open,
};

static int test_bind_probe(struct platform_device *pdev)
{
	struct test_bind *t = kobjtree_alloc_bound(&pdev->dev, struct test_bind,
						   bound);

	if (IS_ERR(t))
		return PTR_ERR(t);
	init_waitqueue_head(&t->wait);
	t->regs = devm_kzalloc(&pdev->dev, sizeof(*t->regs), GFP_KERNEL);
	if (!t->regs)
		return -ENOMEM;
	*t->regs = READY;
	return kobjtree_chrdev_register(&t->chr, &t->bound, &test_bind_ops,
					"kobjtree_test_bind");
}

static struct platform_driver test_bind_driver = {
	.probe = test_bind_probe,
	.driver = {
		.name = "kobjtree_test_bind",
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};
module_kobjtree_driver(test_bind_driver, platform_driver_register,
		       platform_driver_unregister);

MODULE_DESCRIPTION("Driver that is bound and unbound, for a test of kobjtree");
MODULE_LICENSE("GPL");
