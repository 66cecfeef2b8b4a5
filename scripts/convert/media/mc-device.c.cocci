// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/mc/mc-device.c
//
// An ioctl's work is a section of the node's gate, and unregistering waits for it.
// What it has for user space is copied after the section.

@ include @
@@
 #include <media/media-request.h>
+
+#include "media-copies.h"

// === Ioctls ===

@ op @
identifier fn =~ "^media_device_(get_info|enum_entities|enum_links|setup_link|get_topology|request_alloc)$";
identifier dev, arg;
@@
 fn(struct media_device *dev, void *arg
+   , struct list_head *copies
   )
 { ... }

@@
identifier op.fn;
expression to, from, size;
@@
 fn(...)
 {
	<...
-	copy_to_user(to, from, size)
+	media_copy_later(copies, to, from, size)
	...>
 }

@@
@@
 struct media_ioctl_info {
	...
	long (*fn)(struct media_device *dev, void *arg
+		   , struct list_head *copies
	);
	...
 };

@@
identifier devnode, dev, karg, info, ret;
@@
 media_device_ioctl(...)
 {
	...
	struct media_devnode *devnode = ...;
-	struct media_device *dev = devnode->media_dev;
+	struct media_device *dev;
+	LIST_HEAD(copies);
	...
+	ret = kobjtree_enter(&devnode->gate) ? -EIO : 0;
+	if (ret)
+		goto out_free;
+	dev = devnode->media_dev;
	if (info->flags & MEDIA_IOC_FL_GRAPH_MUTEX)
		mutex_lock(&dev->graph_mutex);
-	ret = info->fn(dev, karg);
+	ret = info->fn(dev, karg, &copies);
	if (info->flags & MEDIA_IOC_FL_GRAPH_MUTEX)
		mutex_unlock(&dev->graph_mutex);
+	kobjtree_exit(&devnode->gate);
+	if (media_copy_all(&copies) && !ret)
+		ret = -EFAULT;
	...
 }

// 32-bit programs are left as they were: their links are copied at once.
@@
expression mdev, links;
@@
 media_device_enum_links(mdev, &links
+	, NULL
	)

// === Requests ===

@@
identifier dev;
@@
 media_device_requests(...)
 {
	<...
(
-	atomic_read(&dev->num_requests)
+	atomic_read(&dev->devnode->num_requests)
|
-	atomic_read(&dev->num_request_objects)
+	atomic_read(&dev->devnode->num_request_objects)
)
	...>
 }

@@
identifier mdev;
@@
 media_device_init(struct media_device *mdev)
 {
	...
-	atomic_set(&mdev->num_requests, 0);
-	atomic_set(&mdev->num_request_objects, 0);
	...
 }

// === The end ===

@@
identifier devnode;
@@
 __media_device_register(...)
 {
	<...
-	media_devnode_unregister_prepare(devnode);
+	media_devnode_unplug(devnode);
	...>
 }

@@
identifier mdev;
@@
 media_device_unregister(struct media_device *mdev)
 {
	...
+	if (!media_devnode_is_registered(mdev->devnode))
+		return;
+	media_devnode_unplug(mdev->devnode);
	mutex_lock(&mdev->graph_mutex);
-	if (!media_devnode_is_registered(mdev->devnode)) {
-		...
-	}
-	media_devnode_unregister_prepare(mdev->devnode);
	...
 }
