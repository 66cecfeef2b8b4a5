// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that do to one graph, and to one gate, what they may: for a sanitizer to
 * look at. With SHIM_FIBERS they are tasks that take turns, see fibers.c. Each round
 * of a storm begins and ends with all of them at once. What a reference or a section
 * protects is plain memory, so that an order that is missing is a data race; and
 * everything must be gone after each round.
 */
#include <linux/kobjtree.h>
#include <linux/kobjtree_cyclic.h>
#include <linux/kobjtree_gate.h>

#include <pthread.h>

#include "internal.h"

#define THREADS		3
#define NODES		4
#define STEPS		24

struct node {
	struct kobjtree tree;
	struct kobjtree_edge edge[THREADS];
	struct kobjtree_action action[THREADS];
	unsigned int used[THREADS];
	struct node *back;
};

/* === Counting what comes and goes === */

static long nr_nodes, nr_actions;

static void node_release(struct kobjtree *obj)
{
	struct node *n = container_of(obj, struct node, tree);
	int i;

	if (!kobjtree_in_cascade())
		abort();
	for (i = 0; i < THREADS; i++)
		n->used[i]++;
	if (n->back)
		kobjtree_put_async(&n->back->tree);
}

static void node_free(struct kobjtree *obj)
{
	__atomic_fetch_sub(&nr_nodes, 1, __ATOMIC_RELAXED);
	kfree(container_of(obj, struct node, tree));
}

DEFINE_KOBJTREE_TYPE(node_type, struct node, tree, .release = node_release,
		     .free = node_free);

static struct node *node(void)
{
	__atomic_fetch_add(&nr_nodes, 1, __ATOMIC_RELAXED);
	return kobjtree_alloc(struct node, tree, &node_type, GFP_KERNEL);
}

static void action(void *data)
{
	__atomic_fetch_add(&nr_actions, 1, __ATOMIC_RELAXED);
}

#ifdef SHIM_FIBERS
#define below(n)	shim_roll(n)
#else
static __thread unsigned int seed;

static unsigned int below(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}
#endif

/* What a reference allows, in one's own part of the object. */
static void use(struct kobjtree *obj, int me)
{
	container_of(obj, struct node, tree)->used[me]++;
}

/* === Last put against weak get, and what is freed once that finds nothing === */

static struct kobjtree_weak *weak[THREADS];
static struct node *nodes[NODES];
static int deferred;

static void weak_setup(int round)
{
	int i;

	deferred = round & 1;
	nodes[0] = node();
	for (i = 0; i < THREADS; i++) {
		weak[i] = kzalloc_obj(*weak[i]);
		kobjtree_weak_set(weak[i], &nodes[0]->tree);
	}
}

static void put(struct kobjtree *obj, bool async)
{
	if (async)
		kobjtree_put_async(obj);
	else
		kobjtree_put(obj);
}

static void weak_run(int me)
{
	struct kobjtree *obj;

	if (!me) {
		use(&nodes[0]->tree, me);
		put(&nodes[0]->tree, deferred);
	}
	while ((obj = kobjtree_weak_get(weak[me]))) {
		use(obj, me);
		put(obj, below(2));
	}
	while (READ_ONCE(weak[me]->hidden))
		if (!shim_run())
			sched_yield();
	kobjtree_weak_clear(weak[me]);
	memset(weak[me], 0xff, sizeof(*weak[me]));
	kfree(weak[me]);
}

/* === One weak reference that is set anew beside those who get it === */

static struct kobjtree_weak moving;

static void moving_setup(int round)
{
	nodes[0] = node();
	nodes[1] = node();
}

static void moving_run(int me)
{
	struct kobjtree *obj;
	int i;

	for (i = 0; i < STEPS; i++) {
		if (!me)
			kobjtree_weak_set(&moving, &nodes[i & 1]->tree);
		obj = kobjtree_weak_get(&moving);
		if (!obj)
			continue;
		use(obj, me);
		kobjtree_put(obj);
	}
	if (me)
		return;
	put(&nodes[0]->tree, true);
	kobjtree_weak_clear(&moving);
	put(&nodes[1]->tree, false);
}

/* === Everything to one graph === */

static void graph_setup(int round)
{
	int i, j;

	for (i = 0; i < NODES; i++) {
		nodes[i] = node();
		for (j = 1; j < THREADS; j++)
			kobjtree_get(&nodes[i]->tree);
	}
}

