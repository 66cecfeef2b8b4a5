/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rails: a small subsystem of supplies, whose providers can be unbound under
 * their users. The pattern for a core as clk, gpio or regulator is one.
 *
 *	provider	rail_register() last in probe
 *	user		rail_get() in probe, before it publishes anything
 *
 * Neither has anything to undo. See Documentation/core-api/kobjtree-providers.rst
 */
#ifndef _SAMPLES_KOBJTREE_RAIL_H
#define _SAMPLES_KOBJTREE_RAIL_H

#include <linux/kobjtree_bind.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct rail;
struct rail_use;

/**
 * struct rail_ops - what a provider can do
 * @enable: switch on
 * @disable: switch off
 * @set: set the voltage, in mV; to sleep, it uses kobjtree_wait_event()
 * @get: the voltage, in mV
 *
 * They run one at a time, and while the provider is there; @disable also as the
 * last thing, if users have left the rail on.
 */
struct rail_ops {
	int (*enable)(struct rail *rail);
	void (*disable)(struct rail *rail);
	int (*set)(struct rail *rail, u32 mv);
	int (*get)(struct rail *rail);
};

/**
 * struct rail - a provider, embedded in its driver's struct
 * @bound: the object, its gate, its device
 * @supply: what supplies the rail itself, or NULL; set before rail_register()
 * @ops: what it can do
 * @name: for lookup
 * @watcher: tells the users when it goes
 * @node: in the table
 * @users: their &struct rail_use
 * @lock: one operation at a time, and the counts
 * @enabled: how often
 * @on: it is switched on
 *
 * All but @bound and @supply are the core's.
 */
struct rail {
	struct kobjtree_bound bound;
	struct rail_use *supply;
	const struct rail_ops *ops;
	const char *name;
	struct kobjtree_watcher watcher;
	struct list_head node;
	struct list_head users;
	struct mutex lock;	/* one operation at a time, and the counts */
	unsigned int enabled;
	bool on;
};

int __must_check rail_register(struct rail *rail, const struct rail_ops *ops,
			       const char *name);

struct rail_use *rail_get(struct kobjtree_bound *user, const char *name,
			  void (*lost)(struct kobjtree_bound *user));
void rail_put(struct kobjtree_bound *user, struct rail_use *use);
int __must_check rail_enable(struct rail_use *use);
void rail_disable(struct rail_use *use);
int rail_set_mv(struct rail_use *use, u32 mv);
int rail_get_mv(struct rail_use *use);
bool rail_lost(struct rail_use *use);

#endif /* _SAMPLES_KOBJTREE_RAIL_H */
