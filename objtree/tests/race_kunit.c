// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races: two threads do one thing each to the same objects, on two CPUs, over
 * and over. Whoever comes first, the law of the test holds; how often each of
 * the possible outcomes came is printed, not judged.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kobjtree.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "helpers.h"

#define LEAST_ROUNDS	50
#define MOST_ROUNDS	5000
#define ENOUGH_TIME	(HZ / 2)	/* for more than the least */
#define LEAVES		(IS_ENABLED(CONFIG_KASAN) ? 300 : 3000)
#define LONGEST_WAIT	300	/* turns of a loop, before either acts */

/* What refused links may say, and the first one does. */
#define REFUSAL		"kobjtree: racer_type:"

/* === The arena: what both threads see in one round === */

struct arena;

struct racer {
	struct kobjtree tree;
	struct kobjtree_edge edge[2];
	struct arena *arena;
};

struct arena {
	struct racer *one, *two;
	struct kobjtree_weak weak;
	int left, right;		/* what the two calls returned */
	atomic_t released, freed, acted;
};

static void racer_release(struct kobjtree *obj)
{
	struct racer *racer = container_of(obj, struct racer, tree);

	atomic_inc(&racer->arena->released);
}

static void racer_free(struct kobjtree *obj)
{
	struct racer *racer = container_of(obj, struct racer, tree);

	atomic_inc(&racer->arena->freed);
	kfree(racer);
}

DEFINE_KOBJTREE_TYPE(racer_type, struct racer, tree,
		     .release = racer_release, .free = racer_free);

static struct racer *racer_new(struct kunit *test, struct arena *arena)
{
	struct racer *racer = kobjtree_alloc(struct racer, tree, &racer_type,
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, racer);
	racer->arena = arena;
	return racer;
}

static void racer_put(struct racer *racer)
{
	kobjtree_put(&racer->tree);
}

static int racer_link(struct racer *holder, int i, struct racer *held)
{
	return kobjtree_link(&holder->tree, &holder->edge[i], &held->tree);
}

static bool racer_unlink(struct racer *holder, int i)
{
	return kobjtree_unlink(&holder->tree, &holder->edge[i]);
}

static void act(void *data)
{
	struct arena *arena = data;

	atomic_inc(&arena->acted);
}

/* === The two threads === */

struct race {
	void (*setup)(struct kunit *test, struct arena *arena);
	void (*left)(struct arena *arena);
	void (*right)(struct arena *arena);
	void (*check)(struct kunit *test, struct arena *arena);
};

/* One at a time. */
static struct duel {
	const struct race *race;
	struct arena arena;
	atomic_t round, ready, done;
	int seen[2];
} duel;

/* Count an outcome, the second one if so. */
static void count(bool second)
{
	duel.seen[second]++;
}

static void wait_a_little(struct rnd_state *rnd)
{
	int n = prandom_u32_state(rnd) % LONGEST_WAIT;

	while (n--)
		cpu_relax();
}

static int run_right(void *unused)
{
	struct rnd_state rnd;
	int round;

	prandom_seed_state(&rnd, 2);
	while (!kthread_should_stop()) {
		round = atomic_read_acquire(&duel.round);
		if (round == atomic_read(&duel.done)) {
			cond_resched();
			continue;
		}
		atomic_set_release(&duel.ready, round);
		wait_a_little(&rnd);
		duel.race->right(&duel.arena);
		atomic_set_release(&duel.done, round);
	}
	return 0;
}

static void wait_for_right(const atomic_t *until, int round)
{
	while (atomic_read_acquire(until) != round)
		cond_resched();
}

/*
 * In every other round the left side waits until the right one runs, which on
 * a busy machine it may not.
 */
static void run_round(struct kunit *test, int round, struct rnd_state *rnd)
{
	memset(&duel.arena, 0, sizeof(duel.arena));
	duel.race->setup(test, &duel.arena);
	atomic_set_release(&duel.round, round);
	if (round % 2)
		wait_for_right(&duel.ready, round);
	wait_a_little(rnd);
	duel.race->left(&duel.arena);
	wait_for_right(&duel.done, round);
	duel.race->check(test, &duel.arena);
}

