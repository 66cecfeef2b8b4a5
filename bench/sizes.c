// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes, and how long interrupts are off: what is counted more than timed.
 */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/kobjtree_gate.h>
#include <linux/mm.h>
#include <linux/percpu-refcount.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/vmalloc.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "bench.h"

#define BENCH_MANY	100000

static void bench_size(const char *row, const char *peer, unsigned long bytes)
{
	bench_result(row, 0, peer, 0, bytes, 1);
}

static void bench_sizeofs(void)
{
	bench_size("bytes of an object", "kobjtree", sizeof(struct kobjtree));
	bench_size("bytes of an object", "kref", sizeof(struct kref));
	bench_size("bytes of an object", "kobject", sizeof(struct kobject));
	bench_size("bytes of an object", "percpu_ref", sizeof(struct percpu_ref));
	bench_size("bytes of an edge in the holder", "kobjtree",
		   sizeof(struct kobjtree_edge));
	bench_size("bytes of an edge in the holder", "kref+mutex+list",
		   sizeof(struct list_head) + sizeof(void *));
	bench_size("bytes of a gate", "kobjtree", sizeof(struct kobjtree_gate));
	bench_size("bytes of a gate", "kobjtree per-CPU",
		   sizeof(struct kobjtree_gate) +
		   num_possible_cpus() * sizeof(struct kobjtree_sections));
	bench_size("bytes of a gate", "percpu_ref", sizeof(struct percpu_ref) +
		   sizeof(struct percpu_ref_data) +
		   num_possible_cpus() * sizeof(long));
	bench_size("bytes of a gate", "SRCU", sizeof(struct srcu_struct) +
		   sizeof(struct srcu_usage) +
		   num_possible_cpus() * sizeof(struct srcu_data));
	bench_size("bytes of a gate", "rwsem and flag",
		   sizeof(struct rw_semaphore) + 8);
}

/* === What an allocated edge takes of the slab === */

static struct device *dev;
static struct drm_device *drm;
static struct kobjtree *holder, *held;
static u64 first_called;
static const struct drm_driver bench_drm_driver = { .name = "kobjtree_bench" };

struct bench_plain {
	struct kobjtree tree;
};

static void bench_count(void *data)
{
	if (!first_called)
		first_called = ktime_get_ns();
}

static void bench_drmm_count(struct drm_device *device, void *data)
{
}

static int add_kobjtree(void)
{
	return kobjtree_link(holder, NULL, held);
}

static int add_action(void)
{
	return kobjtree_add_action(holder, bench_count, NULL);
}

static int add_devres(void)
{
	return devm_add_action(dev, bench_count, NULL);
}

static int add_drmm(void)
{
	return drmm_add_action(drm, bench_drmm_count, NULL);
}

static unsigned long bench_slab(void)
{
	return global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) * PAGE_SIZE;
}

static int bench_slab_of(const char *row, const char *peer, int (*add)(void))
{
	unsigned long before = bench_slab();
	int i, ret;

	for (i = 0; i < BENCH_MANY; i++) {
		ret = add();
		if (ret)
			return ret;
		cond_resched();
	}
	bench_result(row, 0, peer, 0, bench_slab() - before, BENCH_MANY);
	return 0;
}

/* === Interrupts === */

/*
 * devres moves its whole list with interrupts off and then calls the first function:
 * that is measured. kobjtree has them off while it takes one action from its list: the
 * whole of taking it and calling it is measured.
 */
static void bench_irqs_off(void)
{
	u64 start;

	first_called = 0;
	start = ktime_get_ns();
	put_device(dev);
	bench_result("interrupts off, 100000 actions", 0, "devres", 0,
		     first_called - start, 1);

	start = ktime_get_ns();
	kobjtree_release_action(holder, bench_count, NULL);
	bench_result("interrupts off, 100000 actions", 0, "kobjtree", 0,
		     ktime_get_ns() - start, 1);
	kobjtree_put(holder);
}

static void bench_dev_release(struct device *device)
{
	kfree(device);
}

static int bench_sizes_setup(void)
{
	struct bench_plain *p = kobjtree_alloc(struct bench_plain, tree, NULL,
					       GFP_KERNEL);
	struct bench_plain *q = kobjtree_alloc(struct bench_plain, tree, NULL,
					       GFP_KERNEL);
	struct device *parent = root_device_register("kobjtree_bench_sizes");

	dev = kzalloc_obj(*dev);
	if (!p || !q || !dev || IS_ERR(parent))
		return -ENOMEM;
	holder = &p->tree;
	held = &q->tree;
	device_initialize(dev);
	dev->release = bench_dev_release;
	drm = drm_dev_alloc(&bench_drm_driver, parent);
	root_device_unregister(parent);
	return PTR_ERR_OR_ZERO(drm);
}

int bench_sizes(void)
{
	int ret;

	if (!bench_wanted("bytes"))
		return 0;
	bench_sizeofs();
	ret = bench_sizes_setup();
	if (ret)
		return ret;
	ret = bench_slab_of("bytes of an allocated edge", "kobjtree", add_kobjtree) ?:
	      bench_slab_of("bytes of an action", "kobjtree", add_action) ?:
	      bench_slab_of("bytes of an action", "devres", add_devres) ?:
	      bench_slab_of("bytes of an action", "drmm", add_drmm);
	bench_irqs_off();
	drm_dev_put(drm);
	kobjtree_put(held);
	return ret;
}
