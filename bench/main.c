// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark: kobjtree and its peers, side by side in one boot.
 *
 * A row is one measure. In each of its rounds every peer has its turn, in an order
 * that turns around, so that what disturbs the machine disturbs all of them. Before and
 * after each turn an empty loop is timed: where it took longer than it can, somebody
 * else had a part of the CPU, and the turn is taken again. All other turns are kept:
 * debugfs kobjtree_bench/results has a line for each, with the row, the size of the
 * graph, the peer, the round, the nanoseconds and the operations. bench/report.py makes
 * a table of them.
 *
 * Loading the module runs the benchmark, on the first CPU; it does nothing else.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define BENCH_RESULTS	(16UL << 20)

/* How often a turn is taken again, all turns together, and what is slow, in percent. */
#define BENCH_AGAIN	100
#define BENCH_AGAIN_ALL	10000
#define BENCH_SLOW	115
#define BENCH_GAUGE	20000

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "rows whose names begin like this, not all");

static int rounds = 31;
module_param(rounds, int, 0444);
MODULE_PARM_DESC(rounds, "of each row");

static struct debugfs_blob_wrapper bench_results;
static struct dentry *bench_dir;

bool bench_wanted(const char *row)
{
	return !strncmp(row, only, strlen(only));
}

int bench_rounds(void)
{
	return max(rounds, 1);
}

void bench_result(const char *row, unsigned long size, const char *peer,
		  int round, u64 ns, unsigned long ops)
{
	char *buf = bench_results.data;

	bench_results.size += scnprintf(buf + bench_results.size,
					BENCH_RESULTS - bench_results.size,
					"%s\t%lu\t%s\t%d\t%llu\t%lu\n", row,
					size, peer, round, ns, ops);
}

int bench_turn(int round, int turn, int nr)
{
	return round & 1 ? nr - 1 - turn : turn;
}

/* === Turns that nobody disturbs === */

BENCH_LOOP(bench_empty, barrier())

static struct {
	u64 best;		/* of the loops below */
	size_t start;		/* of the turn, in the results */
	bool slow;
	int tries;
	unsigned long all, again, loud;
} turn_now = { .best = U64_MAX };

/* Twice: an interrupt is nobody else's. */
static bool bench_slow(void)
{
	u64 ns = min(bench_empty(BENCH_GAUGE), bench_empty(BENCH_GAUGE));

	turn_now.best = min(turn_now.best, ns);
	return ns * 100 > turn_now.best * BENCH_SLOW;
}

void bench_turn_begin(void)
{
	turn_now.start = bench_results.size;
	turn_now.slow = bench_slow();
}

bool bench_turn_again(void)
{
	if (bench_slow() || turn_now.slow) {
		if (turn_now.tries++ < BENCH_AGAIN && turn_now.again < BENCH_AGAIN_ALL) {
			turn_now.again++;
			bench_results.size = turn_now.start;
			msleep(20);
			return !fatal_signal_pending(current);
		}
		turn_now.loud++;
	}
	turn_now.tries = 0;
	turn_now.all++;
	return false;
}

static void bench_turns(void)
{
	bench_result("turns", 0, "all", 0, turn_now.all, 1);
	bench_result("turns", 0, "taken again", 0, turn_now.again, 1);
	bench_result("turns", 0, "disturbed", 0, turn_now.loud, 1);
}

/* === The other CPU === */

static struct bench_other {
	struct completion start;
	struct completion done;
	void (*fn)(void *data);
	void *data;
	struct task_struct *task;
} other;

static int bench_other_loop(void *unused)
{
	for (;;) {
		wait_for_completion(&other.start);
		if (!other.fn)
			return 0;
		other.fn(other.data);
		complete(&other.done);
	}
}

void bench_other_start(void (*fn)(void *data), void *data)
{
	other.fn = fn;
	other.data = data;
	complete(&other.start);
}

void bench_other_wait(void)
{
	wait_for_completion(&other.done);
}

static int bench_other_init(void)
{
	init_completion(&other.start);
	init_completion(&other.done);
	if (!cpu_online(1))
		return -ENODEV;
	other.task = kthread_create(bench_other_loop, NULL, "kobjtree_bench");
	if (IS_ERR(other.task))
		return PTR_ERR(other.task);
	get_task_struct(other.task);
	kthread_bind(other.task, 1);
	wake_up_process(other.task);
	return 0;
}