static struct task_struct *start_right(struct kunit *test)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, 0);
	struct task_struct *task;

	task = kthread_create(run_right, NULL, "kobjtree-race");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	if (cpu < nr_cpu_ids)
		kthread_bind(task, cpu);
	set_cpus_allowed_ptr(current, cpumask_of(0));
	wake_up_process(task);
	return task;
}

static void run_race(struct kunit *test, const struct race *race,
		     const char *first, const char *second)
{
	unsigned long end = jiffies + ENOUGH_TIME;
	struct task_struct *task;
	struct rnd_state rnd;
	int i;

	memset(&duel, 0, sizeof(duel));
	duel.race = race;
	prandom_seed_state(&rnd, 1);
	task = start_right(test);
	for (i = 1; i <= MOST_ROUNDS; i++) {
		if (i > LEAST_ROUNDS && time_after(jiffies, end))
			break;
		if (READ_ONCE(test->status) != KUNIT_SUCCESS)
			break;
		run_round(test, i, &rnd);
	}
	kthread_stop(task);
	kunit_info(test, "%s: %d, %s: %d", first, duel.seen[0], second,
		   duel.seen[1]);
}

/* @n objects were released, and their memory freed. */
static void expect_gone(struct kunit *test, struct arena *arena, int n)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->released), n);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->freed), n);
}

/* === Puts === */

static void two_references(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	kobjtree_get(&arena->one->tree);
}

static void put_left(struct arena *arena)
{
	racer_put(arena->one);
	arena->left = atomic_read(&arena->freed);
}

static void put_right(struct arena *arena)
{
	racer_put(arena->one);
	arena->right = atomic_read(&arena->freed);
}

/* Who was last has seen it gone when its put returned. */
static void check_one_released(struct kunit *test, struct arena *arena)
{
	expect_gone(test, arena, 1);
	KUNIT_EXPECT_TRUE(test, arena->left || arena->right);
	count(!arena->left);
}

static void race_put_put_releases_once(struct kunit *test)
{
	static const struct race race = {
		two_references, put_left, put_right, check_one_released
	};

	run_race(test, &race, "left was last or late", "right was last");
}

static void put_async_left(struct arena *arena)
{
	kobjtree_put_async(&arena->one->tree);
}

static void check_released_after_barrier(struct kunit *test,
					 struct arena *arena)
{
	kobjtree_owner_barrier();
	expect_gone(test, arena, 1);
	count(!arena->right);
}

static void race_put_async_put_releases_once(struct kunit *test)
{
	static const struct race race = {
		two_references, put_async_left, put_right,
		check_released_after_barrier
	};

	run_race(test, &race, "gone when put() returned", "gone later");
}

/* === Edges === */

/* one -> two, and a reference to each */
static void linked_pair(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	arena->two = racer_new(test, arena);
	KUNIT_ASSERT_EQ(test, racer_link(arena->one, 0, arena->two), 0);
}

static void put_held(struct arena *arena)
{
	racer_put(arena->two);
	arena->left = atomic_read(&arena->freed);
}

static void unlink_left(struct arena *arena)
{
	arena->left = racer_unlink(arena->one, 0);
}

static void unlink_right(struct arena *arena)
{
	arena->right = racer_unlink(arena->one, 0);
}

static void check_held_released(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->right, true);
	expect_gone(test, arena, 1);
	racer_put(arena->one);
	expect_gone(test, arena, 2);
	count(!arena->left);
}

static void race_put_unlink_releases_once(struct kunit *test)
{
	static const struct race race = {
		linked_pair, put_held, unlink_right, check_held_released
	};

	run_race(test, &race, "gone when put() returned", "gone later");
}

static void check_one_unlinked(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->left + arena->right, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&arena->two->tree.ref), 1);
	count(!arena->left);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_unlink_unlink_puts_once(struct kunit *test)
{
	static const struct race race = {
		linked_pair, unlink_left, unlink_right, check_one_unlinked
	};

	run_race(test, &race, "left", "right");
}

