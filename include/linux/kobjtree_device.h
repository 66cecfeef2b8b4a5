/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An object whose first reference belongs to a struct device.
 */
#ifndef _LINUX_KOBJTREE_DEVICE_H
#define _LINUX_KOBJTREE_DEVICE_H

#include <linux/device.h>
#include <linux/kobjtree.h>

/**
 * struct kobjtree_device - a struct device and the object that it keeps alive
 * @dev: the device; put_device() is the one error path
 * @tree: the object; it may outlive @dev's last reference
 *
 * The object needs no release callback in @dev: the core sets it.
 */
struct kobjtree_device {
	struct device dev;
	struct kobjtree tree;
};

void kobjtree_device_init(struct kobjtree_device *kdev,
			  const struct kobjtree_type *type);
void kobjtree_device_init_member(struct kobjtree_device *kdev,
				 const struct kobjtree_type *type,
				 struct kobjtree *container);

#endif /* _LINUX_KOBJTREE_DEVICE_H */
