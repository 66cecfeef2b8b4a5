// SPDX-License-Identifier: GPL-2.0-only
/*
 * One bug of each kind that a test run must notice. scripts/selfcheck plants
 * them by writing a name to /sys/module/seeded/parameters/bug and expects that
 * kind to be reported. One load for all: reloading a module in one boot can
 * give a false KASAN report.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/reboot.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);
static DEFINE_SPINLOCK(spin);

static void use_after_free(void)
{
	int *p = kzalloc(32, GFP_KERNEL);

	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	pr_info("read %d\n", READ_ONCE(*p));
}

static void double_free(void)
{
	void *p = kzalloc(32, GFP_KERNEL);

	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	kfree(p);
}

static void leak(void)
{
	void *p = kzalloc(32, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
}

static void lock_inversion(void)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);

	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void refcount_saturation(void)
{
	refcount_t ref = REFCOUNT_INIT(0);

	refcount_inc(&ref);
}

static void warn(void)
{
	WARN(1, "seeded\n");
}

static int hang(void *unused)
{
	schedule_timeout_uninterruptible(4 * HZ);
	return 0;
}

static void hung_task(void)
{
	kthread_run(hang, NULL, "seeded");
}

static void early_exit(void)
{
	emergency_restart();
}

static void panic_now(void)
{
	panic("seeded");
}

static const struct {
	const char *name;
	void (*plant)(void);
} bugs[] = {
	{ "use-after-free", use_after_free },
	{ "double-free", double_free },
	{ "leak", leak },
	{ "lock-inversion", lock_inversion },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "refcount-saturation", refcount_saturation },
	{ "warn", warn },
	{ "hung-task", hung_task },
	{ "early-exit", early_exit },
	{ "panic", panic_now },
};

static int plant(const char *val, const struct kernel_param *kp)
{
	for (int i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (!sysfs_streq(val, bugs[i].name))
			continue;
		pr_info("planting %s\n", bugs[i].name);
		bugs[i].plant();
		return 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops plant_ops = { .set = plant };
module_param_cb(bug, &plant_ops, NULL, 0200);
MODULE_PARM_DESC(bug, "the bug to plant now");

MODULE_DESCRIPTION("Bugs that a test run must notice");
MODULE_LICENSE("GPL");