/* Who finds it unlinked may link it anew. */
static void relink_right(struct arena *arena)
{
	arena->right = racer_unlink(arena->one, 0);
	if (!arena->right)
		arena->right = racer_link(arena->one, 0, arena->two);
}

static void check_relinked(struct kunit *test, struct arena *arena)
{
	bool relinked = !arena->right;

	KUNIT_EXPECT_EQ(test, arena->left, relinked);
	KUNIT_EXPECT_EQ(test, kref_read(&arena->two->tree.ref), 1 + relinked);
	KUNIT_EXPECT_EQ(test, racer_unlink(arena->one, 0), relinked);
	count(!relinked);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_unlink_relink_keeps_the_count(struct kunit *test)
{
	static const struct race race = {
		linked_pair, unlink_left, relink_right, check_relinked
	};

	run_race(test, &race, "relinked", "unlinked");
}

static void drop_left(struct arena *arena)
{
	arena->left = kobjtree_drop(&arena->one->tree, &arena->two->tree);
}

static void race_drop_unlink_puts_once(struct kunit *test)
{
	static const struct race race = {
		linked_pair, drop_left, unlink_right, check_one_unlinked
	};

	run_race(test, &race, "drop", "unlink");
}

/* one's edge 0 to one's edge 1, which needs no second holder */
static void move_left(struct arena *arena)
{
	arena->left = kobjtree_move(&arena->one->tree, &arena->one->edge[0],
				    &arena->one->tree, &arena->one->edge[1]);
}

/* Each edge that is linked is one reference, whoever was first. */
static void check_moved(struct kunit *test, struct arena *arena)
{
	bool moved = !arena->left;

	KUNIT_EXPECT_TRUE(test, moved || arena->left == -ENOENT);
	KUNIT_EXPECT_TRUE(test, moved || arena->right);
	KUNIT_EXPECT_EQ(test, kref_read(&arena->two->tree.ref), 1 + moved);
	KUNIT_EXPECT_FALSE(test, racer_unlink(arena->one, 0));
	KUNIT_EXPECT_EQ(test, racer_unlink(arena->one, 1), moved);
	count(!moved);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_move_unlink_keeps_the_count(struct kunit *test)
{
	static const struct race race = {
		linked_pair, move_left, unlink_right, check_moved
	};

	run_race(test, &race, "moved", "unlinked first");
}

/* === Cycles === */

static void unlinked_pair(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	arena->two = racer_new(test, arena);
}

static void link_left(struct arena *arena)
{
	arena->left = racer_link(arena->one, 0, arena->two);
}

static void link_back(struct arena *arena)
{
	arena->right = racer_link(arena->two, 0, arena->one);
}

static void check_one_linked(struct kunit *test, struct arena *arena)
{
	bool left = !arena->left;

	KUNIT_EXPECT_EQ(test, arena->left, left ? 0 : -ELOOP);
	KUNIT_EXPECT_EQ(test, arena->right, left ? -ELOOP : 0);
	count(!left);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_link_link_never_closes_a_cycle(struct kunit *test)
{
	static const struct race race = {
		unlinked_pair, link_left, link_back, check_one_linked
	};

	MAY_WARN(test, REFUSAL);
	run_race(test, &race, "left", "right");
}

/* What both hold, so that each walk takes long enough to meet the other. */
static struct racer *bush;

static void unlinked_pair_and_bush(struct kunit *test, struct arena *arena)
{
	unlinked_pair(test, arena);
	KUNIT_ASSERT_EQ(test, racer_link(arena->one, 1, bush), 0);
	KUNIT_ASSERT_EQ(test, racer_link(arena->two, 1, bush), 0);
}

static void bush_new(struct kunit *test, struct arena *arena)
{
	struct kobjtree *leaf;
	int i;

	bush = racer_new(test, arena);
	for (i = 0; i < LEAVES; i++) {
		leaf = &racer_new(test, arena)->tree;
		KUNIT_ASSERT_EQ(test, kobjtree_link_give(&bush->tree, NULL,
							 leaf), 0);
	}
}

static void race_walk_walk_never_closes_a_cycle(struct kunit *test)
{
	static const struct race race = {
		unlinked_pair_and_bush, link_left, link_back, check_one_linked
	};
	struct arena *arena = kunit_kzalloc(test, sizeof(*arena), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, arena);
	MAY_WARN(test, REFUSAL);
	bush_new(test, arena);
	run_race(test, &race, "left", "right");
	racer_put(bush);
	expect_gone(test, arena, 1 + LEAVES);
}

/* one -> two: cut while somebody asks for the way back */
static void check_turned(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->left, true);
	KUNIT_EXPECT_TRUE(test, !arena->right || arena->right == -ELOOP);
	count(!!arena->right);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_unlink_link_back_never_closes_a_cycle(struct kunit *test)
{
	static const struct race race = {
		linked_pair, unlink_left, link_back, check_turned
	};

	MAY_WARN(test, REFUSAL);
	run_race(test, &race, "linked", "refused");
}

/* A fresh holder: what it holds is on the path from when it can be found. */
static void publish(struct arena *arena)
{
	kobjtree_hold(&arena->one->tree, &arena->two->tree);
	kobjtree_weak_set(&arena->weak, &arena->one->tree);
}

static void link_published(struct arena *arena)
{
	struct kobjtree *obj;

	while (!(obj = kobjtree_weak_get(&arena->weak)))
		cond_resched();
	arena->right = kobjtree_link(&arena->two->tree, NULL, obj);
	kobjtree_put(obj);
}

static void check_refused(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->right, -ELOOP);
	count(false);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_hold_publish_is_seen_by_every_walk(struct kunit *test)
{
	static const struct race race = {
		unlinked_pair, publish, link_published, check_refused
	};

	MAY_WARN(test, REFUSAL);
	run_race(test, &race, "refused", "linked");
}

/* === Weak references === */

static void weak_to_one(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	kobjtree_weak_set(&arena->weak, &arena->one->tree);
}

static void weak_get_left(struct arena *arena)
{
	struct kobjtree *obj = kobjtree_weak_get(&arena->weak);

	arena->left = obj ? atomic_read(&arena->released) : -1;
	if (obj)
		kobjtree_put(obj);
}

/* What was got was not released yet. */
static void check_got_alive(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_LE(test, arena->left, 0);
	expect_gone(test, arena, 1);
	KUNIT_EXPECT_NULL(test, kobjtree_weak_get(&arena->weak));
	count(arena->left < 0);
}

static void race_weak_get_last_put_gets_the_living(struct kunit *test)
{
	static const struct race race = {
		weak_to_one, weak_get_left, put_right, check_got_alive
	};

	run_race(test, &race, "got", "nothing");
}

/* one is alive or not, two is alive: never anything else, nor nothing */
static void weak_to_two(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	arena->two = racer_new(test, arena);
	kobjtree_weak_set(&arena->weak, &arena->one->tree);
}

static void weak_set_left(struct arena *arena)
{
	kobjtree_weak_set(&arena->weak, &arena->two->tree);
}

static void weak_get_right(struct arena *arena)
{
	struct kobjtree *obj = kobjtree_weak_get(&arena->weak);

	if (obj == &arena->one->tree)
		arena->right = 1;
	else if (obj == &arena->two->tree)
		arena->right = 2;
	else if (obj)
		arena->right = 3;
	if (obj)
		kobjtree_put(obj);
}

static void check_got_either(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_LT(test, arena->right, 3);
	count(arena->right == 2);
	kobjtree_weak_clear(&arena->weak);
	racer_put(arena->one);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_weak_set_weak_get_gets_either(struct kunit *test)
{
	static const struct race race = {
		weak_to_two, weak_set_left, weak_get_right, check_got_either
	};

	run_race(test, &race, "the old one or nothing", "the new one");
}

/* Attach to a holder that may be dying: refused or dropped, never leaked. */
static void weak_link_left(struct arena *arena)
{
	struct kobjtree *obj = kobjtree_weak_get(&arena->weak);

	arena->left = -1;
	if (!obj)
		return;
	arena->left = kobjtree_link(obj, &arena->one->edge[0],
				    &arena->two->tree);
	kobjtree_put(obj);
}

static void check_nothing_leaked(struct kunit *test, struct arena *arena)
{
	expect_gone(test, arena, 1);
	KUNIT_EXPECT_LE(test, arena->left, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&arena->two->tree.ref), 1);
	count(arena->left < 0);
	racer_put(arena->two);
	expect_gone(test, arena, 2);
}

static void race_link_last_put_leaks_nothing(struct kunit *test)
{
	static const struct race race = {
		weak_to_two, weak_link_left, put_right, check_nothing_leaked
	};

	run_race(test, &race, "linked", "too late");
}

/* === Members === */

/* two is a member of one, in managed memory of one */
static void member_pair(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	arena->two = kobjtree_kzalloc(&arena->one->tree, sizeof(*arena->two),
				      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, arena->two);
	arena->two->arena = arena;
	kobjtree_init_member(&arena->two->tree, &racer_type, &arena->one->tree);
}

static void put_member(struct arena *arena)
{
	racer_put(arena->two);
	arena->left = atomic_read(&arena->freed);
}

static void check_member_gone(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->released), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->freed), 1);
	count(!arena->left);
}

