/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of lifetime, on numbers: what each call returns, what is called and
 * in which order, and what every count is afterwards. It knows nothing of how the
 * core does it: what dies is taken apart by recursion, as nested puts would.
 */
#ifndef _KOBJTREE_MODEL_H
#define _KOBJTREE_MODEL_H

#include <stdbool.h>

#define NR_OBJECTS	6
#define NR_PLACES	2	/* embedded edges of an object */
#define NR_DEEDS	2	/* actions of an object */
#define NR_BLOCKS	2	/* managed memory of an object */
#define NR_WEAK		3
#define MAX_HUNG	10
#define MAX_EVENTS	256
#define NOBODY		(-1)

enum kind { FREED_BY_TYPE, KFREED, CACHED, RCU, PLAIN, NR_KINDS };

/* Where an edge is. */
enum place { SLOT, STORED, ALLOCATED = STORED + NR_PLACES };

enum what { EDGE, DEED, BLOCK };

struct hung {
	signed char what;
	signed char id;		/* of the held, the deed or the block */
	signed char place;	/* of an edge */
};

/* What a callback puts, or NOBODY. */
struct carry {
	signed char id;
	bool async;
};

/* What a release does besides. */
#define UNDO_UNLINK	1	/* drops the first stored edge */
#define UNDO_KFREE	2	/* frees the first block */
#define UNDO_REMOVE	4	/* takes the first deed back */
#define UNDO_RELEASE	8	/* calls the second deed */
#define UNDO_TRY	16	/* tries what a dead object refuses */

struct model_object {
	signed char kind;
	signed char container;
	signed char refs;
	signed char owned;	/* of refs, the caller's */
	signed char nr_hung;
	signed char next;	/* in a callback's list */
	bool exists;
	bool was_held;
	bool slot_used;
	unsigned char undo;
	struct carry on_release, on_free;
	struct hung hung[MAX_HUNG];	/* oldest first */
};

struct model {
	struct model_object object[NR_OBJECTS];
	struct carry deed[NR_OBJECTS * NR_DEEDS];
	signed char weak[NR_WEAK];
	signed char queue[NR_OBJECTS];		/* deferred, oldest first */
	signed char nr_queue;
};

/* What both sides log: what happened, and to whom. */
struct events {
	int nr;
	struct { char what; signed char id; } list[MAX_EVENTS];
};

extern struct model model;
extern struct events model_events;
extern int model_warnings;
extern const char *model_warning;	/* the last one */

void event(struct events *events, char what, int id);

void model_reset(void);
void model_init(int id, enum kind kind);
void model_member(int id, bool plain, int container);
int model_link(int holder, int held, int place, bool fresh);
bool model_unlink(int holder, int place);
bool model_drop(int holder, int held);
int model_move(int from, int place, int to, int to_place);
void model_put(int id);
void model_put_async(int id);
void model_run(void);
int model_weak_get(int weak);
void model_hang(int id, enum what what, int number);
bool model_has(int id, enum what what, int number);
bool model_take(int id, enum what what, int number);
void model_deed(int deed);
bool model_dead(int id);

#endif /* _KOBJTREE_MODEL_H */