static void bench_other_exit(void)
{
	bench_other_start(NULL, NULL);
	kthread_stop(other.task);
	put_task_struct(other.task);
}

/* === Rows === */

static struct bench_pair {
	const struct bench_peer *peer;
	unsigned long ops;
	bool running;
	bool stop;
} pair;

static void bench_beside(void *unused)
{
	/* Pairs with bench_run(). */
	smp_store_release(&pair.running, true);
	/* Likewise. */
	while (!smp_load_acquire(&pair.stop))
		pair.peer->run(pair.ops / 16 + 1);
}

static u64 bench_run(const struct bench_row *row, const struct bench_peer *peer)
{
	u64 ns;

	if (!row->once)
		peer->run(row->ops / 4 + 1);
	if (row->cpus < 2)
		return peer->run(row->ops);

	pair = (struct bench_pair) { .peer = peer, .ops = row->ops };
	bench_other_start(bench_beside, NULL);
	/* Pairs with bench_beside(). */
	while (!smp_load_acquire(&pair.running))
		cpu_relax();
	ns = peer->run(row->ops);
	/* The other CPU is running still. */
	smp_store_release(&pair.stop, true);
	bench_other_wait();
	return ns;
}

static int bench_round(const struct bench_row *row, int round)
{
	const struct bench_peer *peer;
	int turn, ret;

	for (turn = 0; turn < row->nr; turn++) {
		peer = &row->peers[bench_turn(round, turn, row->nr)];
		do {
			bench_turn_begin();
			ret = peer->setup ? peer->setup() : 0;
			if (ret) {
				pr_err("%s: %s: %d\n", row->name, peer->name, ret);
				return ret;
			}
			bench_result(row->name, 0, peer->name, round,
				     bench_run(row, peer), row->ops);
			if (peer->cleanup)
				peer->cleanup();
			cond_resched();
		} while (bench_turn_again());
	}
	return 0;
}

int bench_rows(const struct bench_row *rows, int nr)
{
	int i, round, ret;

	for (i = 0; i < nr; i++) {
		if (!bench_wanted(rows[i].name))
			continue;
		pr_info("%s\n", rows[i].name);
		for (round = 0; round < bench_rounds(); round++) {
			ret = bench_round(&rows[i], round);
			if (ret)
				return ret;
			if (fatal_signal_pending(current))
				return -EINTR;
		}
	}
	return 0;
}

/* === The machine === */

BENCH_LOOP(bench_clock, ktime_get_ns())

static const struct bench_peer machine_peers[] = {
	{ .name = "empty loop", .run = bench_empty },
	{ .name = "clock", .run = bench_clock },
};

static const struct bench_row machine_rows[] = {
	BENCH_ROW("machine", machine_peers, 20000),
};

static int bench_all(void)
{
	int i, ret;

	/* A fifth of a second, to learn how fast it can be. */
	for (i = 0; i < 20000; i++)
		bench_slow();
	ret = bench_rows(machine_rows, ARRAY_SIZE(machine_rows)) ?:
	      bench_refs() ?: bench_edges() ?: bench_gates() ?:
	      bench_sizes() ?: bench_graphs();
	bench_turns();
	return ret;
}

static int __init bench_init(void)
{
	int ret;

	bench_results.data = vzalloc(BENCH_RESULTS);
	if (!bench_results.data)
		return -ENOMEM;
	ret = bench_other_init();
	if (ret)
		goto free;
	ret = set_cpus_allowed_ptr(current, cpumask_of(0));
	if (!ret)
		ret = bench_all();
	bench_other_exit();
	if (ret)
		goto free;
	bench_dir = debugfs_create_dir("kobjtree_bench", NULL);
	debugfs_create_blob("results", 0444, bench_dir, &bench_results);
	return 0;
free:
	vfree(bench_results.data);
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(bench_dir);
	vfree(bench_results.data);
	kobjtree_owner_barrier();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark of kobjtree beside its peers");
MODULE_LICENSE("GPL");