static void race_member_container_frees_once(struct kunit *test)
{
	static const struct race race = {
		member_pair, put_member, put_right, check_member_gone
	};

	run_race(test, &race, "member last or late", "container last");
}

/* === The barrier and actions === */

static void only_one(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
}

static void barrier_right(struct arena *arena)
{
	kobjtree_owner_barrier();
	arena->right = atomic_read(&arena->freed);
}

static void check_barrier_waited(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->right, 1);
	expect_gone(test, arena, 1);
	count(false);
}

static void race_barrier_put_async_waits_for_it(struct kunit *test)
{
	static const struct race race = {
		only_one, put_async_left, barrier_right, check_barrier_waited
	};

	run_race(test, &race, "waited", "not");
}

static void add_action_left(struct arena *arena)
{
	arena->left = kobjtree_add_action(&arena->one->tree, act, arena);
}

static void remove_action_right(struct arena *arena)
{
	arena->right = kobjtree_remove_action(&arena->one->tree, act, arena);
}

static void release_action_right(struct arena *arena)
{
	arena->right = kobjtree_release_action(&arena->one->tree, act, arena);
}

static void check_removed_or_called(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->left, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->acted), 0);
	racer_put(arena->one);
	expect_gone(test, arena, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->acted), !arena->right);
	count(!arena->right);
}

