// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of lifetime, on numbers; see model.h. The six steps of a teardown are
 * those of model_teardown(), in the words of Documentation/core-api/kobjtree.rst.
 */
#include <errno.h>
#include <string.h>

#include "model.h"

struct model model;
struct events model_events;
int model_warnings;
const char *model_warning;

/* Whose last reference went while a callback ran, in this order. */
struct joined {
	int nr;
	int id[NR_OBJECTS];
};

static struct joined *in_callback;

void event(struct events *events, char what, int id)
{
	if (events->nr < MAX_EVENTS) {
		events->list[events->nr].what = what;
		events->list[events->nr].id = id;
	}
	events->nr++;
}

static int warn(int ret, const char *what)
{
	model_warnings++;
	model_warning = what;
	return ret;
}

void model_reset(void)
{
	int i;

	memset(&model, 0, sizeof(model));
	for (i = 0; i < NR_WEAK; i++)
		model.weak[i] = NOBODY;
	in_callback = NULL;
}

static struct model_object *add(int id, enum kind kind, int container)
{
	struct model_object *m = &model.object[id];

	memset(m, 0, sizeof(*m));
	m->exists = true;
	m->kind = kind;
	m->container = container;
	m->refs = 1;
	m->owned = 1;
	m->on_release.id = NOBODY;
	m->on_free.id = NOBODY;
	return m;
}

void model_init(int id, enum kind kind)
{
	add(id, kind, NOBODY);
}

void model_member(int id, bool plain, int container)
{
	add(id, plain ? PLAIN : KFREED, container);
	model.object[container].refs++;
	model.object[container].was_held = true;
}

bool model_dead(int id)
{
	return !model.object[id].refs;
}

/* === What hangs on an object === */

static void hang(struct model_object *m, enum what what, int id, int place)
{
	m->hung[(int)m->nr_hung].what = what;
	m->hung[(int)m->nr_hung].id = id;
	m->hung[(int)m->nr_hung].place = place;
	m->nr_hung++;
}

static struct hung unhang(struct model_object *m, int i)
{
	struct hung h = m->hung[i];

	m->nr_hung--;
	memmove(&m->hung[i], &m->hung[i + 1], (m->nr_hung - i) * sizeof(h));
	memset(&m->hung[(int)m->nr_hung], 0, sizeof(h));
	return h;
}

/* The newest that is so; -1 for anything as @id or @place. */
static int find(const struct model_object *m, enum what what, int id, int place)
{
	int i;

	for (i = m->nr_hung - 1; i >= 0; i--)
		if (m->hung[i].what == what && (id < 0 || m->hung[i].id == id) &&
		    (place < 0 || m->hung[i].place == place))
			return i;
	return -1;
}

void model_hang(int id, enum what what, int number)
{
	hang(&model.object[id], what, number, 0);
}

bool model_has(int id, enum what what, int number)
{
	return find(&model.object[id], what, number, -1) >= 0;
}

bool model_take(int id, enum what what, int number)
{
	int i = find(&model.object[id], what, number, -1);

	if (i >= 0)
		unhang(&model.object[id], i);
	return i >= 0;
}

/* === Edges === */

static bool leads_to(int from, int to)
{
	const struct model_object *m = &model.object[from];
	int i;

	if (from == to || m->container == to)
		return true;
	if (m->container >= 0 && leads_to(m->container, to))
		return true;
	for (i = 0; i < m->nr_hung; i++)
		if (m->hung[i].what == EDGE && leads_to(m->hung[i].id, to))
			return true;
	return false;
}

/* Gives a reference of the caller's if it returns 0; @fresh: kobjtree_hold() */
int model_link(int holder, int held, int place, bool fresh)
{
	struct model_object *m = &model.object[holder];
	bool was_held = m->was_held;

	if (holder == held)
		return warn(-ELOOP, "edge that closes a cycle");
	model.object[held].was_held = true;
	if (fresh && was_held)
		return warn(-EAGAIN, "hold after it was held");
	if (leads_to(held, holder))
		return warn(-ELOOP, "edge that closes a cycle");
	if (place == SLOT ? m->slot_used || m->container >= 0 :
	    place != ALLOCATED && find(m, EDGE, -1, place) >= 0)
		return warn(-EBUSY, "edge that is linked already");
	if (place == SLOT)
		m->slot_used = true;
	hang(m, EDGE, held, place);
	return 0;
}

bool model_unlink(int holder, int place)
{
	struct model_object *m = &model.object[holder];
	int i = find(m, EDGE, -1, place);

	if (i >= 0)
		model_put(unhang(m, i).id);
	return i >= 0;
}

