/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What rail_devm.c offers to providers and to users.
 */
#ifndef _SAMPLES_KOBJTREE_RAIL_DEVM_H
#define _SAMPLES_KOBJTREE_RAIL_DEVM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct module;
struct rail;

struct rail_ops {
	int (*enable)(struct rail *rail);
	void (*disable)(struct rail *rail);
	int (*set)(struct rail *rail, u32 mv);
	int (*get)(struct rail *rail);
};

struct rail {
	const struct rail_ops *ops;
	const char *name;
	struct module *owner;
	struct list_head node;
	struct mutex lock;	/* one operation at a time, and the count */
	unsigned int enabled;
};

int rail_devm_register(struct rail *rail);
void rail_devm_unregister(struct rail *rail);
struct rail *rail_devm_get(const char *name);
void rail_devm_put(struct rail *rail);
int rail_devm_enable(struct rail *rail);
void rail_devm_disable(struct rail *rail);
int rail_devm_set_mv(struct rail *rail, u32 mv);
int rail_devm_get_mv(struct rail *rail);

#endif /* _SAMPLES_KOBJTREE_RAIL_DEVM_H */
