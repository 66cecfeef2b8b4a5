// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gates: entering and leaving a section, and how long a removal waits.
 *
 * Under UML an operation on per-CPU data is a call of several nanoseconds, and so
 * SRCU, percpu_ref and the per-CPU gate are slower here than on hardware:
 * bench/native.c has the same sequences in user space.
 */
#include <linux/kobjtree_gate.h>
#include <linux/device.h>
#include <linux/percpu-refcount.h>
#include <linux/rwsem.h>
#include <linux/srcu.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>

#include "bench.h"

struct bench_gated {
	struct kobjtree tree;
	struct kobjtree_gate gate;
};

static struct bench_gated *tree_atomic, *tree_percpu;
static struct percpu_ref percpu_gate;
static struct device *drm_parent;
static struct drm_device *drm;
static bool gone;

DEFINE_STATIC_SRCU(srcu_gate);
DEFINE_STATIC_SRCU_FAST(srcu_fast_gate);
static DECLARE_RWSEM(rwsem_gate);

static const struct drm_driver bench_drm_driver = { .name = "kobjtree_bench" };

static struct bench_gated *bench_gated_new(bool percpu)
{
	struct bench_gated *g = kobjtree_alloc(struct bench_gated, tree, NULL,
					       GFP_KERNEL);
	int ret = 0;

	if (!g)
		return NULL;
	kobjtree_gate_init(&g->gate, &g->tree);
	if (percpu)
		ret = kobjtree_gate_set_percpu(&g->gate);
	if (!ret && !kobjtree_gate_live(&g->gate))
		return g;
	kobjtree_put(&g->tree);
	return NULL;
}

/* === Enter and exit === */

static void bench_missed(void)
{
	pr_err_once("a gate is closed\n");
}

BENCH_LOOP(pair_atomic, {
	if (kobjtree_enter(&tree_atomic->gate))
		bench_missed();
	else
		kobjtree_exit(&tree_atomic->gate);
})

BENCH_LOOP(pair_percpu, {
	if (kobjtree_enter(&tree_percpu->gate))
		bench_missed();
	else
		kobjtree_exit(&tree_percpu->gate);
})

BENCH_LOOP(pair_percpu_ref, {
	if (!percpu_ref_tryget_live(&percpu_gate))
		bench_missed();
	else
		percpu_ref_put(&percpu_gate);
})

BENCH_LOOP(pair_drm, {
	int idx;

	if (!drm_dev_enter(drm, &idx))
		bench_missed();
	else
		drm_dev_exit(idx);
})

BENCH_LOOP(pair_srcu, {
	int idx = srcu_read_lock(&srcu_gate);

	if (READ_ONCE(gone))
		bench_missed();
	srcu_read_unlock(&srcu_gate, idx);
})

BENCH_LOOP(pair_srcu_fast, {
	struct srcu_ctr __percpu *ctr = srcu_read_lock_fast(&srcu_fast_gate);

	if (READ_ONCE(gone))
		bench_missed();
	srcu_read_unlock_fast(&srcu_fast_gate, ctr);
})

BENCH_LOOP(pair_rwsem, {
	down_read(&rwsem_gate);
	if (READ_ONCE(gone))
		bench_missed();
	up_read(&rwsem_gate);
})

BENCH_LOOP(pair_rcu, {
	rcu_read_lock();
	if (READ_ONCE(gone))
		bench_missed();
	rcu_read_unlock();
})

static const struct bench_peer pair_peers[] = {
	{ .name = "kobjtree", .run = pair_atomic },
	{ .name = "kobjtree per-CPU", .run = pair_percpu },
	{ .name = "drm_dev_enter", .run = pair_drm },
	{ .name = "SRCU", .run = pair_srcu },
	{ .name = "SRCU fast", .run = pair_srcu_fast },
	{ .name = "percpu_ref", .run = pair_percpu_ref },
	{ .name = "rwsem and flag", .run = pair_rwsem },
	{ .name = "RCU and flag, no sleep", .run = pair_rcu },
};

