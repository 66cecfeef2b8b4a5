/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an ioctl has for user space beside its argument: collected in a section,
 * and copied after it, since a page fault may last.
 */
#ifndef _MEDIA_COPIES_H
#define _MEDIA_COPIES_H

#include <linux/list.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct media_copy {
	struct list_head node;
	void __user *to;
	size_t size;
	u8 data[] __counted_by(size);
};

/* As copy_to_user(): what could not be done, all or nothing; at once without a list. */
static inline unsigned long media_copy_later(struct list_head *copies,
					     void __user *to, const void *from,
					     size_t size)
{
	struct media_copy *copy;

	if (!copies)
		return copy_to_user(to, from, size);
	copy = kmalloc(struct_size(copy, data, size), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return size;
	copy->to = to;
	copy->size = size;
	memcpy(copy->data, from, size);
	list_add_tail(&copy->node, copies);
	return 0;
}

/* The same for all of them, in that order. */
static inline unsigned long media_copy_all(struct list_head *copies)
{
	struct media_copy *copy, *next;
	unsigned long left = 0;

	list_for_each_entry_safe(copy, next, copies, node) {
		if (!left)
			left = copy_to_user(copy->to, copy->data, copy->size);
		kfree(copy);
	}
	return left;
}

#endif /* _MEDIA_COPIES_H */