bool model_drop(int holder, int held)
{
	struct model_object *m = &model.object[holder];
	int i = find(m, EDGE, held, -1);

	if (i >= 0)
		model_put(unhang(m, i).id);
	return i >= 0;
}

int model_move(int from, int place, int to, int to_place)
{
	int i = find(&model.object[from], EDGE, -1, place), held, ret;

	if (i < 0)
		return -ENOENT;
	held = model.object[from].hung[i].id;
	ret = model_link(to, held, to_place, false);
	if (ret)
		return ret;
	model.object[held].refs++;
	model_unlink(from, place);
	return 0;
}

/* === The order === */

static void model_teardown(int id);

/* What joined goes now, the first one first. */
static void callback_end(struct joined *joined)
{
	int i;

	in_callback = NULL;
	for (i = 0; i < joined->nr; i++)
		model_teardown(joined->id[i]);
}

static void put_carried(struct carry *carry)
{
	int id = carry->id;

	carry->id = NOBODY;
	if (id == NOBODY)
		return;
	if (carry->async)
		model_put_async(id);
	else
		model_put(id);
}

void model_deed(int deed)
{
	event(&model_events, 'a', deed);
	put_carried(&model.deed[deed]);
}

/* What a dead object refuses, as both.c tries it. */
static void try_dead(void)
{
	int i;

	for (i = 0; i < 4; i++)
		warn(0, "edge from or to a dead object");
	warn(0, "action for a dead object");
}

static void model_release(int id)
{
	struct model_object *m = &model.object[id];

	event(&model_events, 'r', id);
	if (m->undo & UNDO_TRY)
		try_dead();
	if (m->undo & UNDO_UNLINK)
		event(&model_events, '=', model_unlink(id, STORED));
	if (m->undo & UNDO_KFREE && model_take(id, BLOCK, id * NR_BLOCKS))
		event(&model_events, 'm', id * NR_BLOCKS);
	if (m->undo & UNDO_REMOVE)
		event(&model_events, '=', model_take(id, DEED, id * NR_DEEDS));
	if (m->undo & UNDO_RELEASE && model_take(id, DEED, id * NR_DEEDS + 1))
		model_deed(id * NR_DEEDS + 1);
	put_carried(&m->on_release);
}

static void model_teardown(int id)
{
	struct model_object *m = &model.object[id];
	struct joined joined = {};
	int i;

	/* 1. It is dead, and weak references read NULL. */
	for (i = 0; i < NR_WEAK; i++)
		if (model.weak[i] == id)
			model.weak[i] = NOBODY;
	/* 2. Its release */
	if (m->kind != PLAIN) {
		in_callback = &joined;
		model_release(id);
		callback_end(&joined);
	}
	/* 3. Its actions, newest first */
	while ((i = find(m, DEED, -1, -1)) >= 0) {
		joined.nr = 0;
		in_callback = &joined;
		model_deed(unhang(m, i).id);
		callback_end(&joined);
	}
	/* 4. Its edges, newest first, and what dies with them at once */
	while ((i = find(m, EDGE, -1, -1)) >= 0)
		model_put(unhang(m, i).id);
	/* 5. Its managed memory */
	while ((i = find(m, BLOCK, -1, -1)) >= 0)
		event(&model_events, 'm', unhang(m, i).id);
	/* 6. Its memory, or the reference to its container */
	m->exists = false;
	if (m->container >= 0) {
		model_put(m->container);
		return;
	}
	event(&model_events, 'f', id);
	joined.nr = 0;
	in_callback = &joined;
	put_carried(&m->on_free);
	callback_end(&joined);
}

void model_put(int id)
{
	if (--model.object[id].refs)
		return;
	if (in_callback)
		in_callback->id[in_callback->nr++] = id;
	else
		model_teardown(id);
}

void model_put_async(int id)
{
	if (--model.object[id].refs)
		return;
	model.queue[(int)model.nr_queue++] = id;
}

/* The worker: the oldest first, also what is deferred meanwhile. */
void model_run(void)
{
	int id;

	while (model.nr_queue) {
		id = model.queue[0];
		model.nr_queue--;
		memmove(model.queue, model.queue + 1, model.nr_queue);
		model.queue[(int)model.nr_queue] = 0;
		model_teardown(id);
	}
}

int model_weak_get(int weak)
{
	int id = model.weak[weak];

	return id == NOBODY || model_dead(id) ? NOBODY : id;
}
