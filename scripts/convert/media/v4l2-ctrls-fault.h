/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Payloads of controls in user memory, for v4l2-ctrls-api.c and v4l2-subdev.c.
 *
 * They are copied under the locks of controls and in sections of a subdev's node,
 * neither of which may wait for a page: a copy to or from one that is not there
 * fails, and the call is made again when it is.
 */
#ifndef _V4L2_CTRLS_FAULT_H
#define _V4L2_CTRLS_FAULT_H

#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/videodev2.h>

/* reserved2 of a control, 0 for user space: how much could not be copied */

/* Return: what is left, as copy_to_user() does. */
static inline unsigned long
ext_ctrl_to_user(struct v4l2_ext_control *c, const void *from, u32 size)
{
	unsigned long left = copy_to_user(c->ptr, from, size);

	c->reserved2[0] = left ? size : 0;
	return left;
}

static inline unsigned long
ext_ctrl_from_user(struct v4l2_ext_control *c, void *to, u32 size)
{
	unsigned long left = copy_from_user(to, c->ptr, size);

	c->reserved2[0] = left ? size : 0;
	return left;
}

/* Return: is the call to be made again? Not if EFAULT was not of a copy. */
static inline bool ext_ctrls_fault_in(struct v4l2_ext_controls *cs)
{
	bool again = false;
	u32 i;

	if (pagefault_disabled())
		return false;	/* the caller's caller will */
	for (i = 0; i < cs->count; i++) {
		struct v4l2_ext_control *c = &cs->controls[i];
		size_t size = c->reserved2[0];

		c->reserved2[0] = 0;
		if (!size)
			continue;
		/* what is set is written back, too */
		if (fault_in_safe_writeable(c->ptr, size))
			return false;
		again = true;
	}
	return again && !fatal_signal_pending(current);
}

#define ext_ctrls_nofault(cs, call) ({					\
	long __ret;							\
									\
	do {								\
		pagefault_disable();					\
		__ret = (call);						\
		pagefault_enable();					\
	} while (__ret == -EFAULT && ext_ctrls_fault_in(cs));		\
	__ret;								\
})

#endif /* _V4L2_CTRLS_FAULT_H */