static const struct bench_row pair_rows[] = {
	BENCH_ROW("gate enter+exit", pair_peers, 5000),
	BENCH_ROW("gate enter+exit, 2 CPUs on one gate", pair_peers, 5000,
		  .cpus = 2),
};

/* === From the mark to the end of the last section === */

/* One way to close a gate that sections are in. */
struct bench_drain {
	const char *name;
	int (*open)(void);
	int (*enter)(void);
	void (*exit)(void);
	void (*close)(void);
	void (*end)(void);
};

static struct bench_gated *drained;
static int drained_idx;
static struct srcu_ctr __percpu *drained_ctr;
static DECLARE_COMPLETION(drained_ref);

static int open_atomic(void)
{
	drained = bench_gated_new(false);
	return drained ? 0 : -ENOMEM;
}

static int open_percpu(void)
{
	drained = bench_gated_new(true);
	return drained ? 0 : -ENOMEM;
}

static int enter_kobjtree(void)
{
	return kobjtree_enter_non_owner(&drained->gate);
}

static void exit_kobjtree(void)
{
	kobjtree_exit_non_owner(&drained->gate);
}

static void close_kobjtree(void)
{
	kobjtree_mark(&drained->gate);
	kobjtree_drain(&drained->gate);
}

static void end_kobjtree(void)
{
	kobjtree_put(&drained->tree);
}

static void confirm_percpu_ref(struct percpu_ref *ref)
{
	complete(&drained_ref);
}

static struct percpu_ref drained_percpu_ref;

static int open_percpu_ref(void)
{
	reinit_completion(&drained_ref);
	return percpu_ref_init(&drained_percpu_ref, confirm_percpu_ref, 0,
			       GFP_KERNEL);
}

static int enter_percpu_ref(void)
{
	return percpu_ref_tryget_live(&drained_percpu_ref) ? 0 : -ENODEV;
}

static void exit_percpu_ref(void)
{
	percpu_ref_put(&drained_percpu_ref);
}

static void close_percpu_ref(void)
{
	percpu_ref_kill(&drained_percpu_ref);
	wait_for_completion(&drained_ref);
}

static void end_percpu_ref(void)
{
	percpu_ref_exit(&drained_percpu_ref);
}

static int open_flag(void)
{
	WRITE_ONCE(gone, false);
	return 0;
}

static void end_flag(void)
{
	WRITE_ONCE(gone, false);
}

/* Of all sections the index is the same: no grace period begins between them. */
static int enter_srcu(void)
{
	drained_idx = srcu_down_read(&srcu_gate);
	return 0;
}

static void exit_srcu(void)
{
	srcu_up_read(&srcu_gate, drained_idx);
}

static void close_srcu(void)
{
	WRITE_ONCE(gone, true);
	synchronize_srcu(&srcu_gate);
}

static int enter_srcu_fast(void)
{
	drained_ctr = srcu_read_lock_fast(&srcu_fast_gate);
	return 0;
}

static void exit_srcu_fast(void)
{
	srcu_read_unlock_fast(&srcu_fast_gate, drained_ctr);
}

static void close_srcu_fast(void)
{
	WRITE_ONCE(gone, true);
	synchronize_srcu(&srcu_fast_gate);
}

static int enter_rwsem(void)
{
	down_read_non_owner(&rwsem_gate);
	return 0;
}

static void exit_rwsem(void)
{
	up_read_non_owner(&rwsem_gate);
}

static void close_rwsem(void)
{
	down_write(&rwsem_gate);
	WRITE_ONCE(gone, true);
	up_write(&rwsem_gate);
}