static void graph_link(int me, struct node *a, struct node *b)
{
	bool alloc = below(2), give = below(2);
	struct kobjtree_edge *edge = alloc ? NULL : &a->edge[below(THREADS)];
	int ret;

	if (give)
		kobjtree_get(&b->tree);
	if (give && kobjtree_link_give(&a->tree, edge, &b->tree))
		kobjtree_put(&b->tree);
	if (give)
		return;
	ret = kobjtree_link(&a->tree, edge, &b->tree);
	if (ret && ret != -ELOOP && ret != -EBUSY)
		abort();
}

static void graph_step(int me)
{
	struct node *a = nodes[below(NODES)], *b = nodes[below(NODES)];
	void *p;

	switch (below(8)) {
	case 0:
	case 1:
		graph_link(me, a, b);
		break;
	case 2:
		kobjtree_unlink(&a->tree, &a->edge[below(THREADS)]);
		break;
	case 3:
		kobjtree_drop(&a->tree, &b->tree);
		break;
	case 4:
		if (kobjtree_move(&a->tree, &a->edge[below(THREADS)], &b->tree, NULL))
			use(&b->tree, me);
		break;
	case 5:
		if (kobjtree_add_action(&a->tree, action, b))
			abort();
		if (!kobjtree_remove_action(&a->tree, action, b))
			kobjtree_release_action(&a->tree, action, b);
		break;
	case 6:
		p = kobjtree_kzalloc(&a->tree, 8, GFP_KERNEL);
		if (below(2))
			kobjtree_kfree(&a->tree, p);
		break;
	case 7:
		kobjtree_get(&a->tree);
		use(&a->tree, me);
		kobjtree_put_async(&a->tree);
		break;
	}
	shim_run();
}

static void graph_run(int me)
{
	int i;

	for (i = 0; i < STEPS; i++)
		graph_step(me);
	for (i = 0; i < NODES; i++) {
		use(&nodes[i]->tree, me);
		put(&nodes[i]->tree, below(2));
	}
}

/* === Links that would close a circle, each by another thread === */

static struct node *leaf[THREADS];
static int ring_ret[THREADS];

static void ring_setup(int round)
{
	int i;

	for (i = 0; i < THREADS; i++)
		nodes[i] = node();
	deferred = round;
	for (i = 0; i < THREADS; i++)
		leaf[i] = node();
	if (round & 1)
		kobjtree_hold_edge(&nodes[0]->tree, &nodes[0]->edge[1],
				   &nodes[2]->tree);
}

static void ring_run(int me)
{
	struct node *a = nodes[me], *b = nodes[(me + 1) % THREADS];

	/* too late, once it is held: then the reference is left to us */
	if (deferred & 2) {
		kobjtree_hold_give(&a->tree, &leaf[me]->tree);
		if (!READ_ONCE(a->tree.slot))
			kobjtree_put(&leaf[me]->tree);
	} else {
		kobjtree_put(&leaf[me]->tree);
	}
	ring_ret[me] = kobjtree_link(&a->tree, &a->edge[0], &b->tree);
}

static void ring_check(void)
{
	int i, n = 0;

	for (i = 0; i < THREADS; i++)
		n += !ring_ret[i];
	if (n == THREADS || !n)
		abort();
	for (i = 0; i < THREADS; i++)
		kobjtree_put(&nodes[i]->tree);
}

/* === Two unlinkers of one edge, and a link into the place === */

static void unlink_setup(int round)
{
	nodes[0] = node();
	nodes[1] = node();
	kobjtree_get(&nodes[1]->tree);
	kobjtree_hold_edge_give(&nodes[0]->tree, &nodes[0]->edge[0],
				&nodes[1]->tree);
}

static void unlink_run(int me)
{
	if (kobjtree_unlink(&nodes[0]->tree, &nodes[0]->edge[0]))
		ring_ret[me] = kobjtree_link(&nodes[0]->tree, &nodes[0]->edge[0],
					     &nodes[1]->tree);
	kobjtree_drop(&nodes[0]->tree, &nodes[1]->tree);
}

static void unlink_check(void)
{
	kobjtree_put(&nodes[0]->tree);
	if (kref_read(&nodes[1]->tree.ref) != 1)
		abort();
	kobjtree_put(&nodes[1]->tree);
}

/* === A container and its members === */

static struct room {
	struct kobjtree tree;
	struct node node[THREADS];
} *room;

static void room_release(struct kobjtree *obj)
{
	struct room *r = container_of(obj, struct room, tree);
	int i;

	for (i = 0; i < THREADS; i++)
		r->node[i].used[i]++;
}

