// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects whose first reference belongs to a count of the driver model.
 *
 * Invariant: struct device's count holds one reference to the object, from its
 * init until that count is zero.
 *
 *   device_initialize() -> device counted -> device released -> object put
 */
#include <linux/kobjtree_device.h>

#include "internal.h"

static void kobjtree_device_release(struct device *dev)
{
	kobjtree_put(&container_of(dev, struct kobjtree_device, dev)->tree);
}

/**
 * kobjtree_device_init() - initialise a device and its object
 * @kdev: the two; the memory around them goes by @type
 * @type: the object's type
 *
 * The device is as device_initialize() leaves it: the caller owns its one
 * reference and ends it with put_device(), also before device_add() and after
 * that has failed.
 *
 * Context: process context, may sleep.
 */
void kobjtree_device_init(struct kobjtree_device *kdev,
			  const struct kobjtree_type *type)
{
	kobjtree_init(&kdev->tree, type);
	device_initialize(&kdev->dev);
	kdev->dev.release = kobjtree_device_release;
}
EXPORT_SYMBOL_GPL(kobjtree_device_init);

/**
 * kobjtree_device_init_member() - initialise a device in another's memory
 * @kdev: the device and its object, in the memory of @container
 * @type: the object's type, or NULL for a plain one
 * @container: the object whose memory it is, which it holds to its very end
 *
 * As kobjtree_device_init() and kobjtree_init_member(): the caller owns the
 * device's one reference and ends it with put_device(), also before device_add()
 * and after that has failed.
 *
 * Context: process context, may sleep; the caller holds a reference to
 * @container.
 */
void kobjtree_device_init_member(struct kobjtree_device *kdev,
				 const struct kobjtree_type *type,
				 struct kobjtree *container)
{
	kobjtree_init_member(&kdev->tree, type, container);
	device_initialize(&kdev->dev);
	kdev->dev.release = kobjtree_device_release;
}
EXPORT_SYMBOL_GPL(kobjtree_device_init_member);