static void race_add_remove_action_calls_it_or_not(struct kunit *test)
{
	static const struct race race = {
		only_one, add_action_left, remove_action_right,
		check_removed_or_called
	};

	run_race(test, &race, "removed", "called later");
}

static void check_called_once(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->left, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->acted), arena->right);
	racer_put(arena->one);
	expect_gone(test, arena, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->acted), 1);
	count(!arena->right);
}

static void race_add_release_action_calls_it_once(struct kunit *test)
{
	static const struct race race = {
		only_one, add_action_left, release_action_right,
		check_called_once
	};

	run_race(test, &race, "called early", "called later");
}

static void one_with_action(struct kunit *test, struct arena *arena)
{
	arena->one = racer_new(test, arena);
	KUNIT_ASSERT_EQ(test, kobjtree_add_action(&arena->one->tree, act,
						  arena), 0);
}

static void remove_action_left(struct arena *arena)
{
	arena->left = kobjtree_remove_action(&arena->one->tree, act, arena);
}

static void check_taken_once(struct kunit *test, struct arena *arena)
{
	KUNIT_EXPECT_EQ(test, arena->left + arena->right, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->acted), arena->right);
	racer_put(arena->one);
	expect_gone(test, arena, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->acted), arena->right);
	count(!arena->left);
}