static const struct bench_drain drains[] = {
	{ "kobjtree", open_atomic, enter_kobjtree, exit_kobjtree, close_kobjtree,
	  end_kobjtree },
	{ "kobjtree per-CPU", open_percpu, enter_kobjtree, exit_kobjtree,
	  close_kobjtree, end_kobjtree },
	{ "SRCU", open_flag, enter_srcu, exit_srcu, close_srcu, end_flag },
	{ "SRCU fast", open_flag, enter_srcu_fast, exit_srcu_fast,
	  close_srcu_fast, end_flag },
	{ "percpu_ref", open_percpu_ref, enter_percpu_ref, exit_percpu_ref,
	  close_percpu_ref, end_percpu_ref },
	{ "rwsem and flag", open_flag, enter_rwsem, exit_rwsem, close_rwsem,
	  end_flag },
};

static struct bench_leave {
	const struct bench_drain *drain;
	int sections;
	bool ready;
	bool go;
} leave;

/* The sections end on the other CPU, as soon as the removal begins. */
static void bench_leave_all(void *unused)
{
	int i;

	/* Pairs with bench_drain_once(). */
	smp_store_release(&leave.ready, true);
	/* Likewise. */
	while (!smp_load_acquire(&leave.go))
		cpu_relax();
	for (i = 0; i < leave.sections; i++)
		leave.drain->exit();
}

static int bench_drain_once(const struct bench_drain *d, const char *row,
			    int sections, int round)
{
	int i, ret = d->open();
	u64 start, ns;

	if (ret)
		return ret;
	for (i = 0; i < sections; i++) {
		if (d->enter())
			bench_missed();
	}
	leave = (struct bench_leave) { .drain = d, .sections = sections };
	bench_other_start(bench_leave_all, NULL);
	/* Pairs with bench_leave_all(). */
	while (!smp_load_acquire(&leave.ready))
		cpu_relax();
	start = ktime_get_ns();
	/* The other CPU begins to leave. */
	smp_store_release(&leave.go, true);
	d->close();
	ns = ktime_get_ns() - start;
	bench_other_wait();
	bench_result(row, sections, d->name, round, ns, 1);
	d->end();
	return 0;
}

static int bench_drain_row(const char *row, int sections)
{
	const struct bench_drain *d;
	int round, turn, ret;

	if (!bench_wanted(row))
		return 0;
	pr_info("%s, %d sections\n", row, sections);
	for (round = 0; round < bench_rounds(); round++) {
		for (turn = 0; turn < ARRAY_SIZE(drains); turn++) {
			d = &drains[bench_turn(round, turn, ARRAY_SIZE(drains))];
			do {
				bench_turn_begin();
				ret = bench_drain_once(d, row, sections, round);
				if (ret)
					return ret;
			} while (bench_turn_again());
		}
	}
	return 0;
}

static int bench_gates_setup(void)
{
	int ret;

	tree_atomic = bench_gated_new(false);
	tree_percpu = bench_gated_new(true);
	if (!tree_atomic || !tree_percpu)
		return -ENOMEM;
	ret = percpu_ref_init(&percpu_gate, confirm_percpu_ref, 0, GFP_KERNEL);
	if (ret)
		return ret;
	drm_parent = root_device_register("kobjtree_bench_drm");
	if (IS_ERR(drm_parent))
		return PTR_ERR(drm_parent);
	drm = drm_dev_alloc(&bench_drm_driver, drm_parent);
	return PTR_ERR_OR_ZERO(drm);
}

int bench_gates(void)
{
	int ret = bench_gates_setup();

	if (ret)
		return ret;
	ret = bench_rows(pair_rows, ARRAY_SIZE(pair_rows)) ?:
	      bench_drain_row("gate mark to drained", 0) ?:
	      bench_drain_row("gate mark to drained", 1) ?:
	      bench_drain_row("gate mark to drained", 1000);
	drm_dev_put(drm);
	root_device_unregister(drm_parent);
	percpu_ref_exit(&percpu_gate);
	kobjtree_put(&tree_percpu->tree);
	kobjtree_put(&tree_atomic->tree);
	return ret;
}