DEFINE_KOBJTREE_TYPE(room_type, struct room, tree, .release = room_release);

static void member_release(struct kobjtree *obj)
{
	struct node *n = container_of(obj, struct node, tree);

	n->used[n - room->node]++;
}

DEFINE_KOBJTREE_TYPE(member_type, struct node, tree, .release = member_release);

static void room_setup(int round)
{
	int i;

	room = kobjtree_alloc(struct room, tree, round & 1 ? &room_type : NULL,
			      GFP_KERNEL);
	for (i = 0; i < THREADS; i++)
		kobjtree_init_member(&room->node[i].tree, &member_type, &room->tree);
	kobjtree_put(&room->tree);
}

static void room_run(int me)
{
	use(&room->node[me].tree, me);
	put(&room->node[me].tree, below(2));
	shim_run();
}

/* === Deferred puts against the barrier, which ends what they touch === */

static int *text;		/* what goes with the module */

static void text_release(struct kobjtree *obj)
{
	struct node *n = container_of(obj, struct node, tree);

	text[n->used[0]]++;
}

DEFINE_KOBJTREE_TYPE(text_type, struct node, tree, .release = text_release);

static void text_action(void *data)
{
	text[(uintptr_t)data]++;
}

static void text_setup(int round)
{
	int i;

	text = kzalloc(sizeof(*text) * THREADS, GFP_KERNEL);
	for (i = 0; i < THREADS; i++) {
		nodes[i] = kobjtree_alloc(struct node, tree, &text_type, GFP_KERNEL);
		nodes[i]->used[0] = i;
		if (kobjtree_add_action(&nodes[i]->tree, text_action,
					(void *)(uintptr_t)i))
			abort();
	}
}

static void text_run(int me)
{
	if (me) {
		put(&nodes[me]->tree, below(2));
		return;
	}
	kobjtree_put_async(&nodes[0]->tree);
	kobjtree_owner_barrier();
	memset(text, 0, sizeof(*text) * THREADS);
	kfree(text);
}

/* === Owners that are used for the first time, and modules that go === */

static struct kobjtree_owner owners[THREADS];
static struct kobjtree_type types[THREADS];

static void owner_setup(int round)
{
	int i;

	for (i = 0; i < THREADS; i++) {
		owners[i] = (struct kobjtree_owner){
			.module = (struct module *)(uintptr_t)(i + 1),
			.name = "one",
			.work = __WORK_INITIALIZER(owners[i].work, kobjtree_owner_work),
			.node = LIST_HEAD_INIT(owners[i].node),
		};
		types[i] = node_type;
		types[i].owner = &owners[i];
	}
}

static void owner_run(int me)
{
	struct kobjtree_type *type = &types[(me + below(2)) % THREADS];
	struct node *n;

	__atomic_fetch_add(&nr_nodes, 1, __ATOMIC_RELAXED);
	n = kobjtree_alloc(struct node, tree, type, GFP_KERNEL);
	kobjtree_put(&n->tree);
	shim_notifier->notifier_call(shim_notifier, MODULE_STATE_GOING,
				     (void *)(uintptr_t)(me + 1));
}

static void owner_check(void)
{
	int i;

	for (i = 0; i < THREADS; i++) {
		shim_notifier->notifier_call(shim_notifier, MODULE_STATE_GOING,
					     (void *)(uintptr_t)(i + 1));
		if (!list_empty(&owners[i].node))
			abort();
	}
}

/* Of modules with objects. */
void shim_say(const char *format, ...)
{
}

/* === The gate === */

struct hw {
	struct kobjtree tree;
	struct kobjtree_gate gate;
	struct kobjtree_watcher watcher;
	int reg, woken, quiet;
	int seen[THREADS];
};

static struct hw *hw;
static bool percpu;

static void hw_wake(struct kobjtree_watcher *w)
{
	container_of(w, struct hw, watcher)->woken++;
}

static void hw_quiesce(struct kobjtree_watcher *w)
{
	struct hw *h = container_of(w, struct hw, watcher);

	h->reg = 0;		/* no section reads it any more */
	h->quiet += h->woken;
}

static void gate_setup(int round)
{
	percpu = round & 1;
	hw = kobjtree_alloc(struct hw, tree, NULL, GFP_KERNEL);
	kobjtree_gate_init(&hw->gate, &hw->tree);
	hw->reg = 42;
	hw->watcher = (struct kobjtree_watcher){ hw_wake, hw_quiesce };
	if ((percpu && kobjtree_gate_set_percpu(&hw->gate)) ||
	    kobjtree_watch(&hw->gate, &hw->watcher))
		abort();
	for (round = 1; round < THREADS; round++)
		kobjtree_get(&hw->tree);
}

