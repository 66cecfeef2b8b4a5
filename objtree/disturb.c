// SPDX-License-Identifier: GPL-2.0-only
/*
 * What brings out bugs that luck hides: teardowns that come late, and calls that
 * find no memory. Neither happens until somebody asks for it.
 *
 * Owns the random numbers of the delays. Invariant: they depend on the seed alone,
 * so that a run whose last puts come in one order can be had again.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "internal.h"

/* === Late teardowns === */

static unsigned int kobjtree_delay_ms;
module_param_named(delay_release_ms, kobjtree_delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_release_ms,
		 "debugging: tear down in a worker, up to so many ms later");

static unsigned int kobjtree_delay_seed;
static struct rnd_state kobjtree_delay_random;
static DEFINE_SPINLOCK(kobjtree_delay_lock);	/* of the two */

static void kobjtree_delay_start(unsigned int seed)
{
	guard(spinlock_irqsave)(&kobjtree_delay_lock);
	kobjtree_delay_seed = seed;
	prandom_seed_state(&kobjtree_delay_random, seed);
}

static int kobjtree_delay_seed_set(const char *val, const struct kernel_param *kp)
{
	unsigned int seed;
	int ret = kstrtouint(val, 0, &seed);

	if (!ret)
		kobjtree_delay_start(seed);
	return ret;
}

static const struct kernel_param_ops kobjtree_delay_seed_ops = {
	.set = kobjtree_delay_seed_set,
	.get = param_get_uint,
};

module_param_cb(delay_release_seed, &kobjtree_delay_seed_ops,
		&kobjtree_delay_seed, 0644);
MODULE_PARM_DESC(delay_release_seed,
		 "debugging: of the random delays; what is written begins anew");

bool kobjtree_delay_release(void)
{
	return READ_ONCE(kobjtree_delay_ms);
}

/* How many milliseconds to wait before the next teardown of a worker. */
unsigned int kobjtree_delay(void)
{
	unsigned int most = READ_ONCE(kobjtree_delay_ms);

	if (!most)
		return 0;
	guard(spinlock_irqsave)(&kobjtree_delay_lock);
	return prandom_u32_state(&kobjtree_delay_random) % most + 1;
}

/* === No memory === */

#ifdef CONFIG_FAULT_INJECTION
static DECLARE_FAULT_ATTR(kobjtree_fail);
static struct dentry *kobjtree_fail_dir;

/* True if the caller, who is about to allocate, is to fail. */
bool kobjtree_fail_alloc(void)
{
	return should_fail(&kobjtree_fail, 1);
}
#endif

void kobjtree_disturb_start(void)
{
	if (!kobjtree_delay_seed)
		kobjtree_delay_start(get_random_u32());
#ifdef CONFIG_FAULT_INJECTION
	kobjtree_fail_dir = fault_create_debugfs_attr("fail_kobjtree", NULL,
						      &kobjtree_fail);
#endif
}

void kobjtree_disturb_stop(void)
{
#ifdef CONFIG_FAULT_INJECTION
	debugfs_remove(kobjtree_fail_dir);
#endif
#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
#ifndef COMPAT_FAULT_ATTR_NAME
	dput(kobjtree_fail.dname);	/* It has been given a reference. */
#endif
#endif
}
