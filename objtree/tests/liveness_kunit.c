// SPDX-License-Identifier: GPL-2.0-only
/*
 * The examples of Documentation/core-api/kobjtree-liveness.rst, which scripts/check
 * compares with it, and what becomes of them.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/kobjtree_bind.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "lockdep.h"

/* === The examples === */

struct cam {
	struct kobjtree_bound bound;
	struct kobjtree_watcher watcher;
	u32 *regs;		/* go at unbind, as mapped registers do */
};

/* An entry point: whatever a file operation ends up in. */
static int cam_get_gain(struct cam *cam, u32 __user *arg)
{
	u32 gain;

	{
		CLASS(kobjtree_section, section)(&cam->bound.gate);

		if (!section)
			return -ENODEV;
		gain = READ_ONCE(cam->regs[0]);
	}
	return put_user(gain, arg);
}

/* No section runs any more, and the registers are still there. */
static void cam_quiesce(struct kobjtree_watcher *watcher)
{
	struct cam *cam = container_of(watcher, struct cam, watcher);

	WRITE_ONCE(cam->regs[0], 0);
}

static int cam_probe(struct platform_device *pdev)
{
	struct cam *cam;
	int ret;

	cam = kobjtree_alloc_bound(&pdev->dev, struct cam, bound);
	if (IS_ERR(cam))
		return PTR_ERR(cam);
	cam->regs = devm_kzalloc(&pdev->dev, SZ_4K, GFP_KERNEL);
	if (!cam->regs)
		return -ENOMEM;
	cam->regs[0] = 42;
	platform_set_drvdata(pdev, cam);
	cam->watcher.quiesce = cam_quiesce;
	ret = kobjtree_bound_watch(&cam->bound, &cam->watcher);
	return ret ?: kobjtree_publish(&cam->bound);
}

/* Wrong: user space decides how long the section lasts. */
static int cam_get_gain_wrong(struct cam *cam, u32 __user *arg)
{
	CLASS(kobjtree_section, section)(&cam->bound.gate);

	if (!section)
		return -ENODEV;
	return put_user(READ_ONCE(cam->regs[0]), arg);
}

/* === What becomes of them === */

static struct platform_driver cam_driver = {
	.probe = cam_probe,
	.driver = {
		.name = "kobjtree_liveness",
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

static struct platform_device *cam_device(struct kunit *test, struct cam **cam)
{
	struct platform_device *pdev;

	pdev = platform_device_register_simple("kobjtree_liveness",
					       PLATFORM_DEVID_AUTO, NULL, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pdev));
	*cam = platform_get_drvdata(pdev);
	KUNIT_ASSERT_NOT_NULL(test, *cam);
	return pdev;
}

/* Return: user memory that nobody has touched yet. */
static u32 __user *user_word(struct kunit *test)
{
#ifdef COMPAT_NO_KUNIT_MM
	kunit_skip(test, "KUnit has no user memory in this kernel");
#else
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return (u32 __user *)addr;
#endif
}

static void right_example_is_refused_after_unbind(struct kunit *test)
{
	u32 __user *arg = user_word(test);
	struct platform_device *pdev;
	struct cam *cam;
	u32 gain = 0;

	pdev = cam_device(test, &cam);
	kobjtree_get(&cam->bound.tree);
	KUNIT_EXPECT_EQ(test, cam_get_gain(cam, arg), 0);
	KUNIT_EXPECT_EQ(test, get_user(gain, arg), 0);
	KUNIT_EXPECT_EQ(test, gain, 42);
	platform_device_unregister(pdev);
	KUNIT_EXPECT_EQ(test, cam_get_gain(cam, arg), -ENODEV);
	kobjtree_put(&cam->bound.tree);
}

/* It works, and that is the trap: whoever serves the page fault decides. */
static void wrong_example_is_reported(struct kunit *test)
{
	u32 __user *arg = user_word(test);
	struct platform_device *pdev;
	struct cam *cam;
	int ret = -1;

#ifdef CONFIG_PROVE_LOCKING
	need_lockdep(test);
#endif
	pdev = cam_device(test, &cam);
#ifdef CONFIG_PROVE_LOCKING
	/* It also makes the page present, so that the next one does not sleep. */
	KUNIT_EXPECT_EQ(test, cam_get_gain(cam, arg), 0);
	KUNIT_EXPECT_TRUE(test, LOCKDEP_REPORTS(test,
						ret = cam_get_gain_wrong(cam, arg)));
#else
	ret = cam_get_gain_wrong(cam, arg);
#endif
	KUNIT_EXPECT_EQ(test, ret, 0);
	platform_device_unregister(pdev);
}

static struct kunit_case liveness_cases[] = {
	KUNIT_CASE(right_example_is_refused_after_unbind),
	KUNIT_CASE(wrong_example_is_reported),
	{}
};

static int liveness_suite_init(struct kunit_suite *suite)
{
	return platform_driver_register(&cam_driver);
}

static void liveness_suite_exit(struct kunit_suite *suite)
{
	platform_driver_unregister(&cam_driver);
}

static struct kunit_suite liveness_suite = {
	.name = "kobjtree_liveness",
	.suite_init = liveness_suite_init,
	.suite_exit = liveness_suite_exit,
	.test_cases = liveness_cases,
};

kunit_test_suite(liveness_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree: examples of its documentation");
MODULE_LICENSE("GPL");