static void gate_remove(void)
{
	int gone;

	kobjtree_unplug(&hw->gate);
	gone = hw->quiet;	/* whoever ran the callbacks */
	if (gone != 1 || hw->reg || hw->woken != 1)
		abort();
}

static void gate_run(int me)
{
	int i, ret, n = 0;

	if (!me && kobjtree_gate_live(&hw->gate))
		ret = -ENODEV;	/* somebody was faster */
	for (i = 0; i < STEPS * 4 && n < STEPS; i++) {
		ret = kobjtree_enter(&hw->gate);
		if (ret && kobjtree_marked(&hw->gate))
			break;
		if (ret) {
			sched_yield();
			continue;
		}
		hw->seen[me] += hw->reg;
		if (hw->reg != 42)
			abort();
		kobjtree_exit(&hw->gate);
		n++;
	}
	if (me)
		gate_remove();
	put(&hw->tree, below(2));
	shim_run();
}

/* === The collector beside all others === */

struct peer {
	struct kobjtree_cyclic cyclic;
	struct kobjtree_edge edge[THREADS];	/* one is there from the setup on */
	bool linked[THREADS];
	unsigned int used[THREADS];
};

static struct peer *peers[NODES];
static struct kobjtree_weak peer_weak[NODES];
static int nr_collected;

static void peer_release(struct kobjtree *obj)
{
	struct peer *p = container_of(obj, struct peer, cyclic.tree);
	int i;

	if (READ_ONCE(p->cyclic.state) == KOBJTREE_CYCLIC_GARBAGE)
		abort();	/* is dead, or was none */
	for (i = 0; i < THREADS; i++)
		p->used[i]++;
}

static void peer_free(struct kobjtree *obj)
{
	__atomic_fetch_sub(&nr_nodes, 1, __ATOMIC_RELAXED);
	kfree(container_of(obj, struct peer, cyclic.tree));
}

DEFINE_KOBJTREE_CYCLIC_TYPE(peer_type, struct peer, cyclic, .release = peer_release,
			    .free = peer_free);

static struct peer *peer(void)
{
	__atomic_fetch_add(&nr_nodes, 1, __ATOMIC_RELAXED);
	return kobjtree_alloc(struct peer, cyclic.tree, &peer_type, GFP_KERNEL);
}

/* Two rings, one, each its own, or a chain that is none. */
static void peers_setup(int round)
{
	static const int next[][NODES] = {
		{ 1, 0, 3, 2 }, { 1, 2, 3, 0 }, { 0, 1, 2, 3 }, { 1, 2, 3, -1 },
	};
	int i, held;

	for (i = 0; i < NODES; i++) {
		peers[i] = peer();
		kobjtree_weak_set(&peer_weak[i], &peers[i]->cyclic.tree);
	}
	for (i = 0; i < NODES; i++) {
		held = next[round % ARRAY_SIZE(next)][i];
		if (held >= 0 && kobjtree_link(&peers[i]->cyclic.tree, &peers[i]->edge[0],
					       &peers[held]->cyclic.tree))
			abort();
	}
	/* of one, the last reference goes while they run */
	for (i = 1; i < NODES; i++)
		kobjtree_put(&peers[i]->cyclic.tree);
}

static struct kobjtree *go_along(struct kobjtree *obj, int me)
{
	struct peer *p = container_of(obj, struct peer, cyclic.tree);
	struct kobjtree *held = kobjtree_edge_held(&p->edge[0]);

	if (!held)
		return obj;
	held = kobjtree_cyclic_get(held);
	if (!held)
		abort();
	put(obj, below(2));
	return held;
}

static void peers_link(struct peer *p, struct kobjtree *held, int me)
{
	if (p->linked[me]) {
		if (!kobjtree_unlink(&p->cyclic.tree, &p->edge[me]))
			abort();
		p->linked[me] = false;
	} else if (held) {
		if (kobjtree_link(&p->cyclic.tree, &p->edge[me], held))
			abort();
		p->linked[me] = true;
	}
}

static void peers_step(int me)
{
	struct kobjtree *obj, *held;
	struct peer *p;

	obj = kobjtree_weak_get(&peer_weak[below(NODES)]);
	if (!obj)
		return;
	if (below(2))
		obj = go_along(obj, me);
	held = below(2) ? kobjtree_weak_get(&peer_weak[below(NODES)]) : NULL;
	p = container_of(obj, struct peer, cyclic.tree);
	p->used[me]++;
	peers_link(p, held, me);
	if (held)
		put(held, below(2));
	if (kobjtree_dead(obj))
		abort();
	p->used[me]++;
	put(obj, below(2));
}