static void race_remove_release_action_takes_it_once(struct kunit *test)
{
	static const struct race race = {
		one_with_action, remove_action_left, release_action_right,
		check_taken_once
	};

	run_race(test, &race, "removed", "called");
}

/* === More tasks in a teardown than the table of cascades has places === */

#define GUESTS	65

static struct party {
	atomic_t here;
	struct completion all;
	bool inner_gone[GUESTS];
	bool nested[GUESTS], left_late[GUESTS];
} party;

/* Each has one of these, which has the last reference to another one. */
struct guest {
	struct kobjtree tree;
	struct guest *inner;
	int nr;
};

static void guest_release(struct kobjtree *obj)
{
	struct guest *guest = container_of(obj, struct guest, tree);

	if (!guest->inner) {
		party.inner_gone[guest->nr] = true;
		return;
	}
	if (atomic_inc_return(&party.here) == GUESTS)
		complete_all(&party.all);
	wait_for_completion(&party.all);
	kobjtree_put(&guest->inner->tree);
	party.nested[guest->nr] = party.inner_gone[guest->nr];
}

DEFINE_KOBJTREE_TYPE(guest_type, struct guest, tree, .release = guest_release);

static int run_guest(void *data)
{
	struct guest *guest = data;
	int nr = guest->nr;

	kobjtree_put(&guest->tree);
	party.left_late[nr] = !party.inner_gone[nr];
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static struct guest *guest_new(struct kunit *test, int nr, struct guest *inner)
{
	struct guest *guest = kobjtree_alloc(struct guest, tree, &guest_type,
					     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, guest);
	guest->nr = nr;
	guest->inner = inner;
	return guest;
}

static void tasks_that_meet_have_a_cascade_each(struct kunit *test)
{
	struct task_struct **task = kunit_kcalloc(test, GUESTS, sizeof(*task),
						  GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, task);
	memset(&party, 0, sizeof(party));
	init_completion(&party.all);
	for (i = 0; i < GUESTS; i++) {
		task[i] = kthread_create(run_guest,
					 guest_new(test, i, guest_new(test, i, NULL)),
					 "kobjtree-guest");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task[i]));
	}
	for (i = 0; i < GUESTS; i++)
		wake_up_process(task[i]);
	wait_for_completion(&party.all);
	for (i = 0; i < GUESTS; i++) {
		kthread_stop(task[i]);
		KUNIT_EXPECT_FALSE(test, party.nested[i]);
		KUNIT_EXPECT_FALSE(test, party.left_late[i]);
	}
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_put_put_releases_once),
	KUNIT_CASE(race_put_async_put_releases_once),
	KUNIT_CASE(race_put_unlink_releases_once),
	KUNIT_CASE(race_unlink_unlink_puts_once),
	KUNIT_CASE(race_unlink_relink_keeps_the_count),
	KUNIT_CASE(race_drop_unlink_puts_once),
	KUNIT_CASE(race_move_unlink_keeps_the_count),
	KUNIT_CASE(race_link_link_never_closes_a_cycle),
	KUNIT_CASE(race_walk_walk_never_closes_a_cycle),
	KUNIT_CASE(race_unlink_link_back_never_closes_a_cycle),
	KUNIT_CASE(race_hold_publish_is_seen_by_every_walk),
	KUNIT_CASE(race_weak_get_last_put_gets_the_living),
	KUNIT_CASE(race_weak_set_weak_get_gets_either),
	KUNIT_CASE(race_link_last_put_leaks_nothing),
	KUNIT_CASE(race_member_container_frees_once),
	KUNIT_CASE(race_barrier_put_async_waits_for_it),
	KUNIT_CASE(race_add_remove_action_calls_it_or_not),
	KUNIT_CASE(race_add_release_action_calls_it_once),
	KUNIT_CASE(race_remove_release_action_takes_it_once),
	KUNIT_CASE(tasks_that_meet_have_a_cascade_each),
	{}
};

static struct kunit_suite race_suite = {
	.name = "kobjtree_race",
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);

MODULE_DESCRIPTION("KUnit tests of kobjtree on two CPUs");
MODULE_LICENSE("GPL");
