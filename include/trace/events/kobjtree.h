/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kobjtree

#if !defined(_TRACE_KOBJTREE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KOBJTREE_H

#include <linux/kobjtree.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

/*
 * Room for the name of a type, which may go with its module. Zeroes fill the rest: to
 * bpftrace all of it is one key of a map.
 */
#define KOBJTREE_TRACE_NAME	32

DECLARE_EVENT_CLASS(kobjtree_object,
	TP_PROTO(const struct kobjtree *obj),
	TP_ARGS(obj),
	TP_STRUCT__entry(
		__field(const void *, obj)
		__array(char, type, KOBJTREE_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->obj = obj;
		strscpy_pad(__entry->type, obj->type->name, KOBJTREE_TRACE_NAME);
	),
	TP_printk("%s %p", __entry->type, __entry->obj)
);

/* The object has its one reference. */
DEFINE_EVENT(kobjtree_object, kobjtree_init,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* The last reference is gone. */
DEFINE_EVENT(kobjtree_object, kobjtree_last_put,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* The teardown begins; if the type has a release function, it is called now. */
DEFINE_EVENT(kobjtree_object, kobjtree_release,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* The last step: the memory goes, now or after a grace period. */
DEFINE_EVENT(kobjtree_object, kobjtree_free,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* A worker is left with the teardown. */
DEFINE_EVENT(kobjtree_object, kobjtree_defer,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* The worker begins with it. */
DEFINE_EVENT(kobjtree_object, kobjtree_deferred,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

DECLARE_EVENT_CLASS(kobjtree_edge,
	TP_PROTO(const struct kobjtree *holder, const struct kobjtree *held),
	TP_ARGS(holder, held),
	TP_STRUCT__entry(
		__field(const void *, holder)
		__field(const void *, held)
		__array(char, holder_type, KOBJTREE_TRACE_NAME)
		__array(char, held_type, KOBJTREE_TRACE_NAME)
	),
	TP_fast_assign(
		__entry->holder = holder;
		__entry->held = held;
		strscpy_pad(__entry->holder_type, holder->type->name,
			    KOBJTREE_TRACE_NAME);
		strscpy_pad(__entry->held_type, held->type->name,
			    KOBJTREE_TRACE_NAME);
	),
	TP_printk("%s %p -> %s %p", __entry->holder_type, __entry->holder,
		  __entry->held_type, __entry->held)
);

/* An edge, or a member's reference to its container, is there. */
DEFINE_EVENT(kobjtree_edge, kobjtree_link,
	TP_PROTO(const struct kobjtree *holder, const struct kobjtree *held),
	TP_ARGS(holder, held));

/* It is gone, and its reference goes next. */
DEFINE_EVENT(kobjtree_edge, kobjtree_unlink,
	TP_PROTO(const struct kobjtree *holder, const struct kobjtree *held),
	TP_ARGS(holder, held));

/* Of the object whose gate it is: no section begins any more. */
DEFINE_EVENT(kobjtree_object, kobjtree_mark,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* A removal begins to wait for the sections that run. */
DEFINE_EVENT(kobjtree_object, kobjtree_drain,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

/* No section runs any more. */
DEFINE_EVENT(kobjtree_object, kobjtree_drained,
	TP_PROTO(const struct kobjtree *obj), TP_ARGS(obj));

#endif /* _TRACE_KOBJTREE_H */

#include <trace/define_trace.h>