/* One that holds itself and @held, and is garbage at once or in the end. */
static void peers_grow(struct kobjtree *held)
{
	struct peer *p = peer();

	if (kobjtree_link(&p->cyclic.tree, &p->edge[0], &p->cyclic.tree) ||
	    (held && kobjtree_link(&p->cyclic.tree, &p->edge[1], held)))
		abort();
	put(&p->cyclic.tree, below(2));
}

static void peers_collect(void)
{
	int ret = kobjtree_cyclic_collect();

	if (ret < 0 && ret != -EAGAIN)
		abort();
	if (ret > 0)
		__atomic_fetch_add(&nr_collected, ret, __ATOMIC_RELAXED);
}

static void peers_run(int me)
{
	struct kobjtree *obj;
	int i;

	if (me == 1)
		kobjtree_put(&peers[0]->cyclic.tree);
	for (i = 0; i < STEPS / 4; i++) {
		if (!me || !below(8)) {
			peers_collect();
			continue;
		}
		if (!below(4)) {
			obj = kobjtree_weak_get(&peer_weak[below(NODES)]);
			peers_grow(obj);
			if (obj)
				put(obj, below(2));
		}
		peers_step(me);
		shim_run();
	}
}

static void peers_check(void)
{
	int i;

	kobjtree_owner_barrier();
	for (i = 0; i < NODES; i++)
		if (peer_weak[i].hidden)
			abort();
}

/* === The rounds === */

struct storm {
	const char *name;
	void (*setup)(int round);
	void (*run)(int me);
	void (*check)(void);
	int rounds;
};

static const struct storm storms[] = {
	{ "last put against weak get", weak_setup, weak_run, NULL, 300 },
	{ "a weak reference set anew", moving_setup, moving_run, NULL, 200 },
	{ "everything to one graph", graph_setup, graph_run, NULL, 300 },
	{ "links that close a circle", ring_setup, ring_run, ring_check, 400 },
	{ "unlinkers of one edge", unlink_setup, unlink_run, unlink_check, 300 },
	{ "members against their container", room_setup, room_run, NULL, 300 },
	{ "deferred puts against the barrier", text_setup, text_run, NULL, 300 },
	{ "owners that come and go", owner_setup, owner_run, owner_check, 300 },
	{ "sections against two removers", gate_setup, gate_run, NULL, 400 },
	{ "the collector beside all others", peers_setup, peers_run, peers_check, 400 },
};

static const struct storm *storm;
static int times = 1;
static unsigned int base_seed = 1;

static void round_begin(int i)
{
	storm->setup(i);
}

static void round_end(void)
{
	if (storm->check)
		storm->check();
	kobjtree_owner_barrier();
	if (nr_nodes)
		abort();
}

#ifdef SHIM_FIBERS
static void run_storm(void)
{
	int i;

	for (i = 0; i < storm->rounds * times; i++) {
		shim_dice = base_seed + i;
		shim_salt = i & 1;
		round_begin(i);
		shim_fibers(THREADS, storm->run);
		round_end();
	}
}
#else
static pthread_barrier_t meet;

static void *thread(void *data)
{
	int me = (uintptr_t)data;
	int i;

	for (i = 0; i < storm->rounds * times; i++) {
		seed = base_seed + i * THREADS + me;
		if (!me)
			round_begin(i);
		pthread_barrier_wait(&meet);
		storm->run(me);
		pthread_barrier_wait(&meet);
		if (!me)
			round_end();
	}
	return NULL;
}

static void run_storm(void)
{
	pthread_t threads[THREADS];
	uintptr_t i;

	pthread_barrier_init(&meet, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread, (void *)i))
			abort();
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
#endif

/* What links refuse is expected. */
void shim_warn(const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strstr(text, "closes a cycle") || strstr(text, "linked already") ||
	    strstr(text, "hold after it was held"))
		return;
	fputs(text, stderr);
	abort();
}

int main(int argc, char **argv)
{
	size_t n;

	if (argc > 1)
		times = atoi(argv[1]);
	if (argc > 2)
		base_seed = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(storms));
	for (n = 0; n < ARRAY_SIZE(storms); n++) {
		storm = &storms[n];
		run_storm();
		printf("ok %zu - %s\n", n + 1, storm->name);
	}
	return !nr_collected;
}
