// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device of kobjtree_test_bind.c: 1 in
 * /sys/module/kobjtree_test_plug/parameters/plug plugs it in, 0 pulls it.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>

static struct platform_device *plugged;

static void pull(void)
{
	platform_device_unregister(plugged);
	plugged = NULL;
}

static int push(void)
{
	struct platform_device *pdev;

	pdev = platform_device_register_simple("kobjtree_test_bind",
					       PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	plugged = pdev;
	return 0;
}

/* Parameters of one module are set one at a time. */
static int plug_set(const char *val, const struct kernel_param *kp)
{
	bool in;
	int ret = kstrtobool(val, &in);

	if (ret || in == !!plugged)
		return ret;
	if (in)
		return push();
	pull();
	return 0;
}

static const struct kernel_param_ops plug_ops = {
	.set = plug_set,
};

module_param_cb(plug, &plug_ops, NULL, 0200);
MODULE_PARM_DESC(plug, "whether the device is there");

static int __init plug_init(void)
{
	return 0;
}
module_init(plug_init);

static void __exit plug_exit(void)
{
	if (plugged)
		pull();
}
module_exit(plug_exit);

MODULE_DESCRIPTION("Device that comes and goes, for a test of kobjtree");
MODULE_LICENSE("GPL");
