/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older kernels lack, under the names that new ones use. The one file
 * that knows of kernel versions; Kbuild includes it before everything else.
 *
 * Where a name cannot hide the difference, COMPAT_* says that there is one; none
 * of them is defined on the newest kernel. Bounds are those of 6.12 and 6.1, where
 * it compiled; between those and 7.2 a wrong one fails the build.
 */
#ifndef _KOBJTREE_COMPAT_H
#define _KOBJTREE_COMPAT_H

#include <linux/version.h>

#ifdef CONFIG_FAULT_INJECTION
#include <linux/fault-inject.h>
#ifdef FAULT_ATTR_DNAME_LEN
/* What fails on demand has a copy of its name, not a reference on its directory. */
#define COMPAT_FAULT_ATTR_NAME
#endif
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)

#define file_to_v4l2_fh(file)	((struct v4l2_fh *)(file)->private_data)

#if IS_ENABLED(CONFIG_VIDEO_DEV)
#include <media/v4l2-fh.h>
#include <media/v4l2-mem2mem.h>

#define v4l2_fh_add(fh, file) ({					\
	(file)->private_data = (fh);					\
	(v4l2_fh_add)(fh);						\
})
#define v4l2_fh_del(fh, file) ({					\
	(v4l2_fh_del)(fh);						\
	(file)->private_data = NULL;					\
})
#define v4l2_m2m_buf_copy_metadata(out, cap) \
	(v4l2_m2m_buf_copy_metadata)(out, cap, true)
/* It has no count. */
#define v4l2_m2m_put(m2m)	v4l2_m2m_release(m2m)
#endif

/* The operations of single controls, which extended ones have replaced. */
#define COMPAT_V4L2_CTRL_OPS

/* vb2 asks its driver to unlock and lock the queue around a wait. */
#define COMPAT_VB2_WAIT_OPS

/* In some, video_register_device() puts a device that it cannot add. */
#define COMPAT_V4L2_MAY_PUT_DEVICE

/* KUnit leaks the user memory of a test, or has none. */
#define COMPAT_NO_KUNIT_MM

#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)

#include <linux/module.h>

/* The name as a string. */
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)

#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)

#include <linux/device/class.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#undef class_create
#define class_create(name) ({						\
	static struct lock_class_key __key;				\
									\
	__class_create(THIS_MODULE, name, &__key);			\
})

/* The callback that returns nothing; no other struct of ours has both. */
#define remove	remove_new

/* Some 6.1 have it. */
#define list_count_nodes	compat_list_count_nodes
static inline size_t compat_list_count_nodes(struct list_head *head)
{
	struct list_head *pos;
	size_t count = 0;

	list_for_each(pos, head)
		count++;
	return count;
}

/* The tracepoint is not for modules, but it can be found. */
static inline void compat_find_console(struct tracepoint *tp, void *found)
{
	if (!strcmp(tp->name, "console"))
		*(struct tracepoint **)found = tp;
}

static inline struct tracepoint *compat_trace_console(void)
{
	struct tracepoint *found = NULL;

	for_each_kernel_tracepoint(compat_find_console, &found);
	return found;
}

#define register_trace_console(probe, data) ({				\
	void (*__probe)(void *, const char *, size_t) = (probe);	\
	struct tracepoint *__tp = compat_trace_console();		\
									\
	__tp ? tracepoint_probe_register(__tp, __probe, data) : -ENODEV; \
})
#define unregister_trace_console(probe, data) \
	tracepoint_probe_unregister(compat_trace_console(), (void *)(probe), data)

/* Of a constant driver. */
#define device_driver_attach(drv, dev) \
	(device_driver_attach)((struct device_driver *)(drv), dev)

/* Also of what is known not to be NULL. */
#undef fops_get
#define fops_get(fops) ({						\
	const struct file_operations *__fops = (fops);			\
									\
	__fops && try_module_get(__fops->owner) ? __fops : NULL;	\
})

#define vm_flags_set(vma, flags)	((vma)->vm_flags |= (flags))

#define kzalloc_obj(obj, gfp...) \
	kzalloc(sizeof(obj), COMPAT_KZALLOC_GFP(obj, ##gfp, GFP_KERNEL))
#define COMPAT_KZALLOC_GFP(obj, gfp, ...)	(gfp)

/* Of an array its size, if none is given. */
#define strscpy(dst, src, size...) \
	(strscpy)(dst, src, COMPAT_STRSCPY_SIZE(dst, ##size, sizeof(dst)))
#define COMPAT_STRSCPY_SIZE(dst, size, ...)	(size)

#ifdef CONFIG_STACKDEPOT
#include <linux/stackdepot.h>
#define STACK_DEPOT_FLAG_CAN_ALLOC	1
#define stack_depot_save_flags(entries, nr, gfp, flags) \
	__stack_depot_save(entries, nr, 0, gfp, flags)
#endif

#ifdef CONFIG_REF_TRACKER
#include <linux/ref_tracker.h>
/* It has no names, and prints to the log alone. */
#define ref_tracker_dir_init(dir, nr, name)	(ref_tracker_dir_init)(dir, nr)
#define ref_tracker_dir_snprint(dir, buf, size)	((void)(dir), 0)
#endif

/* KUnit: without speeds and stubs. */
#define KUNIT_CASE_SLOW(fn)			KUNIT_CASE(fn)
#define KUNIT_CASE_ATTR(fn, attr)		KUNIT_CASE(fn)
#define KUNIT_CASE_PARAM_ATTR(fn, gen, attr)	KUNIT_CASE_PARAM(fn, gen)
#define COMPAT_NO_KUNIT_STUBS

#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/test.h>

/* It would run them before the module is in sysfs, where its drivers look. */
#undef kunit_test_suite
#define kunit_test_suite(suite)						\
static struct kunit_suite *compat_suites[] = { &(suite) };		\
									\
static int __init compat_suites_init(void)				\
{									\
	return __kunit_test_suites_init(compat_suites, 1);		\
}									\
module_init(compat_suites_init);					\
									\
static void __exit compat_suites_exit(void)				\
{									\
	__kunit_test_suites_exit(compat_suites, 1);			\
}									\
module_exit(compat_suites_exit)
#endif

#define KUNIT_ARRAY_PARAM_DESC(name, array, member)			\
static void name##_desc(typeof(&(array)[0]) param, char *desc)		\
{									\
	strscpy(desc, param->member, KUNIT_PARAM_DESC_SIZE);		\
}									\
KUNIT_ARRAY_PARAM(name, array, name##_desc)

#endif

#endif /* _KOBJTREE_COMPAT_H */
